#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "testing/zookeeper_server.h"

namespace metarec::testing {

// Three real ZooKeeper servers with a quorum, on loopback. As ZooKeeperServer: every call blocks,
// not thread-safe, and the servers die with the thread that started them.
class ZooKeeperEnsemble {
 public:
  static constexpr int kServers = 3;

  // Returns once all of them serve.
  static absl::StatusOr<std::unique_ptr<ZooKeeperEnsemble>> Start(
      ZooKeeperServerOptions options = {});
  ~ZooKeeperEnsemble();
  ZooKeeperEnsemble(const ZooKeeperEnsemble&) = delete;
  ZooKeeperEnsemble& operator=(const ZooKeeperEnsemble&) = delete;

  // All three, separated by commas.
  std::string hosts() const;
  ZooKeeperServer& server(int index) { return *servers_[index]; }

  // Which one leads; waits until one does.
  absl::StatusOr<int> AwaitLeader(absl::Duration timeout = absl::Seconds(60));
  // Starts whichever does not run, and waits until all serve.
  absl::Status RestartAll();

 private:
  ZooKeeperEnsemble() = default;

  std::vector<int> reservations_;  // of the ports by which they talk to each other
  std::vector<std::unique_ptr<ZooKeeperServer>> servers_;
};

}  // namespace metarec::testing
