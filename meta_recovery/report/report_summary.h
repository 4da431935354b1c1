// What the report says at its beginning and its end, the same as text and as JSON: the verdict, the
// numbers, and what to do next.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "meta_recovery/plan_file/plan_selection.h"
#include "meta_recovery/planner/plan_numbers.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

struct NextStep {
  std::string advice;  // a sentence; more when the decision is not easy
  // In the order in which they are to be run; after an error the second is what is left to do when
  // the first does not help. The first never gives up data that another choice would keep.
  std::vector<std::string> commands;
};

struct ReportOptions {
  // Where the plan was or will be written if it is ready. Empty: nowhere; shown as FILE where a
  // command needs it.
  std::string plan_path;
  // How to reach the ZooKeeper root, e.g. "--zk zk1:2181 --root /pegasus/new". Empty: shown as
  // placeholders.
  std::string store_flags;
  // The command that made this plan, with its flags; more flags are appended to it for a plan that
  // is not ready. Empty: shown as "metarec plan -f NODE_LIST --plan FILE" with the plan's own
  // flags.
  std::string plan_command;
  // Whether that command plans from an evidence file: planning again does not help then, before
  // evidence is collected anew.
  bool from_evidence_file = false;

  // Whether the report ends with what to do next.
  bool next_step = true;
  // What that is when it does not follow from the plan; e.g. it was applied already.
  std::optional<NextStep> next;

  int examples_max = 3;  // of findings of one kind, and of items in a list
  int tables_max = 20;   // shown one by one, the worst first

  // Nothing is cut short: every finding, every table.
  bool all = false;
  // In place of the whole: what there is to say about this table or partition, not cut short.
  std::optional<TableOrPartition> only;
};

// One line: whether the plan may be applied, and if not, what is in the way.
std::string Verdict(const RecoveryPlan& plan, const PlanNumbers& numbers);

// What the program that shows the report exits with (docs/report-schema.md): 0, 1, 3 or 5.
int PlanExitCode(const RecoveryPlan& plan);
int PlanExitCode(PlanOutcome outcome, const PlanNumbers& numbers);

NextStep NextStepOf(const RecoveryPlan& plan, const ReportOptions& options);

// "metarec explain --plan monday.plan"; a subject is to be appended. Empty when there is no plan
// file that it could read: a plan that is not ready is written to none.
std::string ExplainCommand(const RecoveryPlan& plan, const ReportOptions& options);

// "metarec report --plan monday.plan --all": how to see what a report leaves out, with `option` of
// that verb; without a plan file, to which command to add it.
std::string CommandToSee(const RecoveryPlan& plan, const ReportOptions& options,
                         absl::string_view option);

}  // namespace metarec
