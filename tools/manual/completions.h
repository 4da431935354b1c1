// What shells complete: verbs, options, the values of those that know theirs, and files.

#pragma once

#include <string>

#include "tools/process/manual.h"

namespace metarec::tools {

// A file for each shell's own folder of completions: "metarec", "_metarec", "metarec.fish".
std::string BashCompletion(const CommandManual& program);
std::string ZshCompletion(const CommandManual& program);
std::string FishCompletion(const CommandManual& program);

}  // namespace metarec::tools
