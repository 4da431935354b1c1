#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

namespace metarec::simulation {

// What happened, in order: a number that tells two runs apart, and on request readable lines.
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
