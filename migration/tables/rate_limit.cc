#include "migration/tables/rate_limit.h"

#include <algorithm>

namespace metarec {
namespace {

// Shorter sleeps would cost more than they are worth.
constexpr absl::Duration kBurst = absl::Milliseconds(20);

}  // namespace

asio::awaitable<absl::Status> RateLimit::Take(int64_t rows, int64_t bytes) {
  double seconds = 0;
  if (rows_per_second_ > 0) {
    seconds = static_cast<double>(rows) / static_cast<double>(rows_per_second_);
  }
  if (bytes_per_second_ > 0) {
    seconds =
        std::max(seconds, static_cast<double>(bytes) / static_cast<double>(bytes_per_second_));
  }
  const absl::Time now = clock_->Now();
  next_ = std::max(next_, now) + absl::Seconds(seconds);
  if (next_ < now + kBurst) co_return absl::OkStatus();
  co_return co_await clock_->SleepUntil(next_);
}

}  // namespace metarec
