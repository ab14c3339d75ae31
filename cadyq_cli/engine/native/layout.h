// Where numbers stand: outputs in whole vectors, codes with zeros around the image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels.h"
#include "lanes.h"
#include "workspace.h"

namespace CADYQ_ISA {
namespace {

inline int up(int x, int multiple) { return (x + multiple - 1) / multiple * multiple; }
inline int vectors_of(int outputs) { return (outputs + L - 1) / L; }
inline int least(int a, int b) { return a < b ? a : b; }

inline int code_columns(int width) { return up(width, kTile) + 2 * kPad; }

// Whether a convolution may be asked for; its arrays are the caller's to make large enough.
inline bool sane(int height, int width, int inputs, int outputs, int edge = 1, int side = 1) {
    return height > 0 && width > 0 && inputs > 0 && outputs > 0 && edge > 0 && edge % 2 &&
           edge <= kLargestEdge && (side == 1 || side == 2 || side == 4) &&
           (side == 1 || side * outputs <= L);
}

// A map with zeros around it, in the layout of codes; null where there is no memory.
template <typename Number>
const Number* padded_map(const float* map, int height, int width, int channels, int pitch) {
    const ptrdiff_t row = (ptrdiff_t)code_columns(width) * pitch;
    const size_t size = (up(height, kTile) + 2 * kPad) * row;
    Number* padded = map_space.get<Number>(size);
    if (!padded) return nullptr;
    memset(padded, 0, size * sizeof *padded);
    for (int y = 0; y < height; ++y) {
        Number* to = padded + (kPad + y) * row + (ptrdiff_t)kPad * pitch;
        for (int x = 0; x < width; ++x, to += pitch, map += channels)
            for (int c = 0; c < channels; ++c) to[c] = map[c];
    }
    return padded;
}

}  // namespace
}  // namespace CADYQ_ISA
