// How requests to ZooKeeper are repeated.

#pragma once

#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
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
// requests at once is one incident. Spent by Retry.
//
// Used on one executor (a single thread or a strand).
class RetryBudget {
 public:
  // `on_outage`, if given, is called with true when a request fails because no answer came, and
  // with false at the next success.
  explicit RetryBudget(Clock* clock, RetryLimits limits = {},
                       std::function<void(bool)> on_outage = nullptr);

  // The number of incidents so far. Note it before a request is sent.
  uint64_t incident() const { return incidents_; }

  // After a request that was sent when incident() was `incident_at_start` has failed with `error`:
  // waits and returns OK if it may be repeated. Otherwise returns `error`, marked as kGivenUp, or
  // kCancelled.
  asio::awaitable<absl::Status> Spend(uint64_t incident_at_start, absl::Status error);

  // After a request has succeeded: the next backoff is a short one again, and an outage is over.
  void OnSuccess();

  // Whether the connection failed the request, and may serve it if it is sent again. Of a write
  // the outcome is then unknown.
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

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Whether Retry repeats an operation that ends with this error: the connection was lost, the answer
// did not come, or the operation says that it has lost a race (ErrorMark::kLostRace). Nothing is
// repeated that has been given up.
bool IsWorthRepeating(const absl::Status& error);

// Awaits `operation()` again and again, as far as the budget allows, until it succeeds or fails
// with an error that is not worth repeating; returns its last result, or kCancelled.
//
// `operation` returns an awaitable of absl::Status or absl::StatusOr. What a repetition must know
// of the attempt before, it keeps itself. Where a write's answer was lost (OutcomeUnknown) the next
// attempt must begin by reading what is there: nothing else protects from executing it twice. An
// error of its fence is final by itself (FenceError).
template <typename Operation>
std::invoke_result_t<Operation&> Retry(RetryBudget* budget, Operation operation) {
  for (;;) {
    const uint64_t incident = budget->incident();
    auto result = co_await operation();
    const absl::Status& status = StatusOf(result);
    if (status.ok()) budget->OnSuccess();
    if (status.ok() || !IsWorthRepeating(status)) co_return std::move(result);
    absl::Status spent = co_await budget->Spend(incident, status);
    if (!spent.ok()) co_return std::move(spent);
  }
}

}  // namespace metarec
