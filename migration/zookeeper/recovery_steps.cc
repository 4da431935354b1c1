// The steps of a move that rebuilds the metadata from what the replica servers hold.

#include <map>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "migration/zookeeper/by_hand.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "replica_collector/node_list.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/topology_reader.h"
#include "zk_store/topology/znode_json.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

// Gives a recovered table what the old tree knows of it and a recovery does not. Returns that, for
// people, what it has already included: a run that was killed may have done it.
std::vector<std::string> TakeFromOld(const AppZnode& old, AppZnode* recovered) {
  std::vector<std::string> taken;
  for (const auto& [key, value] : old.envs) {
    recovered->envs[key] = value;
    taken.push_back(absl::StrCat("table ", old.app_name, ": env ", key, "=", value));
  }
  if (old.status == TableStatus::kDropped) {
    recovered->status = old.status;
    recovered->drop_second = old.drop_second;
    recovered->expire_second = old.expire_second;
    taken.push_back(
        absl::StrCat("table ", old.app_name, ": dropped, expires at ", old.expire_second));
  }
  return taken;
}

}  // namespace

Step ZooKeeperMove::StopMetas() {
  std::vector<MoveServer> servers = request_.followers();
  servers.push_back(request_.leader());  // last, so that nobody takes over
  Step step;
  step.name = move_step::kStopMetas;
  step.deed = StopDeed(servers);
  step.deed.guard = absl::StrCat(request_.leader().address, " leads");
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info,
                                co_await world_->AskCluster(MetaAddresses()));
    if (info.leader != request_.leader().address) {
      co_return Sight::Lacks(absl::StrCat(info.leader, " leads now, and not ",
                                          request_.leader().address, " as when this was planned"));
    }
    state_->Note(move_fact::kOldLevel, info.level);
    const absl::StatusOr<std::vector<MetaCandidate>> candidates =
        co_await world_->Candidates(MoveEnd::kFrom);
    std::vector<std::string> paths;
    if (candidates.ok()) {
      for (const MetaCandidate& candidate : *candidates) paths.push_back(candidate.path);
    }
    state_->Note(move_fact::kOldCandidates, std::move(paths));
    co_return Sight::Holds(absl::StrCat(info.leader, " leads"));
  };
  step.deed.looks_first = false;
  step.back.kind = WayBack::Kind::kDeed;
  step.back.deed = StartDeed(request_.metas, MoveEnd::kFrom);
  return step;
}

Step ZooKeeperMove::AwaitInactive() {
  Step step = LookStep(
      move_step::kAwaitInactive, "Wait until no replica server serves any more, by asking them",
      "no replica is a primary or a secondary",
      {absl::StrCat("metarec plan -f ", ShellWord(BackupPath(move_file::kNodeList)), " --plan ",
                    ShellWord(BackupPath(move_file::kPlan)), request_.skip_bad_nodes ? " -b" : "",
                    request_.skip_lost_partitions ? " -l" : "",
                    "   # again until it is READY, and wrote the file")},
      [this] { return ReplicasAreInactive(); });
  step.deed.guard = "all meta servers are stopped";
  step.deed.before = [this] { return AllPortsClosed(request_.metas); };
  return step;
}

Step ZooKeeperMove::Recover() {
  Step step;
  step.name = move_step::kRecover;
  step.deed.title = absl::StrCat("Rebuild the metadata in ", request_.to.Text(),
                                 " from what the replica servers hold");
  step.deed.guard =
      "all meta servers are stopped; nobody new is a candidate in either lock directory; the "
      "new root is free, or holds what this run began";
  step.deed.result = "the tree is written, checked and unlocked";
  step.deed.by_hand = {by_hand::Recover(request_, BackupPath(move_file::kNodeList))};
  step.deed.before = [this] { return MayWriteStopped(); };
  step.deed.act = [this] { return RecoverIntoTarget(); };
  step.deed.meanwhile = [this] { return MayWriteStopped(); };
  step.deed.after = [this] { return IsRecovered(); };
  step.deed.wait_max = absl::ZeroDuration();
  step.back.kind = WayBack::Kind::kDeed;
  step.back.deed = RemoveTargetDeed();
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::NoteOldTreeIfReadable() {
  const absl::StatusOr<TreePlace> from = co_await Place(MoveEnd::kFrom);
  if (absl::IsCancelled(from.status())) co_return from.status();
  if (!from.ok()) co_return absl::OkStatus();
  const absl::StatusOr<TreeMoment> moment = co_await LookAtTree(*from, world_->clock());
  if (absl::IsCancelled(moment.status())) co_return moment.status();
  if (moment.ok()) NoteOldTree(*moment);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ZooKeeperMove::RecoverIntoTarget() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  METAREC_CO_RETURN_IF_ERROR(co_await BeginToWrite(to));
  METAREC_CO_RETURN_IF_ERROR(co_await NoteOldLocks());
  METAREC_CO_RETURN_IF_ERROR(co_await NoteOldTreeIfReadable());
  RecoveryRequest request;
  METAREC_CO_ASSIGN_OR_RETURN(request.nodes,
                              ParseNodeListString(absl::StrJoin(request_.nodes, ",")));
  request.root = to.root;
  request.plan.skip_bad_nodes = AcceptsBadNodes();
  request.plan.skip_lost_partitions = request_.skip_lost_partitions;
  request.writer.tool_version = state_->head().tool_version;
  request.writer.inspection.lock_root = request_.to.RealLockRoot();
  request.time_limit = wait_max();
  ProgressListener* const progress = progress_ == nullptr ? &silent_ : progress_;
  RecoveryJob job(std::move(request), world_->surroundings(), to.store, progress);
  const RecoveryResult result = co_await job.Run();
  if (!result.status.ok()) {
    const std::string hints = Printable(Shortened(result.hints, 1000));
    co_return absl::Status(result.status.code(),
                           absl::StrCat(result.status.message(), hints.empty() ? "" : ". ", hints));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::string digest, TopologyDigest(result.plan->topology));
  state_->Note(move_fact::kPlanDigest, digest);
  const PlanNumbers numbers = CountPlan(*result.plan);
  state_->Note(move_fact::kPartitionsLost, numbers.partitions_lost);
  state_->Note(move_fact::kNodesLeftOut, numbers.nodes_asked - numbers.nodes_answered);
  co_return absl::OkStatus();
}

Step ZooKeeperMove::CarryOver() {
  Step step;
  step.name = move_step::kCarryOver;
  step.deed.title = absl::StrCat(
      "Carry over from the old tree what only ZooKeeper knew: envs, drop "
      "states, duplications, backup policies; each is listed in ",
      BackupPath(move_file::kCarriedOver));
  step.deed.guard =
      "all meta servers are stopped; nobody new is a candidate in either lock directory";
  step.deed.result = "all that can be read in the old tree is in the new one";
  step.deed.by_hand = {"set the envs with Pegasus's shell, once the cluster serves"};
  step.deed.before = [this] { return MayWriteStopped(); };
  step.deed.act = [this] { return CarryOverFromOldTree(); };
  step.deed.meanwhile = [this] { return MayWriteStopped(); };
  step.deed.after = [this]() -> asio::awaitable<Seen> {
    const std::string carried = state_->Fact(move_fact::kCarriedOver);
    co_return carried.empty() ? Sight::Lacks("it is not known what was carried over")
                              : Sight::Holds(carried);
  };
  step.deed.wait_max = absl::ZeroDuration();
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::CarryOverFromOldTree() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  RetryBudget budget(world_->clock());
  StoreReader from_reader(from.store, &budget);
  StoreReader to_reader(to.store, &budget);
  TopologyReaderOptions only_tables;
  only_tables.wants_partitions = [](const AppZnode&) { return false; };
  METAREC_CO_ASSIGN_OR_RETURN(const RootContents old, co_await ReadTopology(&from_reader, from.root,
                                                                            only_tables, &silent_));
  const ClusterPaths from_paths(from.root);
  const ClusterPaths to_paths(to.root);
  std::vector<std::string> carried;
  for (const TableZnodes& table : old.tables) {
    const std::string path = to_paths.App(table.app.app_id);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await to_reader.Get(path));
    if (!node.has_value()) {
      carried.push_back(absl::StrCat("table ", table.app.app_name,
                                     ": NOT carried over, no replica server knows it"));
      continue;
    }
    METAREC_CO_ASSIGN_OR_RETURN(AppZnode app, DecodeApp(path, node->data));
    // Another table by now, or a placeholder.
    if (app.create_second != table.app.create_second) {
      carried.push_back(absl::StrCat("table ", table.app.app_name,
                                     ": NOT carried over, another table has its id"));
      continue;
    }
    const std::vector<std::string> taken = TakeFromOld(table.app, &app);
    if (!taken.empty()) {
      std::string json;
      EncodeApp(app, &json);
      METAREC_CO_RETURN_IF_ERROR((co_await to.store->Set(path, json, node->stat.version)).status());
      carried.insert(carried.end(), taken.begin(), taken.end());
    }
    TreePlace duplications = from;
    duplications.root = from_paths.Duplications(table.app.app_id);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> has_duplications,
                                co_await from_reader.Exists(duplications.root));
    if (!has_duplications.has_value()) continue;
    TreePlace target = to;
    target.root = to_paths.Duplications(table.app.app_id);
    const TransferOptions once;
    METAREC_CO_RETURN_IF_ERROR(
        (co_await TransferTree(duplications, target, once, world_->clock())).status());
    carried.push_back(absl::StrCat("table ", table.app.app_name, ": its duplications"));
  }
  TreePlace policies = from;
  policies.root = from_paths.backup();
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> has_policies,
                              co_await from_reader.Exists(policies.root));
  if (has_policies.has_value() && has_policies->num_children > 0) {
    TreePlace target = to;
    target.root = to_paths.backup();
    const TransferOptions once;
    METAREC_CO_RETURN_IF_ERROR(
        (co_await TransferTree(policies, target, once, world_->clock())).status());
    carried.push_back(
        absl::StrCat("backup policies with their history: ", has_policies->num_children));
  }
  LineWriterOptions options;
  options.overwrite = true;
  METAREC_CO_ASSIGN_OR_RETURN(LineWriter writer,
                              LineWriter::Create(BackupPath(move_file::kCarriedOver), options));
  for (const std::string& line : carried) {
    METAREC_CO_RETURN_IF_ERROR(writer.Append(absl::StrCat(Printable(line), ", from ", from.text)));
  }
  METAREC_CO_RETURN_IF_ERROR(writer.Finish());
  state_->Note(move_fact::kCarriedOver,
               absl::StrCat(Counted(static_cast<int64_t>(carried.size()), "line"), ", in ",
                            BackupPath(move_file::kCarriedOver)));
  co_return absl::OkStatus();
}

}  // namespace metarec
