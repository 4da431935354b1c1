#pragma once

#include <cstdint>

#include <absl/time/time.h>

namespace metarec::simulation {

// The only source of chance in a simulation: the same seed gives the same numbers with every
// compiler and standard library (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // From `least` to `most`.
  int64_t Pick(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(Next() % static_cast<uint64_t>(most - least + 1));
  }
  bool OneIn(int64_t n) { return Pick(1, n) == 1; }
  absl::Duration Span(absl::Duration least, absl::Duration most) {
    return absl::Microseconds(
        Pick(absl::ToInt64Microseconds(least), absl::ToInt64Microseconds(most)));
  }
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

}  // namespace metarec::simulation
