// The verbs that read a plan file and tell what is in it: report, explain.

#include <functional>
#include <memory>
#include <string>

#include "base/runtime/status_macros.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/plan_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

struct ReportVerbArguments {
  std::string plan_path;
  ReportArguments report;
  OutputArguments output;
};

absl::StatusOr<ExitCode> PrintReportOf(const ReportVerbArguments& arguments, Clock* clock) {
  METAREC_RETURN_IF_ERROR(arguments.report.Check());
  PlanFileOptions file;
  file.interrupt_descriptor = InterruptSignals::descriptor();
  METAREC_ASSIGN_OR_RETURN(
      const PlanExcerpt excerpt,
      ReadPlanExcerpt(arguments.plan_path, arguments.report.selection(), file));
  ReportOptions report;
  report.plan_path = arguments.plan_path;
  report.now = clock->Now();
  METAREC_RETURN_IF_ERROR(arguments.report.ApplyTo(excerpt.plan, &report));
  if (!report.only.has_value()) {
    METAREC_RETURN_IF_ERROR(PrintReport(excerpt.plan, report, arguments.output));
    return ExitCode::kDone;
  }
  const absl::Status printed = arguments.output.PrintPieces([&](TextSink sink) {
    return arguments.output.json() ? WriteDetailsJson(excerpt.plan, excerpt.numbers, report, sink)
                                   : WriteDetails(excerpt.plan, excerpt.numbers, report, sink);
  });
  METAREC_RETURN_IF_ERROR(printed);
  return ExitCode::kDone;
}

struct ExplainArguments {
  std::string plan_path;
  std::string subject;
  OutputArguments output;
};

absl::StatusOr<ExitCode> ExplainSubject(const ExplainArguments& arguments, Clock*) {
  PlanFileOptions file;
  file.interrupt_descriptor = InterruptSignals::descriptor();
  METAREC_ASSIGN_OR_RETURN(
      const PlanExcerpt excerpt,
      ReadPlanExcerpt(arguments.plan_path, PlanSelection::Subject(arguments.subject), file));
  METAREC_ASSIGN_OR_RETURN(const std::string text, Explain(excerpt.plan, arguments.subject));
  METAREC_RETURN_IF_ERROR(arguments.output.Print(
      arguments.output.json()
          ? JsonObject().Set("subject", arguments.subject).SetLines("explanation", text).ToLine()
          : text));
  return ExitCode::kDone;
}

// Without a deadline: a plan file may be a pipe. A signal ends it.
ExitCode Run(absl::string_view verb,
             const std::function<absl::StatusOr<ExitCode>(Clock* clock)>& tell) {
  CommandLoop loop;
  return loop.Run(verb, "nothing was changed; run the same command again",
                  [&](ProgressPrinter*) -> asio::awaitable<absl::StatusOr<ExitCode>> {
                    co_return tell(&loop.clock());
                  });
}

}  // namespace

RunVerb MakeReportVerb(Command& verb) {
  verb.Paragraph(
      "The report that plan printed when it made the file. Only reads. With --table or --partition "
      "only that part of the plan is held in memory, however large it is.");
  verb.Example("metarec report --plan monday.plan",
               "the whole, with a few examples of what is alike");
  verb.Example("metarec report --plan monday.plan --all", "every finding and every table");
  verb.Example("metarec report --plan monday.plan --table usertable",
               "what there is to say about a table");
  verb.Example("metarec report --plan monday.plan --partition 3.17", "... about a partition");
  verb.Example("metarec report --plan monday.plan --format json", "for programs");
  const auto arguments = std::make_shared<ReportVerbArguments>();
  verb.Add("--plan", &arguments->plan_path, "the plan file").TypeName("FILE").Required();
  arguments->report.AddTo(verb);
  arguments->output.AddTo(verb);
  return
      [=] { return Run("report", [&](Clock* clock) { return PrintReportOf(*arguments, clock); }); };
}

RunVerb MakeExplainVerb(Command& verb) {
  verb.Example("metarec explain --plan monday.plan 3.17", "a partition");
  verb.Example("metarec explain --plan monday.plan 3", "a table");
  verb.Example("metarec explain --plan monday.plan usertable", "a table by its name");
  verb.Example("metarec explain --plan monday.plan rs1:34801", "a node");
  const auto arguments = std::make_shared<ExplainArguments>();
  verb.Add("--plan", &arguments->plan_path, "the plan file").TypeName("FILE").Required();
  verb.Add("subject", &arguments->subject, "3.17, 3, a table's name or rs1:34801").Required();
  arguments->output.AddTo(verb);
  return [=] {
    return Run("explain", [&](Clock* clock) { return ExplainSubject(*arguments, clock); });
  };
}

}  // namespace metarec::tools
