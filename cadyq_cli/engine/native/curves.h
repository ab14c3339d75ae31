// Smooth activations of vectors, the same on every instruction set but for its fused products.
#pragma once

#include "lanes.h"

namespace CADYQ_ISA {

// 2^x for |x| <= 126, within 2e-7 of it: the whole part of x goes to the exponent, and a polynomial
// (least largest relative error on -1/2..1/2) stands for the rest.
static inline Float power_of_2(Float x) {
    const Float shifted = x + kMagic;  // its lowest bits hold the nearest whole number
    const Float rest = x - (shifted - kMagic);
    Float power = fused(rest, splat(1.3276472e-3f), splat(9.6755419e-3f));
    power = fused(power, rest, splat(5.5507131e-2f));
    power = fused(power, rest, splat(2.4022120e-1f));
    power = fused(power, rest, splat(6.9314694e-1f));
    power = fused(power, rest, splat(1.0f));
    return (Float)((Word)power + ((Word)shifted << 23));
}

// One plus e^-x: what divides by it is multiplied by the sigmoid of x. Below -87 as for -87.
static inline Float one_plus_exp(Float x) {
    constexpr float kMinusLog2E = -1.44269504f;
    const Float limit = splat(126.0f);
    return power_of_2(higher(-limit, lower(limit, x * kMinusLog2E))) + 1.0f;
}

static inline Float sigmoid(Float x) { return 1.0f / one_plus_exp(x); }
static inline Float silu(Float x) { return x / one_plus_exp(x); }

static inline Float hardswish(Float x) {
    return x * higher(Float{}, lower(splat(1.0f), x * (1 / 6.0f) + 0.5f));
}

}  // namespace CADYQ_ISA
