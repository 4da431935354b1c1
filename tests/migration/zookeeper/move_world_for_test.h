// A cluster that moves: two real ZooKeepers, simulated replica servers, and real metarecds in the
// place of its meta servers, which the real metarec stops and starts by commands.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "testing/child_process.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarecd_world.h"

namespace metarec {

class MovingCluster {
 public:
  static constexpr char kRoot[] = "/pegasus/demo";
  // Of a table of the cluster.
  static constexpr char kEnvKey[] = "default_ttl";
  static constexpr char kEnvValue[] = "86400";

  // With so many meta servers. They serve when this returns.
  static absl::StatusOr<std::unique_ptr<MovingCluster>> Make(int metas);
  ~MovingCluster();
  MovingCluster(const MovingCluster&) = delete;
  MovingCluster& operator=(const MovingCluster&) = delete;

  // metarec migrate plan, with what it needs beyond `more`.
  tools::Ended Plan(std::vector<std::string> more);
  // metarec migrate VERB --state FILE, to its end.
  tools::Ended Migrate(const std::string& verb, std::vector<std::string> more = {});
  std::unique_ptr<tools::MetarecProcess> StartMigrate(const std::string& verb);
  // metarec with these arguments and the cluster's meta servers.
  tools::Ended Ask(std::vector<std::string> arguments);

  std::string old_hosts() { return world_->zookeeper().hosts(); }
  std::string new_hosts() { return other_->hosts(); }
  std::string state_path() const { return state_path_; }
  void NewState();  // another file from now on

  // All znodes, with their transaction ids; without the lock directory.
  tools::ZnodeRecords OldTree();
  tools::ZnodeRecords NewTree();
  // Path and data of all of it.
  static std::map<std::string, std::string> Contents(const tools::ZnodeRecords& records);
  // What [zookeeper] hosts_list of each config.ini says.
  std::vector<std::string> ConfiguredHosts() const;
  std::string ConfigText(int meta) const;

  std::vector<std::string> meta_addresses() const;
  std::string ConfigPath(int meta) const;
  absl::Status StartMeta(int meta);
  // One replica has a higher ballot from now on, as after a change of its partition's members.
  absl::Status RaiseBallot();
  tools::MetarecdWorld& world() { return *world_; }

 private:
  MovingCluster() = default;

  absl::Status WriteTree();
  std::string Log(const std::string& name);

  std::unique_ptr<tools::MetarecdWorld> world_;
  std::unique_ptr<testing::ZooKeeperServer> other_;
  std::vector<uint16_t> ports_;
  std::string state_path_;
  int states_ = 0;
  int logs_ = 0;
};

}  // namespace metarec
