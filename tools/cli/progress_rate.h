#pragma once

#include <cstdint>
#include <optional>

#include <absl/time/time.h>

namespace metarec::tools {

// How fast something goes on, smoothed over some ten seconds, and how long the rest will take. Says
// nothing until it has watched for three seconds, nor while nothing goes on. A value.
class ProgressRate {
 public:
  // To be told now and then, also when nothing has changed. What was done before the first time
  // does not count; when `done` falls, it begins anew.
  void Add(absl::Time now, int64_t done);

  std::optional<double> per_second() const;
  // Also none when there is nothing left.
  std::optional<absl::Duration> TimeLeft(int64_t total) const;

 private:
  std::optional<absl::Time> first_;
  absl::Time last_;
  absl::Time last_gain_;
  int64_t done_ = 0;
  double weighted_rate_ = 0;  // latest seconds weigh most
  double weight_ = 0;
};

}  // namespace metarec::tools
