// Panels: kRows pixels times kVectors vectors of outputs, summed over all inputs in registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lanes.h"

namespace CADYQ_ISA {
namespace {

constexpr int kRows = 6;                             // pixels or tiles that a panel works on
constexpr int kVectors = CADYQ_LANES >= 16 ? 4 : 2;  // and vectors of outputs
constexpr uint32_t kInverseOf9 = 954437177u;         // 9 * 954437177 = 2^33 + 1; see winograd.h

struct Pairs {  // codes and weights of 16 bit, two inputs at a time
    using Number = int16_t;
    using Vector = Short;
    using Half = HalfShort;
    using Sum = Word;
    static constexpr int kInputs = 2;
    static constexpr int kParts = 1, kLanes = L;  // sums in a vector of outputs, outputs in one
    static constexpr float kUnit = 1.0f / 64;  // of what `outcome` gives after Winograd's transforms
    static Sum add(Sum sum, const Number* pixel, Sum weights) {
        uint32_t pair;
        memcpy(&pair, pixel, sizeof pair);
        return dot(sum, (Short)splat(pair), (Short)weights);
    }
    static Float outcome(Sum sum) { return to_float((Int)(sum * kInverseOf9)); }
    static Float plain(const Sum* sums) { return to_float((Int)*sums); }
};

struct Singles {  // floats
    using Number = float;
    using Vector = Float;
    using Half = Float;  // L numbers, as the other's
    using Sum = Float;
    static constexpr int kInputs = 1;
    static constexpr int kParts = 1, kLanes = L;
    static constexpr float kUnit = 1.0f / 576;
    static Sum add(Sum sum, const Number* pixel, Sum weights) {
        return fused(splat(*pixel), weights, sum);
    }
    static Float outcome(Sum sum) { return sum; }
    static Float plain(const Sum* sums) { return *sums; }
};

struct Doubles {  // floats whose sum is rounded once, so that its order does not matter
    using Number = double;
    using Sum = Double;
    static constexpr int kInputs = 1;
    static constexpr int kParts = 2, kLanes = L / 2;
    static Sum add(Sum sum, const Number* pixel, Sum weights) {
        return fused(splat(*pixel), weights, sum);
    }
    static Float plain(const Sum* sums) { return to_float(sums[0], sums[1]); }
};

// One pass over the inputs: `segments` runs of `groups` groups, of which each pixel's s-th begins
// at pixels + s * segment. Writes R rows of V vectors.
template <typename K, int R, int V>
void panel(const typename K::Number* pixels, ptrdiff_t stride, const ptrdiff_t* segments,
           int segment_count, int groups, const typename K::Number* weights,
           typename K::Sum* __restrict out, ptrdiff_t out_stride) {
    typename K::Sum sums[R][V];
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) sums[r][v] = typename K::Sum{};
    for (int s = 0; s < segment_count; ++s) {
        const typename K::Number* from = pixels + segments[s];
        for (int g = 0; g < groups; ++g, from += K::kInputs) {
            typename K::Sum taps[V];
            for (int v = 0; v < V; ++v)
                taps[v] = load<typename K::Sum>(weights + v * K::kLanes * K::kInputs);
            weights += V * K::kLanes * K::kInputs;
            for (int r = 0; r < R; ++r)
                for (int v = 0; v < V; ++v)
                    sums[r][v] = K::add(sums[r][v], from + r * stride, taps[v]);
        }
    }
    for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) out[r * out_stride + v] = sums[r][v];
}

template <typename K>
using Panel = void (*)(const typename K::Number*, ptrdiff_t, const ptrdiff_t*, int, int,
                       const typename K::Number*, typename K::Sum*, ptrdiff_t);

template <typename K, int V>
Panel<K> panel_of(int rows) {
    static const Panel<K> panels[] = {panel<K, 1, V>, panel<K, 2, V>, panel<K, 3, V>,
                                      panel<K, 4, V>, panel<K, 5, V>, panel<K, 6, V>};
    return panels[rows - 1];
}

template <typename K>
Panel<K> panel_of(int rows, int vectors) {
    if constexpr (kVectors == 4) {
        if (vectors == 4) return panel_of<K, 4>(rows);
        if (vectors == 3) return panel_of<K, 3>(rows);
    }
    return vectors == 2 ? panel_of<K, 2>(rows) : panel_of<K, 1>(rows);
}

// `block` vectors of outputs of `count` pixels in a row; `out` holds `out_stride` for each pixel.
template <typename K>
void sum_row(const typename K::Number* pixels, ptrdiff_t stride, int count,
             const ptrdiff_t* segments, int segment_count, int groups,
             const typename K::Number* weights, int block, typename K::Sum* out, int out_stride) {
    const Panel<K> full = panel_of<K>(kRows, block);
    for (; count >= kRows; count -= kRows) {
        full(pixels, stride, segments, segment_count, groups, weights, out, out_stride);
        pixels += kRows * stride;
        out += kRows * out_stride;
    }
    if (count)
        panel_of<K>(count, block)(pixels, stride, segments, segment_count, groups, weights, out,
                                  out_stride);
}

}  // namespace
}  // namespace CADYQ_ISA
