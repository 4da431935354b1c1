#pragma once

#include "base/runtime/clock.h"

namespace metarec {

// The real Clock: the wall time at construction, advanced by the system's monotonic clock; sleeps
// are asio timers on the executor of the awaiting coroutine.
class SystemClock final : public Clock {
 public:
  SystemClock();
  absl::Time Now() const override;
  asio::awaitable<absl::Status> SleepUntil(absl::Time deadline) override;

 private:
  const absl::Time wall_at_start_;
  const absl::Duration monotonic_at_start_;
};

}  // namespace metarec
