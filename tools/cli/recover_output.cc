#include "tools/cli/recover_output.h"

#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/recover_texts.h"
#include "tools/cli/start_advice.h"

namespace metarec::tools {
namespace {

void PrintOutcome(const RecoveryResult& result, const std::string& root) {
  if (!result.status.ok()) {
    std::cerr << "metarec recover: " << PrintableLines(result.status.message()) << std::endl;
    return;
  }
  if (result.written->already_finished) {
    std::cerr << "was recovered already, by the same plan: " << root << "; nothing was written";
  } else {
    std::cerr << "recovered: " << root << ", " << Counted(result.written->znodes_created, "znode")
              << " written" << (result.written->resumed ? " to end an earlier run" : "")
              << ", all checked";
  }
  std::cerr << "\nnext: " << HowToStart(root) << std::endl;
}

// Only a plan that is not ready says by itself what is next.
std::optional<NextStep> NextAfter(const RecoveryResult& result, const std::string& root) {
  if (result.outcome == RecoveryOutcome::kTryAgain ||
      result.outcome == RecoveryOutcome::kConflict) {
    return std::nullopt;
  }
  return NextStep{result.status.ok() ? HowToStart(root) : std::string(result.status.message()), {}};
}

}  // namespace

absl::Status RecoverOutput::PrintTextReport(const RecoveryResult& result) const {
  if (!result.plan.has_value()) return absl::OkStatus();
  ReportOptions options = report;
  if (result.status.ok()) options.plan_path = plan_path;     // else it is not written
  options.next_step = !NextAfter(result, root).has_value();  // else PrintOutcome tells it
  METAREC_RETURN_IF_ERROR(wanted.ApplyTo(*result.plan, &options));
  const absl::Status printed = WriteReport(*result.plan, options, [](absl::string_view text) {
    std::cerr << text;
    return absl::OkStatus();
  });
  std::cerr << std::flush;
  return printed;
}

// The report, which may be long, is not held as a whole.
absl::Status RecoverOutput::PrintJson(const RecoveryResult& result) const {
  JsonObject json;
  json.Set("result", result.error_name)
      .Set("outcome", RecoveryOutcomeName(result.outcome))
      .Set("root", root)
      .SetLines("message", result.status.message())
      .SetLines("hints", result.hints);
  if (result.written.has_value()) {
    json.Set("resumed", result.written->resumed)
        .Set("already_finished", result.written->already_finished)
        .Set("znodes_created", result.written->znodes_created)
        .Set("znodes_found", result.written->znodes_found);
  }
  if (!result.plan.has_value()) return output.Print(json.ToLine());
  ReportOptions options = report;
  options.next = NextAfter(result, root);
  bool has_begun = false;
  const absl::Status printed = output.PrintPieces([&](TextSink sink) {
    // What the plan does not have is found out before the first piece.
    METAREC_RETURN_IF_ERROR(wanted.ApplyTo(*result.plan, &options));
    METAREC_RETURN_IF_ERROR(WriteReportJson(*result.plan, options, [&](absl::string_view text) {
      if (!std::exchange(has_begun, true)) {
        std::string begin = json.ToText();
        begin.pop_back();  // its brace
        METAREC_RETURN_IF_ERROR(sink(absl::StrCat(begin, ",", JsonString("report"), ":")));
      }
      return sink(text);
    }));
    return sink("}\n");
  });
  if (!printed.ok() && !has_begun) METAREC_RETURN_IF_ERROR(output.Print(json.ToLine()));
  return printed;
}

absl::Status RecoverOutput::Print(const RecoveryResult& result, ShellOutput* shell) const {
  // How it ended is told before anything else that can go wrong.
  const bool no_answer_in_time = result.outcome == RecoveryOutcome::kStillServed ||
                                 result.outcome == RecoveryOutcome::kTimedOut;
  shell->Print(no_answer_in_time ? std::string(kWaitFailedLine)
                                 : RecoverResultText(result.error_name, result.hints));
  if (shell->to_file()) {
    std::cout << "recover complete with err = " << result.error_name << std::endl;
  }
  const absl::Status reported = PrintTextReport(result);
  PrintOutcome(result, root);
  std::vector<std::string> failures;
  const auto note = [&failures](const absl::Status& status) {
    if (!status.ok()) failures.emplace_back(status.message());
  };
  note(shell->status());
  if (shell->to_file() && !std::cout.good()) failures.emplace_back("cannot write to stdout");
  // As JSON it lacks the same.
  note(output.json() ? PrintJson(result) : reported);
  if (result.status.ok() && !plan_path.empty()) note(WritePlanFile(*result.plan, plan_path));
  if (failures.empty()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(result.status.ok() ? "the tree is written and checked; only this failed: " : "",
                   absl::StrJoin(failures, "; ")));
}

ExitCode RecoverExitCode(const RecoveryResult& result) {
  switch (result.outcome) {
    case RecoveryOutcome::kRecovered:
      return result.plan->HasAcceptedLosses() ? ExitCode::kAcceptedLosses : ExitCode::kDone;
    case RecoveryOutcome::kConflict:
      return ExitCode::kConflict;
    case RecoveryOutcome::kStillServed:
    case RecoveryOutcome::kRootRefused:
    case RecoveryOutcome::kPlanOutdated:
      return ExitCode::kRefused;
    case RecoveryOutcome::kTryAgain:
    case RecoveryOutcome::kTimedOut:
    case RecoveryOutcome::kCancelled:
    case RecoveryOutcome::kFailed:
      break;
  }
  return ExitCode::kFailed;
}

}  // namespace metarec::tools
