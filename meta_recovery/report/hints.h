// The lines that Pegasus's shell shows after a recovery (hint_message; INTEROP.md, section 5).

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// What programs look for in the lines. Also stock meta servers say them like this.
inline constexpr absl::string_view kLostPartitionHint = "force recover the lost partition to empty";
inline constexpr absl::string_view kRenamedHint = "rename it to (";  // then the new name and ')'

// One text per line, without the newline: bad nodes in the order of the node list, renamed tables
// from the highest id down, then partitions. `node_list_order` is the list as the operator wrote
// it; a bad node that is not in it comes after the others.
std::vector<std::string> HintLines(const RecoveryPlan& plan,
                                   absl::Span<const std::string> node_list_order);

}  // namespace metarec
