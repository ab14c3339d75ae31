// Direct convolutions on AMX, the matrix unit of Intel's servers: tiles of 16 pixels x 16 outputs,
// 64 inputs at a time, in 8 bit. Codes of 9 bit are taken apart into their positive and their negative
// parts, which count as inputs of their own, with weights of opposite signs.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels.h"
#include "lanes.h"
#include "layout.h"
#include "workspace.h"
#include "writer.h"

namespace CADYQ_ISA {
namespace {

constexpr int kTileSide = 16;   // pixels, and outputs
constexpr int kTileDepth = 64;  // inputs
constexpr int kTileNumbers = kTileSide * kTileDepth;
constexpr int kFinished = 8;  // pixels that are written at a time
constexpr int kBand = 8;      // rows in which the weights of a block stay in the cache
constexpr int kBlock = (4 * kTileSide + 1) * kTileSide;  // sums: four tiles, and what is read behind

// Inputs that a row of taps has in packed weights: whole tiles, the last ones with zeros.
inline int padded_depth(int inputs, int edge, int side) {
    return up((edge + side - 1) * inputs, kTileDepth);
}

inline bool known(Grid grid) { return grid >= kUnsigned && grid <= kWide; }

inline int inputs_of(int pitch, Grid grid) { return grid == kWide ? 2 * pitch : pitch; }

// The tiles of this thread, while it multiplies.
class Tiles {
  public:
    Tiles() {
        Shapes shapes{};
        shapes.palette = 1;
        for (int i = 0; i < 8; ++i) {
            shapes.rows[i] = kTileSide;
            shapes.bytes[i] = kTileDepth;
        }
        _tile_loadconfig(&shapes);
    }
    ~Tiles() { _tile_release(); }

  private:
    struct Shapes {
        uint8_t palette, start, unused[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    };
};

// Tile numbers have to be literal.
#define CADYQ_MULTIPLY(sums, pixels, weights)        \
    do {                                             \
        if constexpr (Signed)                        \
            _tile_dpbssd(sums, pixels, weights);     \
        else                                         \
            _tile_dpbusd(sums, pixels, weights);     \
    } while (0)

// Sums of a block, on the way to the map: four tiles, of which the second pixels' are the last two.
// They are written piece by piece while the matrix unit works on the next block.
class Finisher {
  public:
    // `side` is 1, 2 or 4.
    Finisher(Writer& writer, int outputs, int side)
        : writer_(writer), outputs_(outputs), shift_(side / 2) {}

    // `count` pixels from (y, x) on, and one or two vectors of outputs from the v-th on.
    void begin(const int32_t* sums, int count, bool two_outputs, int y, int x, int v) {
        sums_ = sums;
        count_ = count;
        outputs_step_ = two_outputs ? 1 : 2;
        y_ = y, x_ = x, v_ = v;
        tile_ = first_ = 0;
    }

    bool done() const { return tile_ == 4; }

    // Write some pixels, if any are left.
    void go_on() {
        if (done()) return;
        const int half = kTileSide << shift_, start = tile_ / 2 * half;  // pixels of a tile
        const int left = least(half, count_ - start) - first_;
        usually<kFinished>(least(kFinished, left), [&](auto count) { write(start, count); });
        first_ += kFinished;
        if (left > kFinished) return;
        first_ = 0;
        tile_ += outputs_step_;
        if (tile_ == 2 && count_ <= half) tile_ = 4;
    }

  private:
    template <typename Count>
    void write(int start, Count count) {
        const int32_t* from = sums_ + tile_ * kTileSide * kTileSide;
        Float values[kFinished];
        for (int i = 0; i < count; ++i) {
            const int pixel = first_ + i, row = pixel >> shift_, column = pixel - (row << shift_);
            values[i] = to_float(load<Int>(from + row * kTileSide + column * outputs_));
        }
        writer_.write(values, count, y_, x_ + start + first_, v_ + tile_ % 2);
    }

    Writer& writer_;
    int outputs_, shift_;  // a row of sums is of 2^shift pixels
    const int32_t* sums_ = nullptr;
    int count_ = 0, outputs_step_ = 1, y_ = 0, x_ = 0, v_ = 0;
    int tile_ = 4, first_ = 0;  // of what is to be written next
};

// One or two tiles of pixels times one or two of outputs, summed over whole rows of taps, while
// another block is finished.
template <bool Signed, bool TwoPixels, bool TwoOutputs>
void multiply(const int8_t* const* rows, int row_count, int steps, ptrdiff_t stride,
              const int8_t* weights, int32_t* sums, Finisher& finisher) {
    constexpr int kBytes = 64;  // of a row of a tile
    _tile_zero(0);
    if constexpr (TwoOutputs) _tile_zero(1);
    if constexpr (TwoPixels) _tile_zero(2);
    if constexpr (TwoPixels && TwoOutputs) _tile_zero(3);
    for (int row = 0; row < row_count; ++row) {
        const int8_t* from = rows[row];
        for (int step = 0; step < steps; ++step, from += kTileDepth) {
            _tile_loadd(4, from, stride);
            _tile_loadd(6, weights, kBytes);
            weights += kTileNumbers;
            CADYQ_MULTIPLY(0, 4, 6);
            if constexpr (TwoOutputs) {
                _tile_loadd(7, weights, kBytes);
                weights += kTileNumbers;
                CADYQ_MULTIPLY(1, 4, 7);
            }
            if constexpr (TwoPixels) {
                _tile_loadd(5, from + kTileSide * stride, stride);
                CADYQ_MULTIPLY(2, 5, 6);
                if constexpr (TwoOutputs) CADYQ_MULTIPLY(3, 5, 7);
            }
            finisher.go_on();
        }
    }
    constexpr int kSums = kTileSide * kTileSide;
    _tile_stored(0, sums, kBytes);
    if constexpr (TwoOutputs) _tile_stored(1, sums + kSums, kBytes);
    if constexpr (TwoPixels) _tile_stored(2, sums + 2 * kSums, kBytes);
    if constexpr (TwoPixels && TwoOutputs) _tile_stored(3, sums + 3 * kSums, kBytes);
}

#undef CADYQ_MULTIPLY

template <bool Signed>
auto multiply_of(bool two_pixels, bool two_outputs) {
    if (two_pixels) return two_outputs ? multiply<Signed, true, true> : multiply<Signed, true, false>;
    return two_outputs ? multiply<Signed, false, true> : multiply<Signed, false, false>;
}

// Codes as bytes, 2 L or L of them.
inline void to_bytes(Short codes, int8_t* to) {
    _mm256_storeu_si256((__m256i*)to, _mm512_cvtepi16_epi8((__m512i)codes));
}
inline void to_bytes(HalfShort codes, int8_t* to) {
    _mm_storeu_si128((__m128i*)to, _mm256_cvtepi16_epi8((__m256i)codes));
}

template <typename Codes>
void to_parts(const int16_t* codes, int8_t* positive, int8_t* negative) {
    const Codes code = load<Codes>(codes), above = code > 0 ? code : Codes{};
    to_bytes(above, positive);
    to_bytes(above - code, negative);
}

// A row of codes as bytes, the positive parts of a pixel before the negative ones.
void to_bytes(const int16_t* codes, int columns, int pitch, Grid grid, int8_t* to) {
    constexpr int kWhole = 2 * L;
    if (grid != kWide) {
        const ptrdiff_t count = (ptrdiff_t)columns * pitch;  // a multiple of four L
        for (ptrdiff_t i = 0; i < count; i += kWhole) to_bytes(load<Short>(codes + i), to + i);
        return;
    }
    for (int x = 0; x < columns; ++x, codes += pitch, to += 2 * pitch) {
        int i = 0;
        for (; i + kWhole <= pitch; i += kWhole) to_parts<Short>(codes + i, to + i, to + pitch + i);
        if (i < pitch) to_parts<HalfShort>(codes + i, to + i, to + pitch + i);
    }
}

// As `direct`, whose layout of codes and whose `side` it shares.
Status matrix(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
            const int8_t* packed, int32_t outputs, int32_t edge, int32_t side, Grid grid,
            float* map, const Epilogue* epilogue) {
    if (!sane(height, width, pitch, outputs, edge, side) || pitch % L || !known(grid))
        return kRefused;
    Writer writer(*epilogue, width, outputs, map);
    if (!writer.ready()) return kNoMemory;
    const Tiles configured;
    constexpr int kPixels = 2 * kTileSide;
    const int vectors = vectors_of(outputs * side), reach = edge / 2;
    const int inputs = inputs_of(pitch, grid), columns = code_columns(width);
    const int depth = padded_depth(inputs, edge, side), steps = depth / kTileDepth;
    const ptrdiff_t row = (ptrdiff_t)columns * inputs, stride = (ptrdiff_t)side * inputs;
    // The rows of bytes that the taps of a band reach, each in the place of one not needed any more.
    // Pixels behind the last of a row are multiplied too, and left out.
    const ptrdiff_t behind = kPixels * stride + depth;
    const int rows = kBand + edge - 1;
    auto* ring = inputs_space.get<int8_t>(rows * row + behind);
    auto* sums = products_space.get<int32_t>(2 * kBlock);  // of two blocks in turn
    if (!ring || !sums) return kNoMemory;
    memset(ring + rows * row, 0, behind);
    int turn = 0, converted = kPad - reach;
    Finisher finisher(writer, outputs, side);
    for (int top = 0; top < height; top += kBand) {
        const int bottom = least(top + kBand, height);
        for (; converted < kPad + bottom + reach; ++converted)
            to_bytes(codes + (ptrdiff_t)converted * columns * pitch, columns, pitch, grid,
                     ring + converted % rows * row);
        for (int v = 0; v < vectors; v += 2) {
            const bool two_outputs = v + 1 < vectors;
            const int8_t* weights = packed + (ptrdiff_t)v * kTileSide * edge * depth;
            for (int x = 0; x < width; x += kPixels * side) {
                const int count = least(kPixels * side, width - x);
                const auto run =
                    grid == kSigned ? multiply_of<true>(count > kTileSide * side, two_outputs)
                                    : multiply_of<false>(count > kTileSide * side, two_outputs);
                for (int y = top; y < bottom; ++y) {
                    const int8_t* taps[kLargestEdge];
                    for (int i = 0; i < edge; ++i)
                        taps[i] = ring + (kPad + y - reach + i) % rows * row +
                                  (ptrdiff_t)(kPad + x - reach) * inputs;
                    int32_t* block = sums + turn * kBlock;
                    run(taps, edge, steps, stride, weights, block, finisher);
                    while (!finisher.done()) finisher.go_on();
                    finisher.begin(block, count, two_outputs, y, x, v);
                    turn = 1 - turn;
                }
                writer.flush();
            }
        }
    }
    while (!finisher.done()) finisher.go_on();
    writer.flush();
    return kDone;
}

// Weights by pairs of outputs' tiles, then rows of taps, then steps of 64 inputs; a tile holds four
// inputs of each output side by side.
Status pack_matrix(const int8_t* weight, int32_t inputs, int32_t outputs, int32_t edge, int32_t side,
                 Grid grid, int8_t* packed) {
    if (!sane(1, 1, inputs, outputs, edge, side) || !known(grid)) return kRefused;
    const int pitch = up(inputs, L), vectors = vectors_of(outputs * side);
    const int all = inputs_of(pitch, grid), depth = padded_depth(all, edge, side);
    memset(packed, 0, (ptrdiff_t)edge * depth * vectors * kTileSide);
    for (int lane = 0; lane < outputs * side; ++lane) {
        const int o = lane % outputs, shift = lane / outputs, tile = lane / kTileSide;
        const int first = tile / 2 * 2, together = least(2, vectors - first);
        int8_t* pair = packed + (ptrdiff_t)first * kTileSide * edge * depth;
        for (int i = 0; i < inputs; ++i)
            for (int t = 0; t < edge * edge; ++t) {
                const int8_t w = weight[((ptrdiff_t)o * inputs + i) * edge * edge + t];
                const auto put = [&](int input, int8_t value) {
                    const ptrdiff_t at = t / edge * depth + (t % edge + shift) * all + input;
                    pair[(at / kTileDepth * together + tile - first) * kTileNumbers +
                         at % kTileDepth / 4 * kTileDepth + lane % kTileSide * 4 + at % 4] = value;
                };
                put(i, w);
                if (grid == kWide) put(pitch + i, (int8_t)-w);
            }
    }
    return kDone;
}

}  // namespace
}  // namespace CADYQ_ISA
