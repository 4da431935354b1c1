// The names of a move's steps, of what they note for later ones, and of the files beside its state.
// All are kept in the state or on the disk: a run that was planned with other names goes on only
// with the version that planned it.

#pragma once

namespace metarec {

// In the order of docs/migration.md.
namespace move_step {
inline constexpr char kCheck[] = "check";
inline constexpr char kBackup[] = "backup";
inline constexpr char kStopFollowers[] = "stop_followers";
inline constexpr char kSetBlind[] = "set_blind";
inline constexpr char kFirstPass[] = "first_pass";
inline constexpr char kRehearse[] = "rehearse";
inline constexpr char kStopLeader[] = "stop_leader";
inline constexpr char kLastPass[] = "last_pass";
inline constexpr char kStopMetas[] = "stop_metas";
inline constexpr char kAwaitInactive[] = "await_inactive";
inline constexpr char kRecover[] = "recover";
inline constexpr char kCarryOver[] = "carry_over";
inline constexpr char kEditConfigs[] = "edit_configs";
inline constexpr char kStartLeader[] = "start_leader";
inline constexpr char kCheckTables[] = "check_tables";
inline constexpr char kStartFollowers[] = "start_followers";
inline constexpr char kRestoreLevel[] = "restore_level";
inline constexpr char kCheckNodes[] = "check_nodes";
inline constexpr char kMarkOldRoot[] = "mark_old_root";
inline constexpr char kRemoveOldTree[] = "remove_old_tree";
inline constexpr char kRemoveMark[] = "remove_mark";
}  // namespace move_step

// Texts, unless something else is said.
namespace move_fact {
// Of the target, when it was found free.
inline constexpr char kTargetRoot[] = "target_root";          // "yes": it was there
inline constexpr char kTargetChildren[] = "target_children";  // a list of names
inline constexpr char kMovedText[] = "moved_text";            // of a former move's mark
// Of the old cluster.
inline constexpr char kBackup[] = "backup";
inline constexpr char kOldLevel[] = "old_level";
inline constexpr char kOldCandidates[] = "old_candidates";  // a list of paths
// Of the old ZooKeeper, when the new tree was made.
inline constexpr char kOldLocks[] = "old_locks";           // a list; empty: they could not be read
inline constexpr char kOldRootCzxid[] = "old_root_czxid";  // a number
inline constexpr char kOldTreeZxid[] = "old_tree_zxid";    // a number
// Of the new ZooKeeper, then.
inline constexpr char kNewTreeZxid[] = "new_tree_zxid";  // a number
// Of the copy.
inline constexpr char kFirstPass[] = "first_pass";
inline constexpr char kPassMs[] = "pass_ms";           // a number
inline constexpr char kLastPassMs[] = "last_pass_ms";  // a number
// Of the recovery.
inline constexpr char kPlanDigest[] = "plan_digest";
inline constexpr char kPartitionsLost[] = "partitions_lost";  // a number
inline constexpr char kNodesLeftOut[] = "nodes_left_out";     // a number
inline constexpr char kCarriedOver[] = "carried_over";
// Of the operator's.
inline constexpr char kBadNodesAccepted[] = "bad_nodes_accepted";  // "yes"
inline constexpr char kConfigDifference[] = "config_difference";   // a list of lines
inline constexpr char kConfigsEdited[] = "configs_edited";         // "yes": by --edit_config
inline constexpr char kConfigsBack[] = "configs_back";             // likewise
}  // namespace move_fact

// Behind the name of the state's file and a dot.
namespace move_file {
inline constexpr char kTables[] = "tables";
inline constexpr char kNodeList[] = "recover_node_list";
inline constexpr char kOldTree[] = "old_tree.jsonl.zst";
inline constexpr char kCarriedOver[] = "carried_over";
// Only by hand.
inline constexpr char kAppsListing[] = "apps.list";
inline constexpr char kNodesListing[] = "nodes.list";
inline constexpr char kPlan[] = "plan";
}  // namespace move_file

}  // namespace metarec
