// The captured clusters (tests/golden), and what the original recovery makes of them.

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

// Each is one line of docs/differences-from-pegasus.md.
struct Differences {
  std::string rename_separator = "__";
  bool unique_against_all_names = false;
  bool placeholders_never_expire = false;
  bool init_count_is_count = false;
  bool writes_committed_decree = false;
  bool primaries_are_spread = false;
  bool incomplete_last = false;
  bool primary_status_counts = false;
  bool highest_ballot = false;
  bool duplicating_anywhere = false;
  bool servers_by_own_name = false;

  static Differences All() {
    return {.rename_separator = "-",
            .unique_against_all_names = true,
            .placeholders_never_expire = true,
            .init_count_is_count = true,
            .writes_committed_decree = true,
            .primaries_are_spread = true,
            .incomplete_last = true,
            .primary_status_counts = true,
            .highest_ballot = true,
            .duplicating_anywhere = true,
            .servers_by_own_name = true};
  }
};

struct OriginalInput {
  // Of which each entry is one server, in this order. A server may be named more than once.
  std::vector<std::string> node_list;
  const Evidence& evidence;
  int64_t now = 0;  // Unix seconds, the expire_second of placeholders
};

// Data of the znodes by their path below /apps: "2" and "2/0".
std::map<std::string, std::string> OriginalRecovery(const OriginalInput& input,
                                                    const Differences& differences);

}  // namespace metarec
