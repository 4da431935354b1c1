#include "zk_store/retry_budget.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "runtime/status_macros.h"
#include "zk_store/store_error.h"

namespace metarec {

RetryBudget::RetryBudget(Clock* clock, RetryLimits limits) : clock_(clock), limits_(limits) {}

asio::awaitable<absl::Status> RetryBudget::Spend(uint64_t incident_at_start, absl::Status error) {
  if (incident_at_start == incidents_) {
    if (incidents_ >= static_cast<uint64_t>(std::max(0, limits_.incidents_max))) {
      co_return Annotate(error, absl::StrCat("; given up after ", incidents_, " retries"));
    }
    ++incidents_;
    const int doublings = std::min(failures_in_a_row_++, 20);
    resume_at_ =
        clock_->Now() + std::min(limits_.backoff_min * (1 << doublings), limits_.backoff_max);
  }
  co_return co_await clock_->SleepUntil(resume_at_);
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

}  // namespace metarec
