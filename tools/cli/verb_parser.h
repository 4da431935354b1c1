#pragma once

#include <string>
#include <vector>

#include <absl/types/span.h>

#include "tools/cli/verbs.h"
#include "tools/process/exit_code.h"
#include "tools/process/manual.h"

namespace metarec::tools {

// What a program does with its command line: finds the verb in `table`, parses its arguments, and
// runs it. Help and version go to stdout; what is wrong with the command line goes to stderr, with
// the words or the option that it is about, and ends with kFailed before anything is done.
//
// `arguments` are those of the process, without its name.
ExitCode RunCommandLine(absl::Span<const VerbRow> table, absl::Span<const VerbGroupRow> groups,
                        const std::vector<std::string>& arguments);

// What a program with these verbs says of itself, and what metarec does.
CommandManual ManualOf(absl::Span<const VerbRow> table, absl::Span<const VerbGroupRow> groups);
CommandManual MetarecManual();

}  // namespace metarec::tools
