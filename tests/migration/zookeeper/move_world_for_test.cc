#include "tests/migration/zookeeper/move_world_for_test.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include "base/runtime/status_macros.h"
#include "pegasus_client/config_edit.h"
#include "zk_store/topology/znode_json.h"

namespace metarec {
namespace {

using tools::Ended;

// Both may be repeated, as an operator's own may: a move that was killed runs them again.
constexpr char kStartMeta[] =
    "readlink /proc/$(cat \"$METAREC_CONFIG.pid\" 2> /dev/null)/exe > /dev/null 2>&1 || { "
    "setsid " METAREC_BIN_DIR
    "/metarecd --pegasus_config \"$METAREC_CONFIG\" >> \"$METAREC_CONFIG.log\" 2>&1 & "
    "echo $! > \"$METAREC_CONFIG.pid\"; }";
constexpr char kStopMeta[] =
    "p=$(cat \"$METAREC_CONFIG.pid\"); kill $p 2> /dev/null; "
    "while readlink /proc/$p/exe > /dev/null 2>&1; do sleep 0.05; done";
constexpr char kEditConfig[] =
    "if [ $METAREC_BACK = 1 ]; then z=$METAREC_OLD_ZOOKEEPER r=$METAREC_OLD_ROOT "
    "l=$METAREC_OLD_LOCK_ROOT; else z=$METAREC_ZOOKEEPER r=$METAREC_ROOT l=$METAREC_LOCK_ROOT; fi; "
    "sed -i -e \"s@^\\( *hosts_list =\\) [^ ]*@\\1 $z@\" "
    "-e \"s@^\\( *cluster_root =\\) [^ ]*@\\1 $r@\" "
    "-e \"s@^\\( *distributed_lock_service_parameters =\\) [^ ]*@\\1 $l@\" "
    "\"$METAREC_CONFIG\"";

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

pid_t PidIn(const std::string& path) {
  int pid = 0;
  return absl::SimpleAtoi(ReadAll(path), &pid) ? pid : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MovingCluster>> MovingCluster::Make(MovingClusterOptions options) {
  std::unique_ptr<MovingCluster> cluster(new MovingCluster(std::move(options)));
  METAREC_RETURN_IF_ERROR(cluster->StartServers());
  const int metas = cluster->options_.metas;
  for (int i = 0; i < metas; ++i) {
    cluster->ports_.push_back(std::make_unique<testing::ReservedPort>());
  }
  const std::vector<std::string> addresses = cluster->meta_addresses();
  for (int i = 0; i < metas; ++i) {
    // How commands find it that are told the address only.
    cluster->world_->folder().Write(addresses[i], cluster->ConfigPath(i));
    cluster->world_->folder().Write(
        absl::StrCat("config", i, ".ini"),
        absl::StrCat("[apps.meta]\n  ports = ", cluster->ports_[i]->number(),
                     "\n\n[meta_server]\n  server_list = ", absl::StrJoin(addresses, ","),
                     "\n  cluster_root = ", kRoot,
                     "\n  distributed_lock_service_parameters = ", kRoot, "/lock",
                     "\n  meta_state_service_type = meta_state_service_zookeeper"
                     "\n  distributed_lock_service_type = distributed_lock_service_zookeeper"
                     "\n  recover_from_replica_server = false"
                     "\n\n[replication]\n  fd_grace_seconds = 86400  # they send no beacons"
                     "\n\n[zookeeper]\n  hosts_list = ",
                     cluster->old_hosts(), "  ; the old one\n  timeout_ms = 10000\n"));
  }
  cluster->NewState();
  METAREC_RETURN_IF_ERROR(cluster->WriteTree());
  for (int i = 0; i < metas; ++i) METAREC_RETURN_IF_ERROR(cluster->StartMeta(i));
  return cluster;
}

absl::Status MovingCluster::StartServers() {
  tools::MetarecdWorldOptions options;
  options.tables = 3;
  options.partitions = 8;
  METAREC_ASSIGN_OR_RETURN(world_, tools::MetarecdWorld::Make(options));
  if (options_.into_ensemble) {
    METAREC_ASSIGN_OR_RETURN(ensemble_, testing::ZooKeeperEnsemble::Start());
  } else {
    METAREC_ASSIGN_OR_RETURN(other_, testing::ZooKeeperServer::Start());
  }
  return absl::OkStatus();
}

std::string MovingCluster::NewServers() const {
  return ensemble_ == nullptr ? other_->hosts() : ensemble_->hosts();
}

std::string MovingCluster::StartCommand() const {
  return absl::StrCat("METAREC_CONFIG=$(cat ", world_->folder().path(), "/$METAREC_META); ",
                      kStartMeta);
}

std::string MovingCluster::StopCommand() const {
  return absl::StrCat("METAREC_CONFIG=$(cat ", world_->folder().path(), "/$METAREC_META); ",
                      kStopMeta);
}

std::string MovingCluster::EditCommand() const {
  return absl::StrCat("METAREC_CONFIG=$(cat ", world_->folder().path(), "/$METAREC_META); ",
                      kEditConfig);
}

MovingCluster::~MovingCluster() {
  for (size_t i = 0; i < ports_.size(); ++i) {
    const pid_t pid = PidIn(ConfigPath(static_cast<int>(i)) + ".pid");
    if (pid > 0) ::kill(pid, SIGKILL);
  }
}

absl::Status MovingCluster::WriteTree() {
  auto recover = tools::StartProgram({"recover", "-f", world_->folder().Path("recover_node_list"),
                                      "--zk", old_hosts(), "--root", kRoot, "-w", "60"},
                                     Log("recover"));
  METAREC_RETURN_IF_ERROR(recover.status());
  if ((*recover)->Wait() != 0) return absl::InternalError((*recover)->Errors());
  // What only ZooKeeper knows: an env, duplications, a backup policy.
  const std::string path = OldPath("/apps/1");
  const std::optional<NodeData> node = world_->Get(path);
  if (!node.has_value()) return absl::InternalError("there is no table 1");
  METAREC_ASSIGN_OR_RETURN(AppZnode app, DecodeApp(path, node->data));
  app.envs[kEnvKey] = kEnvValue;
  std::string json;
  EncodeApp(app, &json);
  METAREC_RETURN_IF_ERROR(
      world_->Run<absl::StatusOr<NodeStat>>([&] { return world_->store()->Set(path, json); })
          .status());
  for (const auto& [name, data] : std::vector<std::pair<std::string, std::string>>{
           {"/apps/1/duplication", ""},
           {"/apps/1/duplication/1700000000", "{\"remote\":\"other\"}"},
           {"/backup", ""},
           {"/backup/daily", "{\"policy_name\":\"daily\"}"}}) {
    METAREC_RETURN_IF_ERROR(world_
                                ->Run<absl::StatusOr<std::string>>([&, &name = name, &data = data] {
                                  return world_->store()->Create(OldPath(name), data);
                                })
                                .status());
  }
  return absl::OkStatus();
}

std::string MovingCluster::Log(const std::string& name) {
  return world_->folder().Path(absl::StrCat(name, ".", ++logs_));
}

void MovingCluster::NewState() {
  state_path_ = world_->folder().Path(absl::StrCat("move", ++states_, ".state"));
}

std::vector<std::string> MovingCluster::meta_addresses() const {
  std::vector<std::string> addresses;
  for (const auto& port : ports_) {
    addresses.push_back(absl::StrCat("127.0.0.1:", port->number()));
  }
  return addresses;
}

std::string MovingCluster::ConfigPath(int meta) const {
  return world_->folder().Path(absl::StrCat("config", meta, ".ini"));
}

std::string MovingCluster::ConfigText(int meta) const { return ReadAll(ConfigPath(meta)); }

std::vector<std::string> MovingCluster::ConfiguredHosts() const {
  std::vector<std::string> hosts;
  for (size_t i = 0; i < ports_.size(); ++i) {
    hosts.push_back(
        ConfigValue(ConfigText(static_cast<int>(i)), "zookeeper", "hosts_list").value_or(""));
  }
  return hosts;
}

absl::Status MovingCluster::StartMeta(int meta) {
  ::setenv("METAREC_CONFIG", ConfigPath(meta).c_str(), 1);
  if (std::system(kStartMeta) != 0) return absl::InternalError("cannot start metarecd");
  const bool serves = tools::Await([&] {
    const std::string log = ReadAll(ConfigPath(meta) + ".log");
    return log.find("leading as") != std::string::npos ||
           log.find("following ") != std::string::npos;
  });
  return serves ? absl::OkStatus() : absl::InternalError("metarecd does not serve");
}

absl::Status MovingCluster::Break(const std::string& node, testing::SimulatedFault::Kind kind) {
  METAREC_ASSIGN_OR_RETURN(testing::SimulatedCluster cluster,
                           tools::MetarecdWorld::ClusterOf(world_->options()));
  testing::SimulatedNode broken = *cluster.FindNode(node);
  broken.fault.kind = kind;
  return world_->servers().SetNode(std::move(broken));
}

absl::Status MovingCluster::LosePartition(int32_t index) {
  METAREC_ASSIGN_OR_RETURN(testing::SimulatedCluster cluster,
                           tools::MetarecdWorld::ClusterOf(world_->options()));
  for (testing::SimulatedNode& node : cluster.nodes) {
    std::erase_if(node.replicas, [&](const ReplicaRecord& replica) {
      return replica.app_id == 1 && replica.partition_index == index;
    });
    METAREC_RETURN_IF_ERROR(world_->servers().SetNode(node));
  }
  return absl::OkStatus();
}

absl::Status MovingCluster::RaiseBallot() {
  METAREC_ASSIGN_OR_RETURN(testing::SimulatedCluster cluster,
                           tools::MetarecdWorld::ClusterOf(world_->options()));
  cluster.nodes.front().replicas.front().ballot += 1;
  return world_->servers().SetNode(cluster.nodes.front());
}

Ended MovingCluster::Plan(std::vector<std::string> more, bool back) {
  const std::map<std::string, std::string> needed = {
      {"--meta", absl::StrJoin(meta_addresses(), ",")},
      {"--to", back ? old_hosts() : new_hosts()},
      {"--stop_meta", StopCommand()},
      {"--start_meta", StartCommand()},
      {"--wait_seconds", "60"},
      {"--command_seconds", "10"},
      {"--state", state_path_}};
  std::vector<std::string> arguments = {"migrate", "plan"};
  for (const auto& [option, value] : needed) {
    if (std::find(more.begin(), more.end(), option) != more.end()) continue;
    arguments.insert(arguments.end(), {option, value});
  }
  if (options_.has_configs_here) {
    for (size_t i = 0; i < ports_.size(); ++i) {
      arguments.insert(arguments.end(), {"--config", ConfigPath(static_cast<int>(i))});
    }
  } else {
    arguments.insert(arguments.end(), {"--edit_config", EditCommand()});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto process = tools::StartProgram(std::move(arguments), Log("plan"));
  EXPECT_TRUE(process.ok()) << process.status();
  const int exit_code = (*process)->Wait();
  return {exit_code, (*process)->Output(), (*process)->Errors()};
}

std::unique_ptr<tools::MetarecProcess> MovingCluster::StartMigrate(const std::string& verb) {
  auto process = tools::StartProgram({"migrate", verb, "--state", state_path_}, Log(verb));
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

Ended MovingCluster::Migrate(const std::string& verb, std::vector<std::string> more) {
  std::vector<std::string> arguments = {"migrate", verb, "--state", state_path_};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto process = tools::StartProgram(std::move(arguments), Log(verb));
  EXPECT_TRUE(process.ok()) << process.status();
  const int exit_code = (*process)->Wait();
  return {exit_code, (*process)->Output(), (*process)->Errors()};
}

Ended MovingCluster::Ask(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--meta", absl::StrJoin(meta_addresses(), ",")});
  auto process = tools::StartProgram(std::move(arguments), Log("ask"));
  EXPECT_TRUE(process.ok()) << process.status();
  const int exit_code = (*process)->Wait();
  return {exit_code, (*process)->Output(), (*process)->Errors()};
}

tools::ZnodeRecords MovingCluster::OldTree() {
  EXPECT_TRUE(world_->ConnectTo("").ok());
  return world_->Dump(OldPath(""));
}

tools::ZnodeRecords MovingCluster::NewTree(const std::string& root) {
  EXPECT_TRUE(world_->ConnectTo(NewServers()).ok());
  return world_->Dump(options_.new_chroot + root);
}

std::map<std::string, std::string> MovingCluster::Contents(const tools::ZnodeRecords& records) {
  std::map<std::string, std::string> contents;
  for (const auto& [path, record] : records) contents[path] = record.data;
  return contents;
}

}  // namespace metarec
