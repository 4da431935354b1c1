// What a move writes into the target, by either way: whose it is, and how it is removed.

#include <optional>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "migration/zookeeper/by_hand.h"
#include "migration/zookeeper/moved_root.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/znode_layout.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec {

asio::awaitable<absl::Status> ZooKeeperMove::BeginToWrite(TreePlace to) {
  METAREC_CO_RETURN_IF_ERROR(co_await WriteMoveMark(to, state_->head().run_id, world_->clock()));
  const std::string moved = state_->Fact(move_fact::kMovedText);
  if (moved.empty()) co_return absl::OkStatus();
  co_return co_await RemoveMovedText(to, moved, world_->clock());
}

Deed ZooKeeperMove::RemoveTargetDeed() {
  Deed deed;
  deed.title = absl::StrCat("Remove what this run wrote into ", request_.to.Text());
  deed.guard = "nobody is a candidate in the new lock directory";
  deed.result = "nothing of this run is there";
  deed.by_hand = {by_hand::RemoveTree(request_.to)};
  deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyInNewLock());
    if (!sight.holds) co_return sight;
    METAREC_CO_ASSIGN_OR_RETURN(sight, co_await IsTargetOurs());
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await NothingOfOthersInTarget());
    }
    // By copy the old leader serves again by now, from the old tree.
    if (!sight.holds || is_copy()) co_return sight;
    co_return co_await OldLeaderMayStart();
  };
  deed.act = [this] { return RemoveTarget(); };
  deed.after = [this] { return TargetIsGone(); };
  deed.wait_max = absl::Minutes(1);
  return deed;
}

void ZooKeeperMove::NoteNewTree(TreeMoment moment) {
  state_->Note(move_fact::kNewTreeZxid, moment.zxid);
}

int64_t ZooKeeperMove::NewestOfNewTree() const {
  if (state_->StateOf(move_step::kStartLeader) != StepState::kPending) return 0;
  return state_->FactNumber(move_fact::kNewTreeZxid).value_or(0);
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::NoteNewTreeOnce() {
  if (state_->FactNumber(move_fact::kNewTreeZxid).has_value()) {
    co_return Sight::Holds("the new tree was noted");
  }
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  // In this order: whoever writes meanwhile is either seen below, or newer than that moment.
  METAREC_CO_ASSIGN_OR_RETURN(const TreeMoment moment, co_await LookAtTree(to, world_->clock()));
  METAREC_CO_ASSIGN_OR_RETURN(const Sight sight, co_await NothingOfOthersInTarget());
  if (sight.holds) NoteNewTree(moment);
  co_return sight;
}

asio::awaitable<absl::StatusOr<bool>> ZooKeeperMove::HasMovedText(TreePlace to) {
  const std::string moved = state_->Fact(move_fact::kMovedText);
  if (moved.empty()) co_return false;
  RetryBudget budget(world_->clock());
  StoreReader reader(to.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> apps,
                              co_await reader.Get(ClusterPaths(to.root).apps()));
  co_return apps.has_value() && apps->data == moved;
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::NothingOfOthersInTarget() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  METAREC_CO_ASSIGN_OR_RETURN(const bool is_removed, co_await HasMovedText(to));
  if (is_removed) co_return Sight::Holds("only the mark of the former move is there");
  const std::vector<std::string> left_alone = state_->FactList(move_fact::kTargetChildren);
  TreeSince others;
  if (state_->StateOf(move_step::kStartLeader) != StepState::kPending) {
    // What is deeper is the meta servers' own.
    METAREC_CO_ASSIGN_OR_RETURN(
        const std::vector<std::string> strangers,
        co_await StrangersBelow(to, request_.to.RealLockRoot(), world_->clock()));
    for (const std::string& path : strangers) {
      // An abort that was cut short has left its journal.
      if (!absl::StrContains(path, kTreeJournalPath)) others.Add("", path);
    }
  } else if (NewestOfNewTree() > 0) {
    const TreeMoment then = {.root_czxid = 0, .zxid = NewestOfNewTree()};
    const std::vector<std::string> nothing;
    METAREC_CO_ASSIGN_OR_RETURN(others,
                                co_await LookAtTreeSince(to, then, nothing, world_->clock()));
  } else if (is_copy()) {
    METAREC_CO_ASSIGN_OR_RETURN(others, co_await LookForOthers(to, left_alone, world_->clock()));
  } else {
    METAREC_CO_ASSIGN_OR_RETURN(others,
                                co_await LookForOthersInTopology(to, left_alone, world_->clock()));
  }
  if (others.newer_count == 0) co_return Sight::Holds("nothing of anybody else's is there");
  co_return Sight::Lacks(absl::StrCat(
      "in ", to.text, " somebody else has created or set: ", others.NewerText(),
      ". Find out who. Keep what is needed of it (metarec zk export), remove it (metarec zk rm), "
      "and give the command again"));
}

asio::awaitable<absl::Status> ZooKeeperMove::RemoveTarget() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  // What was there before, when it was free: an empty root, or one with a lock directory.
  DeletionOptions written;
  written.keep = state_->FactList(move_fact::kTargetChildren);
  written.keeps_root = !state_->Fact(move_fact::kTargetRoot).empty();
  written.newest_zxid = NewestOfNewTree();
  // The mark of a former move comes back when all else is removed.
  METAREC_CO_ASSIGN_OR_RETURN(const bool is_removed, co_await HasMovedText(to));
  if (!is_removed) {
    METAREC_CO_RETURN_IF_ERROR(co_await DeleteTree(to, std::move(written), world_->clock()));
  }
  const std::string moved = state_->Fact(move_fact::kMovedText);
  if (!moved.empty()) METAREC_CO_RETURN_IF_ERROR(co_await PutBackMovedText(to, moved));
  // Last of all, so that whoever begins again knows whose it is.
  co_return co_await RemoveMoveMark(to, state_->head().run_id, world_->clock());
}

}  // namespace metarec
