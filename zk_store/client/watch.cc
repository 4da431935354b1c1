#include "zk_store/client/watch.h"

#include <utility>

#include <asio/post.hpp>

#include "base/runtime/status_macros.h"

namespace metarec {

Watch::Watch(const asio::any_io_executor& executor) : executor_(executor), fired_(executor) {}

asio::awaitable<absl::StatusOr<WatchEvent>> Watch::Wait() {
  METAREC_CO_RETURN_IF_ERROR(co_await fired_.Wait());
  co_return event_;
}

void Watch::Fire(const std::weak_ptr<Watch>& weak, WatchEvent event) {
  const std::shared_ptr<Watch> watch = weak.lock();
  if (watch == nullptr) return;
  asio::post(watch->executor_, [watch, event = std::move(event)]() mutable {
    if (watch->fired_.is_set()) return;
    watch->event_ = std::move(event);
    watch->fired_.Set();
  });
}

}  // namespace metarec
