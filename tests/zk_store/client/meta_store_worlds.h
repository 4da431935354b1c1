// The worlds in which the conformance suite of MetaStore runs.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <asio/io_context.hpp>

#include "base/runtime/system_clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec {

struct SessionSettings {
  Acl acl = OpenAcl();
  std::optional<StoreAuth> auth;
  size_t request_bytes_max = 1024 * 1024 - 1;
};

class World {
 public:
  virtual ~World() = default;
  virtual asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(
      SessionSettings settings) = 0;
  virtual asio::awaitable<void> ExpireSession(MetaStore* store) = 0;
  virtual void StopServing() = 0;
  virtual void Serve() = 0;
};

std::unique_ptr<World> MakeInMemoryWorld();
// In memory, too, behind a store that could fail and does not.
std::unique_ptr<World> MakeFaultInjectingWorld();
// All of them share one server.
std::unique_ptr<World> MakeZooKeeperWorld();

// Runs `body` to its end on a single-threaded io_context, which must take less than four minutes.
void RunToEnd(std::function<asio::awaitable<void>()> body);

}  // namespace metarec
