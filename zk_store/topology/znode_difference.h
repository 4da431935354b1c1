#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec {

// One field of a znode's JSON. Values are JSON text, cut when long; empty where there is no such
// field.
struct FieldDifference {
  std::string field;  // "ballot", "envs.rocksdb.usage_scenario"; "(json)": not readable at all;
                      // "(bytes)": says the same in another way
  std::string expected;
  std::string found;

  friend bool operator==(const FieldDifference&, const FieldDifference&) = default;
};

// Field by field, in the order of `expected`, then what only `found` has. Empty if the bytes are
// the same. `expected` is one that we have encoded.
std::vector<FieldDifference> DiffAppJson(absl::string_view path, absl::string_view expected,
                                         absl::string_view found);
std::vector<FieldDifference> DiffPartitionJson(absl::string_view path, absl::string_view expected,
                                               absl::string_view found);

}  // namespace metarec
