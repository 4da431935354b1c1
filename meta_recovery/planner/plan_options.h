#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <absl/time/time.h>

namespace metarec {

// What the operator allows and decides. Part of the plan.
struct PlanOptions {
  bool skip_bad_nodes = false;
  bool skip_lost_partitions = false;
  bool accept_still_served = false;

  // Between a name and the id that makes it unique. Not empty.
  std::string rename_separator = "-";

  // Table ids above this are a conflict, not that many placeholders.
  int32_t max_app_id = 100'000;

  // Partition counts and indexes above this are taken for garbage.
  int32_t max_partition_count = 1 << 20;

  // Decisions by name, e.g. {"10.app_type", "pegasus"}: the key that a conflict finding names and
  // the value chosen. The grammar is in docs/recovery-rules.md.
  std::map<std::string, std::string> settlements = {};

  friend bool operator==(const PlanOptions&, const PlanOptions&) = default;
};

// The words of a command line that ask for these options, each with a space in front and quoted for
// a shell: " --skip_bad_nodes --max_app_id 7". What has its default is left out.
std::string PlanOptionWords(const PlanOptions& options);

}  // namespace metarec
