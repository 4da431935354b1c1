#pragma once

#include <cstdint>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"

namespace metarec {

// So many rows and bytes a second, over all who share it.
//
// Not thread-safe: used on one executor. `clock` must outlive it.
class RateLimit {
 public:
  // 0: no limit.
  RateLimit(Clock* clock, int64_t rows_per_second, int64_t bytes_per_second)
      : clock_(clock), rows_per_second_(rows_per_second), bytes_per_second_(bytes_per_second) {}

  bool is_limited() const { return rows_per_second_ > 0 || bytes_per_second_ > 0; }

  // Returns when it is these rows' turn; kCancelled.
  asio::awaitable<absl::Status> Take(int64_t rows, int64_t bytes);

 private:
  Clock* const clock_;
  const int64_t rows_per_second_;
  const int64_t bytes_per_second_;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace metarec
