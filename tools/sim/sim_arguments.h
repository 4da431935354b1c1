// The command line of metarec-sim.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/process/manual.h"

namespace metarec::tools {

struct SimArguments {
  int nodes = 0;
  std::vector<std::string> tables;
  std::vector<std::string> tables_with_data;
  std::vector<std::string> faults;
  std::vector<std::string> ports;
  std::string cluster_file;
  std::string evidence_file;
  std::string node_list_file;
  std::string host = "localhost";
  bool address_per_node = false;
};

// As ParseProgram.
std::optional<int> ParseSimArguments(const std::vector<std::string>& words,
                                     SimArguments* arguments);

// What metarec-sim says of itself.
CommandManual SimManual();

}  // namespace metarec::tools
