// How nodes, tables and partitions of a plan are called in texts, and lists of them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// "5 tables, 15 placeholders"; without the placeholders if there are none.
std::string CountedTables(const RecoveryPlan& plan);

// The node's name; "-" for kNoNode, "node #7" if the plan has no such node.
std::string NodeLabel(const RecoveryPlan& plan, NodeIndex node);

// "table 3 (usertable)"; without parentheses if the plan has no such table.
std::string TableLabel(const RecoveryPlan& plan, int32_t app_id);

// "partition 3.17 (usertable)".
std::string PartitionLabel(const RecoveryPlan& plan, int32_t app_id, int32_t index);

// "backup.jsonl at /pegasus/demo (of 2026-11-30 00:10:00 UTC, zxid 0x1f)"; fit for a terminal.
std::string OldTreeText(const OldTreeSource& tree);

// As they are, not yet fit for a terminal; "?" if the plan has no such node or table.
absl::string_view NodeName(const RecoveryPlan& plan, NodeIndex node);
absl::string_view TableName(const RecoveryPlan& plan, int32_t app_id);
absl::string_view OldTableName(const RecoveryPlan& plan, int32_t app_id);

// What the node list calls the node, since the operator looks for it there; its name if the list
// does not have it.
std::string ListedNode(const RecoveryPlan& plan, NodeIndex node);

// The labels of the first of them, and how many more there are.
std::string NodesInWords(const RecoveryPlan& plan, absl::Span<const NodeIndex> nodes);

// NodeDecision::listed_as; empty if the plan has no such node.
absl::Span<const std::string> ListedAs(const RecoveryPlan& plan, NodeIndex node);

// Whether the operator decided that nothing of the table is recovered.
bool IsLeftOut(const RecoveryPlan& plan, int32_t app_id);

// Of the table; 0 if the plan has no such table.
int32_t MaxReplicaCount(const RecoveryPlan& plan, int32_t app_id);

// "0-3", "7"; and joined: "0-3,7".
std::vector<std::string> RangeTexts(absl::Span<const IndexRange> ranges);
std::string RangesText(absl::Span<const IndexRange> ranges);

// `item` with a backslash in front of each byte of `separators` and of each backslash.
std::string EscapedItem(absl::string_view item, absl::string_view separators);
// Joined with ',', each with a backslash in front of its commas.
std::string JoinedItems(absl::Span<const std::string> items);

// "a decree below -1 (3 times); a ballot below 0".
std::string ProblemsText(absl::Span<const CountedText> problems);

// Position in Topology::tables; SIZE_MAX when there is none.
size_t FindTable(const RecoveryPlan& plan, int32_t app_id);

// Position in Topology::partitions; SIZE_MAX when there is none.
size_t FindPartition(const RecoveryPlan& plan, int32_t app_id, int32_t index);

}  // namespace metarec
