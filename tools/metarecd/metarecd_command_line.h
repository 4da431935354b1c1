#pragma once

#include <optional>
#include <string>

namespace metarec::tools {

// Reads metarecd's command line into its flags and glog's. Returns the exit code if there is
// nothing more to do: help and version are printed to stdout, what is wrong to stderr.
std::optional<int> ParseMetarecdFlags(int* argc, char*** argv);

// The page of --help: every flag with its description.
std::string MetarecdHelp();

}  // namespace metarec::tools
