// What happens to a sum before it is written.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "curves.h"
#include "kernels.h"
#include "lanes.h"
#include "layout.h"
#include "rounding.h"
#include "workspace.h"

namespace CADYQ_ISA {
namespace {

constexpr int kMost = 12;  // pixels that are finished at a time, at most

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

class Writer {
  public:
    Writer(const Epilogue& e, int width, int outputs, float* map, float unit = 1)
        : e_(e), width_(width), outputs_(outputs), vectors_(vectors_of(outputs)),
          channels_(outputs / (e.shuffle * e.shuffle)), map_(map) {
        const int padded = vectors_ * L;
        float* space = writer_space.get<float>((size_t)6 * padded);
        ready_ = space != nullptr;
        if (!ready_) return;
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

    // Whether there was memory; nothing can be written without.
    bool ready() const { return ready_; }

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
        if (e_.round_grid) {
            const Rounding grid(e_.round_grid, vectors_ * L, o);
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
            const Float steps = load<Float>(e_.add_steps + o);
            const int16_t* from =
                e_.add_codes +
                ((kPad + y) * (int64_t)code_columns(width_) + kPad + x) * e_.add_pitch + o;
            for (int i = 0; i < count; ++i)
                values[i] += to_float(load<HalfShort>(from + i * e_.add_pitch)) * steps;
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
        const Rounding grid(e_.codes_grid, vectors_ * L, o);
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
    bool ready_, rectifies_;
};

}  // namespace
}  // namespace CADYQ_ISA
