#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/output_arguments.h"

namespace metarec::tools {

// --table, --partition and --all: how much of the report is shown.
class ReportArguments {
 public:
  void AddTo(CLI::App& verb);

  // What is wrong with them, naming the option.
  absl::Status Check() const;

  // What a plan file must be read for.
  PlanSelection selection() const;

  // As asked for, of this plan. kNotFound when it has no such table or partition.
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
