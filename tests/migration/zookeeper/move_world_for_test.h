// A cluster that moves: two real ZooKeepers, the new one of one server or of three, simulated
// replica servers, and real metarecds in the place of its meta servers, which the real metarec
// stops and starts by commands.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "testing/child_process.h"
#include "testing/simulated_cluster.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarecd_world.h"

namespace metarec {

struct MovingClusterOptions {
  int metas = 2;
  bool into_ensemble = false;
  // Below which the clients of each ZooKeeper have all their paths; empty: none.
  std::string old_chroot = {};
  std::string new_chroot = {};
  // Whether metarec changes each config.ini itself; else by a command, as on another machine.
  bool has_configs_here = true;
};

class MovingCluster {
 public:
  static constexpr char kRoot[] = "/pegasus/demo";
  // Of a table of the cluster.
  static constexpr char kEnvKey[] = "default_ttl";
  static constexpr char kEnvValue[] = "86400";

  // The meta servers serve when this returns.
  static absl::StatusOr<std::unique_ptr<MovingCluster>> Make(MovingClusterOptions options = {});
  ~MovingCluster();
  MovingCluster(const MovingCluster&) = delete;
  MovingCluster& operator=(const MovingCluster&) = delete;

  // metarec migrate plan with `more`, and with what it needs beyond that. After a move, `back` is
  // the other direction.
  tools::Ended Plan(std::vector<std::string> more, bool back = false);
  // metarec migrate VERB --state FILE, to its end.
  tools::Ended Migrate(const std::string& verb, std::vector<std::string> more = {});
  std::unique_ptr<tools::MetarecProcess> StartMigrate(const std::string& verb);
  // metarec with these arguments and the cluster's meta servers.
  tools::Ended Ask(std::vector<std::string> arguments);

  // As hosts_list has them.
  std::string old_hosts() { return world_->zookeeper().hosts() + options_.old_chroot; }
  std::string new_hosts() { return NewServers() + options_.new_chroot; }
  std::string state_path() const { return state_path_; }
  void NewState();  // another file from now on

  // All znodes, with their transaction ids; without the lock directory.
  tools::ZnodeRecords OldTree();
  tools::ZnodeRecords NewTree(const std::string& root = kRoot);
  // Path and data of all of it.
  static std::map<std::string, std::string> Contents(const tools::ZnodeRecords& records);
  // What [zookeeper] hosts_list of each config.ini says.
  std::vector<std::string> ConfiguredHosts() const;
  std::string ConfigText(int meta) const;

  std::vector<std::string> meta_addresses() const;
  std::string ConfigPath(int meta) const;
  absl::Status StartMeta(int meta);
  // A replica server misbehaves from now on.
  absl::Status Break(const std::string& node, testing::SimulatedFault::Kind kind);
  // No replica server has this partition of table 1 any more.
  absl::Status LosePartition(int32_t index);
  // One replica has a higher ballot from now on, as after a change of its partition's members.
  absl::Status RaiseBallot();
  tools::MetarecdWorld& world() { return *world_; }

 private:
  explicit MovingCluster(MovingClusterOptions options) : options_(std::move(options)) {}

  absl::Status StartServers();
  absl::Status WriteTree();
  std::string NewServers() const;
  std::string OldPath(const std::string& below_root) const {
    return options_.old_chroot + kRoot + below_root;
  }
  std::string StartCommand() const;
  std::string StopCommand() const;
  std::string EditCommand() const;
  std::string Log(const std::string& name);

  const MovingClusterOptions options_;
  std::unique_ptr<tools::MetarecdWorld> world_;
  std::unique_ptr<testing::ZooKeeperServer> other_;
  std::unique_ptr<testing::ZooKeeperEnsemble> ensemble_;
  // Nobody else may listen there while a meta server is stopped.
  std::vector<std::unique_ptr<testing::ReservedPort>> ports_;
  std::string state_path_;
  int states_ = 0;
  int logs_ = 0;
};

}  // namespace metarec
