// What makes runs of one seed the same: one source of randomness, and a trace that tells runs
// apart.

#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

namespace metarec::simulation {

// The only source of randomness in a simulation. The same seed gives the same numbers with every
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

// What happened, in order: as a hash that tells two runs apart and, if asked for, as readable
// lines.
class Trace {
 public:
  // `out`: where lines go; null: nowhere.
  explicit Trace(std::FILE* out) : out_(out) {}

  // `who` does or sees `what`.
  void Add(absl::Time now, absl::string_view who, absl::string_view what) {
    const int64_t us = absl::ToUnixMicros(now) - 1'790'000'000'000'000;
    Mix(absl::string_view(reinterpret_cast<const char*>(&us), sizeof(us)));
    Mix(who);
    Mix(what);
    if (out_ == nullptr) return;
    std::fprintf(out_, "%12.6f  %-10.*s %.*s\n", static_cast<double>(us) / 1e6,
                 static_cast<int>(who.size()), who.data(), static_cast<int>(what.size()),
                 what.data());
  }

  uint64_t hash() const { return hash_; }

 private:
  // FNV-1a.
  void Mix(absl::string_view bytes) {
    for (const char c : bytes) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001B3;
    hash_ = (hash_ ^ 0xFF) * 0x100000001B3;
  }

  std::FILE* const out_;
  uint64_t hash_ = 0xCBF29CE484222325;
};

}  // namespace metarec::simulation
