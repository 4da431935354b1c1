#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/event.h"

namespace metarec {

enum class WatchEventType {
  kCreated,
  kDeleted,
  kDataChanged,
  kChildrenChanged,
  kSessionEnded,  // the session expired or the store was destroyed: nothing will be seen any more
};

struct WatchEvent {
  WatchEventType type = WatchEventType::kSessionEnded;
  std::string path;
};

// A one-shot watch: made by who wants to know, given to one read (MetaStore::Get, Exists or
// Children), fires at most once. It is set only if that read succeeds (for Exists also if there is
// no node). The store holds it weakly: dropping it is how to lose interest.
//
//   auto watch = std::make_shared<Watch>(co_await asio::this_coro::executor);
//   auto children = co_await store->Children(path, watch);
//   auto event = co_await watch->Wait();
//
// Used on one executor (a single thread or a strand), except for Fire.
class Watch {
 public:
  explicit Watch(const asio::any_io_executor& executor);

  // The event, or kCancelled when the awaiting coroutine is cancelled.
  asio::awaitable<absl::StatusOr<WatchEvent>> Wait();

  bool fired() const { return fired_.is_set(); }

  // For stores: from any thread. The first event counts.
  static void Fire(const std::weak_ptr<Watch>& watch, WatchEvent event);

 private:
  const asio::any_io_executor executor_;
  Event fired_;
  WatchEvent event_;
};

}  // namespace metarec
