// The codes of a grid.
#pragma once

#include "lanes.h"

namespace CADYQ_ISA {
namespace {

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
    // What is no number becomes the highest code: `lower` gives its second if either is none.
    Float inside(Float x) const {
        return higher(lower(quotient(x, step_, reciprocal_), high_), low_);
    }

    Float step_, reciprocal_, low_, high_;
};

}  // namespace
}  // namespace CADYQ_ISA
