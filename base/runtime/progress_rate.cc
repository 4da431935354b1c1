#include "base/runtime/progress_rate.h"

#include <cmath>

namespace metarec {
namespace {

constexpr absl::Duration kWatchedAtLeast = absl::Seconds(3);
constexpr absl::Duration kMemory = absl::Seconds(10);
constexpr absl::Duration kStalledAfter = absl::Seconds(5);
constexpr absl::Duration kSampleAtLeast = absl::Milliseconds(250);

}  // namespace

void ProgressRate::Add(absl::Time now, int64_t done) {
  if (!first_.has_value() || done < done_) {
    *this = ProgressRate();
    first_ = last_ = last_gain_ = now;
    done_ = done;
    return;
  }
  const absl::Duration passed = now - last_;
  if (passed < kSampleAtLeast) return;
  const double rate = static_cast<double>(done - done_) / absl::ToDoubleSeconds(passed);
  const double kept = std::exp(-absl::FDivDuration(passed, kMemory));
  weighted_rate_ = weighted_rate_ * kept + rate * (1 - kept);
  weight_ = weight_ * kept + (1 - kept);
  if (done > done_) last_gain_ = now;
  last_ = now;
  done_ = done;
}

std::optional<double> ProgressRate::per_second() const {
  if (!first_.has_value() || last_ - *first_ < kWatchedAtLeast) return std::nullopt;
  if (last_ - last_gain_ >= kStalledAfter || weighted_rate_ <= 0) return std::nullopt;
  return weighted_rate_ / weight_;
}

std::optional<absl::Duration> ProgressRate::TimeLeft(int64_t total) const {
  const std::optional<double> rate = per_second();
  if (!rate.has_value() || total <= done_) return std::nullopt;
  return absl::Seconds(static_cast<double>(total - done_) / *rate);
}

}  // namespace metarec
