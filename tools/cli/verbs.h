// The verbs of `metarec`: one row each in VerbTable(). To add one: write its function, declare it
// below, and add its row. A verb of two words ("zk copy") needs a row for its first word in
// VerbGroups(), too.

#pragma once

#include <functional>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "tools/process/command.h"
#include "tools/process/exit_code.h"

namespace metarec::tools {

using RunVerb = std::function<ExitCode()>;

struct VerbRow {
  absl::string_view name;         // "plan"; or "zk export", a verb of the group "zk"
  absl::string_view description;  // one line of help
  absl::string_view heading;      // under which `metarec --help` lists it
  // Declares the verb's arguments, and returns what runs it once they are parsed.
  RunVerb (*make)(Command& verb);
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

RunVerb MakeCollectVerb(Command& verb);
RunVerb MakePlanVerb(Command& verb);
RunVerb MakeReportVerb(Command& verb);
RunVerb MakeExplainVerb(Command& verb);
RunVerb MakeApplyVerb(Command& verb);
RunVerb MakeVerifyVerb(Command& verb);
RunVerb MakeRecoverVerb(Command& verb);
RunVerb MakeLsVerb(Command& verb);
RunVerb MakeNodesVerb(Command& verb);
RunVerb MakeAppVerb(Command& verb);
RunVerb MakeClusterInfoVerb(Command& verb);
RunVerb MakeSetMetaLevelVerb(Command& verb);
RunVerb MakeRenameVerb(Command& verb);
RunVerb MakeTableCopyVerb(Command& verb);
RunVerb MakeTableDiffVerb(Command& verb);
RunVerb MakeTableSplitVerb(Command& verb);
RunVerb MakeZkCatVerb(Command& verb);
RunVerb MakeZkCopyVerb(Command& verb);
RunVerb MakeZkDiffVerb(Command& verb);
RunVerb MakeZkExportVerb(Command& verb);
RunVerb MakeZkImportVerb(Command& verb);
RunVerb MakeZkLsVerb(Command& verb);
RunVerb MakeZkRmVerb(Command& verb);
RunVerb MakeZkTreeVerb(Command& verb);
RunVerb MakeZkVerifyVerb(Command& verb);
RunVerb MakeMigratePlanVerb(Command& verb);
RunVerb MakeMigrateRunVerb(Command& verb);
RunVerb MakeMigrateStatusVerb(Command& verb);
RunVerb MakeMigrateAbortVerb(Command& verb);
RunVerb MakeMigrateFinishVerb(Command& verb);
RunVerb MakeLiveLinkVerb(Command& verb);
RunVerb MakeLivePhaseVerb(Command& verb);
RunVerb MakeLiveStatusVerb(Command& verb);

}  // namespace metarec::tools
