#include "base/runtime/run_on.h"

#include <exception>
#include <memory>
#include <utility>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/event.h"

namespace metarec {
namespace {

struct Errand {
  explicit Errand(const asio::any_io_executor& home) : over(home) {}

  Event over;  // used where it is awaited
  // Used where the work runs.
  asio::cancellation_signal cancel;
  bool has_ended = false;
};

asio::awaitable<void> Work(std::function<asio::awaitable<void>()>* work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await (*work)();
}

}  // namespace

asio::awaitable<void> RunOn(asio::any_io_executor executor,
                            std::function<asio::awaitable<void>()> work) {
  const asio::any_io_executor home = co_await asio::this_coro::executor;
  const auto errand = std::make_shared<Errand>(home);
  asio::post(executor, [executor, home, errand, work = &work] {
    const auto come_home = [executor, home, errand](std::exception_ptr) {
      errand->has_ended = true;
      // asio still looks at the slot after the completion handler has run, hence the first post.
      asio::post(executor, [home, errand]() mutable {
        asio::post(home, [errand = std::move(errand)] { errand->over.Set(); });
      });
    };
    asio::co_spawn(executor, Work(work),
                   asio::bind_cancellation_slot(errand->cancel.slot(), come_home));
  });
  const absl::Status waited = co_await errand->over.Wait();
  if (waited.ok()) co_return;
  asio::post(executor, [errand] {
    if (!errand->has_ended) errand->cancel.emit(asio::cancellation_type::terminal);
  });
  // The work points into this frame, which must therefore outlive it.
  co_await errand->over.WaitRegardless();
}

}  // namespace metarec
