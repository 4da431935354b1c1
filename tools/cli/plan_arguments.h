// DECISIONS and REPORT: what goes into a plan, and how much of its report is shown.

#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/plan_options.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/output_arguments.h"
#include "tools/process/command.h"

namespace metarec::tools {

// DECISIONS: what the operator accepts and decides.
class PlanArguments {
 public:
  void AddTo(Command& verb);
  absl::StatusOr<PlanOptions> ToOptions() const;

 private:
  PlanOptions options_;
  std::vector<std::string> bad_nodes_;        // "true": all
  std::vector<std::string> lost_partitions_;  // likewise
  std::string membership_ = std::string(MembershipName(PlanOptions().membership));
  std::vector<std::string> settlements_;
};

// "metarec plan" and, for an advised command, the options that were given to `verb`, but for
// DECISIONS, which PlanOptionWords() renders, and for those that only say how the result is shown.
std::string CommandToRepeat(absl::string_view name, const Command& verb);

// An option that was given to `verb` and that only matters when a plan is made: of NODES or of
// DECISIONS. "" if there is none.
std::string GivenForPlanning(const Command& verb);

// Reads a plan file. A signal ends that (interrupts.h).
absl::StatusOr<RecoveryPlan> ReadPlan(const std::string& path);

// REPORT: --table, --partition and --all.
class ReportArguments {
 public:
  void AddTo(Command& verb);

  // OK, or what is wrong with them, with the option's name.
  absl::Status Check() const;

  // What a plan file must be read for.
  PlanSelection selection() const;

  // Makes `options` show what was asked for of this plan. kNotFound if the plan has no such table
  // or partition.
  absl::Status ApplyTo(const RecoveryPlan& plan, ReportOptions* options) const;

 private:
  // Whether one table or partition is asked for.
  bool given_subject() const { return !table_.empty() || !partition_.empty(); }

  std::string table_;
  std::string partition_;
  bool all_ = false;
};

// As text or JSON, as `output` says.
absl::Status PrintReport(const RecoveryPlan& plan, const ReportOptions& report,
                         const OutputArguments& output);

}  // namespace metarec::tools
