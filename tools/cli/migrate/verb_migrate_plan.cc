#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"
#include "migration/procedure/procedure_file.h"
#include "migration/procedure/procedure_report.h"
#include "migration/zookeeper/networked_move_world.h"
#include "migration/zookeeper/preflight.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "replica_collector/node_list.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/file_arguments.h"
#include "tools/cli/node_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/verbs.h"
#include "tools/process/version.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/client/zookeeper_options.h"
#include "zk_store/topology/znode_layout.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec::tools {
namespace {

constexpr char kMigratePlan[] = "migrate plan";

struct MigratePlanArguments {
  std::string metas;
  std::string to_lock_root;
  MoveWishes wishes;
  std::string nodes;
  std::string state_path;
  double lease_seconds = 0;
  OutputArguments output;
};

absl::StatusOr<std::vector<std::string>> NamesInOption(absl::string_view list,
                                                       absl::string_view option) {
  const absl::StatusOr<NodeList> parsed = ParseNodeListString(list);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": ", parsed.status().message()));
  }
  std::vector<std::string> names;
  for (const NodeListEntry& entry : parsed->entries) names.push_back(entry.text);
  return names;
}

absl::StatusOr<MoveWishes> WishesOf(const MigratePlanArguments& arguments) {
  MoveWishes wishes = arguments.wishes;
  if (arguments.metas.empty()) return absl::InvalidArgumentError("--meta HOST:PORT,... is missing");
  METAREC_ASSIGN_OR_RETURN(wishes.metas, NamesInOption(arguments.metas, "--meta"));
  if (!arguments.nodes.empty()) {
    METAREC_ASSIGN_OR_RETURN(wishes.nodes, NamesInOption(arguments.nodes, "-s"));
  }
  if (wishes.to.hosts.empty()) {
    return absl::InvalidArgumentError("--to HOST:PORT,...[/PATH] is missing");
  }
  const absl::Status hosts = ParseZooKeeperHosts(wishes.to.hosts).status();
  if (!hosts.ok()) return absl::InvalidArgumentError(absl::StrCat("--to: ", hosts.message()));
  if (!wishes.from_hosts.empty()) {
    const absl::Status old_hosts = ParseZooKeeperHosts(wishes.from_hosts).status();
    if (!old_hosts.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--zk: ", old_hosts.message()));
    }
  }
  wishes.to.auth_file = AbsolutePath(wishes.to.auth_file);
  wishes.from_auth_file = AbsolutePath(wishes.from_auth_file);
  for (std::string& config : wishes.configs) {
    const size_t equals = config.find('=');
    config = equals == std::string::npos ? AbsolutePath(config)
                                         : absl::StrCat(config.substr(0, equals + 1),
                                                        AbsolutePath(config.substr(equals + 1)));
  }
  return wishes;
}

void AppendLines(absl::string_view heading, const std::vector<std::string>& lines,
                 std::string* text) {
  if (lines.empty()) return;
  absl::StrAppend(text, heading, "\n");
  for (const std::string& line : lines) absl::StrAppend(text, "  ", Printable(line), "\n");
}

std::string MigrationPlanText(const Preflight& found, const std::vector<Step>& steps,
                              const std::string& state_path) {
  std::string text;
  AppendLines("found:", found.facts, &text);
  AppendLines("warnings:", found.warnings, &text);
  AppendLines(found.lost_by_copy.empty() ? "" : "way copy:", found.lost_by_copy, &text);
  if (found.lost_by_copy.empty()) {
    text +=
        "way copy loses nothing; the cluster serves during the long pass, and is without a "
        "leader for one restart and a short last pass\n";
  }
  if (found.lost_by_recovery.empty()) {
    text += "way recovery loses nothing here that is known, and stops all partitions meanwhile\n";
  } else {
    AppendLines("way recovery stops all partitions meanwhile, and loses what only ZooKeeper knows:",
                found.lost_by_recovery, &text);
    AppendLines("  of which --carry_over takes from the old tree:", found.kept_by_carry_over,
                &text);
  }
  absl::StrAppend(&text, "recommended: --way ", MoveWayName(found.recommended), ", since ",
                  found.why_recommended, "\n");
  AppendLines("A run would be refused:", found.refusals, &text);
  if (!found.refusals.empty()) {
    if (!state_path.empty()) {
      absl::StrAppend(&text, ShellWord(state_path),
                      " was not written. Put that right, and plan again\n");
    }
    return text;
  }
  absl::StrAppend(&text, "\nthe steps, by ", MoveWayName(found.request.way), ":\n",
                  RunbookText(steps), "\n");
  if (state_path.empty()) {
    text += "next: the same command with --state FILE, which keeps this plan and where it stands\n";
  } else {
    absl::StrAppend(&text, "next: metarec migrate run --state ", ShellWord(state_path), "\n");
  }
  return text;
}

std::string MigrationPlanJson(const Preflight& found, const std::vector<Step>& steps,
                              const std::string& run_id, const std::string& written) {
  const auto strings = [](const std::vector<std::string>& lines) {
    std::vector<std::string> quoted;
    for (const std::string& line : lines) quoted.push_back(JsonString(line));
    return JsonArray(quoted);
  };
  std::vector<std::string> names;
  for (const Step& step : steps) names.push_back(step.name);
  return JsonObject()
      .Set("way", MoveWayName(found.request.way))
      .Set("recommended", MoveWayName(found.recommended))
      .Set("from", found.request.from.Text())
      .Set("to", found.request.to.Text())
      .Set("run_id", run_id)
      .Set("state", written)
      .Set("refused", !found.refusals.empty())
      .SetJson("refusals", strings(found.refusals))
      .SetJson("facts", strings(found.facts))
      .SetJson("warnings", strings(found.warnings))
      .SetJson("lost_by_copy", strings(found.lost_by_copy))
      .SetJson("lost_by_recovery", strings(found.lost_by_recovery))
      .SetJson("kept_by_carry_over", strings(found.kept_by_carry_over))
      .SetJson("steps", strings(names))
      .ToLine();
}

ProcedureState NewMigration(const Preflight& found, Clock* clock) {
  ProcedureHead head;
  head.kind = absl::StrCat("zookeeper ", MoveWayName(found.request.way));
  head.title = Printable(absl::StrCat(
      "move the metadata of ", found.cluster_name.empty() ? "a cluster" : found.cluster_name,
      " from ", found.request.from.Text(), " to ", found.request.to.Text()));
  head.run_id = NewRunId();
  head.created_at = Rfc3339Text(clock->Now());
  head.tool_version = kVersion;
  head.request = EncodeMoveRequest(found.request);
  return ProcedureState(std::move(head));
}

// Before everything is asked in vain.
absl::Status CheckStateIsNew(const std::string& path) {
  std::error_code error;
  if (path.empty() || !std::filesystem::exists(path, error)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(path, " is there already; metarec migrate status --state ", ShellWord(path),
                   " says what it is. Give another name, or remove it if that move is over"));
}

absl::Status CheckLockRoot(const std::string& lock_root, const std::string& root) {
  if (lock_root.empty()) return absl::OkStatus();
  if (const absl::Status wrong = ValidateRootPath(lock_root); !wrong.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--to_lock_root: ", wrong.message()));
  }
  const ClusterPaths paths(root);
  if (lock_root != root && !IsWithin(lock_root, paths.apps())) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--to_lock_root ", lock_root, " is where the tables of ", root,
                   " are; give a path beside it, such as ", root, "/lock"));
}

asio::awaitable<absl::StatusOr<ExitCode>> PlanMigration(const MigratePlanArguments& arguments,
                                                        CommandLoop* loop,
                                                        ProgressPrinter* progress) {
  Clock* const clock = &loop->clock();
  METAREC_CO_ASSIGN_OR_RETURN(MoveWishes wishes, WishesOf(arguments));
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  NodeAccess access(executor, clock);
  const Surroundings surroundings = access.surroundings();
  const std::string state_path = AbsolutePath(arguments.state_path);
  METAREC_CO_RETURN_IF_ERROR(CheckStateIsNew(state_path));
  MoveSide from;
  {
    NetworkedMoveWorld cluster(MoveSide(), wishes.to, executor, surroundings);
    METAREC_CO_ASSIGN_OR_RETURN(from, co_await FindOldSide(wishes, &cluster));
  }
  if (wishes.to.root.empty()) wishes.to.root = from.root;
  METAREC_CO_RETURN_IF_ERROR(CheckLockRoot(arguments.to_lock_root, wishes.to.root));
  wishes.to.lock_root = arguments.to_lock_root.empty()
                            ? MovedLockRoot(from.lock_root, from.root, wishes.to.root)
                            : arguments.to_lock_root;
  NetworkedMoveWorld world(from, wishes.to, executor, surroundings);
  METAREC_CO_ASSIGN_OR_RETURN(Preflight found, co_await LookBeforeMove(wishes, &world));
  if (arguments.lease_seconds > 0) {
    found.request.lease_seconds = static_cast<int64_t>(arguments.lease_seconds);
  }
  ProcedureState state = NewMigration(found, clock);
  ZooKeeperMove move(found.request, &state, state_path.empty() ? "FILE" : state_path, nullptr);
  const std::vector<Step> steps = move.Steps();
  ProcedureHead head = state.head();
  for (const Step& step : steps) head.steps.push_back(step.name);
  state = ProcedureState(std::move(head));
  const bool is_refused = !found.refusals.empty();
  if (!is_refused && !state_path.empty()) {
    METAREC_CO_RETURN_IF_ERROR(ProcedureFile::Create(state_path, state).status());
  }
  progress->Clear();
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(
      arguments.output.json()
          ? MigrationPlanJson(found, steps, state.head().run_id, is_refused ? "" : state_path)
          : MigrationPlanText(found, steps, state_path)));
  co_return is_refused ? ExitCode::kRefused : ExitCode::kDone;
}

}  // namespace

RunVerb MakeMigratePlanVerb(Command& verb) {
  verb.Paragraph(
      "Only reads. Looks at the cluster, its old tree and both ZooKeepers, says what each way "
      "would lose on this cluster, by name, recommends one, and prints all steps with the real "
      "names in them. What a run would be refused for is refused now (exit code 4).");
  verb.Paragraph(
      "Commands get the server that they are for in METAREC_META, and its config.ini, if "
      "it is known, in METAREC_CONFIG.");
  verb.Example(
      "metarec migrate plan --meta m1:34601,m2:34601 --to zk4:2181,zk5:2181,zk6:2181 --state "
      "move.state",
      "then: metarec migrate run --state move.state");
  verb.Example(
      "metarec migrate plan --meta m1:34601 --to zk4:2181 --config m1/config.ini --stop_meta 'ssh "
      "${METAREC_META%:*} systemctl stop pegasus-meta' --state move.state");
  const auto arguments = std::make_shared<MigratePlanArguments>();
  MoveWishes& wishes = arguments->wishes;
  MoveRequest& options = wishes.options;
  constexpr auto kClusterGroup = "CLUSTER";
  constexpr auto kTargetGroup = "TARGET";
  constexpr auto kServersGroup = "META SERVERS";
  verb.Add("--meta", &arguments->metas, "the cluster's meta servers")
      .TypeName("HOST:PORT,...")
      .Needed()
      .Group(kClusterGroup);
  verb.Add("--zk", &wishes.from_hosts,
           "the old ZooKeeper as it is reached from here, if not by the names that the cluster has")
      .TypeName("HOST:PORT,...[/PATH]")
      .Group(kClusterGroup);
  verb.Add("--lock_root", &wishes.from_lock_root,
           "where the meta servers keep their locks (distributed_lock_service_parameters); unless "
           "given: as the config.ini says, or lock/ in the root")
      .TypeName("PATH")
      .Group(kClusterGroup);
  verb.Add("--zk_auth_file", &wishes.from_auth_file,
           "file with one line user:password for the old ZooKeeper")
      .TypeName("AUTH_FILE")
      .Group(kClusterGroup);
  verb.Add("-s,--node_list_str", &arguments->nodes,
           "the replica servers; unless given: all that are alive")
      .TypeName("HOST:PORT,...")
      .Group(kClusterGroup);
  verb.Add("--to", &wishes.to.hosts,
           "the new ZooKeeper, as hosts_list is to have it; behind the last server the path under "
           "which all others lie, if there is one")
      .TypeName("HOST:PORT,...[/PATH]")
      .Needed()
      .Group(kTargetGroup);
  verb.Add("--to_root", &wishes.to.root, "the new cluster_root; unless given: as it was")
      .TypeName("PATH")
      .Group(kTargetGroup);
  verb.Add("--to_lock_root", &arguments->to_lock_root,
           "the new lock root; unless given: as it was, or where it was in the root")
      .TypeName("PATH")
      .Group(kTargetGroup);
  verb.Add("--to_auth_file", &wishes.to.auth_file,
           "file with one line user:password for the new ZooKeeper")
      .TypeName("AUTH_FILE")
      .Group(kTargetGroup);
  verb.Add("--config", &wishes.configs,
           "config.ini of a meta server, if it is on this machine: it is changed when its turn "
           "comes, with a backup beside it")
      .TypeName("[HOST:PORT=]FILE")
      .Repeatable()
      .Group(kServersGroup);
  verb.Add("--stop_meta", &options.stop_meta,
           "command that stops the meta server $METAREC_META; unless given you are asked to")
      .TypeName("COMMAND")
      .Group(kServersGroup);
  verb.Add("--start_meta", &options.start_meta, "command that starts it, likewise")
      .TypeName("COMMAND")
      .Group(kServersGroup);
  verb.Add("--edit_config", &options.edit_config,
           "command that changes the config.ini of a server without --config: to "
           "$METAREC_ZOOKEEPER, $METAREC_ROOT and $METAREC_LOCK_ROOT, or back to those with "
           "METAREC_OLD_ in front if $METAREC_BACK is 1")
      .TypeName("COMMAND")
      .Group(kServersGroup);
  verb.Add("--way", &wishes.way, "copy the old tree, or rebuild it from the replica servers")
      .TypeName("copy|recovery")
      .OneOf({"copy", "recovery"});
  verb.Add("--state", &arguments->state_path, "the file that keeps this plan, and where it stands")
      .TypeName("FILE");
  verb.AddFlag("--carry_over", &options.carry_over,
               "way recovery: take from the old tree what only ZooKeeper knew");
  verb.AddFlag("--accept_outage", &options.accept_outage,
               "way copy: go on although the leader may be away for longer than the lease");
  verb.AddFlag("-b,--skip_bad_nodes", &options.skip_bad_nodes,
               "way recovery: leave out replica servers that do not answer or are not alive");
  verb.AddFlag("-l,--skip_lost_partitions", &options.skip_lost_partitions,
               "way recovery: create partitions EMPTY of which there is no replica");
  verb.Add("--lease_seconds", &arguments->lease_seconds,
           "how long replica servers serve without a meta server (fd_lease_seconds); unless given: "
           "as the config.ini says, or 20")
      .TypeName("SECONDS")
      .Between(1.0, 86'400.0);
  verb.Add("--wait_seconds", &options.wait_seconds, "bound of each wait")
      .TypeName("SECONDS")
      .Between(1, kMoveSecondsMax)
      .ShowDefault();
  verb.Add("--command_seconds", &options.command_seconds, "bound of each command")
      .TypeName("SECONDS")
      .Between(1, kMoveSecondsMax)
      .ShowDefault();
  arguments->output.AddTo(verb);
  return [arguments] {
    CommandLoop loop;
    return loop.Run(
        kMigratePlan, "nothing was changed; run the same command again",
        [&](ProgressPrinter* progress) { return PlanMigration(*arguments, &loop, progress); },
        ProgressPrinter::StyleOfStderr(arguments->output.json()));
  };
}

}  // namespace metarec::tools
