// The steps after which there is no way back: the old tree is marked, so that no meta server takes
// it for a cluster any more, and removed.

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/zookeeper/by_hand.h"
#include "migration/zookeeper/moved_root.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {

// A stock meta server refuses to start from a root whose /apps says this (INTEROP.md section 6.3).
std::string ZooKeeperMove::MovedMark() const {
  return MovedText(request_.to.Text(), state_->head().run_id);
}

Step ZooKeeperMove::MarkOldRoot() {
  Step step;
  step.name = "mark_old_root";
  step.stage = Stage::kFinish;
  step.deed.title = absl::StrCat("Mark ", request_.from.Text(),
                                 " as moved, so that no meta server starts from it any more");
  step.deed.guard =
      "the meta servers serve from the new ZooKeeper, nobody new is a candidate in the old lock "
      "directory, and all below the old root is Pegasus's";
  step.deed.result = absl::StrCat("its /apps says '", MovedMark(), "'");
  step.deed.by_hand = {
      by_hand::SetZnode(request_.from, ClusterPaths(request_.from.root).apps(), MovedMark())};
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyNewInOldLock());
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await Serves(request_.metas, MoveEnd::kTo));
    }
    if (!sight.holds) co_return sight;
    co_return co_await OldRootHasNoStrangers();
  };
  step.deed.act = [this] { return MarkOld(); };
  step.deed.after = [this] { return OldRootIsMarked(); };
  step.deed.wait_max = absl::Minutes(1);
  step.back.kind = WayBack::Kind::kNone;
  step.back.why_none =
      "The old tree is marked as moved and may be gone; the cluster lives in the "
      "new ZooKeeper. To move back, plan a move in the other direction.";
  return step;
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldRootHasNoStrangers() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::vector<std::string> strangers,
      co_await StrangersBelow(from, request_.from.RealLockRoot(), world_->clock()));
  if (strangers.empty()) co_return Sight::Holds("all below the old root is Pegasus's");
  co_return Sight::Lacks(absl::StrCat(
      "below the old root there is what is not Pegasus's: ", Printable(CutList(strangers, 10)),
      ". Move or remove it (metarec zk rm), and finish again"));
}

asio::awaitable<absl::Status> ZooKeeperMove::MarkOld() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  RetryBudget budget(world_->clock());
  StoreReader reader(from.store, &budget);
  const std::string path = ClusterPaths(from.root).apps();
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> apps, co_await reader.Get(path));
  if (!apps.has_value()) {
    co_return (co_await from.store->Create(path, MovedMark())).status();
  }
  co_return (co_await from.store->Set(path, MovedMark(), apps->stat.version)).status();
}

Step ZooKeeperMove::RemoveOldTree() {
  Step step;
  step.name = "remove_old_tree";
  step.stage = Stage::kFinish;
  step.deed.title = absl::StrCat("Remove ", request_.from.Text(), " but for the mark");
  step.deed.guard =
      "it is marked, nobody new is a candidate in the old lock directory, and all below it is "
      "Pegasus's";
  step.deed.result = "only the mark is left";
  step.deed.by_hand = {
      by_hand::RemoveTree(request_.from),
      by_hand::CreateZnode(request_.from, request_.from.root, ""),
      by_hand::CreateZnode(request_.from, ClusterPaths(request_.from.root).apps(), MovedMark())};
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await OldRootIsMarked());
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await NobodyNewInOldLock());
    }
    if (!sight.holds) co_return sight;
    co_return co_await OldRootHasNoStrangers();
  };
  step.deed.act = [this] { return RemoveOld(); };
  step.deed.after = [this] { return OldTreeIsGone(); };
  step.deed.wait_max = absl::Minutes(1);
  step.back.kind = WayBack::Kind::kNone;
  step.back.why_none =
      absl::StrCat("The old tree is gone; a copy is in ", BackupPath("old_tree.jsonl.zst"), ".");
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::RemoveOld() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  TreePlace apps = from;
  apps.root = ClusterPaths(from.root).apps();
  apps.text = absl::StrCat(from.text, "/apps");
  const std::vector<std::string> nothing;
  METAREC_CO_RETURN_IF_ERROR(
      co_await DeleteTree(apps, nothing, /*keeps_root=*/true, world_->clock()));
  const std::vector<std::string> keep = {std::string(kAppsName)};
  co_return co_await DeleteTree(from, keep, /*keeps_root=*/true, world_->clock());
}

Step ZooKeeperMove::RemoveMark() {
  Step step;
  step.name = "remove_mark";
  step.stage = Stage::kFinish;
  step.deed.title = absl::StrCat("Remove the mark of this run beside ", request_.to.Text());
  step.deed.result = "it is gone";
  step.deed.by_hand = {by_hand::RemoveTree(request_.to, MoveMarkPath(""))};
  step.deed.act = [this]() -> asio::awaitable<absl::Status> {
    METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
    co_return co_await RemoveMoveMark(to, state_->head().run_id, world_->clock());
  };
  step.deed.after = [this] { return TargetIsGone(); };
  step.deed.wait_max = absl::Minutes(1);
  step.back.kind = WayBack::Kind::kNone;
  step.back.why_none = "The move is over.";
  return step;
}

}  // namespace metarec
