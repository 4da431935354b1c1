#include <iostream>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/job/recovery_job.h"
#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/headline.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/node_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/plan_arguments.h"
#include "tools/cli/progress_printer.h"
#include "tools/cli/recover_output.h"
#include "tools/cli/store_arguments.h"
#include "tools/cli/verbs.h"
#include "tools/process/version.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/finished_tree.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_writer.h"

namespace metarec::tools {
namespace {

constexpr char kApply[] = "apply";
constexpr size_t kNodesNamedMax = 10;

struct ApplyArguments {
  StoreArguments store{StoreArguments::Access::kWrite};
  OutputArguments output;
  std::string plan_path;
  bool dry_run = false;
  int wait_seconds = 100;
  double ask_again_seconds = 3;
  double node_timeout_seconds = 5;
};

bool MadeWhileServed(const RecoveryPlan& plan) {
  for (const Finding& finding : plan.findings) {
    if (finding.kind() == FindingKind::kStillServed) return !plan.options.accept_still_served;
  }
  return false;
}

// The plan's nodes, to be asked again.
absl::StatusOr<NodeList> NodesOf(const RecoveryPlan& plan) {
  NodeList list;
  for (const NodeDecision& node : plan.nodes) {
    for (const std::string& text : node.listed_as) {
      METAREC_ASSIGN_OR_RETURN(NodeListEntry entry, ParseNodeListEntry(text));
      list.entries.push_back(std::move(entry));
    }
  }
  return list;
}

NodeNames NodeNamesOf(const RecoveryPlan& plan) {
  NodeNames names;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    if (plan.nodes[i].name_source != NodeNameSource::kOverride) continue;
    names[plan.topology.nodes[i].address] = plan.topology.nodes[i].name;
  }
  return names;
}

// The nodes that failed now but not when the plan was made, with their errors; "" if there is none.
std::string NewlyFailed(const RecoveryPlan& plan, const RecoveryPlan& now) {
  std::set<std::string> failed_then;
  for (const NodeDecision& node : plan.nodes) {
    if (node.error == idl::kErrOk) continue;
    failed_then.insert(node.listed_as.begin(), node.listed_as.end());
  }
  std::vector<std::string> failed;
  for (const NodeDecision& node : now.nodes) {
    if (node.error == idl::kErrOk || node.listed_as.empty()) continue;
    if (failed_then.contains(node.listed_as.front())) continue;
    failed.push_back(absl::StrCat(node.listed_as.front(), " (", node.error, ")"));
  }
  return CutList(failed, kNodesNamedMax);
}

// Why what the nodes say now does not lead to the plan.
absl::Status NoLongerPlanned(const RecoveryPlan& plan, const RecoveryResult& result) {
  const std::string failed = NewlyFailed(plan, *result.plan);
  if (!failed.empty()) {
    return MarkedError(
        ErrorMark::kRefused,
        absl::StrCat(
            "the plan was made while replicas were still served, so its nodes are asked again, and "
            "these do not answer as they did: ",
            failed, ". Nothing was written; bring them back and run the same command again"));
  }
  if (result.outcome == RecoveryOutcome::kPlanOutdated) return result.status;
  return MarkedError(
      ErrorMark::kRefused,
      "the plan was made while replicas were still served, and what the nodes say now cannot be "
      "planned with its options. Nothing was written; plan again");
}

asio::awaitable<absl::StatusOr<WriteResult>> ApplyOnceInactive(const ApplyArguments& arguments,
                                                               const RecoveryPlan& plan,
                                                               MetaStore* store, Clock* clock,
                                                               ProgressPrinter* progress) {
  RecoveryRequest request;
  METAREC_CO_ASSIGN_OR_RETURN(request.nodes, NodesOf(plan));
  request.root = arguments.store.root();
  request.plan = plan.options;
  request.collector.node_names = NodeNamesOf(plan);
  request.collector.node_timeout = absl::Seconds(arguments.node_timeout_seconds);
  request.collector.attempt_timeout = request.collector.node_timeout;
  request.writer.tool_version = kVersion;
  request.writer.inspection = arguments.store.inspection();
  request.time_limit = absl::Seconds(arguments.wait_seconds);
  request.ask_again_after = absl::Seconds(arguments.ask_again_seconds);
  request.reviewed = &plan;
  NodeAccess access(co_await asio::this_coro::executor, clock);
  RecoveryJob job(std::move(request), {access.source(), clock, &NodeAccess::Random}, store,
                  progress);
  RecoveryResult result = co_await job.Run();
  if (result.outcome == RecoveryOutcome::kRecovered) co_return *std::move(result.written);
  if (result.outcome == RecoveryOutcome::kTryAgain ||
      result.outcome == RecoveryOutcome::kConflict ||
      result.outcome == RecoveryOutcome::kPlanOutdated) {
    co_return NoLongerPlanned(plan, result);
  }
  co_return result.status;
}

asio::awaitable<absl::StatusOr<WriteResult>> Write(const ApplyArguments& arguments,
                                                   const RecoveryPlan& plan, MetaStore* store,
                                                   Clock* clock, ProgressPrinter* progress) {
  if (MadeWhileServed(plan)) {
    co_return co_await ApplyOnceInactive(arguments, plan, store, clock, progress);
  }
  progress->OnProgress({.phase = Phase::kWrite, .note = ""});
  TopologyWriterOptions options;
  options.tool_version = kVersion;
  options.inspection = arguments.store.inspection();
  METAREC_CO_ASSIGN_OR_RETURN(std::string digest, TopologyDigest(plan.topology));
  TopologyWriter writer(std::move(options), store, clock, progress);
  co_return co_await writer.Write(plan.topology, arguments.store.root(), std::move(digest));
}

std::string TextOf(const WriteResult& written, const RecoveryPlan& plan,
                   const ApplyArguments& arguments) {
  std::string text;
  if (written.already_finished) {
    text = absl::StrCat("this plan was applied already; nothing was written to ",
                        arguments.store.root(), ", ", WhatWasFound(written), "\n");
  } else {
    text = absl::StrCat("applied ", ShellWord(arguments.plan_path), " to ", arguments.store.root(),
                        ": ", CountedTables(plan), ", ",
                        Counted(static_cast<int64_t>(plan.topology.partitions.size()), "partition"),
                        ", ", WrittenInWords(written), "\n");
  }
  absl::StrAppend(&text, HeadlineOf(plan.outcome, CountPlan(plan), HeadlineMoment::kWritten).text,
                  "\n");
  absl::StrAppend(&text, "next: ", NextAfterWriting(written, arguments.store), "\n");
  return text;
}

std::string JsonOf(const WriteResult& written, const RecoveryPlan& plan,
                   const ApplyArguments& arguments) {
  return JsonObject()
      .Set("root", arguments.store.root())
      .Set("plan_digest", written.journal.plan_digest)
      .Set("already_finished", written.already_finished)
      .Set("gone_on", written.gone_on)
      .Set("resumed", written.resumed)
      .Set("znodes_created", written.znodes_created)
      .Set("znodes_found", written.znodes_found)
      .Set("accepted_losses", plan.HasAcceptedLosses())
      .ToLine();
}

// What to read once more before it is written.
std::string Reminder(const RecoveryPlan& plan, const ApplyArguments& arguments, absl::Time now) {
  ReportOptions options;
  options.plan_path = arguments.plan_path;
  options.now = now;
  std::string text;
  const absl::Status status = WriteReminder(plan, options, [&text](absl::string_view piece) {
    absl::StrAppend(&text, piece);
    return absl::OkStatus();
  });
  return status.ok() ? text : absl::StrCat(status.message(), "\n");
}

ExitCode ExitCodeOf(const RecoveryPlan& plan) {
  return plan.HasAcceptedLosses() ? ExitCode::kAcceptedLosses : ExitCode::kDone;
}

// What the run would find in the root: "/pegasus/recovered does not exist yet".
std::string FoundInWords(const RootInspection& found) {
  switch (found.root_case) {
    case RootCase::kAbsent:
      return absl::StrCat(found.root, " does not exist yet");
    case RootCase::kEmpty:
      return absl::StrCat(found.root, " is empty");
    case RootCase::kOnlyLockDirectory:
      return absl::StrCat(found.root, " holds a lock directory that nobody uses");
    case RootCase::kUnfinishedRun:
      return absl::StrCat(found.root, " holds an unfinished run of this plan, which goes on");
    case RootCase::kFinishedRun:
      return absl::StrCat(
          found.root, " holds a finished run of this plan, so the real run would write nothing");
    case RootCase::kForeign:
      break;
  }
  return found.Describe();
}

std::string DryJsonOf(const RootInspection& found, const RecoveryPlan& plan,
                      const std::string& digest, absl::Time now) {
  const PlanNumbers numbers = CountPlan(plan);
  return JsonObject()
      .Set("root", found.root)
      .Set("plan_digest", digest)
      .Set("dry_run", true)
      .Set("already_finished", found.root_case == RootCase::kFinishedRun)
      .Set("resumed", found.root_case == RootCase::kUnfinishedRun)
      .Set("znodes_to_write", numbers.znodes)
      .Set("partitions_empty", numbers.accepted_losses ? numbers.partitions_lost : 0)
      .Set("nodes_left_out", numbers.nodes_asked - numbers.nodes_answered)
      .Set("hazards", numbers.hazards)
      .Set("evidence_age_seconds", absl::ToInt64Seconds(now - plan.evidence_collected_at))
      .Set("accepted_losses", plan.HasAcceptedLosses())
      .ToLine();
}

// Refuses what the real run would refuse.
asio::awaitable<absl::StatusOr<ExitCode>> DryRun(const ApplyArguments& arguments,
                                                 const RecoveryPlan& plan, MetaStore* store,
                                                 Clock* clock) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::string digest, TopologyDigest(plan.topology));
  RetryBudget budget(clock);
  StoreReader reader(store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(
      const RootInspection found,
      co_await InspectRoot(&reader, arguments.store.root(), arguments.store.inspection()));
  const bool is_run =
      found.root_case == RootCase::kUnfinishedRun || found.root_case == RootCase::kFinishedRun;
  if (found.root_case == RootCase::kForeign || (is_run && !found.IsRunOf(digest))) {
    co_return MarkedError(
        ErrorMark::kRefused,
        absl::StrCat(found.Describe(), ". Nothing was written; give a root that is empty or new"));
  }
  if (found.root_case == RootCase::kFinishedRun) {
    SilentProgress silent;
    const TopologyVerifierOptions options;
    const absl::StatusOr<int64_t> gone_on = co_await CheckFinishedTree(
        plan.topology, arguments.store.root(), &reader, options, &silent);
    METAREC_CO_RETURN_IF_ERROR(gone_on.status());
  }
  const absl::Time now = clock->Now();
  const std::string text = absl::StrCat(
      Reminder(plan, arguments, now), "dry run: ", FoundInWords(found),
      MadeWhileServed(plan) ? ". The plan was made while replicas were still served, so its nodes "
                              "would be asked again"
                            : "",
      ". Nothing was written\n");
  METAREC_CO_RETURN_IF_ERROR(
      arguments.output.Print(arguments.output.json() ? DryJsonOf(found, plan, digest, now) : text));
  co_return ExitCodeOf(plan);
}

asio::awaitable<absl::StatusOr<ExitCode>> Apply(const ApplyArguments& arguments, Clock* clock,
                                                ProgressPrinter* progress) {
  METAREC_CO_RETURN_IF_ERROR(arguments.store.Check());
  METAREC_CO_ASSIGN_OR_RETURN(const RecoveryPlan plan, ReadPlan(arguments.plan_path));
  if (plan.outcome != PlanOutcome::kReady) {
    co_return MarkedError(ErrorMark::kRefused,
                          absl::StrCat(arguments.plan_path, " is a plan that is not ready (",
                                       PlanOutcomeName(plan.outcome), ")"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaStore> store,
                              co_await arguments.store.Open(clock));
  if (arguments.dry_run) {
    co_return co_await DryRun(arguments, plan, store.get(), clock);
  }
  std::cerr << Reminder(plan, arguments, clock->Now()) << std::flush;
  METAREC_CO_ASSIGN_OR_RETURN(const WriteResult written,
                              co_await Write(arguments, plan, store.get(), clock, progress));
  progress->Clear();
  const absl::Status printed =
      arguments.output.Print(arguments.output.json() ? JsonOf(written, plan, arguments)
                                                     : TextOf(written, plan, arguments));
  if (!printed.ok()) {
    co_return absl::UnavailableError(
        absl::StrCat("the tree is written and checked; only this failed: ", printed.message()));
  }
  co_return ExitCodeOf(plan);
}

ExitCode RunApply(const ApplyArguments& arguments) {
  CommandLoop loop;
  return loop.Run(
      kApply,
      {"no meta server starts from what was written so far. Run the same command again, "
       "and it goes on where it was",
       /*does_write=*/true},
      [&](ProgressPrinter* progress) { return Apply(arguments, &loop.clock(), progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

}  // namespace

RunVerb MakeApplyVerb(Command& verb) {
  verb.Paragraph(
      "Writes what was reviewed, reads it back, and only then unlocks it. Refuses (exit code 4) a "
      "root that holds anything but its own unfinished run. Interrupted or killed, it goes on "
      "where "
      "it was when it is run again with the same plan.");
  verb.Paragraph(
      "A plan made while replicas were still served is applied once they are all inactive, if the "
      "nodes then still say what the plan is made of.");
  verb.Paragraph(
      "With --dry_run it looks at the root, says what it would write, and ends as the real run "
      "would "
      "(0, 2, 4 or 5).");
  verb.Example(
      "metarec apply --plan monday.plan --zk zk1:2181 --root /pegasus/recovered --dry_run");
  verb.Example("metarec apply --plan monday.plan --zk zk1:2181,zk2:2181 --root /pegasus/recovered");
  verb.Example(
      "metarec apply --plan monday.plan --zk zk1:2181 --root /pegasus/recovered "
      "--zk_auth_file zk.auth --zk_acl creator");
  const auto arguments = std::make_shared<ApplyArguments>();
  verb.Add("--plan", &arguments->plan_path, "the plan file").TypeName("FILE").Required();
  arguments->store.AddTo(verb);
  verb.AddFlag("--dry_run", &arguments->dry_run, "say what would be written, and write nothing");
  constexpr auto kGroup = "STILL SERVED";
  verb.Add("-w,--wait_seconds", &arguments->wait_seconds, "how long to wait for leases to run out")
      .TypeName("SECONDS")
      .Between(1, 1'000'000)
      .ShowDefault()
      .Group(kGroup);
  verb.Add("--ask_again_seconds", &arguments->ask_again_seconds,
           "how often the nodes are asked meanwhile")
      .TypeName("SECONDS")
      .Between(0.01, 3600.0)
      .ShowDefault()
      .Group(kGroup);
  verb.Add("--node_timeout", &arguments->node_timeout_seconds,
           "how long a node has for its answers, tries included")
      .TypeName("SECONDS")
      .Between(0.01, 3600.0)
      .ShowDefault()
      .Group(kGroup);
  arguments->output.AddTo(verb);
  return [arguments] { return RunApply(*arguments); };
}

}  // namespace metarec::tools
