#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>

#include "line_file/line_file.h"
#include "meta_recovery/plan_file.h"
#include "meta_recovery/recovery_job.h"
#include "meta_recovery/report_json.h"
#include "meta_recovery/report_text.h"
#include "rpc/resolver.h"
#include "runtime/cancellation.h"
#include "runtime/event.h"
#include "runtime/for_each_bounded.h"
#include "runtime/status_macros.h"
#include "text/printable.h"
#include "text/wording.h"
#include "tools/command_errors.h"
#include "tools/command_loop.h"
#include "tools/node_access.h"
#include "tools/node_arguments.h"
#include "tools/output_arguments.h"
#include "tools/plan_arguments.h"
#include "tools/progress_printer.h"
#include "tools/recover_texts.h"
#include "tools/shell_output.h"
#include "tools/store_arguments.h"
#include "tools/verbs.h"
#include "tools/version.h"
#include "zk_store/store_error.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "recover";
constexpr size_t kLookUpsInFlight = 64;

constexpr char kFooter[] =
    "\nCollects, plans, applies and verifies in one go, and prints on stdout what the recover\n"
    "command of Pegasus's shell prints; the report goes to stderr. Waits while replicas are still\n"
    "served. Interrupted or killed, it goes on where it was when it is run again.\n"
    "\n"
    "Examples:\n"
    "  metarec recover -f recover_node_list --zk zk1:2181 --root /pegasus/recovered\n"
    "  metarec recover -f recover_node_list -b -l -w 300 --zk zk1:2181 --root /pegasus/recovered";

struct Arguments {
  NodeArguments nodes;
  PlanArguments plan;
  StoreArguments store{StoreArguments::Access::kWrite};
  OutputArguments output;
  std::string plan_path;
  std::string wait_seconds = "100";
  double ask_again_seconds = 3;
};

// "Wait recovery for 0 seconds" after the first second, and so on, until it is cancelled.
asio::awaitable<void> PrintWaitLines(ShellOutput* output, Clock* clock) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const absl::Time start = clock->Now();
  for (int64_t second = 0;; ++second) {
    if (!(co_await clock->SleepUntil(start + absl::Seconds(second + 1))).ok()) co_return;
    output->Print(WaitLine(second));
  }
}

asio::awaitable<RecoveryResult> RunWithWaitLines(RecoveryJob* job, ShellOutput* output,
                                                 Clock* clock) {
  const auto executor = co_await asio::this_coro::executor;
  asio::cancellation_signal stop;
  Event stopped(executor);
  asio::co_spawn(
      executor, PrintWaitLines(output, clock),
      asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { stopped.Set(); }));
  RecoveryResult result = co_await job->Run();
  stop.emit(asio::cancellation_type::terminal);
  co_await stopped.WaitRegardless();
  co_return result;
}

absl::Status UnknownName(const NodeList& list, const NodeListEntry& entry,
                         const NodeArguments& nodes) {
  return absl::InvalidArgumentError(absl::StrCat(
      nodes.UnknownNameText(entry), "\nmetarec recover: ",
      list.file.empty() ? "" : absl::StrCat(list.file, ":", entry.line, ": "), "the host '",
      entry.host,
      "' has no IPv4 address that is known here; correct its spelling or give its address. No "
      "node was asked"));
}

// As Pegasus's shell, which looks names up while it reads the list: kInvalidArgument with its text
// if a name is unknown.
asio::awaitable<absl::Status> LookUpNames(const NodeList& list, const NodeArguments& nodes,
                                          Clock* clock) {
  std::vector<absl::Status> found(list.entries.size());
  const absl::Time deadline = clock->Now() + nodes.node_timeout();
  co_await ForEachBounded(list.entries.size(), kLookUpsInFlight,
                          [&](size_t i) -> asio::awaitable<void> {
                            const NodeListEntry& entry = list.entries[i];
                            const absl::StatusOr<Ipv4Endpoint> address =
                                co_await rpc::ResolveIpv4(clock, entry.host, entry.port, deadline);
                            found[i] = address.status();
                          });
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("cancelled while names were looked up");
  for (size_t i = 0; i < found.size(); ++i) {
    if (absl::IsNotFound(found[i])) co_return UnknownName(list, list.entries[i], nodes);
  }
  for (const absl::Status& status : found) {
    if (status.ok()) continue;
    co_return Annotate(status,
                       absl::StrCat(" (--node_timeout ", absl::FormatDuration(nodes.node_timeout()),
                                    "); see to the name service of this machine, or list "
                                    "addresses. No node was asked"));
  }
  co_return absl::OkStatus();
}

void PrintReport(const RecoveryResult& result, const Arguments& arguments) {
  if (!result.plan.has_value()) return;
  ReportOptions report;
  report.store_flags = arguments.store.AsTyped();
  report.plan_command = absl::StrCat("metarec recover ", arguments.nodes.AsTyped(), " ",
                                     arguments.store.AsTypedToWrite(), arguments.plan.AsTyped());
  if (result.status.ok()) report.plan_path = arguments.plan_path;  // else it is not written
  // Otherwise what is to be done is not about the plan.
  report.next_step =
      result.outcome == RecoveryOutcome::kTryAgain || result.outcome == RecoveryOutcome::kConflict;
  std::cerr << RenderReport(*result.plan, report) << std::flush;
}

std::string JsonOf(const RecoveryResult& result, const Arguments& arguments) {
  JsonObject json;
  json.Set("result", result.error_name)
      .Set("outcome", RecoveryOutcomeName(result.outcome))
      .Set("root", arguments.store.root())
      .SetLines("message", result.status.message())
      .SetLines("hints", result.hints);
  if (result.written.has_value()) {
    json.Set("resumed", result.written->resumed)
        .Set("already_finished", result.written->already_finished)
        .Set("znodes_created", result.written->znodes_created)
        .Set("znodes_found", result.written->znodes_found);
  }
  if (result.plan.has_value()) {
    ReportOptions report;
    report.store_flags = arguments.store.AsTyped();
    std::string report_json = RenderReportJson(*result.plan, report);
    while (!report_json.empty() && report_json.back() == '\n') report_json.pop_back();
    json.SetJson("report", report_json);
  }
  return json.ToLine();
}

ExitCode ExitCodeOf(const RecoveryResult& result) {
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

void PrintOutcome(const RecoveryResult& result, const std::string& root) {
  if (!result.status.ok()) {
    std::cerr << "metarec recover: " << PrintableLines(result.status.message()) << std::endl;
    return;
  }
  std::cerr << (result.written->already_finished ? "was recovered already: " : "recovered: ")
            << root << ", " << Counted(result.written->znodes_created, "znode") << " written"
            << (result.written->resumed ? " to end an earlier run" : "") << ", all read back\n"
            << "next: start one meta server with cluster_root = " << root
            << " and recover_from_replica_server = false" << std::endl;
}

// The last lines of what the shell prints, then what is ours. How it ended is told before anything
// else that can go wrong.
absl::Status PrintResult(const RecoveryResult& result, const Arguments& arguments,
                         ShellOutput* output) {
  const bool no_answer_in_time = result.outcome == RecoveryOutcome::kStillServed ||
                                 result.outcome == RecoveryOutcome::kTimedOut;
  output->Print(no_answer_in_time ? std::string(kWaitFailedLine)
                                  : RecoverResultText(result.error_name, result.hints));
  if (output->to_file()) {
    std::cout << "recover complete with err = " << result.error_name << std::endl;
  }
  PrintReport(result, arguments);
  PrintOutcome(result, arguments.store.root());
  std::vector<std::string> failures;
  const auto note = [&failures](const absl::Status& status) {
    if (!status.ok()) failures.emplace_back(status.message());
  };
  note(output->status());
  if (output->to_file() && !std::cout.good()) failures.emplace_back("cannot write to stdout");
  if (arguments.output.json()) note(arguments.output.Print(JsonOf(result, arguments)));
  if (result.status.ok() && !arguments.plan_path.empty()) {
    note(WritePlanFile(*result.plan, arguments.plan_path));
  }
  if (failures.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      result.status.ok() ? "the tree is written and read back; only this failed: " : "",
      absl::StrJoin(failures, "; ")));
}

absl::StatusOr<RecoveryRequest> RequestOf(const Arguments& arguments, NodeList nodes,
                                          int32_t wait_seconds) {
  RecoveryRequest request;
  request.nodes = std::move(nodes);
  request.root = arguments.store.root();
  METAREC_ASSIGN_OR_RETURN(request.plan, arguments.plan.ToOptions());
  METAREC_ASSIGN_OR_RETURN(request.collector, CollectorOptionsOf(arguments.nodes));
  request.writer.tool_version = kVersion;
  request.writer.inspection = arguments.store.inspection();
  request.time_limit = absl::Seconds(wait_seconds);
  request.ask_again_after = absl::Seconds(arguments.ask_again_seconds);
  return request;
}

// Whether a plan can be kept there; "" for none.
absl::Status CheckPlanPath(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  std::error_code error;  // what is wrong with the path is said by the trial below
  if (std::filesystem::exists(path, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " is there already; give another name. No node was asked"));
  }
  // Leaves nothing behind.
  return Annotate(LineWriter::Create(path).status(), ". No node was asked");
}

asio::awaitable<absl::StatusOr<ExitCode>> Recover(const Arguments& arguments, int32_t wait_seconds,
                                                  NodeList nodes, Clock* clock,
                                                  ProgressPrinter* progress) {
  METAREC_CO_ASSIGN_OR_RETURN(RecoveryRequest request,
                              RequestOf(arguments, std::move(nodes), wait_seconds));
  METAREC_CO_RETURN_IF_ERROR(arguments.store.Check());
  METAREC_CO_RETURN_IF_ERROR(CheckPlanPath(arguments.plan_path));
  const absl::Status looked_up = co_await LookUpNames(request.nodes, arguments.nodes, clock);
  if (absl::IsInvalidArgument(looked_up)) {
    std::cerr << looked_up.message() << std::endl;
    co_return ExitCode::kFailed;
  }
  METAREC_CO_RETURN_IF_ERROR(looked_up);

  ShellOutput output(arguments.output);
  output.Print(DuplicateNodesText(request.nodes));
  output.Print(RecoverHeader(wait_seconds, request.plan.skip_bad_nodes,
                             request.plan.skip_lost_partitions, request.nodes));
  if (!output.status().ok()) co_return Annotate(output.status(), ". No node was asked");
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaStore> store,
                              co_await arguments.store.Open(clock));
  NodeAccess access(co_await asio::this_coro::executor, clock);
  RecoveryJob job(std::move(request),
                  {access.source(), store.get(), clock, progress, &NodeAccess::Random});
  const RecoveryResult result = co_await RunWithWaitLines(&job, &output, clock);
  progress->Clear();
  if (result.outcome == RecoveryOutcome::kCancelled) co_return result.status;
  const absl::Status printed = PrintResult(result, arguments, &output);
  if (!printed.ok() && result.status.ok()) co_return printed;
  if (!printed.ok()) std::cerr << "metarec recover: " << printed.message() << std::endl;
  co_return ExitCodeOf(result);
}

// What the shell complains about before it does anything: its own text, then how it is used.
ExitCode UsageError(absl::string_view text) {
  std::cerr << text << std::endl;
  std::cout << kRecoverUsage << std::flush;
  return ExitCode::kFailed;
}

ExitCode Run(const Arguments& arguments) {
  if (const absl::Status one = arguments.nodes.CheckExactlyOne(); !one.ok()) {
    return UsageError(one.message());
  }
  const absl::StatusOr<int32_t> wait_seconds = ParseWaitSeconds(arguments.wait_seconds);
  if (!wait_seconds.ok()) return UsageError(wait_seconds.status().message());
  absl::StatusOr<NodeList> nodes = arguments.nodes.Read();
  if (!nodes.ok()) {
    const std::string text = PegasusTextOf(nodes.status());
    if (!text.empty()) std::cerr << text << std::endl;
    return Fail(kVerb, nodes.status());
  }
  CommandLoop loop;
  return loop.Run(
      kVerb,
      {"no meta server starts from what was written so far. Run the same command again, and it "
       "goes on where it was",
       /*does_write=*/true},
      [&](ProgressPrinter* progress) {
        return Recover(arguments, *wait_seconds, *std::move(nodes), &loop.clock(), progress);
      },
      // A bar would fight with the lines that stdout gets every second.
      ProgressPrinter::Style::kLines);
}

}  // namespace

void AddRecoverVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb =
      app.add_subcommand(kVerb, "collect, plan, apply and verify, as Pegasus's recover command");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  arguments->nodes.AddTo(*verb);
  arguments->plan.AddTo(*verb);
  arguments->store.AddTo(*verb);
  verb->add_option(
          "-w,--wait_seconds", arguments->wait_seconds,
          "how long to ask nodes and to wait for leases to run out, at least 1; what has begun "
          "to be written is written to the end")
      ->type_name("SECONDS")
      ->capture_default_str();
  verb->add_option("--ask_again_seconds", arguments->ask_again_seconds,
                   "how often nodes are asked while replicas are still served")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  verb->add_option("--plan", arguments->plan_path,
                   "keep the plan in this file too, for explain and verify")
      ->type_name("FILE")
      ->group("OUTPUT");
  arguments->output.AddTo(*verb);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
