// Findings in words, for the report, the JSON and the command line.

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// What was found, on what evidence, and what to do about it: one line without full stop or line
// break, fit for a terminal. Works on any finding, also of a plan that is not complete.
std::string FindingSentence(const RecoveryPlan& plan, const Finding& finding);

// The same without the commands that FindingCommands has.
std::string FindingStatement(const RecoveryPlan& plan, const Finding& finding);

// What the findings of one kind have in common, in the plural: "partitions without any replica".
absl::string_view FindingKindTitle(FindingKind kind);

// The command-line arguments that settle a conflict, one for each choice, the best supported first
// and those that leave data out last,
// quoted for a shell: "--settle 10.app_type=pegasus". Parts in capitals are for the operator to
// fill in. Empty for a finding that is no conflict.
std::vector<std::string> SettleChoices(const Finding& finding);

// Whether the finding is a conflict over an id that a higher --max_app_id would take in.
bool CanRaiseMaxAppId(const Finding& finding);

// SettleChoices, or the command of Pegasus's shell that is the remedy.
std::vector<std::string> FindingCommands(const Finding& finding);

}  // namespace metarec
