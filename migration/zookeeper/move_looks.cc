// What a move looks at; nothing here changes anything.

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/zookeeper/moved_root.h"
#include "migration/zookeeper/recovery_outlook.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "pegasus_client/config_edit.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

// A meta server's own start, beside what we do.
constexpr absl::Duration kRestartAssumed = absl::Seconds(5);

}  // namespace

Sight SightOf(const std::vector<std::string>& wrong, absl::string_view right) {
  return wrong.empty() ? Sight::Holds(std::string(right))
                       : Sight::Lacks(Printable(CutList(wrong, kSightExamplesMax)));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::AllPortsClosed(
    std::vector<MoveServer> servers) {
  std::vector<std::string> wrong;
  for (const MoveServer& server : servers) {
    METAREC_CO_ASSIGN_OR_RETURN(const PortState state, co_await world_->LookAtPort(server.address));
    if (state == PortState::kOpen) wrong.push_back(absl::StrCat(server.address, " still listens"));
    if (state == PortState::kUnknown) {
      wrong.push_back(absl::StrCat(server.address,
                                   " neither answers nor refuses connections, so "
                                   "it may still run"));
    }
  }
  co_return SightOf(wrong, absl::StrCat(NamesOf(servers), " refuse", servers.size() == 1 ? "s" : "",
                                        " connections"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::LevelIs(std::string level) {
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world_->AskCluster(MetaAddresses()));
  const std::string text = absl::StrCat("the level of ", info.leader, " is ", info.level);
  co_return info.level == level ? Sight::Holds(text) : Sight::Lacks(text);
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::IsBlind() {
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world_->AskCluster(MetaAddresses()));
  if (info.leader != request_.leader().address) {
    co_return Sight::Lacks(absl::StrCat(info.leader, " leads now, and not ",
                                        request_.leader().address, " as when this was planned"));
  }
  const std::string text = absl::StrCat("the level of ", info.leader, " is ", info.level);
  co_return info.level == "blind" ? Sight::Holds(text) : Sight::Lacks(text);
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::IsTargetOurs() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::string> mark,
                              co_await ReadMoveMark(to, world_->clock()));
  const std::string& run_id = state_->head().run_id;
  if (mark.has_value() && *mark == run_id) co_return Sight::Holds("the target is ours");
  if (mark.has_value()) {
    co_return Sight::Lacks(
        absl::StrCat("the target ", to.text, " was begun by another run, ", Printable(*mark), " (",
                     MoveMarkPath(to.root),
                     "). Abort that one with its own state file, or remove what it left: "
                     "the tree and that mark"));
  }
  RetryBudget budget(world_->clock());
  StoreReader reader(to.store, &budget);
  RootInspectionOptions options;
  options.lock_root = request_.to.RealLockRoot();
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection found,
                              co_await InspectRoot(&reader, to.root, options));
  if (found.IsFree()) co_return Sight::Holds("the target is free");
  if (!found.enclosing.has_value()) {
    METAREC_CO_ASSIGN_OR_RETURN(
        const std::optional<MovedRoot> moved,
        co_await ReadMovedRoot(to, request_.to.RealLockRoot(), world_->clock()));
    if (moved.has_value() && moved->is_finished) {
      co_return Sight::Holds("the target has only the mark of a former move");
    }
  }
  co_return Sight::Lacks(found.Describe());
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::MayWriteBlind() {
  METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyInNewLock());
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await IsBlind());
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await OnlyLeaderInOldLock());
  if (!sight.holds) co_return sight;
  co_return co_await IsTargetOurs();
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::MayWriteStopped() {
  METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyInNewLock());
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await AllPortsClosed(request_.metas));
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await NobodyNewInOldLock());
  if (!sight.holds) co_return sight;
  co_return co_await IsTargetOurs();
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::CanBegin() {
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world_->AskCluster(MetaAddresses()));
  if (info.leader != request_.leader().address) {
    co_return Sight::Lacks(absl::StrCat(info.leader, " leads now, and not ",
                                        request_.leader().address,
                                        " as when this was planned: plan again"));
  }
  if (info.zookeeper_hosts != request_.from.hosts || info.zookeeper_root != request_.from.root) {
    co_return Sight::Lacks(absl::StrCat("the cluster keeps its metadata in ", info.zookeeper_hosts,
                                        info.zookeeper_root, " now, and not in ",
                                        request_.from.Text(), ": plan again"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyInNewLock());
  if (!sight.holds) co_return sight;
  METAREC_CO_ASSIGN_OR_RETURN(sight, co_await IsTargetOurs());
  if (!sight.holds) co_return sight;
  for (const MoveServer& server : request_.metas) {
    if (server.config.empty()) continue;
    METAREC_CO_RETURN_IF_ERROR(TryConfigEdit(server.config, request_.ConfigChanges()));
  }
  if (!is_copy()) {
    METAREC_CO_ASSIGN_OR_RETURN(
        const RecoveryOutlook outlook,
        co_await LookAtRecovery(request_.nodes, RecoveryAcceptedNow(), world_));
    if (!outlook.obstacles.empty()) {
      co_return Sight::Lacks(absl::StrCat("a recovery would be refused: ",
                                          CutList(outlook.obstacles, kSightExamplesMax)));
    }
  }
  co_return Sight::Holds(absl::StrCat(info.leader, " leads ", request_.from.Text(), ", and ",
                                      request_.to.Text(), " is free"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::Serves(std::vector<MoveServer> servers,
                                                             MoveEnd end) {
  for (const MoveServer& server : servers) {
    METAREC_CO_ASSIGN_OR_RETURN(const PortState state, co_await world_->LookAtPort(server.address));
    if (state == PortState::kOpen) continue;
    co_return Sight::Lacks(absl::StrCat(server.address, " does not listen yet"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const ClusterInfo info, co_await world_->AskCluster(MetaAddresses()));
  const MoveSide& side = world_->side(end);
  if (info.zookeeper_hosts != side.hosts || info.zookeeper_root != side.root) {
    co_return Sight::Lacks(absl::StrCat(info.leader, " was started with ", info.zookeeper_hosts,
                                        info.zookeeper_root, ", and not with ", side.Text()));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await world_->Candidates(end));
  // The leader is there, too, when the others are started.
  const bool with_leader = servers.front() == request_.leader();
  const size_t expected = with_leader ? servers.size() : request_.metas.size();
  if (candidates.size() < expected) {
    co_return Sight::Lacks(absl::StrCat("only ", candidates.size(),
                                        " of them are candidates in the lock directory in ",
                                        side.Text()));
  }
  co_return Sight::Holds(absl::StrCat(info.leader, " leads in ", side.Text()));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::TreesAreEqual() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  METAREC_CO_ASSIGN_OR_RETURN(
      const TreeComparison compared,
      co_await CompareTrees(from, to, state_->FactList(move_fact::kTargetChildren),
                            world_->clock()));
  if (compared.equal()) {
    NoteOldTree(compared.a);
    NoteNewTree(compared.b);
    co_return Sight::Holds(
        absl::StrCat(Counted(compared.znodes, "znode"), ", the same on both sides"));
  }
  co_return Sight::Lacks(absl::StrCat(Counted(compared.differences, "znode"),
                                      " of the copy differ, such as ",
                                      Printable(CutList(compared.examples, kSightExamplesMax))));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OutageFits() {
  const std::optional<int64_t> pass_ms = state_->FactNumber(move_fact::kPassMs);
  if (!pass_ms.has_value()) {
    co_return Sight::Lacks("it is not known how long a pass takes: abort, and plan again");
  }
  const absl::Duration pass = absl::Milliseconds(*pass_ms);
  const absl::Duration outage = pass + kRestartAssumed;
  const std::string text = absl::StrCat(
      "without a leader for about ", absl::FormatDuration(absl::Ceil(outage, absl::Seconds(1))),
      " (the last pass ", absl::FormatDuration(pass), ", as measured, and ",
      absl::FormatDuration(kRestartAssumed),
      " assumed for the meta server); replica servers serve for ", request_.lease_seconds,
      " s without one");
  if (request_.accept_outage || outage < absl::Seconds(request_.lease_seconds)) {
    co_return Sight::Holds(text);
  }
  co_return Sight::Lacks(absl::StrCat(
      text,
      ". Then all partitions stop serving until the new leader has come up. Abort, and plan "
      "with --accept_outage if that may be"));
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::IsRecovered() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  RetryBudget budget(world_->clock());
  StoreReader reader(to.store, &budget);
  RootInspectionOptions options;
  options.lock_root = request_.to.RealLockRoot();
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection found,
                              co_await InspectRoot(&reader, to.root, options));
  const std::string digest = state_->Fact(move_fact::kPlanDigest);
  if (found.root_case == RootCase::kFinishedRun && !digest.empty() && found.IsRunOf(digest)) {
    co_return Sight::Holds(absl::StrCat(Counted(found.journal->tables, "table"), " and ",
                                        Counted(found.journal->partitions, "partition"),
                                        " are written and checked", LossesText()));
  }
  co_return Sight::Lacks(found.Describe());
}

std::string ZooKeeperMove::LossesText() const {
  std::string text;
  if (const int64_t lost = PartitionsLost(*state_); lost > 0) {
    absl::StrAppend(&text, "; ", Counted(lost, "partition"), " created EMPTY, as accepted");
  }
  if (const int64_t left_out = state_->FactNumber(move_fact::kNodesLeftOut).value_or(0);
      left_out > 0) {
    absl::StrAppend(&text, "; ", Counted(left_out, "replica server"),
                    " left out, as accepted: keep them stopped until metarec plan has told what "
                    "they hold");
  }
  return text;
}

int64_t ZooKeeperMove::PartitionsLost(const ProcedureState& state) {
  return state.FactNumber(move_fact::kPartitionsLost).value_or(0);
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::TargetIsGone() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::string> mark,
                              co_await ReadMoveMark(to, world_->clock()));
  if (!mark.has_value() || *mark != state_->head().run_id) {
    co_return Sight::Holds("nothing of this run is there");
  }
  co_return Sight::Lacks(absl::StrCat(to.text, " has still what this run wrote"));
}

}  // namespace metarec
