#pragma once

#include <cstdint>
#include <optional>

#include <absl/time/time.h>

namespace metarec {

// How fast something proceeds, averaged over about ten seconds, and how long the rest will take.
// Says nothing before it has watched for three seconds, and nothing while nothing proceeds. A
// value.
class ProgressRate {
 public:
  // To be called now and then, also when nothing has changed. What was done before the first call
  // does not count. If `done` falls, it starts again.
  void Add(absl::Time now, int64_t done);

  std::optional<double> per_second() const;
  // nullopt also if nothing is left.
  std::optional<absl::Duration> TimeLeft(int64_t total) const;

 private:
  std::optional<absl::Time> first_;
  absl::Time last_;
  absl::Time last_gain_;
  int64_t done_ = 0;
  double weighted_rate_ = 0;  // latest seconds weigh most
  double weight_ = 0;
};

}  // namespace metarec
