// What must hold of every move, whatever happens.

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "migration/zookeeper/move_names.h"
#include "migration/zookeeper/tree_transfer.h"
#include "moving_world.h"
#include "zk_store/topology/znode_layout.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kCommandLasts = absl::Hours(3);
// After that long the tool must have noticed the level of the leader.
constexpr absl::Duration kNoticesIn = absl::Seconds(15);

bool IsMeta(const StoreClient& client) { return client.number <= kFirstMetaNumber; }

// Steps that make the new tree while all meta servers are stopped.
bool IsMadeOfStopped(const std::string& step) {
  return step == move_step::kLastPass || step == move_step::kRecover ||
         step == move_step::kCarryOver;
}

// A lock directory that only the new tree has is no difference.
void ForgetOwnLocks(const TreeSnapshot& old_tree, TreeSnapshot* new_tree) {
  std::erase_if(*new_tree, [&](const auto& znode) {
    const std::string& path = znode.first;
    const bool is_lock = path == "/lock" || absl::StartsWith(path, "/lock/");
    return is_lock && !old_tree.contains(path);
  });
}

}  // namespace

MovingWorld::Command* MovingWorld::Find(const StoreClient& client) {
  for (const auto& command : commands_) {
    if (command->process.client().number == client.number) return command.get();
  }
  return nullptr;
}

TreeSnapshot MovingWorld::Snapshot(Side side) {
  TreeSnapshot now = SnapshotOf(tree(side), cluster_.RootOf(side));
  std::erase_if(now, [](const auto& znode) { return IsTreeJournal(znode.first); });
  return now;
}

void MovingWorld::NoteOldTree() {
  is_making_ = true;
  is_made_ = false;
  old_states_ = {Snapshot(Side::kFrom)};
  new_states_ = {Snapshot(Side::kTo)};
  written_since_.clear();
  meta_writes_since_.clear();
}

void MovingWorld::OnApplied(Side side, const StoreClient& client, const std::vector<StoreOp>& ops,
                            const std::vector<StoreOpResult>&) {
  if (!is_ready_) return;
  if (const Command* const command = Find(client)) {
    for (const StoreOp& op : ops) {
      if (!std::holds_alternative<CheckOp>(op)) CheckWrite(*command, side, op);
    }
  } else {
    NoteWriteOfOthers(side, client, ops);
  }
  if (!is_making_) return;
  (side == Side::kFrom ? old_states_ : new_states_).push_back(Snapshot(side));
}

void MovingWorld::NoteWriteOfOthers(Side side, const StoreClient& client,
                                    const std::vector<StoreOp>& ops) {
  if (side == Side::kTo) {
    const bool is_expected =
        IsMeta(client) &&
        !cluster_.metas()[static_cast<size_t>(kFirstMetaNumber - client.number)].is_supervised;
    is_target_disturbed_ |= !is_expected;
    for (const StoreOp& op : ops) {
      // Of an unfinished recovery nobody can say who set a znode.
      const bool is_known = case_.way == MoveWay::kCopy || std::holds_alternative<CreateOp>(op);
      if (client.number == kMoveStranger.number && is_known) strangers_.insert(OpPath(op));
    }
    return;
  }
  if (!is_made_) return;
  if (IsMeta(client)) meta_writes_since_.push_back(queue.now());
  for (const StoreOp& op : ops) {
    if (std::holds_alternative<DeleteOp>(op)) {
      written_since_.erase(OpPath(op));
    } else {
      written_since_.insert(OpPath(op));
    }
  }
}

void MovingWorld::CheckWrite(const Command& command, Side side, const StoreOp& op) {
  const std::string& name = command.process.client().name;
  const std::string& path = OpPath(op);
  if (side == Side::kFrom) {
    if (command.verb != MoveVerb::kFinish) Violate(absl::StrCat(name, " writes into the source"));
    const bool is_mark = std::holds_alternative<SetOp>(op);
    if (written_since_.contains(path) && (is_mark || std::holds_alternative<DeleteOp>(op))) {
      Violate(absl::StrCat(name, is_mark ? " overwrites" : " deletes",
                           " what was written since the new tree was made: ", path));
    }
    return;
  }
  const bool is_ours =
      absl::StartsWith(path, case_.to_root) || absl::StartsWith(case_.to_root, path + "/");
  if (!is_ours) Violate(absl::StrCat(name, " writes outside of the target: ", path));
  if (strangers_.contains(path) && !has_switched_ && !std::holds_alternative<CreateOp>(op)) {
    Violate(absl::StrCat(name, " deletes or overwrites what is a stranger's: ", path));
  }
  const bool is_old_mark = path == MoveMarkPath(case_.to_root);
  for (const MovedCluster::Meta& meta : cluster_.metas()) {
    if (!meta.is_running) continue;
    if (meta.leads && meta.side == Side::kTo && meta.leads_since < command.step_began &&
        !is_old_mark) {
      Violate(absl::StrCat(name, " writes where ", meta.address, " leads: ", path));
    }
    if (command.verb == MoveVerb::kRun && !has_switched_ && IsMadeOfStopped(command.step) &&
        meta.running_since < command.step_began) {
      Violate(absl::StrCat(name, " writes in ", command.step, " while ", meta.address, " runs"));
    }
    const bool is_seen =
        meta.level_since < command.step_began || meta.level_since + kNoticesIn < queue.now();
    const bool needs_blind = command.verb == MoveVerb::kRun && case_.way == MoveWay::kCopy;
    if (needs_blind && meta.leads && meta.side == Side::kFrom && is_seen && meta.level != "blind") {
      Violate(absl::StrCat(name, " copies while ", meta.address, " is not blind"));
    }
  }
}

void MovingWorld::CheckStart(int meta, absl::Time guarded_at) {
  const MovedCluster::Meta& started = cluster_.metas()[static_cast<size_t>(meta)];
  if (started.is_running) return;
  for (const MovedCluster::Meta& other : cluster_.metas()) {
    const bool is_seen = !other.candidate.empty() && other.candidate_since < guarded_at;
    if (other.is_running && other.side != started.config && is_seen) {
      Violate(absl::StrCat("two leaders: ", started.address, " is started on ",
                           SideName(started.config), " while ", other.address,
                           " is a candidate in ", SideName(other.side)));
    }
  }
}

void MovingWorld::CheckCopied() {
  std::string difference = "there is nothing to compare";
  for (const TreeSnapshot& old_tree : old_states_) {
    for (TreeSnapshot new_tree : new_states_) {
      ForgetOwnLocks(old_tree, &new_tree);
      difference = DifferenceOf(old_tree, new_tree);
      if (difference.empty()) return;
    }
  }
  Violate(absl::StrCat("the copy is done, and the trees are not equal: ", difference));
}

// The new tree has every table that a replica server knows, and no ballot below a replica's.
void MovingWorld::CheckRecovered(bool carried_over) {
  if (is_target_disturbed_) return;
  const testing::ZnodeTree& made = tree(Side::kTo);
  const ClusterPaths paths(case_.to_root);
  for (const MovedCluster::Node& node : cluster_.nodes()) {
    for (const auto& [gpid, replica] : node.replicas) {
      const std::string path = paths.Partition(gpid.first, gpid.second);
      const auto found = made.Get(path, kMoveReader);
      if (!found.ok()) return Violate(absl::StrCat("the recovery is done without ", path));
      const auto partition = DecodePartition(path, found->data);
      if (!partition.ok() || partition->ballot < replica.ballot) {
        return Violate(absl::StrCat("recovered with a ballot below a replica's: ", path));
      }
    }
  }
  if (!carried_over) return;
  const ClusterPaths old_paths(kMovedFromRoot);
  for (const MovedCluster::Node& node : cluster_.nodes()) {
    for (const auto& [id, table] : node.tables) {
      const auto old_node = tree(Side::kFrom).Get(old_paths.App(id), kMoveReader);
      const auto new_node = made.Get(paths.App(id), kMoveReader);
      if (!old_node.ok() || !new_node.ok()) continue;
      const auto old_table = DecodeApp(old_paths.App(id), old_node->data);
      const auto new_table = DecodeApp(paths.App(id), new_node->data);
      if (!old_table.ok() || !new_table.ok()) continue;
      if (old_table->envs != new_table->envs) {
        Violate(absl::StrCat("carried over, and the envs differ: ", paths.App(id)));
      }
    }
  }
}

void MovingWorld::CheckStep(const Command& command, const std::string& step) {
  if (command.verb != MoveVerb::kRun) return;
  if (step == move_step::kLastPass) CheckCopied();
  if (step == move_step::kRecover) CheckRecovered(/*carried_over=*/false);
  if (step == move_step::kCarryOver) CheckRecovered(/*carried_over=*/true);
  if (step == move_step::kLastPass || step == move_step::kRecover) {
    is_making_ = false;
    is_made_ = true;
  }
  if (step != move_step::kStartLeader) return;
  for (const absl::Time wrote : meta_writes_since_) {
    if (wrote >= command.step_began) continue;
    return Violate(
        "the new leader serves, and what a meta server wrote into the old tree since the new one "
        "was made is not in it");
  }
}

void MovingWorld::CheckServes(const std::string& name, Side side) {
  for (const MovedCluster::Meta& meta : cluster_.metas()) {
    if (meta.config != side) {
      Violate(absl::StrCat(name, " is done, and ", meta.address, " is configured for ",
                           SideName(meta.config)));
    }
  }
  // Others may have started and stopped some of them at any time.
  if (!case_.IsSimple()) return;
  const MovedCluster::Meta* const leader = cluster_.Leader();
  if (leader == nullptr || leader->side != side || leader->level != "steady") {
    Violate(absl::StrCat(name, " is done, and nobody leads in ", SideName(side),
                         " at the level that was"));
  }
  for (const MovedCluster::Meta& meta : cluster_.metas()) {
    if (meta.is_running && meta.side == side) continue;
    Violate(
        absl::StrCat(name, " is done, and ", meta.address, " does not run on ", SideName(side)));
  }
}

void MovingWorld::CheckMoved(const std::string& name) { CheckServes(name, Side::kTo); }

void MovingWorld::CheckAborted(const std::string& name) {
  CheckServes(name, Side::kFrom);
  is_made_ = false;
  is_making_ = false;
  if (is_target_disturbed_) return;
  const std::string difference = DifferenceOf(target_before_, SnapshotOf(tree(Side::kTo), "/"));
  if (difference.empty()) return;
  Violate(absl::StrCat(name, " is done, and the new ZooKeeper is not as it was: ", difference));
}

void MovingWorld::CheckFinished(const std::string& name) {
  CheckServes(name, Side::kTo);
  for (const auto& [path, node] : Snapshot(Side::kFrom)) {
    if (path.empty() || path == "/apps") continue;
    if (written_since_.contains(kMovedFromRoot + path)) continue;
    Violate(absl::StrCat(name, " is done, and the old tree has ", path));
  }
  if (tree(Side::kTo).Exists(MoveMarkPath(case_.to_root)).has_value()) {
    Violate(absl::StrCat(name, " is done, and its mark is there"));
  }
}

void MovingWorld::CheckReason(const Command& command) {
  const std::string& name = command.process.client().name;
  const absl::Status& status = command.result;
  const auto violate = [&](absl::string_view what) {
    Violate(absl::StrCat(name, ": ", what, ": ", Repeatable(status.ToString())));
  };
  if (status.message().empty() || absl::IsInternal(status)) violate("names no reason");
  if (absl::IsCancelled(status) && !command.process.interrupted()) {
    violate("says that it was cancelled");
  }
}

void MovingWorld::CheckEnd(const Command& command) {
  const std::string& name = command.process.client().name;
  static constexpr const char* kVerbs[] = {"run", "abort", "finish"};
  const std::string verb = kVerbs[static_cast<int>(command.verb)];
  if (queue.now() > command.started + kCommandLasts) Violate(name + ": does not end in its time");
  Say(name, absl::StrCat("ends: ", Repeatable(command.result.ToString())));
  if (!command.result.ok()) {
    Count(absl::StrCat(verb, ": ",
                       absl::IsFailedPrecondition(command.result) ? "refused"
                       : absl::IsCancelled(command.result)        ? "cancelled"
                                                                  : "failed"));
    return CheckReason(command);
  }
  Count(absl::StrCat(verb, ": done"));
  switch (command.verb) {
    case MoveVerb::kRun:
      return CheckMoved(name);
    case MoveVerb::kAbort:
      return CheckAborted(name);
    case MoveVerb::kFinish:
      return CheckFinished(name);
  }
}

}  // namespace metarec::simulation
