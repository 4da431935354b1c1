// Findings that follow from the rest of a plan. The planner takes them from here, and so does
// whoever reads a plan file: a file that lacks one of them, or has another one, was edited
// (meta_recovery/plan_file/finding_consistency.h).

#pragma once

#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Whether all findings of the kind come from the functions below.
bool IsDue(FindingKind kind);

// Whether any node answered completely.
bool HasAnswer(const RecoveryPlan& plan);

// Whether the plan says anything about tables. It does not if no node answered, or if some did not
// and may not be skipped.
bool AreTablesPlanned(const RecoveryPlan& plan);

// About the nodes, and about what all of them have in common.
void AddFindingsOfNodes(const RecoveryPlan& plan, FindingsList& findings);

// About the tables, without their partitions.
void AddFindingsOfTables(const RecoveryPlan& plan, FindingsList& findings);

// About one partition of a table that is no placeholder. `replicas` are all that it has.
void AddFindingsOfPartition(const PlanOptions& options, const TopologyTable& table,
                            const TableDecision& decision, const TopologyPartition& partition,
                            absl::Span<const RankedReplica> replicas, FindingsList& findings);

}  // namespace metarec
