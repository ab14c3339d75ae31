// 3x3 convolutions by Winograd's F(4x4, 3x3): 36 products for 16 outputs instead of 144.
//
// In whole numbers it is exact. The transforms that have fractions, those of the weights, are taken
// 24 times along each axis (but for their last row), so that the result is 576 times what it should
// be, modulo 2^32. As 576 = 64 * 9 and 9 has an inverse modulo 2^32, one product gives 64 times the
// sum, if that lies within 2^25. Partial sums may overflow, they only have to wrap around.
// Transformed codes of -255..255 stay within 25500 and transformed weights of 8 bit within 18288, so
// both fit 16 bit, whatever the width: every one is as fast. F(2x2, 3x3) in 8 bit, which codes of up
// to 6 bit would allow, takes 16 bytes where this takes 18 for as many outputs, but more additions;
// tried on a Zen 4, it took 1.18 ms for 64 to 64 channels at 96 x 96, and this 1.18.
//
// A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels.h"
#include "lanes.h"
#include "layout.h"
#include "panels.h"
#include "workspace.h"
#include "writer.h"

namespace CADYQ_ISA {
namespace {

constexpr int kReach = kTile + 2;         // codes a side that a tile reads
constexpr int kPoints = kReach * kReach;  // products of a tile, for each input and output
constexpr int kChunk = 24;                // tiles whose transforms stay in the cache

template <int N, typename V>
inline V shifted(V x) {
    return x << N;
}
template <int N>
inline Float shifted(Float x) {
    return x * float(1 << N);
}

template <typename V>
inline void transform_inputs(V v[kReach]) {
    const V even = v[4] - shifted<2>(v[2]), odd = v[3] - shifted<2>(v[1]);
    const V outer = v[4] - v[2], inner = shifted<1>(v[3] - v[1]);
    v[0] = shifted<2>(v[0] - v[2]) + outer;
    v[5] = shifted<2>(v[1] - v[3]) + (v[5] - v[3]);
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = outer + inner;
    v[4] = outer - inner;
}

// 24 times the outputs of one axis from its products, of which the last lacks this factor.
template <typename V>
inline void transform_sums(const V m[kReach], V* y, int stride) {
    const V a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[stride] = b + shifted<1>(d);
    y[2 * stride] = a + shifted<2>(c);
    y[3 * stride] = b + shifted<3>(d) + shifted<4>(m[5]) + shifted<3>(m[5]);
}

// A vector of inputs of a tile.
template <typename V, typename Number>
void transform_tile(const Number* corner, ptrdiff_t row, int pitch, Number* points,
                    ptrdiff_t plane) {
    V t[kReach][kReach];
    for (int x = 0; x < kReach; ++x) {
        const Number* from = corner + x * pitch;
        V v[kReach];
        for (int y = 0; y < kReach; ++y) v[y] = load<V>(from + y * row);
        transform_inputs(v);
        for (int y = 0; y < kReach; ++y) t[y][x] = v[y];
    }
    for (int y = 0; y < kReach; ++y) {
        transform_inputs(t[y]);
        for (int x = 0; x < kReach; ++x) store(points + (y * kReach + x) * plane, t[y][x]);
    }
}

template <typename K>
void transform_tile(const typename K::Number* corner, ptrdiff_t row, int pitch,
                    typename K::Number* points, ptrdiff_t plane) {
    constexpr int kWhole = L * K::kInputs;
    int c = 0;
    for (; c + kWhole <= pitch; c += kWhole)
        transform_tile<typename K::Vector>(corner + c, row, pitch, points + c, plane);
    if (c < pitch) transform_tile<typename K::Half>(corner + c, row, pitch, points + c, plane);
}

// The outputs of a tile from its products: `block` vectors of them from the v-th on.
template <typename K>
void finish_tile(const typename K::Sum* products, ptrdiff_t plane, int top, int left, int height,
                 int width, int v, int block, Writer& writer) {
    const int rows = least(kTile, height - top), columns = least(kTile, width - left);
    for (int b = 0; b < block; ++b, ++products) {
        typename K::Sum half[kTile][kReach];
        for (int x = 0; x < kReach; ++x) {
            typename K::Sum m[kReach];
            for (int y = 0; y < kReach; ++y) m[y] = products[(y * kReach + x) * plane];
            transform_sums(m, &half[0][x], kReach);
        }
        for (int y = 0; y < rows; ++y) {
            typename K::Sum whole[kTile];
            transform_sums(half[y], whole, 1);
            usually<kTile>(columns, [&](auto count) {
                Float values[kTile];
                for (int x = 0; x < count; ++x) values[x] = K::outcome(whole[x]);
                writer.write(values, count, top + y, left, v + b);
            });
        }
    }
}

// `image` has the layout of codes.
template <typename K>
Status winograd_rows(const typename K::Number* image, int height, int width, int pitch,
                   const typename K::Number* packed, int outputs, Writer& writer) {
    if (!image || !writer.ready()) return kNoMemory;
    const int vectors = vectors_of(outputs), tiles = (width + kTile - 1) / kTile;
    const ptrdiff_t row = (ptrdiff_t)code_columns(width) * pitch, whole = 0;
    // A cache line more than needed, or all planes would fall into the same few sets of the cache.
    const ptrdiff_t plane = (ptrdiff_t)kChunk * pitch + kLine / sizeof(typename K::Number);
    const ptrdiff_t product_plane = (ptrdiff_t)kChunk * kVectors + kLine / sizeof(typename K::Sum);
    auto* points = inputs_space.get<typename K::Number>(kPoints * plane);
    auto* products = products_space.get<typename K::Sum>(kPoints * product_plane);
    if (!points || !products) return kNoMemory;

    for (int top = 0; top < height; top += kTile) {
        for (int first = 0; first < tiles; first += kChunk) {
            const int count = least(kChunk, tiles - first);
            const typename K::Number* corner =
                image + (kPad + top - 1) * row + (ptrdiff_t)(kPad + first * kTile - 1) * pitch;
            for (int t = 0; t < count; ++t)
                transform_tile<K>(corner + (ptrdiff_t)t * kTile * pitch, row, pitch,
                                  points + (ptrdiff_t)t * pitch, plane);
            const typename K::Number* weights = packed;
            for (int v = 0; v < vectors; v += kVectors) {
                const int block = least(kVectors, vectors - v);
                for (int p = 0; p < kPoints; ++p) {
                    sum_row<K>(points + p * plane, pitch, count, &whole, 1, pitch / K::kInputs,
                               weights, block, products + p * product_plane, kVectors);
                    weights += (ptrdiff_t)pitch * block * L;
                }
                for (int t = 0; t < count; ++t)
                    finish_tile<K>(products + (ptrdiff_t)t * kVectors, product_plane, top,
                                   (first + t) * kTile, height, width, v, block, writer);
            }
        }
        writer.flush();
    }
    return kDone;
}

template <typename K, typename W>
Status pack_points(const W* weight, int inputs, int outputs, typename K::Number* packed) {
    if (!sane(1, 1, inputs, outputs)) return kRefused;
    static const W transform[kReach][3] = {{6, 0, 0}, {-4, -4, -4}, {-4, 4, -4},
                                           {1, 2, 4}, {1, -2, 4},   {0, 0, 1}};
    const int pitch = up(inputs, L), vectors = vectors_of(outputs);
    memset(packed, 0, sizeof *packed * kPoints * pitch * vectors * L);
    for (int o = 0; o < outputs; ++o) {
        const int first = o / L / kVectors * kVectors;
        const int block = least(kVectors, vectors - first);
        for (int i = 0; i < inputs; ++i) {
            const W* w = weight + ((ptrdiff_t)o * inputs + i) * 9;
            decltype(W{} * W{}) rows[kReach][3];  // int for int8_t
            for (int y = 0; y < kReach; ++y)
                for (int x = 0; x < 3; ++x)
                    rows[y][x] = transform[y][0] * w[x] + transform[y][1] * w[3 + x] +
                                 transform[y][2] * w[6 + x];
            typename K::Number* to =
                packed + (ptrdiff_t)first * L * pitch * kPoints +
                ((ptrdiff_t)(i / K::kInputs) * block * L + o - first * L) * K::kInputs +
                i % K::kInputs;
            for (int p = 0; p < kPoints; ++p) {
                const auto* row = rows[p / kReach];
                const W* column = transform[p % kReach];
                to[p * (ptrdiff_t)pitch * block * L] = (typename K::Number)(
                    row[0] * column[0] + row[1] * column[1] + row[2] * column[2]);
            }
        }
    }
    return kDone;
}

Status winograd(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
              const int16_t* packed, int32_t outputs, float* map, const Epilogue* epilogue) {
    if (!sane(height, width, pitch, outputs) || pitch % L) return kRefused;
    Writer writer(*epilogue, width, outputs, map, Pairs::kUnit);
    return winograd_rows<Pairs>(codes, height, width, pitch, packed, outputs, writer);
}

Status pack_winograd(const int8_t* weight, int32_t inputs, int32_t outputs, int16_t* packed) {
    return pack_points<Pairs>(weight, inputs, outputs, packed);
}

Status winograd_float(const float* map, int32_t height, int32_t width, int32_t inputs,
                    const float* packed, int32_t outputs, float* out, const Epilogue* epilogue) {
    if (!sane(height, width, inputs, outputs)) return kRefused;
    Writer writer(*epilogue, width, outputs, out, Singles::kUnit);
    const int pitch = up(inputs, L);
    return winograd_rows<Singles>(padded_map<float>(map, height, width, inputs, pitch), height, width,
                           pitch, packed, outputs, writer);
}

Status pack_winograd_float(const float* weight, int32_t inputs, int32_t outputs, float* packed) {
    return pack_points<Singles>(weight, inputs, outputs, packed);
}

}  // namespace
}  // namespace CADYQ_ISA
