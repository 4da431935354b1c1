// What metarecd is told by its flags, and by the configuration file that they name.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "recovery_service/server/recovery_server.h"
#include "tools/process/manual.h"
#include "zk_store/client/zookeeper_options.h"

namespace metarec::tools {

struct MetarecdOptions {
  RecoveryServerOptions server;
  ZooKeeperOptions zookeeper;
  std::vector<std::string> old_trees;  // SIDEs, to be read when a recovery begins
  std::vector<std::string> warnings;   // for the log, a line each
  // The root is that of --root, and not of [meta_server] cluster_root, which errors name.
  bool has_root_flag = false;
};

// Flags and file together. Errors name the flag, or the place in the file, with a remedy.
absl::StatusOr<MetarecdOptions> OptionsFromFlags();

// The names of our own flags.
std::vector<std::string> MetarecdFlagNames();

// Reads metarecd's command line into its flags and glog's. Returns the exit code if there is
// nothing more to do: help and version are printed to stdout, what is wrong to stderr.
std::optional<int> ParseMetarecdFlags(int* argc, char*** argv);

// What metarecd says of itself: every flag with its description.
CommandManual MetarecdManual();
std::string MetarecdHelp();  // as a page

}  // namespace metarec::tools
