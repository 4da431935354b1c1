#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "idl/ipv4_endpoint.h"

namespace metarec {

// Whether replicas become secondaries again before they have learned (membership_rule.h).
enum class Membership : uint8_t {
  kCold,  // none; the meta server that boots makes secondaries of the last_drops
  kWarm,  // those that can follow the primary at once
};
absl::string_view MembershipName(Membership membership);  // "cold", "warm"
// False for any other text.
bool ParseMembership(absl::string_view text, Membership* membership);

// What the operator allows and decides. Part of the plan.
struct PlanOptions {
  bool skip_bad_nodes = false;        // all of them
  bool skip_lost_partitions = false;  // all of them
  bool accept_still_served = false;
  // Takes duplications over from an old tree. A half-known one would send old data again.
  bool carry_duplications = false;

  // Or only these: nodes by an entry of the node list, their name or their address ...
  std::set<std::string> bad_nodes_skipped = {};
  // ... and tables ("3") and partitions ("4.2").
  std::set<std::string> lost_partitions_skipped = {};

  Membership membership = Membership::kCold;

  // Between a name and the id that makes it unique. Not empty.
  std::string rename_separator = "-";

  // Table ids above this are a conflict, not that many placeholders.
  int32_t max_app_id = 100'000;

  // More unused ids than this below one are a conflict, unless ten times as many ids below them are
  // explained by tables. At least 0.
  int32_t max_id_gap = 1000;

  // Partition counts and indexes above this are taken for garbage.
  int32_t max_partition_count = 1 << 20;

  // Decisions by name, e.g. {"10.app_type", "pegasus"}: the key that a conflict finding names and
  // the value chosen. The grammar is in docs/recovery-rules.md.
  std::map<std::string, std::string> settlements = {};

  friend bool operator==(const PlanOptions&, const PlanOptions&) = default;
};

// A table, or one of its partitions: "3" or "3.17".
struct TableOrPartition {
  int32_t app_id = 0;
  int32_t partition_index = -1;  // -1: the table
};
// False for any other text, such as "007", which may be the name of a table.
bool ParseTableOrPartition(absl::string_view text, TableOrPartition* numbers);

// Adds what a flag names of some, "n1:34801,n2:34801". kInvalidArgument if an item is empty.
absl::Status AddSkipped(absl::string_view items, std::set<std::string>* skipped);

// Whether the options accept that this node is left out, and that this partition is lost.
bool AcceptsBadNode(const PlanOptions& options, absl::Span<const std::string> listed_as,
                    absl::string_view name, const Ipv4Endpoint& address);
bool AcceptsLoss(const PlanOptions& options, int32_t app_id, int32_t partition_index);

// The words of a command line that ask for these options, each with a space in front and quoted for
// a shell: " --skip_bad_nodes --max_app_id 7". What has its default is left out.
std::string PlanOptionWords(const PlanOptions& options);

}  // namespace metarec
