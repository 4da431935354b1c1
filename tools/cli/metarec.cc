// The operator's command line: docs/cli.md.

#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <glog/logging.h>
#include <malloc.h>

#include "tools/cli/command_errors.h"
#include "tools/cli/command_line.h"
#include "tools/cli/file_options.h"
#include "tools/cli/verbs.h"
#include "tools/process/exit_code.h"
#include "tools/process/option_spelling.h"
#include "tools/process/standard_descriptors.h"
#include "tools/process/version.h"

namespace metarec::tools {
namespace {

constexpr char kDescription[] =
    "Brings back the metadata of a Pegasus cluster from its replica servers.\n"
    "\n"
    "In steps:    collect, plan, (read the report), apply, verify\n"
    "In one step: recover";

constexpr char kFooter[] =
    "\n"
    "Every verb has help with examples: metarec plan --help. Dashes and underscores in long\n"
    "options are the same.\n"
    "\n"
    "Exit codes: 0 done; 1 failed; 2 differences; 3 a conflict needs a decision; 4 refused by a\n"
    "guard, nothing was changed; 5 done, with losses that the flags accepted.";

// Help and version are "errors" of code 0.
ExitCode FailedParsing(const CLI::App& app, const CLI::ParseError& error) {
  if (app.exit(error, std::cout, std::cerr) != 0) return ExitCode::kFailed;
  if (std::cout.flush()) return ExitCode::kDone;
  std::cerr << "metarec: cannot write to stdout" << std::endl;
  return ExitCode::kFailed;
}

// CLI11's own words for it do not say which words it knows.
std::string UnknownVerbText(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::string verbs;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) {
    absl::StrAppend(&verbs, verbs.empty() ? "" : ", ", verb->get_name());
  }
  return arguments.empty() || arguments.front().starts_with('-')
             ? absl::StrCat("metarec: say what to do: ", verbs, "; metarec --help tells more")
             : absl::StrCat("metarec: there is no verb '", arguments.front(), "', but ", verbs,
                            "; metarec --help tells more");
}

ExitCode Run(std::vector<std::string> arguments) {
  arguments = WithUnderscoresInOptions(std::move(arguments));

  CLI::App app(kDescription, "metarec");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("metarec ") + kVersion);
  app.require_subcommand(1);
  Verb chosen;
  AddCollectVerb(app, &chosen);
  AddPlanVerb(app, &chosen);
  AddReportVerb(app, &chosen);
  AddExplainVerb(app, &chosen);
  AddApplyVerb(app, &chosen);
  AddVerifyVerb(app, &chosen);
  AddRecoverVerb(app, &chosen);
  AddLsVerb(app, &chosen);
  AddNodesVerb(app, &chosen);
  AddAppVerb(app, &chosen);
  AddClusterInfoVerb(app, &chosen);
  AddSetMetaLevelVerb(app, &chosen);
  AddRenameVerb(app, &chosen);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::RequiredError& error) {
    if (!app.get_subcommands().empty()) return FailedParsing(app, error);
    std::cerr << UnknownVerbText(app, arguments) << std::endl;
    return ExitCode::kFailed;
  } catch (const CLI::ParseError& error) {
    return FailedParsing(app, error);
  }
  const CLI::App& verb = *app.get_subcommands().front();
  const absl::Status files = CheckFileOptions(verb);
  return files.ok() ? chosen() : Fail(verb.get_name(), files);
}

}  // namespace
}  // namespace metarec::tools

int main(int argc, char** argv) {
  // What the nodes said is freed while the plan is made from it, in pieces that only go back to the
  // system if each was mapped by itself; left alone, glibc raises this bound as it goes.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  metarec::tools::PrepareStandardDescriptors();
  metarec::tools::RememberCommandLine(argc, argv);
  FLAGS_logtostderr = true;
  FLAGS_minloglevel = google::GLOG_WARNING;
  google::InitGoogleLogging(argv[0]);
  try {
    return static_cast<int>(metarec::tools::Run(std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const std::exception& error) {
    std::cerr << "metarec: unexpected error: " << error.what() << std::endl;
    return static_cast<int>(metarec::tools::ExitCode::kFailed);
  }
}
