// The arithmetic of quantized convolutions, for the instruction set that lanes.h stands for.
//
// 3x3 convolutions whose sums are small enough are Winograd's, all others direct; a matrix unit,
// where there is one, does both kinds directly.

#include <cstdint>
#include <cstring>

#include "direct.h"
#include "kernels.h"
#include "lanes.h"
#include "layout.h"
#include "rounding.h"
#include "winograd.h"
#ifdef CADYQ_USE_AMX
#include "matrix.h"
#endif

namespace CADYQ_ISA {
namespace {

#ifndef CADYQ_USE_AMX
constexpr decltype(Kernels::pack_matrix) pack_matrix = nullptr;
constexpr decltype(Kernels::matrix) matrix = nullptr;
#endif

Status encode(const float* map, int64_t height, int64_t width, int32_t channels,
              const float* grid, int16_t* codes, int32_t pitch) {
    if (height <= 0 || width <= 0 || channels <= 0 || pitch < channels) return kRefused;
    const int64_t row = (int64_t)code_columns((int)width) * pitch;
    const int wide = vectors_of(channels) * L;
    for (int64_t y = 0; y < height; ++y) {
        int16_t* to = codes + (kPad + y) * row + (int64_t)kPad * pitch;
        for (int64_t x = 0; x < width; ++x, to += pitch, map += channels) {
            int c = 0;
            for (; c + L <= channels; c += L)
                store(to + c, Rounding(grid, wide, c).codes(load<Float>(map + c)));
            for (; c < channels; ++c) {
                const float low = grid[2 * wide + c], high = grid[3 * wide + c];
                float value = map[c] / grid[c];
                value = value < high ? value : high;  // the highest if it is no number, as above
                value = value > low ? value : low;
                to[c] = (int16_t)((value + kMagic) - kMagic);
            }
        }
    }
    return kDone;
}

Status sums(const float* map, int64_t pixels, int32_t channels, double* sums, double* squares) {
    if (pixels <= 0 || channels <= 0) return kRefused;
    constexpr int64_t kStrip = 256;  // pixels added up in float
    memset(sums, 0, channels * sizeof *sums);
    memset(squares, 0, channels * sizeof *squares);
    for (int64_t start = 0; start < pixels; start += kStrip) {
        const int64_t stop = start + kStrip < pixels ? start + kStrip : pixels;
        for (int c = 0; c < channels; c += L) {
            const int valid = least(L, channels - c);
            Float sum = {}, square = {};
            for (int64_t p = start; p < stop; ++p) {
                Float x = {};
                memcpy(&x, map + p * channels + c, valid * sizeof *map);
                sum += x;
                square = fused(x, x, square);
            }
            for (int lane = 0; lane < valid; ++lane) {
                sums[c + lane] += sum[lane];
                squares[c + lane] += square[lane];
            }
        }
    }
    return kDone;
}

}  // namespace

extern const Kernels kernels;
const Kernels kernels = {L,           encode,     sums,       pack_winograd, pack_winograd_float,
                         pack_direct, pack_float, pack_image, winograd,      winograd_float,
                         direct,      direct_float, image_float, pack_matrix, matrix};

}  // namespace CADYQ_ISA
