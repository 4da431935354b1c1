// Findings in words, for the report, the JSON, the command line and Pegasus's shell, in the order
// in which a person should read them.

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// What was found, on what evidence, and what to do about it: one line without full stop or line
// break, fit for a terminal. Works on any finding, also of a plan that is not complete.
std::string FindingSentence(const RecoveryPlan& plan, const Finding& finding);

// The same without the commands that FindingCommands has.
std::string FindingStatement(const RecoveryPlan& plan, const Finding& finding);

// The command-line arguments that settle a conflict, or a table that is probably dropped and lacks
// partitions, one for each choice, the best supported first and those that leave data out last,
// quoted for a shell: "--settle 10.app_type=pegasus". Parts in capitals are for the operator to
// fill in. Empty for any other finding.
std::vector<std::string> SettleChoices(const RecoveryPlan& plan, const Finding& finding);

// Of conflicts and of tables that are probably dropped and lack partitions, the first choice of
// each, in the order of GroupFindings; together they settle them.
struct FirstChoices {
  std::optional<int32_t> max_app_id;     // takes in every id that is out of range
  std::vector<std::string> settlements;  // "--settle 10.app_type=pegasus", each once
  bool are_all = true;                   // or cut off, as there are more than `most` with the id
  bool have_capitals = false;            // parts for the operator to fill in
};
FirstChoices FirstChoicesOf(const RecoveryPlan& plan, size_t most);

// Of how many conflicts a command has the choices: nobody reads a longer one.
inline constexpr size_t kFirstChoicesMax = 50;

// The words of a command that plans again with all options of this plan and with these choices of
// it: " --skip_bad_nodes --settle 10.app_type=pegasus", and " ..." if there are more. Empty or with
// a blank in front.
std::string OptionWordsWithChoices(const RecoveryPlan& plan, const FirstChoices& first);

// SettleChoices, or the command of Pegasus's shell that is the remedy.
std::vector<std::string> FindingCommands(const RecoveryPlan& plan, const Finding& finding);

// The evidence behind a finding as texts, with what the plan says elsewhere: {"collected", "1"},
// {"expected", "3"}. What is empty is left out. Not fit for a terminal. The keys of each kind are
// listed in docs/report-schema.md.
std::vector<std::pair<absl::string_view, std::string>> FactTexts(const RecoveryPlan& plan,
                                                                 const Finding& finding);

struct FindingGroup {
  FindingKind kind = FindingKind::kBadNode;
  std::vector<const Finding*> findings;  // in the order of the plan
};

// The plan's findings of one severity, by kind, the gravest kind first; those about `only`, if it
// is given.
std::vector<FindingGroup> GroupFindings(const RecoveryPlan& plan, Severity severity,
                                        const std::optional<TableOrPartition>& only = {});

// Whether it is about a lost partition of a table that is probably dropped. The finding about the
// table tells of these, too; they come behind what tables with data lost.
bool IsLossOfDropped(const RecoveryPlan& plan, const Finding& finding);

bool IsAbout(const Finding& finding, const TableOrPartition& subject);

// The lines that Pegasus's shell shows after a recovery (hint_message; INTEROP.md, section 5), and
// ours about hazards that Pegasus does not know. One text per line, without the newline: bad nodes
// in the order of the node list, tables from the highest id down, then partitions, those that are
// lost of dropped tables last.
// `node_list_order` is the list as the operator wrote it; a bad node that is not in it comes after
// the others.
std::vector<std::string> HintLines(const RecoveryPlan& plan,
                                   absl::Span<const std::string> node_list_order);

}  // namespace metarec
