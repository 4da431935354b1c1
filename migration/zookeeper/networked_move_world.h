#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "migration/zookeeper/move_world.h"
#include "pegasus_client/meta_client.h"

namespace metarec {

struct MoveWorldOptions {
  absl::Duration connect_timeout = absl::Seconds(15);
  absl::Duration meta_timeout = absl::Seconds(10);
  absl::Duration port_timeout = absl::Seconds(3);
};

// The world as it is: sockets, and commands for /bin/sh.
class NetworkedMoveWorld final : public MoveWorld {
 public:
  NetworkedMoveWorld(MoveSide from, MoveSide to, asio::any_io_executor executor,
                     Surroundings surroundings, MoveWorldOptions options = {});
  ~NetworkedMoveWorld() override;

  asio::awaitable<absl::StatusOr<ClusterInfo>> AskCluster(std::vector<std::string> metas) override;
  asio::awaitable<absl::StatusOr<std::vector<TableView>>> AskTables(
      std::vector<std::string> metas) override;
  asio::awaitable<absl::StatusOr<std::vector<NodeView>>> AskNodes(
      std::vector<std::string> metas) override;
  asio::awaitable<absl::Status> SetLevel(std::vector<std::string> metas,
                                         std::string level) override;
  asio::awaitable<absl::StatusOr<PortState>> LookAtPort(std::string address) override;
  asio::awaitable<absl::Status> RunCommand(OperatorCommand command) override;

 private:
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(MoveEnd end) override;
  absl::StatusOr<MetaClient*> ClientOf(const std::vector<std::string>& metas);

  const asio::any_io_executor executor_;
  const MoveWorldOptions options_;
  std::map<std::string, std::unique_ptr<MetaClient>> clients_;
};

}  // namespace metarec
