// Direct convolutions on AMX, the matrix unit of Intel's servers: tiles of 16 pixels x 16 outputs,
// 64 inputs at a time, in 8 bit. Codes of 9 bit are taken apart into their positive and their negative
// parts, which count as inputs of their own, with weights of opposite signs.
// To be included within kernels.cpp, for the instruction set that has it.
#pragma once

constexpr int kTileSide = 16;   // pixels, and outputs
constexpr int kTileDepth = 64;  // inputs
constexpr int kTileNumbers = kTileSide * kTileDepth;
constexpr int kFinished = 8;  // pixels that are written at a time

typedef int8_t Bytes __attribute__((vector_size(CADYQ_LANES)));

// Inputs that a row of taps has in packed weights: whole tiles, the last ones with zeros.
inline int padded_depth(int inputs, int edge, int side) {
    return up((edge + side - 1) * inputs, kTileDepth);
}

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

// One or two tiles of pixels times one or two of outputs, summed over whole rows of taps; `sums`
// has room for four tiles, of which the second pixels take the last two.
template <bool Signed, bool TwoPixels, bool TwoOutputs>
void multiply(const int8_t* const* rows, int row_count, int steps, ptrdiff_t stride,
              const int8_t* weights, int32_t* sums) {
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

// Write the sums of `count` pixels, 16 numbers each, `side` pixels in them where that is not 1.
void finish_sums(const int32_t* sums, int count, int outputs, int side, int y, int x, int v,
                 Writer& writer) {
    for (int first = 0; first < count; first += kFinished) {
        const int some = least(kFinished, count - first);
        Float values[kFinished];
        for (int i = 0; i < some; ++i) {
            const int pixel = first + i;
            values[i] = to_float(
                load<Int>(sums + pixel / side * kTileSide + pixel % side * outputs));
        }
        if (some == kFinished)
            writer.write(values, Constant<kFinished>(), y, x + first, v);
        else
            writer.write(values, some, y, x + first, v);
    }
}

// A row of codes as bytes, the positive parts of a pixel before the negative ones.
void to_bytes(const int16_t* codes, int columns, int pitch, Grid grid, int8_t* to) {
    if (grid != kWide) {
        for (ptrdiff_t i = 0; i < (ptrdiff_t)columns * pitch; i += L)
            store(to + i, __builtin_convertvector(load<HalfShort>(codes + i), Bytes));
        return;
    }
    const HalfShort zero = {};
    for (int x = 0; x < columns; ++x, codes += pitch, to += 2 * pitch)
        for (int i = 0; i < pitch; i += L) {
            const HalfShort code = load<HalfShort>(codes + i);
            const HalfShort positive = code > zero ? code : zero;
            store(to + i, __builtin_convertvector(positive, Bytes));
            store(to + pitch + i, __builtin_convertvector(positive - code, Bytes));
        }
}

// As `direct`, whose layout of codes and whose `side` it shares.
void matrix(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
            const int8_t* packed, int32_t outputs, int32_t edge, int32_t side, Grid grid,
            float* map, const Epilogue* epilogue) {
    Writer writer(*epilogue, width, outputs, map);
    const Tiles configured;
    constexpr int kPixels = 2 * kTileSide;
    const int vectors = vectors_of(outputs * side), reach = edge / 2;
    const int inputs = inputs_of(pitch, grid), columns = code_columns(width);
    const int depth = padded_depth(inputs, edge, side), steps = depth / kTileDepth;
    const ptrdiff_t row = (ptrdiff_t)columns * inputs, stride = (ptrdiff_t)side * inputs;
    // The rows of bytes that the taps reach, each in the place of one that they no longer do.
    // Pixels behind the last of a row are multiplied too, and left out.
    const ptrdiff_t behind = kPixels * stride + depth;
    auto* ring = inputs_space.get<int8_t>(edge * row + behind);
    memset(ring + edge * row, 0, behind);
    auto* sums = products_space.get<int32_t>(4 * kTileSide * kTileSide + L);
    const auto convert = [&](int y) {
        to_bytes(codes + (ptrdiff_t)y * columns * pitch, columns, pitch, grid, ring + y % edge * row);
    };
    for (int y = kPad - reach; y < kPad + reach; ++y) convert(y);
    for (int y = 0; y < height; ++y) {
        convert(kPad + y + reach);
        for (int v = 0; v < vectors; v += 2) {
            const bool two_outputs = v + 1 < vectors;
            const int8_t* weights = packed + (ptrdiff_t)v * kTileSide * edge * depth;
            for (int x = 0; x < width; x += kPixels * side) {
                const int8_t* taps[2 * kPad + 1];
                for (int i = 0; i < edge; ++i)
                    taps[i] = ring + (kPad + y - reach + i) % edge * row +
                              (ptrdiff_t)(kPad + x - reach) * inputs;
                const int count = least(kPixels * side, width - x);
                const int half = kTileSide * side;  // pixels of a tile
                const auto run = grid == kSigned ? multiply_of<true>(count > half, two_outputs)
                                                 : multiply_of<false>(count > half, two_outputs);
                run(taps, edge, steps, stride, weights, sums);
                for (int tile = 0; tile < 4; ++tile) {
                    const int first = tile / 2 * half;
                    if (first >= count || (tile % 2 && !two_outputs)) continue;
                    finish_sums(sums + tile * kTileSide * kTileSide, least(half, count - first),
                                outputs, side, y, x + first, v + tile % 2, writer);
                }
            }
        }
        writer.flush();
    }
}

// Weights by pairs of outputs' tiles, then rows of taps, then steps of 64 inputs; a tile holds four
// inputs of each output side by side.
void pack_matrix(const int8_t* weight, int32_t inputs, int32_t outputs, int32_t edge, int32_t side,
                 Grid grid, int8_t* packed) {
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
}
