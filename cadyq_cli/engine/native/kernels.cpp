// The arithmetic of quantized convolutions, for the instruction set that lanes.h stands for.
//
// Where there is no matrix unit (matrix.h), 3x3 convolutions go through Winograd's F(4x4, 3x3): 36
// products for 16 outputs instead of 144. In whole numbers it is exact. The transforms that have
// fractions, those of the weights, are taken 24 times along each axis (but for their last row), so
// that the result is 576 times what it should be, modulo 2^32. As 576 = 64 * 9 and 9 has an inverse
// modulo 2^32, one product gives 64 times the sum, if that lies within 2^25. Partial sums may
// overflow, they only have to wrap around. Transformed codes of -255..255 stay within 25500 and
// transformed weights of 8 bit within 18288, so both fit 16 bit, whatever the width: every one is as
// fast.
//
// A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "curves.h"
#include "kernels.h"
#include "lanes.h"

namespace CADYQ_ISA {
namespace {

constexpr int kReach = kTile + 2;             // codes a side that a tile reads
constexpr int kPoints = kReach * kReach;      // products of a tile, for each input and output
constexpr int kRows = 6;                      // pixels or tiles that a panel works on at a time
constexpr int kVectors = CADYQ_LANES >= 16 ? 4 : 2;  // and vectors of outputs
constexpr int kMost = 2 * kRows;              // pixels that are finished at a time, at most
constexpr int kChunk = 24;                    // tiles whose transforms stay in the cache
constexpr uint32_t kInverseOf9 = 954437177u;  // 9 * 954437177 = 2^33 + 1
constexpr int kLine = 64;                     // bytes of a cache line

inline int up(int x, int multiple) { return (x + multiple - 1) / multiple * multiple; }
inline int vectors_of(int outputs) { return (outputs + L - 1) / L; }
inline int least(int a, int b) { return a < b ? a : b; }

// Memory that a thread keeps for its next call.
class Workspace {
  public:
    ~Workspace() { free(data_); }

    template <typename T>
    T* get(size_t count) {
        const size_t bytes = (count * sizeof(T) + kLine - 1) / kLine * kLine;
        if (bytes > size_) {
            free(data_);
            data_ = aligned_alloc(kLine, bytes);
            size_ = data_ ? bytes : 0;
            if (!data_) abort();
        }
        return static_cast<T*>(data_);
    }

  private:
    void* data_ = nullptr;
    size_t size_ = 0;
};

thread_local Workspace inputs_space, products_space, map_space, writer_space;

// ---------------------------------------------------------------------------------------------
// Panels: kRows pixels times kVectors vectors of outputs, summed over all inputs in registers.

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

// ---------------------------------------------------------------------------------------------
// What happens to a sum before it is written.

inline int code_columns(int width) { return up(width, kTile) + 2 * kPad; }

template <int N>
struct Constant {
    constexpr operator int() const { return N; }
};

// Do the work with `count`, as a constant where it is the usual one: then loops are unrolled, and
// vectors stay in registers.
template <int N, typename Work>
inline void usually(int count, const Work& work) {
    if (count == N)
        work(Constant<N>());
    else
        work(count);
}

// The codes of a grid.
class Rounding {
  public:
    Rounding(float step, float low, float high)
        : step_(splat(step)), reciprocal_(splat(1 / step)), low_(splat(low)), high_(splat(high)) {}

    HalfShort codes(Float x) const {
        const Float rounded = inside(x) + kMagic;
        return __builtin_convertvector((Int)rounded - (Int)splat(kMagic), HalfShort);
    }

    Float values(Float x) const { return nearest(inside(x)) * step_; }

  private:
    Float inside(Float x) const {
        return higher(low_, lower(high_, quotient(x, step_, reciprocal_)));
    }

    Float step_, reciprocal_, low_, high_;
};

class Writer {
  public:
    Writer(const Epilogue& e, int width, int outputs, float* map, float unit = 1)
        : e_(e), width_(width), outputs_(outputs), vectors_(vectors_of(outputs)),
          channels_(outputs / (e.shuffle * e.shuffle)), map_(map) {
        const int padded = vectors_ * L;
        float* space = writer_space.get<float>((size_t)6 * padded);
        scale_ = fill(space, e.scale);
        for (int o = 0; o < outputs; ++o) scale_[o] *= unit;
        bias_ = fill(space + padded, e.bias);
        slope1_ = fill(space + 2 * padded, e.slope1);
        rectifies_ = e.slope1 && std::count(slope1_, slope1_ + outputs, 0.0f) == outputs;
        slope2_ = fill(space + 3 * padded, e.slope2);
        sums_ = fill(space + 4 * padded, nullptr);
        squares_ = fill(space + 5 * padded, nullptr);
        if (e_.sums) {
            memset(e_.sums, 0, outputs * sizeof *e_.sums);
            memset(e_.squares, 0, outputs * sizeof *e_.squares);
        }
    }

    // Finish and write the v-th vector of outputs of pixels that stand side by side from (y, x) on.
    // `Count` is int or a constant, so that the usual case is unrolled.
    template <typename Count>
    inline __attribute__((always_inline)) void write(Float* values, Count count, int y, int x,
                                                     int v) {
        const int o = v * L, valid = least(L, outputs_ - o);
        const Float scale = load<Float>(scale_ + o), bias = load<Float>(bias_ + o);
        for (int i = 0; i < count; ++i) values[i] = values[i] * scale + bias;
        if (rectifies_)
            for (int i = 0; i < count; ++i) values[i] = higher(values[i], Float{});
        else if (e_.slope1)
            bend(values, count, load<Float>(slope1_ + o));
        follow(values, count, e_.curve);
        if (e_.round_step > 0) {
            const Rounding grid(e_.round_step, e_.round_low, e_.round_high);
            for (int i = 0; i < count; ++i) values[i] = grid.values(values[i]);
        }
        Float gates[kMost];
        if (e_.gate)
            for (int i = 0; i < count; ++i) gates[i] = sigmoid(values[i]) - 0.5f;
        if (e_.add_map) {
            const float* from = e_.add_map + ((int64_t)y * width_ + x) * outputs_ + o;
            for (int i = 0; i < count; ++i) values[i] += some(from + i * outputs_, valid);
        }
        if (e_.add_codes) {
            const int16_t* from =
                e_.add_codes +
                ((kPad + y) * (int64_t)code_columns(width_) + kPad + x) * e_.add_pitch + o;
            for (int i = 0; i < count; ++i)
                values[i] += to_float(load<HalfShort>(from + i * e_.add_pitch)) * e_.add_step;
        }
        if (e_.gate)
            for (int i = 0; i < count; ++i) values[i] *= gates[i];
        if (e_.slope2) bend(values, count, load<Float>(slope2_ + o));
        if (e_.sums) {
            Float sum = load<Float>(sums_ + o), square = load<Float>(squares_ + o);
            for (int i = 0; i < count; ++i) {
                sum += values[i];
                square = fused(values[i], values[i], square);
            }
            store(sums_ + o, sum);
            store(squares_ + o, square);
        }
        if (e_.codes)
            put_codes(values, count, y, x, o, valid);
        else
            put(values, count, y, x, o, valid);
    }

    // Add up what was summed in float so far: after each strip, to lose no digits.
    void flush() {
        if (!e_.sums) return;
        for (int o = 0; o < outputs_; ++o) {
            e_.sums[o] += sums_[o];
            e_.squares[o] += squares_[o];
        }
        fill(sums_, nullptr);
        fill(squares_, nullptr);
    }

  private:
    float* fill(float* space, const float* values) {
        memset(space, 0, (size_t)vectors_ * L * sizeof *space);
        if (values) memcpy(space, values, (size_t)outputs_ * sizeof *space);
        return space;
    }

    static Float some(const float* from, int count) {
        if (count == L) return load<Float>(from);
        Float x = {};
        memcpy(&x, from, count * sizeof *from);
        return x;
    }

    template <typename Count>
    static void bend(Float* x, Count count, Float slope) {
        const Float zero = {};
        for (int i = 0; i < count; ++i) x[i] = higher(x[i], zero) + slope * lower(x[i], zero);
    }

    template <typename Count>
    static inline __attribute__((always_inline)) void follow(Float* x, Count count, Curve curve) {
        if (curve == kSilu)
            for (int i = 0; i < count; ++i) x[i] = silu(x[i]);
        else if (curve == kHardswish)
            for (int i = 0; i < count; ++i) x[i] = hardswish(x[i]);
        else if (curve == kSigmoid)
            for (int i = 0; i < count; ++i) x[i] = sigmoid(x[i]);
    }

    // How far the o-th code goes from its pixel's first, in rows of `columns` pixels.
    int64_t shift(int o, int64_t columns, int pitch) const {
        if (e_.shuffle == 1) return o;  // without slow divisions
        const int group = o / channels_;
        return (group / e_.shuffle * columns + group % e_.shuffle) * pitch + o % channels_;
    }

    bool together(int o, int valid) const {
        return valid == L && (e_.shuffle == 1 || o % channels_ + L <= channels_);
    }

    // Outputs that a shuffle puts into one row of pixels stand together.
    template <typename Count>
    void put(const Float* values, Count count, int y, int x, int o, int valid) const {
        const int r = e_.shuffle, row = r * channels_;  // outputs of a pixel in a row
        const int64_t columns = (int64_t)width_ * row;
        float* to = map_ + (int64_t)y * r * columns + (int64_t)x * row;
        if (r == 1 && valid == L) {
            for (int i = 0; i < count; ++i) store(to + o + (int64_t)i * row, values[i]);
            return;
        }
        for (int lane = 0; lane < valid;) {
            const int first = (o + lane) % row, together = least(valid - lane, row - first);
            float* there = to + (o + lane) / row * columns + first;
            for (int i = 0; i < count; ++i)
                copy((const float*)&values[i] + lane, together, there + (int64_t)i * row);
            lane += together;
        }
    }

    static void copy(const float* from, int count, float* to) {
        if (count == L) return store(to, load<Float>(from));
        for (; count >= 4; count -= 4, from += 4, to += 4) memcpy(to, from, 4 * sizeof *to);
        for (; count; --count) *to++ = *from++;
    }

    template <typename Count>
    void put_codes(const Float* values, Count count, int y, int x, int o, int valid) const {
        const Rounding grid(e_.codes_step, e_.codes_low, e_.codes_high);
        const int r = e_.shuffle;
        const int64_t columns = code_columns(width_ * r);
        int16_t* to = e_.codes + ((kPad + y * r) * columns + kPad + x * r) * e_.codes_pitch;
        const int64_t next = (int64_t)r * e_.codes_pitch;
        if (together(o, valid)) {
            to += shift(o, columns, e_.codes_pitch);
            for (int i = 0; i < count; ++i)
                store(to + i * next, grid.codes(values[i]));
            return;
        }
        for (int i = 0; i < count; ++i) {
            const HalfShort code = grid.codes(values[i]);
            for (int lane = 0; lane < valid; ++lane)
                to[i * next + shift(o + lane, columns, e_.codes_pitch)] = code[lane];
        }
    }

    const Epilogue& e_;
    int width_, outputs_, vectors_, channels_;
    float* map_;
    float *scale_, *bias_, *slope1_, *slope2_, *sums_, *squares_;
    bool rectifies_;
};

// ---------------------------------------------------------------------------------------------
// Winograd F(4x4, 3x3)

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
void winograd_rows(const typename K::Number* image, int height, int width, int pitch,
                   const typename K::Number* packed, int outputs, Writer& writer) {
    const int vectors = vectors_of(outputs), tiles = (width + kTile - 1) / kTile;
    const ptrdiff_t row = (ptrdiff_t)code_columns(width) * pitch, whole = 0;
    // A cache line more than needed, or all planes would fall into the same few sets of the cache.
    const ptrdiff_t plane = (ptrdiff_t)kChunk * pitch + kLine / sizeof(typename K::Number);
    const ptrdiff_t product_plane = (ptrdiff_t)kChunk * kVectors + kLine / sizeof(typename K::Sum);
    auto* points = inputs_space.get<typename K::Number>(kPoints * plane);
    auto* products = products_space.get<typename K::Sum>(kPoints * product_plane);

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
}

template <typename K, typename W>
void pack_points(const W* weight, int inputs, int outputs, typename K::Number* packed) {
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
}

void winograd(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
              const int16_t* packed, int32_t outputs, float* map, const Epilogue* epilogue) {
    Writer writer(*epilogue, width, outputs, map, Pairs::kUnit);
    winograd_rows<Pairs>(codes, height, width, pitch, packed, outputs, writer);
}

void pack_winograd(const int8_t* weight, int32_t inputs, int32_t outputs, int16_t* packed) {
    pack_points<Pairs>(weight, inputs, outputs, packed);
}

// A map with zeros around it, in the layout of codes.
template <typename Number>
const Number* padded_map(const float* map, int height, int width, int channels, int pitch) {
    const ptrdiff_t row = (ptrdiff_t)code_columns(width) * pitch;
    const size_t size = (up(height, kTile) + 2 * kPad) * row;
    Number* padded = map_space.get<Number>(size);
    memset(padded, 0, size * sizeof *padded);
    for (int y = 0; y < height; ++y) {
        Number* to = padded + (kPad + y) * row + (ptrdiff_t)kPad * pitch;
        for (int x = 0; x < width; ++x, to += pitch, map += channels)
            for (int c = 0; c < channels; ++c) to[c] = map[c];
    }
    return padded;
}

void winograd_float(const float* map, int32_t height, int32_t width, int32_t inputs,
                    const float* packed, int32_t outputs, float* out, const Epilogue* epilogue) {
    Writer writer(*epilogue, width, outputs, out, Singles::kUnit);
    const int pitch = up(inputs, L);
    winograd_rows<Singles>(padded_map<float>(map, height, width, inputs, pitch), height, width,
                           pitch, packed, outputs, writer);
}

void pack_winograd_float(const float* weight, int32_t inputs, int32_t outputs, float* packed) {
    pack_points<Singles>(weight, inputs, outputs, packed);
}

// ---------------------------------------------------------------------------------------------
// Direct convolutions of any odd size

// `image` has the layout of codes. Where a vector has lanes for the outputs of several pixels, it
// sums up `side` of them, side by side, with a kernel that is wider by side - 1; never of Doubles.
template <typename K>
void direct_rows(const typename K::Number* image, int height, int width, int pitch,
                 const typename K::Number* packed, int outputs, int edge, int side,
                 Writer& writer) {
    const int vectors = vectors_of(outputs), reach = edge / 2, columns = edge + side - 1;
    const int parts = vectors * K::kParts;
    const int groups = columns * pitch / K::kInputs;
    const ptrdiff_t row = (ptrdiff_t)code_columns(width) * pitch;
    ptrdiff_t segments[2 * kPad + 1];  // a row of pixels each
    for (int y = 0; y < edge; ++y) segments[y] = (y - reach) * row - (ptrdiff_t)reach * pitch;
    auto* sums = products_space.get<typename K::Sum>((size_t)kMost * (parts + side));
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
}

void direct(const int16_t* codes, int32_t height, int32_t width, int32_t pitch,
            const int16_t* packed, int32_t outputs, int32_t edge, int32_t side, float* map,
            const Epilogue* epilogue) {
    Writer writer(*epilogue, width, outputs, map);
    direct_rows<Pairs>(codes, height, width, pitch, packed, outputs, edge, side, writer);
}

void direct_float(const float* map, int32_t height, int32_t width, int32_t inputs,
                  const float* packed, int32_t outputs, int32_t edge, int32_t side, float* out,
                  const Epilogue* epilogue) {
    Writer writer(*epilogue, width, outputs, out);
    direct_rows<Singles>(padded_map<float>(map, height, width, inputs, inputs), height, width,
                         inputs, packed, outputs, edge, side, writer);
}

void image_float(const float* map, int32_t height, int32_t width, int32_t inputs,
                 const double* packed, int32_t outputs, int32_t edge, float* out,
                 const Epilogue* epilogue) {
    Writer writer(*epilogue, width, outputs, out);
    direct_rows<Doubles>(padded_map<double>(map, height, width, inputs, inputs), height, width,
                         inputs, packed, outputs, edge, 1, writer);
}

template <typename K, typename W>
void pack_taps(const W* weight, int inputs, int outputs, int edge, int side,
               typename K::Number* packed) {
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
}

void pack_direct(const int8_t* weight, int32_t inputs, int32_t outputs, int32_t edge, int32_t side,
                 int16_t* packed) {
    pack_taps<Pairs>(weight, inputs, outputs, edge, side, packed);
}

void pack_float(const float* weight, int32_t inputs, int32_t outputs, int32_t edge, int32_t side,
                float* packed) {
    pack_taps<Singles>(weight, inputs, outputs, edge, side, packed);
}

void pack_image(const float* weight, int32_t inputs, int32_t outputs, int32_t edge,
                double* packed) {
    pack_taps<Doubles>(weight, inputs, outputs, edge, 1, packed);
}

#ifdef CADYQ_USE_AMX
#include "matrix.h"
#else
constexpr decltype(Kernels::pack_matrix) pack_matrix = nullptr;
constexpr decltype(Kernels::matrix) matrix = nullptr;
#endif

// ---------------------------------------------------------------------------------------------
// Maps to codes and to statistics

void encode(const float* map, int64_t height, int64_t width, int32_t channels, float step,
            float low, float high, int16_t* codes, int32_t pitch) {
    const int64_t row = (int64_t)code_columns((int)width) * pitch;
    const Rounding grid(step, low, high);
    for (int64_t y = 0; y < height; ++y) {
        int16_t* to = codes + (kPad + y) * row + (int64_t)kPad * pitch;
        for (int64_t x = 0; x < width; ++x, to += pitch, map += channels) {
            int c = 0;
            for (; c + L <= channels; c += L) store(to + c, grid.codes(load<Float>(map + c)));
            for (; c < channels; ++c) {
                float value = map[c] / step;
                value = value < low ? low : value > high ? high : value;
                to[c] = (int16_t)((value + kMagic) - kMagic);
            }
        }
    }
}

void sums(const float* map, int64_t pixels, int32_t channels, double* sums, double* squares) {
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
}

}  // namespace

extern const Kernels kernels;
const Kernels kernels = {L,           encode,     sums,       pack_winograd, pack_winograd_float,
                         pack_direct, pack_float, pack_image, winograd,      winograd_float,
                         direct,      direct_float, image_float, pack_matrix, matrix};

}  // namespace CADYQ_ISA
