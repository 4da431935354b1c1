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
  step.name = move_step::kMarkOldRoot;
  step.stage = Stage::kFinish;
  step.deed.title = absl::StrCat("Mark ", request_.from.Text(),
                                 " as moved, so that no meta server starts from it any more");
  step.deed.guard =
      "the meta servers serve from the new ZooKeeper, nobody new is a candidate in the old lock "
      "directory, all below the old root is Pegasus's, and nobody has written there since the new "
      "tree was made";
  step.deed.result = absl::StrCat("its /apps says '", MovedMark(), "'");
  step.deed.by_hand = {
      by_hand::SetZnode(request_.from, ClusterPaths(request_.from.root).apps(), MovedMark())};
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyNewInOldLock());
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await Serves(request_.metas, MoveEnd::kTo));
    }
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await OldRootHasNoStrangers());
    }
    if (!sight.holds) co_return sight;
    co_return co_await OldTreeIsAsItWas(/*is_marked=*/false);
  };
  step.deed.act = [this] { return MarkOld(); };
  step.deed.looks_first = true;  // somebody may have done it by hand
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

void ZooKeeperMove::NoteOldTree(TreeMoment moment) {
  state_->Note(move_fact::kOldRootCzxid, moment.root_czxid);
  state_->Note(move_fact::kOldTreeZxid, moment.zxid);
}

TreeMoment ZooKeeperMove::OldTreeThen() const {
  TreeMoment then;
  then.root_czxid = state_->FactNumber(move_fact::kOldRootCzxid).value_or(0);
  then.zxid = state_->FactNumber(move_fact::kOldTreeZxid).value_or(0);
  return then;
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldTreeIsAsItWas(bool is_marked) {
  const TreeMoment then = OldTreeThen();
  if (then.zxid == 0) {
    co_return Sight::Lacks(absl::StrCat(
        request_.from.Text(),
        " could not be read when the new tree was made, so that nobody can say what was written "
        "there since. Look at it, and remove it by hand (metarec migrate run --dry_run has the "
        "commands)"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  std::vector<std::string> marked;
  if (is_marked) marked.push_back(absl::StrCat("/", kAppsName));
  METAREC_CO_ASSIGN_OR_RETURN(
      const TreeSince since,
      co_await LookAtTreeSince(from, then, std::move(marked), world_->clock()));
  if (!since.is_same) {
    co_return Sight::Lacks(absl::StrCat(
        from.text, " is not the tree any more that was moved: somebody has created it anew"));
  }
  if (since.newer_count == 0) {
    co_return Sight::Holds("nobody has written into the old tree since it was moved");
  }
  co_return Sight::Lacks(absl::StrCat(
      "since the new tree was made, somebody has created or set in the old one: ",
      since.NewerText(),
      ". Find out who. Keep what is needed of it (metarec zk export), remove it (metarec zk rm), "
      "and finish again"));
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

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldRootIsMarked() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  RetryBudget budget(world_->clock());
  StoreReader reader(from.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> apps,
                              co_await reader.Get(ClusterPaths(from.root).apps()));
  if (apps.has_value() && apps->data == MovedMark()) {
    co_return Sight::Holds("no meta server starts from the old root any more");
  }
  co_return Sight::Lacks("the old root is not marked");
}

asio::awaitable<absl::StatusOr<Sight>> ZooKeeperMove::OldTreeIsGone() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  RetryBudget budget(world_->clock());
  StoreReader reader(from.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader.Children(from.root));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> tables,
                              co_await reader.Children(ClusterPaths(from.root).apps()));
  const size_t left = children.has_value() ? children->names.size() : 0;
  if (left <= 1 && (!tables.has_value() || tables->names.empty())) {
    co_return Sight::Holds(absl::StrCat("only the mark is left in ", from.text));
  }
  co_return Sight::Lacks(absl::StrCat("there is still something in ", from.text));
}

Step ZooKeeperMove::RemoveOldTree() {
  Step step;
  step.name = move_step::kRemoveOldTree;
  step.stage = Stage::kFinish;
  step.deed.title = absl::StrCat("Remove ", request_.from.Text(), " but for the mark");
  step.deed.guard =
      "it is marked, nobody new is a candidate in the old lock directory, all below it is "
      "Pegasus's, and nobody has written there since the new tree was made";
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
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await OldRootHasNoStrangers());
    }
    if (!sight.holds) co_return sight;
    co_return co_await OldTreeIsAsItWas(/*is_marked=*/true);
  };
  step.deed.act = [this] { return RemoveOld(); };
  step.deed.looks_first = true;
  step.deed.after = [this] { return OldTreeIsGone(); };
  step.deed.wait_max = absl::Minutes(1);
  step.back.kind = WayBack::Kind::kNone;
  step.back.why_none =
      absl::StrCat("The old tree is gone; a copy is in ", BackupPath(move_file::kOldTree), ".");
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::RemoveOld() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace from, co_await Place(MoveEnd::kFrom));
  TreePlace apps = from;
  apps.root = ClusterPaths(from.root).apps();
  apps.text = absl::StrCat(from.text, "/apps");
  DeletionOptions known;
  known.keeps_root = true;
  // Whatever comes in while this goes on.
  known.newest_zxid = OldTreeThen().zxid;
  METAREC_CO_RETURN_IF_ERROR(co_await DeleteTree(apps, known, world_->clock()));
  known.keep = {std::string(kAppsName)};
  co_return co_await DeleteTree(from, std::move(known), world_->clock());
}

Step ZooKeeperMove::RemoveMark() {
  Step step;
  step.name = move_step::kRemoveMark;
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
