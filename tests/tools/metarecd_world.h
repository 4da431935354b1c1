// The real programs as processes of their own: any of them by itself, and metarecd, any number of
// them, against a real ZooKeeper and simulated replica servers.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "base/runtime/system_clock.h"
#include "idl/ipv4_endpoint.h"
#include "rpc/client.h"
#include "testing/child_process.h"
#include "testing/free_port.h"
#include "testing/scratch_folder.h"
#include "testing/simulated_servers.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/ended.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec::tools {

using MetarecProcess = testing::ChildProcess;

// Starts "metarec" or another program of ours. Its output goes into `<log>.out` and `<log>.err`.
absl::StatusOr<std::unique_ptr<MetarecProcess>> StartProgram(
    std::vector<std::string> arguments, const std::string& log,
    const std::string& program = "metarec");

using testing::FreePort;
using testing::ScratchFolder;

// A named pipe that is full and that nobody reads. At `<log>.err` it is the stderr of a program.
class FullPipe {
 public:
  explicit FullPipe(const std::string& path);
  ~FullPipe();
  FullPipe(const FullPipe&) = delete;
  FullPipe& operator=(const FullPipe&) = delete;

  // Whoever writes there waits.
  int writing_end() const { return writing_end_; }
  // Reads all that is in it.
  std::string Drain() const;

 private:
  int reading_end_ = -1;
  int writing_end_ = -1;
};

// Waits for at most two minutes until it is so; whether it is.
bool Await(const std::function<bool()>& condition, absl::Duration timeout = absl::Seconds(120));

struct MetarecdWorldOptions {
  int tables = 20;
  int partitions = 1000;  // of each table
  // Outlasts a ZooKeeper that is restarted on a busy machine.
  absl::Duration session_timeout = absl::Seconds(60);
};

// One that runs, or ran.
struct Metarecd {
  uint16_t port = 0;
  std::unique_ptr<MetarecProcess> process;

  // As the others know it.
  std::string name() const;
  Ipv4Endpoint endpoint() const { return {.ip = 0x7F000001, .port = port}; }
  // Waits until its log says so.
  bool AwaitLog(const std::string& text) const;
};

// All that ZooKeeper says of a znode but the number of children.
struct ZnodeRecord {
  std::string data;
  int64_t czxid = 0;
  int64_t mzxid = 0;
  int64_t pzxid = 0;
  int32_t version = 0;
  int32_t child_version = 0;

  friend bool operator==(const ZnodeRecord&, const ZnodeRecord&) = default;
};
using ZnodeRecords = std::map<std::string, ZnodeRecord>;  // by path below the root
// What a meta server reads: path and data of /apps and what is below it.
std::map<std::string, std::string> AppsIn(const ZnodeRecords& records);

class MetarecdWorld {
 public:
  static absl::StatusOr<std::unique_ptr<MetarecdWorld>> Make(MetarecdWorldOptions options = {});

  // Servers of one cluster with these ports; `own` is the one that is started. They contend in
  // `<root>/lock`.
  std::unique_ptr<Metarecd> StartMetarecd(const std::string& root, uint16_t own,
                                          const std::vector<uint16_t>& ports) {
    return StartMetarecd(root, own, ports, options_.session_timeout);
  }
  std::unique_ptr<Metarecd> StartMetarecd(const std::string& root, uint16_t own,
                                          const std::vector<uint16_t>& ports,
                                          absl::Duration session_timeout);
  // metarec recover with the list of the replica servers, to any of these.
  std::unique_ptr<MetarecProcess> StartRecover(const std::vector<uint16_t>& ports);
  Ended Recover(const std::vector<uint16_t>& ports);
  // list_apps, by somebody who can be sent on to the leader.
  rpc::Reply Ask(Ipv4Endpoint endpoint);

  // Of the tables and partitions under `<root>/apps`, how many are there.
  int64_t CountZnodes(const std::string& root);
  int64_t znodes() const { return options_.tables * (int64_t{1} + options_.partitions); }
  std::optional<NodeData> Get(const std::string& path);
  // The root and everything in it but `<root>/lock`.
  ZnodeRecords Dump(const std::string& root);
  // The tables and partitions, which would fill the server's memory in the long run.
  void RemoveTables(const std::string& root);

  testing::ZooKeeperServer& zookeeper() { return *zookeeper_; }
  testing::SimulatedClusterThread& servers() { return *servers_; }
  // What these hold, as a value.
  static absl::StatusOr<testing::SimulatedCluster> ClusterOf(const MetarecdWorldOptions& options);
  ScratchFolder& folder() { return folder_; }
  const MetarecdWorldOptions& options() const { return options_; }
  // A bystander's session; a new one after the server was restarted.
  MetaStore* store() { return store_.get(); }
  absl::Status Connect();
  // To another ZooKeeper than its own; empty: to its own again.
  absl::Status ConnectTo(std::string hosts);
  // `owner`, if given, is the only one who may use what this session creates.
  absl::StatusOr<std::unique_ptr<ZooKeeperMetaStore>> NewSession(
      std::optional<StoreAuth> owner = std::nullopt);

  template <typename Result>
  Result Run(std::function<asio::awaitable<Result>()> start) {
    std::optional<Result> result;
    asio::co_spawn(context_, start, [&](const std::exception_ptr& thrown, Result value) {
      if (thrown) std::rethrow_exception(thrown);
      result = std::move(value);
    });
    context_.restart();
    context_.run();
    return *std::move(result);
  }

 private:
  explicit MetarecdWorld(MetarecdWorldOptions options) : options_(options) {}

  std::string Log(const std::string& program);

  const MetarecdWorldOptions options_;
  ScratchFolder folder_;
  std::unique_ptr<testing::ZooKeeperServer> zookeeper_;
  std::unique_ptr<testing::SimulatedClusterThread> servers_;
  asio::io_context context_;
  SystemClock clock_;
  std::unique_ptr<ZooKeeperMetaStore> store_;
  std::string other_hosts_;
  int processes_ = 0;
};

}  // namespace metarec::tools
