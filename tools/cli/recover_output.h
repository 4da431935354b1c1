// What `recover` prints: what the recover command of Pegasus's shell prints, character for
// character (INTEROP.md section 7.1), since operators' scripts grep for it; then what is ours.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/task_group.h"
#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/planner/plan_options.h"
#include "meta_recovery/report/report.h"
#include "replica_collector/node_list.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/plan_arguments.h"
#include "tools/cli/store_arguments.h"
#include "tools/process/exit_code.h"

namespace metarec::tools {

// On wrong usage, on stdout.
extern const absl::string_view kRecoverUsage;

// "duplicate replica node <node>, just ingore it" for each, a line each.
std::string DuplicateNodesText(const NodeList& nodes);

// From "Wait seconds: 100" to the line below the nodes.
std::string RecoverHeader(int32_t wait_seconds, const PlanOptions& decisions,
                          const NodeList& nodes);

// "Wait recovery for <i> seconds".
std::string WaitLine(int64_t seconds);

extern const absl::string_view kWaitFailedLine;

// "Recover result: ERR_OK" and the hints, if there are any. Each hint ends in a newline; the shell
// of 2.6 lets some of them run together.
std::string RecoverResultText(absl::string_view error, absl::string_view hints);

// -w: the shell's own texts as errors.
absl::StatusOr<int32_t> ParseWaitSeconds(absl::string_view text);

// Prints "Wait recovery for 0 seconds" after the first second, and so on, until it is cancelled.
asio::awaitable<void> PrintWaitLines(ShellOutput* output, Clock* clock);

// The result of `recovery`, with such lines while it runs.
template <typename Result>
asio::awaitable<Result> WithWaitLines(asio::awaitable<Result> recovery, ShellOutput* output,
                                      Clock* clock) {
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup wait_lines(executor);
  wait_lines.Spawn(PrintWaitLines(output, clock));
  Result result = co_await std::move(recovery);
  wait_lines.Cancel();
  co_await wait_lines.Join();
  co_return result;
}

// Of a run that found everything written by an earlier one: what became of it since, as the second
// half of a sentence; and what is to be done after a run.
std::string WhatWasFound(const WriteResult& written);
std::string NextAfterWriting(const WriteResult& written, const StoreArguments& store);

// Tells what `recover` did, unless that was interrupted.
struct RecoverOutput {
  const StoreArguments& store;
  const std::string& plan_path;  // where the plan is kept; "" for nowhere
  ReportOptions report;          // how to run it again
  const ReportArguments& wanted;
  const OutputArguments& output;

  // Prints the last lines of what Pegasus's shell prints, then what is ours, and keeps the plan. An
  // error says what could not be printed or kept.
  absl::Status Print(const RecoveryResult& result, ShellOutput* shell) const;

 private:
  absl::Status PrintTextReport(const RecoveryResult& result) const;
  absl::Status PrintJson(const RecoveryResult& result) const;
};

// "8 znodes written, all checked", in the words of a sentence; what an earlier run left is told
// apart. Of a run that was not finished already.
std::string WrittenInWords(const WriteResult& written);

ExitCode RecoverExitCode(const RecoveryResult& result);

}  // namespace metarec::tools
