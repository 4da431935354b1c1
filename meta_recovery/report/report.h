// The report on a plan, as text and as JSON.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "base/text/text_sink.h"
#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/headline.h"

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
  // The command that made this plan, without the words for PlanOptions: those are the plan's, or
  // others that help a plan that is not ready. Empty: shown as "metarec plan -f NODE_LIST --plan
  // FILE".
  std::string plan_command;
  // Whether that command plans from an evidence file: planning again does not help then, before
  // evidence is collected anew.
  bool from_evidence_file = false;

  // What became of the plan: the headline says it.
  HeadlineMoment moment = HeadlineMoment::kPlanned;

  // What an earlier run of this plan has written already.
  enum class Before { kNothing, kSome, kAll };
  Before written_before = Before::kNothing;

  // To say how old the evidence is; InfinitePast: that is not said.
  absl::Time now = absl::InfinitePast();

  // What the process ends with, if that does not follow from the plan; for the JSON.
  std::optional<int> exit_code;

  // Whether the report ends with what to do next, and with what that writes.
  bool next_step = true;
  // What that is when it does not follow from the plan; e.g. it was applied already.
  std::optional<NextStep> next;

  int examples_max = 3;          // of findings of one kind, and of items in a list
  int tables_max = 20;           // shown one by one, the worst first
  int healthy_tables_max = 100;  // with a line each

  // Nothing is cut short: every finding, every table.
  bool all = false;
  // In place of the whole: what there is to say about this table or partition, not cut short.
  std::optional<TableOrPartition> only;
};

// What applying a plan that is ready does, on one line, the gravest beside the size: "writes 14
// znodes; 2 partitions EMPTY; 1 node left out; evidence 3 h old".
std::string WhatIsWritten(const RecoveryPlan& plan, const PlanNumbers& numbers,
                          const ReportOptions& options);

// What whoever applies a plan should read once more before it is written: its hazards, what comes
// back empty, and what is written. As in the report, a few of many similar things.
absl::Status WriteReminder(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink);

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

// The plan for the person who has to decide whether to apply it, who may be tired: the headline and
// the numbers first, then hazards, conflicts, errors and warnings, what is known of each table,
// what was lost with the old ZooKeeper, and the next command. Of many similar things it shows a few
// and how to see the rest.
//
// With ReportOptions::only it fails like Explain when the plan has no such table or partition.
absl::Status WriteReport(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink);
std::string RenderReport(const RecoveryPlan& plan, const ReportOptions& options);

// The report about ReportOptions::only, which must be given, from an excerpt that holds it.
absl::Status WriteDetails(const RecoveryPlan& plan, const PlanNumbers& numbers,
                          const ReportOptions& options, TextSink sink);

// What RenderReport says, for programs: one JSON object over several lines, with a newline at the
// end. The schema is in docs/report-schema.md; fields are added to it, never renamed. Nothing is
// cut short in it: ReportOptions::all, examples_max and tables_max do not matter.
absl::Status WriteReportJson(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink);
std::string RenderReportJson(const RecoveryPlan& plan, const ReportOptions& options);

// As WriteDetails.
absl::Status WriteDetailsJson(const RecoveryPlan& plan, const PlanNumbers& numbers,
                              const ReportOptions& options, TextSink sink);

}  // namespace metarec
