// Whether this program was built to be looked into (with a sanitizer, or without optimisation),
// which makes it five to twenty times slower. Of a long enumeration such a build sees a fixed
// share: what is right or wrong is the same in all builds, and the optimised one sees everything.

#pragma once

#include <cstdint>

namespace metarec::testing {

// The presets with a sanitizer are debug builds, too.
#ifdef NDEBUG
inline constexpr bool kSlowBuild = false;
#else
inline constexpr bool kSlowBuild = true;
#endif

// The first in a slow build, the second otherwise: a number of rounds, or n where every n-th case
// is taken.
constexpr int64_t InSlowBuild(int64_t slow, int64_t otherwise) {
  return kSlowBuild ? slow : otherwise;
}

}  // namespace metarec::testing
