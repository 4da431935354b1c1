// How nodes, tables and partitions of a plan are called in texts for people.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/recovery_plan.h"

namespace metarec {

// `text` fit for a terminal and for JSON: control characters and bytes that are not UTF-8 become
// \xNN. Names come from servers, and nothing keeps an escape sequence out of them.
std::string Printable(absl::string_view text);

// "1 partition", "2 partitions".
std::string Counted(int64_t count, absl::string_view noun);

// "5 tables, 15 placeholders"; without the latter if there is none.
std::string CountedTables(const RecoveryPlan& plan);

// `text` as one word of a shell command, in quotes if it needs them.
std::string ShellWord(absl::string_view text);

// A list that is joined with ',' as facts are, cut to `max` items: "a, b, c and 7 more".
std::string CutList(absl::string_view joined, size_t max = 5);

// `text` broken into lines of about 100 bytes between words, for a line that has `column` bytes
// already; the lines that follow are indented by `indent`. No line break at the end.
std::string Wrapped(absl::string_view text, size_t column, size_t indent);

// The node's name; "-" for kNoNode, "node #7" if the plan has no such node.
std::string NodeLabel(const RecoveryPlan& plan, NodeIndex node);

// "table 3 (usertable)"; without parentheses if the plan has no such table.
std::string TableLabel(const RecoveryPlan& plan, int32_t app_id);

// "partition 3.17 (usertable)".
std::string PartitionLabel(const RecoveryPlan& plan, int32_t app_id, int32_t index);

// Position in Topology::tables; SIZE_MAX when there is none.
size_t FindTable(const RecoveryPlan& plan, int32_t app_id);

// Position in Topology::partitions; SIZE_MAX when there is none.
size_t FindPartition(const RecoveryPlan& plan, int32_t app_id, int32_t index);

}  // namespace metarec
