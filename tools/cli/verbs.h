// The verbs of `metarec`: one row each in VerbTable(). To add one: write its function, declare it
// below, and add its row.

#pragma once

#include <functional>

#include <CLI/CLI.hpp>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "tools/process/exit_code.h"

namespace metarec::tools {

using RunVerb = std::function<ExitCode()>;

struct VerbRow {
  // "plan"; or "zk export", a verb of the group of verbs "zk", which needs a row in
  // VerbGroups().
  absl::string_view name;
  absl::string_view description;  // one line of help
  absl::string_view heading;      // under which `metarec --help` lists it
  // Declares the verb's arguments, and returns what runs it once they are parsed.
  RunVerb (*make)(CLI::App& verb);
};

// The first word of verbs that have two.
struct VerbGroupRow {
  absl::string_view name;
  absl::string_view description;
  absl::string_view heading;
};

// In the order of help.
absl::Span<const VerbRow> VerbTable();
absl::Span<const VerbGroupRow> VerbGroups();

RunVerb MakeCollectVerb(CLI::App& verb);
RunVerb MakePlanVerb(CLI::App& verb);
RunVerb MakeReportVerb(CLI::App& verb);
RunVerb MakeExplainVerb(CLI::App& verb);
RunVerb MakeApplyVerb(CLI::App& verb);
RunVerb MakeVerifyVerb(CLI::App& verb);
RunVerb MakeRecoverVerb(CLI::App& verb);
RunVerb MakeLsVerb(CLI::App& verb);
RunVerb MakeNodesVerb(CLI::App& verb);
RunVerb MakeAppVerb(CLI::App& verb);
RunVerb MakeClusterInfoVerb(CLI::App& verb);
RunVerb MakeSetMetaLevelVerb(CLI::App& verb);
RunVerb MakeRenameVerb(CLI::App& verb);

}  // namespace metarec::tools
