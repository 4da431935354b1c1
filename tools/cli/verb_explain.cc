#include <memory>
#include <string>

#include "base/runtime/status_macros.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/report/explain.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/interrupt_signals.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "explain";

constexpr char kFooter[] =
    "\nExamples:\n"
    "  metarec explain --plan monday.plan 3.17            a partition\n"
    "  metarec explain --plan monday.plan 3               a table\n"
    "  metarec explain --plan monday.plan usertable       a table by its name\n"
    "  metarec explain --plan monday.plan rs1:34801       a node";

struct Arguments {
  std::string plan_path;
  std::string subject;
  OutputArguments output;
};

absl::StatusOr<ExitCode> ExplainSubject(const Arguments& arguments) {
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

asio::awaitable<absl::StatusOr<ExitCode>> Explaining(const Arguments& arguments) {
  co_return ExplainSubject(arguments);
}

ExitCode Run(const Arguments& arguments) {
  CommandLoop loop;
  return loop.Run(kVerb, "nothing was changed; run the same command again",
                  [&](ProgressPrinter*) { return Explaining(arguments); });
}

}  // namespace

void AddExplainVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(
      kVerb, "say why a plan does what it does with a partition, a table or a node");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("--plan", arguments->plan_path, "the plan file")->type_name("FILE")->required();
  verb->add_option("subject", arguments->subject, "3.17, 3, a table's name or rs1:34801")
      ->required();
  arguments->output.AddTo(*verb);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
