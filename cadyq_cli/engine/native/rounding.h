// The codes of the grids of some channels that stand side by side.
#pragma once

#include "lanes.h"

namespace CADYQ_ISA {
namespace {

class Rounding {
  public:
    // A vector of channels from `first` on, of a grid (kernels.h) whose rows are `row` numbers long.
    Rounding(const float* grid, int row, int first)
        : steps_(load<Float>(grid + first)), reciprocals_(load<Float>(grid + row + first)),
          lowest_(load<Float>(grid + 2 * row + first)),
          highest_(load<Float>(grid + 3 * row + first)) {}

    HalfShort codes(Float x) const {
        const Float rounded = inside(x) + kMagic;
        return __builtin_convertvector((Int)rounded - (Int)splat(kMagic), HalfShort);
    }

    Float values(Float x) const { return nearest(inside(x)) * steps_; }

  private:
    // What is no number becomes the highest code: `lower` gives its second if either is none.
    Float inside(Float x) const {
        return higher(lower(quotient(x, steps_, reciprocals_), highest_), lowest_);
    }

    Float steps_, reciprocals_, lowest_, highest_;
};

}  // namespace
}  // namespace CADYQ_ISA
