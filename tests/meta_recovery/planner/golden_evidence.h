// The captured recoveries of a real cluster (tests/golden/README.md).

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "replica_collector/evidence.h"

namespace metarec {

// One of the nodes whose answers are in `<folder>/evidence`, relative to tests/golden, from each
// entry of a node list such as "localhost:34801". A node without files did not answer. The servers
// call themselves "localhost:<port>"; entries for one server are one node.
Evidence LoadGoldenEvidence(const std::string& folder, const std::vector<std::string>& node_list);

struct GoldenZnode {
  std::string data;
  int32_t version = 0;
};

// The znodes below `<root>/apps` of a captured tree, by their path below it ("2", "2.0" as "2/0").
std::map<std::string, GoldenZnode> LoadGoldenApps(const std::string& file, absl::string_view root);

}  // namespace metarec
