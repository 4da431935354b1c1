// What old trees add to tables that were planned from what the replica servers say.
//
// The servers say what exists, and its ballots. A table of a tree is the same table if id and
// create time agree. Of several trees that have it the newest one counts. The tree is older than
// what the servers say of the table if one of them reports a higher ballot of a partition: the
// cluster went on without the tree's knowing. docs/recovery-rules.md ("Old trees") has the rules.

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/types/span.h>

#include "meta_recovery/old_tree/old_tree.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/planned_tables.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/planner/settlements.h"

namespace metarec {

// A change of a table's name, replica count or atomic_idempotent has reached all servers after this
// time: they ask every half minute (INTEROP.md, section 10.3), and write it to disk.
inline constexpr int64_t kHeardByServersMs = int64_t{10} * 60 * 1000;

// Which finding kZnodesCarried tells of it: that about the table, and the name; 0 for what belongs
// to none.
std::pair<int32_t, std::string> PartOf(const CarriedZnode& znode);

// Changes `tables`, which ascend from id 1, before their names are made unique and their partitions
// are planned; appends those above the highest id that only a tree knows. Fills
// RecoveryPlan::old_trees and Topology::carried.
//
// kInvalidArgument, naming it, for a source of which no tree can be shown to be of this cluster.
absl::Status CarryFromOldTrees(absl::Span<const OldTree> trees, const Settlements& settlements,
                               const IdsBeyond& beyond, std::vector<PlannedTable>& tables,
                               FindingsList& findings, RecoveryPlan& plan);

}  // namespace metarec
