#pragma once

#include <cstdint>
#include <functional>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"

namespace metarec {

struct RetryLimits {
  int incidents_max = 30;
  // How long ZooKeeper may leave everything unanswered: the first request that fails after that is
  // not repeated. Such a request may itself take as long as the store needs to notice that it has
  // no connection.
  absl::Duration outage_max = absl::Seconds(60);
  absl::Duration backoff_min = absl::Milliseconds(100);  // doubles while nothing succeeds
  absl::Duration backoff_max = absl::Seconds(5);
};

// How often one logical operation (a whole write, a whole verification) may be interrupted by
// ZooKeeper. Shared by all the coroutines that work for it: a lost connection that fails a hundred
// requests at once is one incident.
//
// Used on one executor (a single thread or a strand).
class RetryBudget {
 public:
  // `on_outage`, if given, is told true when a request fails for want of an answer, and false at
  // the next success.
  explicit RetryBudget(Clock* clock, RetryLimits limits = {},
                       std::function<void(bool)> on_outage = nullptr);

  // To be noted before a request is sent.
  uint64_t incident() const { return incidents_; }

  // After a request that was sent when incident() was `incident_at_start` has failed with `error`:
  // waits and returns OK if it may be repeated; else returns `error`, or kCancelled.
  asio::awaitable<absl::Status> Spend(uint64_t incident_at_start, absl::Status error);

  // After a request has succeeded: the next backoff is a short one again, and an outage is over.
  void OnSuccess();

  // Whether it makes sense to repeat a request that failed like this (a write only after its
  // outcome has been read back).
  static bool IsRetryable(const absl::Status& status);

 private:
  void SetOutage(bool is_outage);

  Clock* const clock_;
  const RetryLimits limits_;
  const std::function<void(bool)> on_outage_;
  uint64_t incidents_ = 0;
  int failures_in_a_row_ = 0;
  bool is_outage_ = false;
  absl::Time answered_at_;  // the last success, or the beginning
  absl::Time resume_at_ = absl::InfinitePast();
};

}  // namespace metarec
