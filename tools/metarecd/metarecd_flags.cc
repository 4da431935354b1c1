#include "tools/metarecd/metarecd_flags.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>
#include <gflags/gflags.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/ipv4_endpoint.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/settlements.h"
#include "pegasus_client/pegasus_config.h"
#include "replica_collector/node_list.h"
#include "replica_collector/node_names.h"
#include "tools/cli/old_tree_arguments.h"
#include "tools/process/exit_code.h"
#include "tools/process/version.h"
#include "zk_store/client/zookeeper_options.h"

DEFINE_string(pegasus_config, "", "config.ini of the meta server that metarecd stands in for");
DEFINE_int32(port, 0, "port to serve; [apps.meta] ports. Without a file: that of --own_name");
DEFINE_string(server_list, "",
              "all meta servers of the cluster; [meta_server] server_list. Without a file: that of "
              "--own_name");
DEFINE_string(zk, "",
              "ZooKeeper servers, and behind the last one the path under which all others lie, if "
              "there is one; [zookeeper] hosts_list");
DEFINE_double(zk_timeout, 0, "ZooKeeper's session timeout; [zookeeper] timeout_ms");
DEFINE_string(root, "",
              "where the metadata are written, a root that is empty or does not exist; "
              "[meta_server] cluster_root");
DEFINE_string(lock_root, "",
              "where meta servers contend for leadership; [meta_server] "
              "distributed_lock_service_parameters. Without a file: lock in --root");
DEFINE_string(recover_from_replica_server, "",
              "true: recover into an empty root; false: serve what a root holds; [meta_server] "
              "recover_from_replica_server. Without a file: true");
DEFINE_string(cluster_name, "", "what cluster_info shows; [replication] cluster_name");

DEFINE_string(listen, "0.0.0.0", "IPv4 address to listen on");
DEFINE_int32(http_port, 0,
             "port of the status pages and metrics, which are then not served on --port; 0: the "
             "same port");
DEFINE_string(own_name, "",
              "host:port by which others know this server. Unless given: the entry of server_list "
              "with this port, if there is only one");
DEFINE_string(operators, "",
              "networks that may send start_recovery and remote commands, such as "
              "10.0.0.0/8,127.0.0.1. Unless given: all");
DEFINE_string(zk_auth_file, "",
              "file with one line user:password for ZooKeeper's digest authentication");
DEFINE_double(node_timeout, 5, "how long one replica server has for its answers");
DEFINE_double(wait_seconds_default, 100,
              "how long a recovery may take before it writes, if the request does not say");
DEFINE_string(
    node_name, "",
    "what the replica servers at these addresses call themselves, where their beacons and "
    "looking the addresses up do not tell");
DEFINE_string(membership, "cold",
              "warm: replicas that can follow the primary at once are secondaries; cold: none is");
DEFINE_string(rename_separator, "-", "goes between a contested table name and its id");
// It and old_tree are repeated, which gflags does not know: ParseMetarecdFlags joins them by line
// breaks.
DEFINE_string(settle, "",
              "decide a conflict, by the key that the failed recovery named; may be repeated");
DEFINE_string(
    old_tree, "",
    "an old copy of ZooKeeper's tree, which adds what replica servers do not know: a tree "
    "file, a data directory of a ZooKeeper server that does not run any more, or "
    "HOST:PORT,.../PATH of a root that is still served; may be repeated. Read when a "
    "recovery begins");
DEFINE_string(carry, "", "what else to take over from an old tree: duplications");
DEFINE_int32(max_app_id, metarec::PlanOptions().max_app_id,
             "a table id above this is a conflict, not that many placeholders");
DEFINE_int32(max_id_gap, metarec::PlanOptions().max_id_gap,
             "more unused ids than this below a table's, and ten times more than the other tables "
             "explain, are a conflict, not that many placeholders");
DEFINE_string(skip_bad_nodes, "",
              "go on without these replica servers, if they do not answer completely or are not in "
              "the list that recover sends; recover -b goes on without any that is bad");
DEFINE_string(skip_lost_partitions, "",
              "create partitions of these tables, and these partitions, as empty ones if they have "
              "no replica: 3,4.2; recover -l creates any so");

namespace metarec::tools {
namespace {

constexpr double kTimeMaxSeconds = 86'400;

bool IsOurs(const gflags::CommandLineFlagInfo& flag) {
  return absl::EndsWith(flag.filename, "metarecd_flags.cc");
}

bool IsGiven(const char* name) {
  gflags::CommandLineFlagInfo info;
  return gflags::GetCommandLineFlagInfo(name, &info) && !info.is_default;
}

absl::StatusOr<absl::Duration> TimeOf(const char* flag, double seconds) {
  if (seconds > 0 && seconds <= kTimeMaxSeconds) return absl::Seconds(seconds);
  return absl::InvalidArgumentError(absl::StrCat("--", flag, " is ", seconds,
                                                 "; it must be above 0 and at most a day, in "
                                                 "seconds"));
}

absl::StatusOr<uint16_t> PortOf(const char* flag, int32_t port) {
  const absl::StatusOr<uint16_t> parsed = ParsePort(absl::StrCat(port));
  if (parsed.ok()) return parsed;
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, " is ", port, "; it must be from 1 to 65535"));
}

// What nothing can be said without when there is no file.
absl::Status CheckGivenWithoutFile() {
  std::vector<std::string> missing;
  if (FLAGS_zk.empty()) missing.emplace_back("--zk HOST:PORT,...");
  if (FLAGS_root.empty()) missing.emplace_back("--root PATH");
  if (FLAGS_own_name.empty()) missing.emplace_back("--own_name HOST:PORT");
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--pegasus_config FILE is missing; or, to do without a file, ",
                   absl::StrJoin(missing, " and ")));
}

absl::Status CheckOwnName() {
  if (FLAGS_own_name.empty()) return absl::OkStatus();
  const absl::Status status = ParseNodeListEntry(FLAGS_own_name).status();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("--own_name: ", status.message()));
}

absl::StatusOr<ConfigOverrides> OverridesFromFlags() {
  std::string port;
  if (IsGiven("port")) {
    METAREC_ASSIGN_OR_RETURN(const uint16_t given, PortOf("port", FLAGS_port));
    port = absl::StrCat(given);
  }
  std::string timeout_ms;
  if (IsGiven("zk_timeout")) {
    METAREC_ASSIGN_OR_RETURN(const absl::Duration given, TimeOf("zk_timeout", FLAGS_zk_timeout));
    timeout_ms = absl::StrCat(std::max<int64_t>(1, absl::ToInt64Milliseconds(given)));
  }
  std::string server_list = FLAGS_server_list;
  std::string lock_root = FLAGS_lock_root;
  std::string recover = FLAGS_recover_from_replica_server;
  if (FLAGS_pegasus_config.empty()) {
    METAREC_RETURN_IF_ERROR(CheckGivenWithoutFile());
    if (server_list.empty()) server_list = FLAGS_own_name;
    // Where Pegasus's own configuration has it.
    if (lock_root.empty()) lock_root = FLAGS_root + "/lock";
    if (recover.empty()) recover = "true";
    METAREC_ASSIGN_OR_RETURN(const NodeListEntry own, ParseNodeListEntry(FLAGS_own_name));
    if (port.empty()) port = absl::StrCat(own.port);
  }
  return ConfigOverrides{
      {"zookeeper", "hosts_list", "--zk", FLAGS_zk},
      {"meta_server", "cluster_root", "--root", FLAGS_root},
      {"apps.meta", "ports", "--port", port},
      {"meta_server", "server_list", "--server_list", server_list},
      {"meta_server", "distributed_lock_service_parameters", "--lock_root", lock_root},
      {"meta_server", "recover_from_replica_server", "--recover_from_replica_server", recover},
      {"replication", "cluster_name", "--cluster_name", FLAGS_cluster_name},
      {"zookeeper", "timeout_ms", "--zk_timeout", timeout_ms},
  };
}

absl::StatusOr<std::string> OwnName(const PegasusConfig& config) {
  if (!FLAGS_own_name.empty()) return FLAGS_own_name;
  std::vector<std::string> ours;
  for (const std::string& server : config.meta_servers) {
    if (absl::EndsWith(server, absl::StrCat(":", config.port))) ours.push_back(server);
  }
  if (ours.size() == 1) return ours.front();
  return absl::InvalidArgumentError(absl::StrCat(
      "which of the meta servers (", absl::StrJoin(config.meta_servers, ","),
      ") is this server, with port ", config.port, "? Say it with --own_name HOST:PORT"));
}

absl::Status AddZooKeeper(const PegasusConfig& config, MetarecdOptions* options) {
  METAREC_ASSIGN_OR_RETURN(const ZooKeeperAddresses addresses,
                           ParseZooKeeperHosts(config.zookeeper_hosts));
  options->zookeeper.hosts = addresses.HostsText();
  options->server.service.recovery.root = addresses.Under(config.cluster_root);
  options->server.lock_root = addresses.Under(config.lock_root);
  options->has_root_flag = !FLAGS_root.empty();
  options->zookeeper.session_timeout = config.zookeeper_session_timeout;
  if (FLAGS_zk_auth_file.empty()) return absl::OkStatus();
  METAREC_ASSIGN_OR_RETURN(ZkAuthFile file, ReadZkAuthFile(FLAGS_zk_auth_file));
  if (!file.warning.empty()) options->warnings.push_back(file.warning);
  options->zookeeper.auth = std::move(file.auth);
  return absl::OkStatus();
}

absl::Status AddListeners(const PegasusConfig& config, RecoveryServerOptions* server) {
  const absl::StatusOr<uint32_t> ip = ParseIpv4(FLAGS_listen);
  if (!ip.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--listen: ", ip.status().message()));
  }
  server->listen = {.ip = *ip, .port = config.port};
  if (!IsGiven("http_port") || FLAGS_http_port == 0) return absl::OkStatus();
  METAREC_ASSIGN_OR_RETURN(const uint16_t port, PortOf("http_port", FLAGS_http_port));
  if (port != config.port) server->http_listen = Ipv4Endpoint{.ip = *ip, .port = port};
  return absl::OkStatus();
}

// What is accepted of what is missing.
absl::Status AddAccepted(PlanOptions* plan) {
  if (!FLAGS_skip_bad_nodes.empty()) {
    METAREC_RETURN_IF_ERROR(AddSkipped(FLAGS_skip_bad_nodes, &plan->bad_nodes_skipped));
  }
  for (const std::string& node : plan->bad_nodes_skipped) {
    const absl::Status status = ParseNodeListEntry(node).status();
    if (status.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat("'", node, "': ", status.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<PlanOptions> DecisionsFromFlags() {
  PlanOptions plan;
  if (!ParseMembership(FLAGS_membership, &plan.membership)) {
    return absl::InvalidArgumentError("--membership is neither warm nor cold");
  }
  plan.rename_separator = FLAGS_rename_separator;
  if (const absl::Status status = CheckPlanOptions(plan); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--rename_separator: ", status.message()));
  }
  plan.max_app_id = FLAGS_max_app_id;
  plan.max_id_gap = FLAGS_max_id_gap;
  if (const absl::Status status = CheckPlanOptions(plan); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--", status.message()));
  }
  if (const absl::Status status = AddAccepted(&plan); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--skip_bad_nodes: ", status.message()));
  }
  if (!FLAGS_skip_lost_partitions.empty()) {
    METAREC_RETURN_IF_ERROR(AddSkipped(FLAGS_skip_lost_partitions, &plan.lost_partitions_skipped));
    METAREC_RETURN_IF_ERROR(CheckPlanOptions(plan));
  }
  for (const absl::string_view text : absl::StrSplit(FLAGS_settle, '\n', absl::SkipEmpty())) {
    METAREC_RETURN_IF_ERROR(AddDecision(text, &plan.settlements));
  }
  if (!FLAGS_carry.empty()) METAREC_RETURN_IF_ERROR(AddCarried({FLAGS_carry}, &plan));
  if (!FLAGS_carry.empty() && FLAGS_old_tree.empty()) {
    return absl::InvalidArgumentError(
        "--carry takes over from an old tree: name it with --old_tree");
  }
  const absl::Status keys = Settlements::Parse(plan.settlements).status();
  if (!keys.ok()) return absl::InvalidArgumentError(absl::StrCat("--settle: ", keys.message()));
  return plan;
}

std::vector<std::string> OldTreesFromFlags() {
  return absl::StrSplit(FLAGS_old_tree, '\n', absl::SkipEmpty());
}

absl::Status AddService(const PegasusConfig& config, RecoveryServiceOptions* service) {
  absl::StatusOr<AllowedNetworks> operators = AllowedNetworks::Parse(FLAGS_operators);
  if (!operators.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--operators: ", operators.status().message()));
  }
  service->operators = *std::move(operators);
  METAREC_ASSIGN_OR_RETURN(service->recovery.collector.node_timeout,
                           TimeOf("node_timeout", FLAGS_node_timeout));
  service->recovery.collector.attempt_timeout = service->recovery.collector.node_timeout;
  METAREC_ASSIGN_OR_RETURN(service->default_wait,
                           TimeOf("wait_seconds_default", FLAGS_wait_seconds_default));
  for (const absl::string_view name : absl::StrSplit(FLAGS_node_name, ',', absl::SkipEmpty())) {
    const absl::Status added = AddNodeName(name, &service->recovery.collector.node_names);
    if (added.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat("--node_name ", added.message()));
  }
  METAREC_ASSIGN_OR_RETURN(service->recovery.plan, DecisionsFromFlags());
  METAREC_RETURN_IF_ERROR(CheckOldTrees(OldTreesFromFlags()));
  service->recovery.writer.tool_version = kVersion;
  service->build.program = "metarecd";
  service->build.version = kVersion;
  if (absl::string_view(kCommit) != "unknown") service->build.commit = kCommit;
  service->beacons.grace = config.beacon_grace;
  service->cluster = {.name = config.cluster_name,
                      .meta_servers = config.meta_servers,
                      .primary_meta_server = "",
                      .zookeeper_hosts = config.zookeeper_hosts,
                      .zookeeper_root = config.cluster_root};
  return absl::OkStatus();
}

int PrintToStdout(absl::string_view text) {
  if (std::cout << text << std::flush) return static_cast<int>(ExitCode::kDone);
  std::cerr << "metarecd: cannot write to stdout" << std::endl;
  return static_cast<int>(ExitCode::kFailed);
}

int WrongUsage(absl::string_view what) {
  std::cerr << "metarecd: " << Printable(what) << "; metarecd --help tells more" << std::endl;
  return static_cast<int>(ExitCode::kFailed);
}

// The flag, also of "noNAME"; nullopt: there is none.
std::optional<gflags::CommandLineFlagInfo> FlagOf(const std::string& name) {
  gflags::CommandLineFlagInfo info;
  if (gflags::GetCommandLineFlagInfo(name.c_str(), &info)) return info;
  if (!absl::StartsWith(name, "no")) return std::nullopt;
  if (!gflags::GetCommandLineFlagInfo(name.c_str() + 2, &info)) return std::nullopt;
  return info.type == "bool" ? std::make_optional(info) : std::nullopt;
}

// Whether gflags, whose own messages say less, will understand every argument; or what to print.
std::optional<int> CheckArguments(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "-h" || argument == "--help" || argument == "-help") {
      return PrintToStdout(MetarecdHelp());
    }
    if (argument == "--version" || argument == "-version") {
      return PrintToStdout(VersionLine("metarecd") + "\n");
    }
    if (!absl::ConsumePrefix(&argument, "-")) {
      return WrongUsage(absl::StrCat("'", argument, "' belongs to no flag"));
    }
    absl::ConsumePrefix(&argument, "-");
    const std::string name(argument.substr(0, argument.find('=')));
    const std::optional<gflags::CommandLineFlagInfo> flag = FlagOf(name);
    if (!flag.has_value()) {
      const std::string meant = ClosestWord(name, MetarecdFlagNames());
      return WrongUsage(
          absl::StrCat("there is no flag --", name,
                       meant.empty() ? "" : absl::StrCat(" (did you mean --", meant, "?)")));
    }
    const bool has_value = absl::StrContains(argument, '=');
    if (flag->type == "bool" && !has_value) continue;
    if (!has_value && ++i == arguments.size()) {
      return WrongUsage(absl::StrCat("--", name, " has no value"));
    }
    const bool is_empty = has_value ? argument.back() == '=' && argument.size() == name.size() + 1
                                    : arguments[i].empty();
    if (is_empty && IsOurs(*flag)) {
      return WrongUsage(
          absl::StrCat("--", name, " has an empty value; give another one, or leave it out"));
    }
  }
  return std::nullopt;
}

// Takes every --NAME VALUE out of the arguments, which CheckArguments has seen, and returns the
// values.
std::vector<std::string> TakeRepeated(absl::string_view name, int* argc, char** argv) {
  std::vector<std::string> values;
  int kept = 1;
  for (int i = 1; i < *argc; ++i) {
    absl::string_view argument = argv[i];
    absl::ConsumePrefix(&argument, "-");
    absl::ConsumePrefix(&argument, "-");
    if (argument == name && i + 1 < *argc) {
      values.emplace_back(argv[++i]);
    } else if (absl::ConsumePrefix(&argument, absl::StrCat(name, "="))) {
      values.emplace_back(argument);
    } else {
      argv[kept++] = argv[i];
      // What follows is its value, even if it reads "--settle".
      const auto flag = FlagOf(std::string(argument));
      if (flag.has_value() && flag->type != "bool" && i + 1 < *argc) argv[kept++] = argv[++i];
    }
  }
  *argc = kept;
  argv[kept] = nullptr;
  return values;
}

}  // namespace

absl::StatusOr<MetarecdOptions> OptionsFromFlags() {
  METAREC_RETURN_IF_ERROR(CheckOwnName());
  METAREC_ASSIGN_OR_RETURN(const ConfigOverrides overrides, OverridesFromFlags());
  METAREC_ASSIGN_OR_RETURN(const PegasusConfig config,
                           ReadPegasusConfig(FLAGS_pegasus_config, overrides));
  MetarecdOptions options;
  options.warnings = config.warnings;
  METAREC_RETURN_IF_ERROR(AddZooKeeper(config, &options));
  METAREC_RETURN_IF_ERROR(AddListeners(config, &options.server));
  options.old_trees = OldTreesFromFlags();
  METAREC_ASSIGN_OR_RETURN(options.server.own_name, OwnName(config));
  options.server.recover = config.recover_from_replica_server;
  options.server.session_timeout = config.zookeeper_session_timeout;
  METAREC_RETURN_IF_ERROR(AddService(config, &options.server.service));
  if (options.server.service.operators.allows_everyone()) {
    options.warnings.emplace_back(
        "anybody who reaches this port may start a recovery; restrict that with --operators");
  }
  return options;
}

std::vector<std::string> MetarecdFlagNames() {
  std::vector<gflags::CommandLineFlagInfo> flags;
  gflags::GetAllFlags(&flags);
  std::vector<std::string> names;
  for (const gflags::CommandLineFlagInfo& flag : flags) {
    if (IsOurs(flag)) names.push_back(flag.name);
  }
  return names;
}

std::optional<int> ParseMetarecdFlags(int* argc, char*** argv) {
  const std::optional<int> ended =
      CheckArguments(std::vector<std::string>(*argv + 1, *argv + *argc));
  if (ended.has_value()) return ended;
  gflags::SetUsageMessage("metarecd --help tells more");
  gflags::SetVersionString(kVersion);
  const std::vector<std::string> settlements = TakeRepeated("settle", argc, *argv);
  const std::vector<std::string> old_trees = TakeRepeated("old_tree", argc, *argv);
  gflags::ParseCommandLineFlags(argc, argv, true);
  if (!settlements.empty()) FLAGS_settle = absl::StrJoin(settlements, "\n");
  if (!old_trees.empty()) FLAGS_old_tree = absl::StrJoin(old_trees, "\n");
  return std::nullopt;
}

}  // namespace metarec::tools
