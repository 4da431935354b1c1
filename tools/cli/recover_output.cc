#include "tools/cli/recover_output.h"

#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/report/report.h"

namespace metarec::tools {
namespace {

constexpr absl::string_view kRule = "=============================\n";

}  // namespace

std::string WrittenInWords(const WriteResult& written) {
  if (!written.resumed) {
    return absl::StrCat(Counted(written.znodes_created, "znode"), " written, all checked");
  }
  if (written.znodes_created == 0) {
    return "everything was there from an earlier run; checked and unlocked";
  }
  return absl::StrCat(Counted(written.znodes_created, "znode"), " written and ",
                      written.znodes_found, " found from an earlier run, all checked");
}

namespace {

void PrintOutcome(const RecoveryResult& result, const StoreArguments& store) {
  if (!result.status.ok()) {
    std::cerr << "metarec recover: " << PrintableLines(result.status.message()) << std::endl;
    return;
  }
  if (result.written->already_finished) {
    std::cerr << "was recovered already, by the same plan: " << store.root()
              << "; nothing was written, " << WhatWasFound(*result.written);
  } else {
    std::cerr << "recovered: " << store.root() << ", " << WrittenInWords(*result.written);
  }
  // The report, whose first line it is, may have been a long one.
  const Headline headline =
      HeadlineOf(result.plan->outcome, CountPlan(*result.plan), HeadlineMoment::kWritten);
  if (headline.tone != HeadlineTone::kGood) std::cerr << "\n" << headline.text;
  std::cerr << "\nnext: " << NextAfterWriting(*result.written, store) << std::endl;
}

// Only a plan that is not ready says by itself what is next.
std::optional<NextStep> NextAfter(const RecoveryResult& result, const StoreArguments& store) {
  if (result.outcome == RecoveryOutcome::kTryAgain ||
      result.outcome == RecoveryOutcome::kConflict) {
    return std::nullopt;
  }
  return NextStep{result.status.ok() ? NextAfterWriting(*result.written, store)
                                     : std::string(result.status.message()),
                  {}};
}

}  // namespace

std::string WhatWasFound(const WriteResult& written) {
  if (written.gone_on == 0) return "and everything is there as it was (checked)";
  return absl::StrCat("and a meta server has gone on from it since (",
                      Counted(written.gone_on, "partition"),
                      " changed); everything else is as it was (checked)");
}

std::string NextAfterWriting(const WriteResult& written, const StoreArguments& store) {
  return written.gone_on == 0 ? store.HowToStart()
                              : "nothing is left to do: a meta server has started from it";
}

const absl::string_view kRecoverUsage =
    "USAGE: \trecover                    [-f|--node_list_file file_name] [-s|--node_list_str str]\n"
    "\t                           [-w|--wait_seconds num] [-b|--skip_bad_nodes]\n"
    "\t                           [-l|--skip_lost_partitions] [-o|--output file_name]\n";

const absl::string_view kWaitFailedLine =
    "Wait recovery failed, administrator should check the meta for progress\n";

std::string DuplicateNodesText(const NodeList& nodes) {
  std::string text;
  for (const NodeListDuplicate& duplicate : nodes.duplicates) {
    absl::StrAppend(&text, PegasusTextOf(duplicate), "\n");
  }
  return text;
}

std::string RecoverHeader(int32_t wait_seconds, const PlanOptions& decisions,
                          const NodeList& nodes) {
  const auto word = [](bool all, const std::set<std::string>& some) {
    if (!all && !some.empty()) return absl::StrJoin(some, ",");
    return std::string(all ? "true" : "false");
  };
  std::string text = absl::StrCat(
      "Wait seconds: ", wait_seconds,
      "\nSkip bad nodes: ", word(decisions.skip_bad_nodes, decisions.bad_nodes_skipped),
      "\nSkip lost partitions: ",
      word(decisions.skip_lost_partitions, decisions.lost_partitions_skipped), "\nNode list:\n",
      kRule);
  for (const NodeListEntry& entry : nodes.entries) absl::StrAppend(&text, entry.text, "\n");
  absl::StrAppend(&text, kRule);
  return text;
}

std::string WaitLine(int64_t seconds) {
  return absl::StrCat("Wait recovery for ", seconds, " seconds\n");
}

std::string RecoverResultText(absl::string_view error, absl::string_view hints) {
  std::string text = absl::StrCat("Recover result: ", error, "\n");
  if (!hints.empty()) absl::StrAppend(&text, kRule, hints, kRule);
  return text;
}

asio::awaitable<void> PrintWaitLines(ShellOutput* output, Clock* clock) {
  const absl::Time start = clock->Now();
  for (int64_t second = 0;; ++second) {
    if (!(co_await clock->SleepUntil(start + absl::Seconds(second + 1))).ok()) co_return;
    output->PrintWithoutWaiting(WaitLine(second));
  }
}

absl::StatusOr<int32_t> ParseWaitSeconds(absl::string_view text) {
  int32_t seconds = 0;
  if (!absl::SimpleAtoi(text, &seconds)) {
    return absl::InvalidArgumentError(absl::StrCat("parse ", text, " as wait_seconds failed"));
  }
  if (seconds <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("invalid wait_seconds ", seconds, ", should be positive number"));
  }
  return seconds;
}

absl::Status RecoverOutput::PrintTextReport(const RecoveryResult& result) const {
  if (!result.plan.has_value()) return absl::OkStatus();
  ReportOptions options = report;
  options.moment = HeadlineMomentOf(result.outcome);
  if (result.status.ok()) options.plan_path = plan_path;      // else it is not written
  options.next_step = !NextAfter(result, store).has_value();  // else PrintOutcome tells it
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
      .Set("root", store.root())
      .SetLines("message", result.status.message())
      .SetLines("hints", result.hints);
  if (result.written.has_value()) {
    json.Set("resumed", result.written->resumed)
        .Set("already_finished", result.written->already_finished)
        .Set("gone_on", result.written->gone_on)
        .Set("znodes_created", result.written->znodes_created)
        .Set("znodes_found", result.written->znodes_found);
  }
  if (!result.plan.has_value()) return output.Print(json.ToLine());
  ReportOptions options = report;
  options.moment = HeadlineMomentOf(result.outcome);
  options.next = NextAfter(result, store);
  options.exit_code = static_cast<int>(RecoverExitCode(result));
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
  PrintOutcome(result, store);
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
    case RecoveryOutcome::kRootDiffers:
      return ExitCode::kDifferences;
    case RecoveryOutcome::kTryAgain:
    case RecoveryOutcome::kTimedOut:
    case RecoveryOutcome::kCancelled:
    case RecoveryOutcome::kFailed:
      break;
  }
  return ExitCode::kFailed;
}

}  // namespace metarec::tools
