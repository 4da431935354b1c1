// In what a root differs from what it should hold.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "zk_store/topology/znode_difference.h"

namespace metarec {

// What a Difference says was found where there is nothing.
inline constexpr absl::string_view kNoSuchZnode = "no such znode";

enum class DifferenceKind {
  kAppsState,     // /apps says something else, or is not there
  kMissing,       // no such znode
  kUnexpected,    // a znode under /apps that should not be there
  kDiffers,       // other bytes
  kBallotTooLow,  // a partition's ballot is below the expected one: a replica server that knows the
                  // higher one ignores this entry for ever
  kProgress,      // a partition's ballot is above the expected one and nothing but membership
                  // differs: a running meta server has gone on from here
};

inline constexpr size_t kDifferenceKinds = 6;

absl::string_view DifferenceKindName(DifferenceKind kind);

struct Difference {
  DifferenceKind kind = DifferenceKind::kDiffers;
  std::string path;
  int32_t app_id = 0;            // 0: not about one table
  int32_t partition_index = -1;  // -1: not about one partition
  std::vector<FieldDifference> fields;
};

// One line: kind, path, and what was expected and found.
std::string DescribeDifference(const Difference& difference);

struct VerifyResult {
  // By app id, then partition; no more than differences_max of each kind. `counts` knows all.
  std::vector<Difference> differences;
  int64_t counts[kDifferenceKinds] = {};  // by DifferenceKind
  int64_t znodes_read = 0;

  // What is there, by the ordinal of TopologyZnodes.
  std::vector<bool> present;

  int64_t Count(DifferenceKind kind) const { return counts[static_cast<size_t>(kind)]; }
  bool clean() const;
};

// One line: how many differences there are, and the first `shown_max`.
std::string Summarize(const VerifyResult& result, size_t shown_max);

}  // namespace metarec
