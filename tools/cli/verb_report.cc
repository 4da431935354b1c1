#include <memory>
#include <string>

#include "base/runtime/status_macros.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/interrupt_signals.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/report_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "report";

constexpr char kFooter[] =
    "\nThe report that plan printed when it made the file. Only reads. With --table or "
    "--partition\n"
    "only that part of the plan is held in memory, however large it is.\n"
    "\n"
    "Examples:\n"
    "  metarec report --plan monday.plan                      the whole, with a few examples of\n"
    "                                                         what is alike\n"
    "  metarec report --plan monday.plan --all                every finding and every table\n"
    "  metarec report --plan monday.plan --table usertable    what there is to say about a table\n"
    "  metarec report --plan monday.plan --partition 3.17     ... about a partition\n"
    "  metarec report --plan monday.plan --format json        for programs";

struct Arguments {
  std::string plan_path;
  ReportArguments report;
  OutputArguments output;
};

absl::StatusOr<ExitCode> PrintReportOf(const Arguments& arguments) {
  METAREC_RETURN_IF_ERROR(arguments.report.Check());
  PlanFileOptions file;
  file.interrupt_descriptor = InterruptSignals::descriptor();
  METAREC_ASSIGN_OR_RETURN(
      const PlanExcerpt excerpt,
      ReadPlanExcerpt(arguments.plan_path, arguments.report.selection(), file));
  ReportOptions report;
  report.plan_path = arguments.plan_path;
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

asio::awaitable<absl::StatusOr<ExitCode>> Report(const Arguments& arguments) {
  co_return PrintReportOf(arguments);
}

ExitCode Run(const Arguments& arguments) {
  CommandLoop loop;
  return loop.Run(kVerb, "nothing was changed; run the same command again",
                  [&](ProgressPrinter*) { return Report(arguments); });
}

}  // namespace

void AddReportVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "show the report of a plan file");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("--plan", arguments->plan_path, "the plan file")->type_name("FILE")->required();
  arguments->report.AddTo(*verb);
  arguments->output.AddTo(*verb);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
