#include "zk_store/client/retry_budget.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/store_error.h"

namespace metarec {
namespace {

absl::Status GivenUp(const absl::Status& error, absl::string_view why) {
  return WithMark(Annotate(error, why), ErrorMark::kGivenUp);
}

}  // namespace

RetryBudget::RetryBudget(Clock* clock, RetryLimits limits, std::function<void(bool)> on_outage)
    : clock_(clock),
      limits_(limits),
      on_outage_(std::move(on_outage)),
      answered_at_(clock->Now()) {}

asio::awaitable<absl::Status> RetryBudget::Spend(uint64_t incident_at_start, absl::Status error) {
  if (incident_at_start == incidents_) {
    if (incidents_ >= static_cast<uint64_t>(std::max(0, limits_.incidents_max))) {
      co_return GivenUp(error, absl::StrCat("; given up after ", incidents_, " retries"));
    }
    const bool is_unanswered = IsRetryable(error);
    const absl::Duration unanswered = clock_->Now() - answered_at_;
    if (is_unanswered && unanswered >= limits_.outage_max) {
      METAREC_RARE_BRANCH("ZooKeeper answers nothing for too long");
      co_return GivenUp(
          error, absl::StrCat("; given up after ",
                              absl::FormatDuration(absl::Trunc(unanswered, absl::Seconds(1))),
                              " without an answer of ZooKeeper"));
    }
    ++incidents_;
    const int doublings = std::min(failures_in_a_row_++, 20);
    resume_at_ =
        clock_->Now() + std::min(limits_.backoff_min * (1 << doublings), limits_.backoff_max);
    if (is_unanswered) SetOutage(true);
  }
  co_return co_await clock_->SleepUntil(resume_at_);
}

void RetryBudget::OnSuccess() {
  failures_in_a_row_ = 0;
  answered_at_ = clock_->Now();
  SetOutage(false);
}

void RetryBudget::SetOutage(bool is_outage) {
  if (is_outage_ == is_outage) return;
  is_outage_ = is_outage;
  if (on_outage_) on_outage_(is_outage);
}

bool RetryBudget::IsRetryable(const absl::Status& status) {
  switch (StoreErrorOf(status)) {
    case StoreError::kConnectionLoss:
    case StoreError::kOperationTimeout:
    case StoreError::kUnknown:
      return true;
    default:
      return false;
  }
}

bool IsWorthRepeating(const absl::Status& error) {
  if (HasMark(error, ErrorMark::kGivenUp)) return false;
  return RetryBudget::IsRetryable(error) || HasMark(error, ErrorMark::kLostRace);
}

}  // namespace metarec
