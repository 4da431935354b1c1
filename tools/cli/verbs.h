// The verbs of `metarec`, one file each.
//
// Each function adds its subcommand to `app`. When the command line chose it, and its arguments
// parsed, `*chosen` is set to what runs it.

#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "tools/process/exit_code.h"

namespace metarec::tools {

using Verb = std::function<ExitCode()>;

void AddCollectVerb(CLI::App& app, Verb* chosen);
void AddPlanVerb(CLI::App& app, Verb* chosen);
void AddApplyVerb(CLI::App& app, Verb* chosen);
void AddVerifyVerb(CLI::App& app, Verb* chosen);
void AddRecoverVerb(CLI::App& app, Verb* chosen);
void AddReportVerb(CLI::App& app, Verb* chosen);
void AddExplainVerb(CLI::App& app, Verb* chosen);
void AddLsVerb(CLI::App& app, Verb* chosen);
void AddNodesVerb(CLI::App& app, Verb* chosen);
void AddAppVerb(CLI::App& app, Verb* chosen);
void AddClusterInfoVerb(CLI::App& app, Verb* chosen);
void AddSetMetaLevelVerb(CLI::App& app, Verb* chosen);
void AddRenameVerb(CLI::App& app, Verb* chosen);

}  // namespace metarec::tools
