// Time that stands still until the test advances it.

#pragma once

#include <map>
#include <memory>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/this_coro.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/event.h"

namespace metarec::rpc {

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return now_; }

  asio::awaitable<absl::Status> SleepUntil(absl::Time deadline) override {
    if (deadline <= now_) co_return absl::OkStatus();
    auto wake = std::make_shared<Event>(co_await asio::this_coro::executor);
    sleepers_.emplace(deadline, wake);
    co_return co_await wake->Wait();
  }

  void Advance(absl::Duration duration) {
    now_ += duration;
    while (!sleepers_.empty() && sleepers_.begin()->first <= now_) {
      sleepers_.begin()->second->Set();
      sleepers_.erase(sleepers_.begin());
    }
  }

 private:
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::multimap<absl::Time, std::shared_ptr<Event>> sleepers_;
};

}  // namespace metarec::rpc
