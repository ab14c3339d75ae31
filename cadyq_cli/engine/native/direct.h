// Direct convolutions of any odd size.
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

static_assert(kMost % kRows == 0, "what is finished at a time are whole panels");

// `image` has the layout of codes. Where a vector has lanes for the outputs of several pixels, it
// sums up `side` of them, side by side, with a kernel that is wider by side - 1; never of Doubles.
template <typename K>
Status direct_rows(const typename K::Number* image, int height, int width, int pitch,
                 const typename K::Number* packed, int outputs, int edge, int side,
                 Writer& writer) {
    if (!image || !writer.ready()) return kNoMemory;
    const int vectors = vectors_of(outputs), reach = edge / 2, columns = edge + side - 1;
    const int parts = vectors * K::kParts;
    const int groups = columns * pitch / K::kInputs;
    const ptrdiff_t row = (ptrdiff_t)code_columns(width) * pitch;
    ptrdiff_t segments[kLargestEdge];  // a row of pixels each
    for (int y = 0; y < edge; ++y) segments[y] = (y - reach) * row - (ptrdiff_t)reach * pitch;
    auto* sums = products_space.get<typename K::Sum>((size_t)kMost * (parts + side));
    if (!sums) return kNoMemory;
    auto* found = side == 1 ? sums : sums + kMost;  // of each pixel
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; x += kMost * side) {
            const int count = least(kMost * side, width - x), runs = (count + side - 1) / side;
            const typename K::Number* pixels =
                image + (kPad + y) * row + (ptrdiff_t)(kPad + x) * pitch;
            const typename K::Number* weights = packed;
            for (int v = 0; v < parts; v += kVectors) {
                const int block = least(kVectors, parts - v);
                sum_row<K>(pixels, (ptrdiff_t)side * pitch, runs, segments, edge, groups, weights,
                           block, sums + v, parts);
                weights += (ptrdiff_t)edge * columns * pitch * block * K::kLanes;
            }
            if (side > 1)
                for (int i = 0; i < count; ++i)
                    found[i] = load<typename K::Sum>((const float*)(sums + i / side) +
                                                     i % side * outputs);
            for (int first = 0; first < count; first += kMost) {
                const int some = least(kMost, count - first);
                for (int v = 0; v < vectors; ++v) {
                    Float values[kMost];
                    for (int i = 0; i < some; ++i)
                        values[i] = K::plain(found + (first + i) * parts + v * K::kParts);
                    writer.write(values, some, y, x + first, v);
                }
            }
        }
        writer.flush();
    }
    return kDone;
}

Status direct(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
            const int16_t* packed, int32_t outputs, int32_t edge, int32_t side, float* map,
            const Epilogue* epilogue) {
    if (!sane(height, width, pitch, outputs, edge, side) || pitch % L) return kRefused;
    Writer writer(*epilogue, width, outputs, map);
    return direct_rows<Pairs>(codes, height, width, pitch, packed, outputs, edge, side, writer);
}

Status direct_float(const float* map, int32_t height, int32_t width, int32_t inputs,
                  const float* packed, int32_t outputs, int32_t edge, int32_t side, float* out,
                  const Epilogue* epilogue) {
    if (!sane(height, width, inputs, outputs, edge, side)) return kRefused;
    Writer writer(*epilogue, width, outputs, out);
    return direct_rows<Singles>(padded_map<float>(map, height, width, inputs, inputs), height, width,
                         inputs, packed, outputs, edge, side, writer);
}

Status image_float(const float* map, int32_t height, int32_t width, int32_t inputs,
                 const double* packed, int32_t outputs, int32_t edge, float* out,
                 const Epilogue* epilogue) {
    if (!sane(height, width, inputs, outputs, edge)) return kRefused;
    Writer writer(*epilogue, width, outputs, out);
    return direct_rows<Doubles>(padded_map<double>(map, height, width, inputs, inputs), height, width,
                         inputs, packed, outputs, edge, 1, writer);
}

template <typename K, typename W>
Status pack_taps(const W* weight, int inputs, int outputs, int edge, int side,
               typename K::Number* packed) {
    if (!sane(1, 1, inputs, outputs, edge, side)) return kRefused;
    const int padded = K::kInputs == 2 ? up(inputs, L) : inputs;
    const int parts = vectors_of(outputs) * K::kParts;
    const int columns = edge + side - 1, taps = edge * columns;
    memset(packed, 0, sizeof *packed * taps * padded * parts * K::kLanes);
    for (int lane = 0; lane < outputs * side; ++lane) {
        const int o = lane % outputs, shift = lane / outputs;
        const int first = lane / K::kLanes / kVectors * kVectors;
        const int block = least(kVectors, parts - first);
        for (int i = 0; i < inputs; ++i)
            for (int t = 0; t < edge * edge; ++t) {
                const ptrdiff_t tap = t / edge * columns + t % edge + shift;
                const ptrdiff_t group = tap * (padded / K::kInputs) + i / K::kInputs;
                const ptrdiff_t place = group * block * K::kLanes + lane - first * K::kLanes;
                const ptrdiff_t start = (ptrdiff_t)first * K::kLanes * taps * padded;
                packed[start + place * K::kInputs + i % K::kInputs] =
                    weight[((ptrdiff_t)o * inputs + i) * edge * edge + t];
            }
    }
    return kDone;
}

Status pack_direct(const int8_t* weight, int32_t inputs, int32_t outputs, int32_t edge, int32_t side,
                 int16_t* packed) {
    return pack_taps<Pairs>(weight, inputs, outputs, edge, side, packed);
}

Status pack_float(const float* weight, int32_t inputs, int32_t outputs, int32_t edge, int32_t side,
                float* packed) {
    return pack_taps<Singles>(weight, inputs, outputs, edge, side, packed);
}

Status pack_image(const float* weight, int32_t inputs, int32_t outputs, int32_t edge,
                double* packed) {
    return pack_taps<Doubles>(weight, inputs, outputs, edge, 1, packed);
}

}  // namespace
}  // namespace CADYQ_ISA
