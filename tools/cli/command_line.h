#pragma once

#include <string>

namespace metarec::tools {

// How the process was started, as one types it: what is to be run again after an interruption. Set
// once, by main, before anything else.
void RememberCommandLine(int argc, const char* const* argv);
// "" if it is not known.
const std::string& CommandLineAsTyped();

}  // namespace metarec::tools
