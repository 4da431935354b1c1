#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/meta_arguments.h"
#include "tools/cli/node_arguments.h"
#include "tools/cli/old_tree_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/plan_arguments.h"
#include "tools/cli/progress_printer.h"
#include "tools/cli/recover_by_meta.h"
#include "tools/cli/recover_output.h"
#include "tools/cli/store_arguments.h"
#include "tools/cli/verbs.h"
#include "tools/process/version.h"
#include "zk_store/client/store_error.h"

namespace metarec::tools {
namespace {

constexpr char kRecover[] = "recover";

struct RecoverArguments {
  const Command* verb = nullptr;
  NodeArguments nodes;
  PlanArguments plan;
  OldTreeArguments old_trees;
  MetaArguments meta;
  StoreArguments store{StoreArguments::Access::kWrite};
  ReportArguments report;
  OutputArguments output;
  std::string plan_path;
  std::string wait_seconds = "100";
  double ask_again_seconds = 3;
};

absl::StatusOr<RecoveryRequest> RequestOf(const RecoverArguments& arguments, NodeList nodes,
                                          int32_t wait_seconds) {
  RecoveryRequest request;
  request.nodes = std::move(nodes);
  request.root = arguments.store.root();
  METAREC_ASSIGN_OR_RETURN(request.plan, arguments.plan.ToOptions());
  METAREC_RETURN_IF_ERROR(arguments.old_trees.ApplyTo(&request.plan));
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

void PrintHeader(const RecoveryRequest& request, int32_t wait_seconds, ShellOutput* output) {
  output->Print(DuplicateNodesText(request.nodes));
  output->Print(RecoverHeader(wait_seconds, request.plan, request.nodes));
}

asio::awaitable<absl::StatusOr<ExitCode>> RecoverByMeta(const RecoverArguments& arguments,
                                                        int32_t wait_seconds,
                                                        RecoveryRequest request,
                                                        std::vector<Ipv4Endpoint> addresses,
                                                        Clock* clock) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaClient> client,
                              arguments.meta.Open(executor, clock));
  ShellOutput output(arguments.output);
  PrintHeader(request, wait_seconds, &output);
  if (!output.status().ok()) co_return Annotate(output.status(), ". No meta server was asked");
  const RecoveryByMetaOptions options = {.skip_bad_nodes = request.plan.skip_bad_nodes,
                                         .skip_lost_partitions = request.plan.skip_lost_partitions};
  idl::configuration_recovery_request message =
      RecoveryRequestTo(request.nodes, addresses, options);
  METAREC_CO_ASSIGN_OR_RETURN(const RecoveryByMeta result,
                              co_await WithWaitLines(AskToRecover(client.get(), std::move(message),
                                                                  absl::Seconds(wait_seconds)),
                                                     &output, clock));
  CommandLoop::BeginToTell();
  co_return PrintRecoveryByMeta(result,
                                absl::StrCat(CommandToRepeat("metarec recover", *arguments.verb),
                                             PlanOptionWords(request.plan)),
                                arguments.output, &output);
}

CommandLoop::AfterInterruption AfterWriting() {
  CommandLoop::AfterInterruption after(
      "the tree is written and checked, and may be used; only the report was cut short");
  after.same_command = false;
  return after;
}

asio::awaitable<absl::StatusOr<ExitCode>> RecoverIntoStore(const RecoverArguments& arguments,
                                                           int32_t wait_seconds,
                                                           RecoveryRequest request,
                                                           CommandLoop* loop,
                                                           ProgressPrinter* progress) {
  Clock* const clock = &loop->clock();
  ShellOutput output(arguments.output);
  PrintHeader(request, wait_seconds, &output);
  if (!output.status().ok()) co_return Annotate(output.status(), ". No node was asked");
  const absl::StatusOr<std::unique_ptr<MetaStore>> store = co_await arguments.store.Open(clock);
  if (absl::IsCancelled(store.status())) co_return store.status();
  NodeAccess access(co_await asio::this_coro::executor, clock);
  absl::Status reportable;  // whether the plan can be told and kept as it is to be
  request.before_writing = [&](const RecoveryPlan& plan) {
    ReportOptions report;
    reportable = arguments.report.ApplyTo(plan, &report);
    if (reportable.ok() && !arguments.plan_path.empty()) reportable = CheckPlanFits(plan);
    return reportable;
  };
  if (arguments.old_trees.given()) {
    request.read_old_trees = [&arguments, clock] { return arguments.old_trees.Read(clock); };
  }
  RecoveryResult result;
  if (store.ok()) {
    RecoveryJob job(std::move(request), {access.source(), clock, &NodeAccess::Random}, store->get(),
                    progress);
    result = co_await WithWaitLines(job.Run(), &output, clock);
  } else {
    result = WithoutStore(store.status());
  }
  progress->Clear();
  if (result.outcome == RecoveryOutcome::kCancelled) co_return result.status;
  if (!reportable.ok()) co_return Annotate(reportable, ". Nothing was written");
  if (result.status.ok()) loop->SetAfterInterruption(AfterWriting());
  CommandLoop::BeginToTell();
  ReportOptions report;
  report.plan_command = CommandToRepeat("metarec recover", *arguments.verb);
  const RecoverOutput printer = {.store = arguments.store,
                                 .plan_path = arguments.plan_path,
                                 .report = std::move(report),
                                 .wanted = arguments.report,
                                 .output = arguments.output};
  const absl::Status printed = printer.Print(result, &output);
  if (!printed.ok() && result.status.ok()) co_return printed;
  if (!printed.ok()) std::cerr << "metarec recover: " << printed.message() << std::endl;
  co_return RecoverExitCode(result);
}

asio::awaitable<absl::StatusOr<ExitCode>> Recover(const RecoverArguments& arguments,
                                                  int32_t wait_seconds, NodeList nodes,
                                                  CommandLoop* loop, ProgressPrinter* progress) {
  METAREC_CO_RETURN_IF_ERROR(arguments.report.Check());
  METAREC_CO_RETURN_IF_ERROR(arguments.old_trees.Check());
  METAREC_CO_ASSIGN_OR_RETURN(RecoveryRequest request,
                              RequestOf(arguments, std::move(nodes), wait_seconds));
  if (!arguments.meta.given()) METAREC_CO_RETURN_IF_ERROR(arguments.store.Check());
  METAREC_CO_RETURN_IF_ERROR(CheckPlanPath(arguments.plan_path));
  absl::StatusOr<LookedUpNodes> looked_up =
      co_await LookUpNodes(request.nodes, arguments.nodes, &loop->clock());
  if (absl::IsInvalidArgument(looked_up.status())) {
    std::cerr << looked_up.status().message() << std::endl;
    co_return ExitCode::kFailed;
  }
  METAREC_CO_RETURN_IF_ERROR(looked_up.status());
  if (arguments.meta.given()) {
    std::cerr << looked_up->warnings << std::flush;
    co_return co_await RecoverByMeta(arguments, wait_seconds, std::move(request),
                                     std::move(looked_up->addresses), &loop->clock());
  }
  co_return co_await RecoverIntoStore(arguments, wait_seconds, std::move(request), loop, progress);
}

// Only what start_recovery can say reaches a meta server.
absl::Status CheckSource(const RecoverArguments& arguments) {
  METAREC_RETURN_IF_ERROR(arguments.meta.CheckInsteadOf(arguments.store));
  if (!arguments.meta.given()) return absl::OkStatus();
  METAREC_ASSIGN_OR_RETURN(const PlanOptions decisions, arguments.plan.ToOptions());
  if (!decisions.bad_nodes_skipped.empty() || !decisions.lost_partitions_skipped.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        decisions.bad_nodes_skipped.empty() ? "--skip_lost_partitions" : "--skip_bad_nodes",
        " with names cannot be told to a meta server, which skips all or none: give "
        "it without names, or recover with --zk and --root in place of --meta"));
  }
  const std::set<std::string> fit = {"--meta",         "--node_list_file", "--node_list_str",
                                     "--node_timeout", "--skip_bad_nodes", "--skip_lost_partitions",
                                     "--wait_seconds", "--format",         "--output",
                                     "--json"};
  for (const CommandOption& option : arguments.verb->options()) {
    if (!option.is_given() || fit.contains(option.name())) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(option.name(),
                     " cannot be told to a meta server: leave it out, or recover with "
                     "--zk and --root in place of --meta"));
  }
  return absl::OkStatus();
}

// What the shell complains about before it does anything: its own text, then how it is used.
ExitCode UsageError(absl::string_view text) {
  std::cerr << text << std::endl;
  std::cout << kRecoverUsage << std::flush;
  return ExitCode::kFailed;
}

ExitCode RunRecover(const RecoverArguments& arguments) {
  if (const absl::Status one = arguments.nodes.CheckExactlyOne(); !one.ok()) {
    return UsageError(one.message());
  }
  const absl::StatusOr<int32_t> wait_seconds = ParseWaitSeconds(arguments.wait_seconds);
  if (!wait_seconds.ok()) return UsageError(wait_seconds.status().message());
  if (const absl::Status source = CheckSource(arguments); !source.ok()) {
    return Fail(kRecover, source);
  }
  absl::StatusOr<NodeList> nodes = arguments.nodes.Read();
  if (!nodes.ok()) {
    const std::string text = PegasusTextOf(nodes.status());
    if (!text.empty()) std::cerr << text << std::endl;
    return Fail(kRecover, nodes.status());
  }
  CommandLoop loop;
  const CommandLoop::AfterInterruption by_meta(
      "a recovery that has started continues; run the same command again to get its result");
  const CommandLoop::AfterInterruption by_us(
      "no meta server starts from what was written so far. Run the same command again, and it "
      "goes on where it was",
      /*does_write=*/true);
  return loop.Run(
      kRecover, arguments.meta.given() ? by_meta : by_us,
      [&](ProgressPrinter* progress) {
        return Recover(arguments, *wait_seconds, *std::move(nodes), &loop, progress);
      },
      // A bar would fight with the lines that stdout gets every second.
      arguments.output.json() ? ProgressPrinter::Style::kJson : ProgressPrinter::Style::kLines);
}

}  // namespace

RunVerb MakeRecoverVerb(Command& verb) {
  verb.Paragraph(
      "Collects, plans, applies and verifies in one go, and prints on stdout what the recover "
      "command of Pegasus's shell prints; the report goes to stderr. Waits while replicas are "
      "still "
      "served. Interrupted or killed, it goes on where it was when it is run again.");
  verb.Paragraph(
      "With --meta, a meta server in recovery mode (or metarecd) does that, as with Pegasus's "
      "shell.");
  verb.Example("metarec recover -f recover_node_list --meta meta1:34601");
  verb.Example("metarec recover -f recover_node_list --zk zk1:2181 --root /pegasus/recovered");
  verb.Example(
      "metarec recover -f recover_node_list -b -l -w 300 --zk zk1:2181 --root /pegasus/recovered");
  verb.Example(
      "metarec recover -f recover_node_list --zk zk1:2181 --root /pegasus/recovered --old_tree "
      "/var/lib/zookeeper");
  const auto arguments = std::make_shared<RecoverArguments>();
  arguments->verb = &verb;
  arguments->nodes.AddTo(verb);
  arguments->plan.AddTo(verb);
  arguments->old_trees.AddTo(verb);
  arguments->meta.AddTo(verb, MetaArguments::Need::kInsteadOfStore, MetaArguments::Timeout::kNone);
  arguments->store.AddTo(verb, StoreArguments::Need::kInsteadOfMeta);
  verb.Add("-w,--wait_seconds", &arguments->wait_seconds,
           "how long to ask nodes and to wait for leases to run out, at least 1; does not limit "
           "the writing")
      .TypeName("SECONDS")
      .ShowDefault();
  verb.Add("--ask_again_seconds", &arguments->ask_again_seconds,
           "how often nodes are asked while replicas are still served")
      .TypeName("SECONDS")
      .Between(0.01, 3600.0)
      .ShowDefault();
  verb.Add("--plan", &arguments->plan_path,
           "keep the plan in this file too, for explain and verify")
      .TypeName("FILE")
      .Group("OUTPUT");
  arguments->report.AddTo(verb);
  arguments->output.AddTo(verb);
  return [arguments] { return RunRecover(*arguments); };
}

}  // namespace metarec::tools
