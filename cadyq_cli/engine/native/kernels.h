// What every instruction set's kernels offer; winograd.h, direct.h and matrix.h tell how.
//
// Maps are float32, (height, width, channels), without gaps. Codes are int16, (rows, columns, pitch)
// with kPad zeros around the image, rows and columns rounded up to whole tiles of kTile, and pitch
// channels of which the last ones may be zeros.
#pragma once

#include <cstdint>

constexpr int kPad = 4;   // zeros around codes: the reach of a 9x9 convolution
constexpr int kTile = 4;  // outputs a side of a Winograd tile

constexpr int kLargestEdge = 2 * kPad + 1;  // of a convolution

// What a call comes to. Whatever is not kDone has written nothing that can be used.
enum Status : int32_t { kDone, kNoMemory, kRefused };

enum Curve : int32_t { kNone, kSilu, kHardswish, kSigmoid };

enum Grid : int32_t { kUnsigned, kSigned, kWide };  // codes of 0..255, -128..127, -255..255

// A grid for each channel: four rows of floats, each of whole vectors, with the steps, their
// reciprocals, the lowest and the highest codes.

struct Epilogue {  // in this order; null or 0 where there is nothing to do
    const float* scale;  // of each output
    const float* bias;
    const float* slope1;  // what negative values are multiplied by
    Curve curve;
    const float* round_grid;   // of a site of fixed width
    const float* add_map;      // of the shape of the output
    const int16_t* add_codes;  // of the same size and channels
    const float* add_steps;    // of each output, in whole vectors
    int32_t add_pitch;
    int32_t gate;  // multiply the sum by sigmoid(x) - 1/2 of the x that was added to
    const float* slope2;
    int32_t shuffle;  // r: outputs are (r * r, outputs / r^2), each group one pixel of r x r
    double* sums;     // of each output, over all its pixels; and of its square
    double* squares;
    int16_t* codes;  // instead of the map: the result as codes, in channels of wider codes
    int32_t codes_pitch;
    const float* codes_grid;  // of each output, in the order in which they are computed
};

struct Kernels {
    int32_t lanes;
    Status (*encode)(const float* map, int64_t pixels_high, int64_t pixels_wide, int32_t channels,
                   const float* grid, int16_t* codes, int32_t pitch);
    Status (*sums)(const float* map, int64_t pixels, int32_t channels, double* sums, double* squares);
    // Packed weights take taps (or 36) x inputs x outputs numbers: outputs rounded up to the lanes,
    // and inputs too, but for direct_float and image_float. Direct kernels of few outputs take
    // `side` pixels at a time, side * outputs <= lanes, with taps in edge rows and edge + side - 1
    // columns. `side` is 1, 2 or 4, so that no row of whole tiles is left.
    Status (*pack_winograd)(const int8_t* weight, int32_t inputs, int32_t outputs, int16_t* packed);
    Status (*pack_winograd_float)(const float* weight, int32_t inputs, int32_t outputs,
                                float* packed);
    Status (*pack_direct)(const int8_t* weight, int32_t inputs, int32_t outputs, int32_t edge,
                        int32_t side, int16_t* packed);
    Status (*pack_float)(const float* weight, int32_t inputs, int32_t outputs, int32_t edge,
                       int32_t side, float* packed);
    Status (*pack_image)(const float* weight, int32_t inputs, int32_t outputs, int32_t edge,
                       double* packed);
    Status (*winograd)(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
                     const int16_t* packed, int32_t outputs, float* map, const Epilogue* epilogue);
    Status (*winograd_float)(const float* map, int32_t height, int32_t width, int32_t inputs,
                           const float* packed, int32_t outputs, float* out,
                           const Epilogue* epilogue);
    Status (*direct)(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
                   const int16_t* packed, int32_t outputs, int32_t edge, int32_t side, float* map,
                   const Epilogue* epilogue);
    Status (*direct_float)(const float* map, int32_t height, int32_t width, int32_t inputs,
                         const float* packed, int32_t outputs, int32_t edge, int32_t side,
                         float* out, const Epilogue* epilogue);
    // As `direct_float`, but summed in float64, and a pixel at a time.
    Status (*image_float)(const float* map, int32_t height, int32_t width, int32_t inputs,
                        const double* packed, int32_t outputs, int32_t edge, float* out,
                        const Epilogue* epilogue);
    // As `direct`, by a matrix unit; null where there is none. Packed weights take edge rows of
    // (edge + side - 1) x pitch inputs, twice that for kWide, each row rounded up to whole 64, for
    // each of the outputs of `side` pixels, rounded up to whole 16.
    Status (*pack_matrix)(const int8_t* weight, int32_t inputs, int32_t outputs, int32_t edge,
                        int32_t side, Grid grid, int8_t* packed);
    Status (*matrix)(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
                   const int8_t* packed, int32_t outputs, int32_t edge, int32_t side, Grid grid,
                   float* map, const Epilogue* epilogue);
};
