#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/plan_file/plan_line_fields.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/file_arguments.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/node_arguments.h"
#include "tools/cli/old_tree_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/plan_arguments.h"
#include "tools/cli/progress_printer.h"
#include "tools/cli/verbs.h"
#include "zk_store/client/store_error.h"

namespace metarec::tools {
namespace {

constexpr char kPlan[] = "plan";

struct PlanVerbArguments {
  const Command* verb = nullptr;
  EvidenceArguments evidence;
  PlanArguments plan;
  OldTreeArguments old_trees;
  ReportArguments report;
  OutputArguments output;
  NewFileArguments file{{.format = kPlanFormat, .name = "a plan of metarec"}};
};

// What the report says of the plan, and how to make it again.
ReportOptions ReportOf(const PlanVerbArguments& arguments) {
  ReportOptions report;
  report.plan_path = arguments.file.path();
  report.from_evidence_file = arguments.evidence.is_file();
  report.plan_command = CommandToRepeat("metarec plan", *arguments.verb);
  return report;
}

absl::Status WriteThePlan(const RecoveryPlan& plan, const PlanVerbArguments& arguments) {
  PlanFileOptions file;
  file.overwrite = arguments.file.overwrite();
  file.interrupt_descriptor = InterruptSignals::descriptor();
  METAREC_RETURN_IF_ERROR(arguments.file.Check());
  return WritePlanFile(plan, arguments.file.path(), file);
}

CommandLoop::AfterInterruption AfterWriting(const PlanVerbArguments& arguments) {
  CommandLoop::AfterInterruption after("");
  after.text =
      absl::StrCat("the plan is written. To see the report that was cut short:\n  metarec ",
                   "report --plan ", ShellWord(arguments.file.path()));
  after.same_command = false;
  return after;
}

// The plan lacks the table or partition that was asked for. It is not written, so that the
// corrected command can be run. If the plan is not ready, its report shows why.
absl::StatusOr<ExitCode> NoSuchSubject(const absl::Status& why, const RecoveryPlan& plan,
                                       ReportOptions report, const PlanVerbArguments& arguments) {
  const absl::Status error =
      Annotate(why, absl::StrCat(". The plan would be: ",
                                 HeadlineOf(plan.outcome, CountPlan(plan), report.moment).text,
                                 ". ", arguments.file.NotWritten()));
  if (plan.outcome == PlanOutcome::kReady) return error;
  report.only.reset();
  const absl::Status printed = PrintReport(plan, report, arguments.output);
  Fail(kPlan, error);
  METAREC_RETURN_IF_ERROR(printed);
  return static_cast<ExitCode>(PlanExitCode(plan));
}

asio::awaitable<absl::StatusOr<ExitCode>> Plan(const PlanVerbArguments& arguments,
                                               CommandLoop* loop, ProgressPrinter* progress) {
  METAREC_CO_RETURN_IF_ERROR(arguments.evidence.Check());
  METAREC_CO_RETURN_IF_ERROR(arguments.report.Check());
  METAREC_CO_RETURN_IF_ERROR(arguments.old_trees.Check());
  METAREC_CO_ASSIGN_OR_RETURN(PlanOptions options, arguments.plan.ToOptions());
  METAREC_CO_RETURN_IF_ERROR(arguments.old_trees.ApplyTo(&options));
  METAREC_CO_RETURN_IF_ERROR(arguments.file.Check());
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<OldTree> old_trees,
                              co_await arguments.old_trees.Read(&loop->clock()));
  METAREC_CO_ASSIGN_OR_RETURN(Evidence evidence,
                              co_await arguments.evidence.Obtain(&loop->clock(), progress));
  Progress planning;
  planning.phase = Phase::kPlan;
  progress->OnProgress(planning);
  METAREC_CO_ASSIGN_OR_RETURN(const RecoveryPlan plan,
                              MakePlan(std::move(evidence), options, old_trees));
  planning.done = planning.total = static_cast<int64_t>(plan.partitions.size());
  progress->OnProgress(planning);
  progress->Clear();

  ReportOptions report = ReportOf(arguments);
  report.now = loop->clock().Now();
  const absl::Status subject = arguments.report.ApplyTo(plan, &report);
  if (!subject.ok()) co_return NoSuchSubject(subject, plan, report, arguments);
  std::string digest;
  if (plan.outcome == PlanOutcome::kReady) {
    METAREC_CO_ASSIGN_OR_RETURN(digest, TopologyDigest(plan.topology));
    METAREC_CO_RETURN_IF_ERROR(WriteThePlan(plan, arguments));
    loop->SetAfterInterruption(AfterWriting(arguments));
  }
  const absl::Status printed = PrintReport(plan, report, arguments.output);
  std::cerr << (plan.outcome == PlanOutcome::kReady
                    ? absl::StrCat("wrote ", arguments.file.path(), " (", digest, ")")
                    : absl::StrCat("the plan may not be applied; ", arguments.file.NotWritten()))
            << std::endl;
  METAREC_CO_RETURN_IF_ERROR(printed);
  co_return static_cast<ExitCode>(PlanExitCode(plan));
}

ExitCode RunPlan(const PlanVerbArguments& arguments) {
  CommandLoop loop;
  return loop.Run(
      kPlan, "nothing was written; run the same command again",
      [&](ProgressPrinter* progress) { return Plan(arguments, &loop, progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

}  // namespace

RunVerb MakePlanVerb(Command& verb) {
  verb.Paragraph(
      "Touches nothing but the plan file, which is written only when the plan may be applied. Exit "
      "code 1 if it has errors, 3 if it has conflicts, 5 if it accepts losses.");
  verb.Example("metarec plan --evidence monday.evidence --plan monday.plan");
  verb.Example("metarec plan -f recover_node_list --plan monday.plan --skip_bad_nodes");
  verb.Example(
      "metarec plan --evidence monday.evidence --plan monday.plan --settle 10.app_type=pegasus");
  verb.Example("metarec plan --evidence monday.evidence --plan monday.plan --table usertable");
  verb.Example(
      "metarec plan -f recover_node_list --plan monday.plan --old_tree ./sunday.jsonl.zst");
  const auto arguments = std::make_shared<PlanVerbArguments>();
  arguments->verb = &verb;
  arguments->evidence.AddTo(verb);
  arguments->plan.AddTo(verb);
  arguments->old_trees.AddTo(verb);
  arguments->file.AddTo(verb, "--plan");
  arguments->report.AddTo(verb);
  arguments->output.AddTo(verb);
  return [arguments] { return RunPlan(*arguments); };
}

}  // namespace metarec::tools
