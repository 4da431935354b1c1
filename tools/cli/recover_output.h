#pragma once

#include <string>

#include <absl/status/status.h>

#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/report_arguments.h"
#include "tools/cli/shell_output.h"
#include "tools/process/exit_code.h"

namespace metarec::tools {

// How `recover` tells what it did, once it has come to an end of its own.
struct RecoverOutput {
  const std::string& root;
  const std::string& plan_path;  // where the plan is kept; "" for nowhere
  ReportOptions report;          // how to run it again
  const ReportArguments& wanted;
  const OutputArguments& output;

  // The last lines of what Pegasus's shell prints, then what is ours; keeps the plan, too. An error
  // says what could not be printed or kept.
  absl::Status Print(const RecoveryResult& result, ShellOutput* shell) const;

 private:
  absl::Status PrintTextReport(const RecoveryResult& result) const;
  absl::Status PrintJson(const RecoveryResult& result) const;
};

ExitCode RecoverExitCode(const RecoveryResult& result);

}  // namespace metarec::tools
