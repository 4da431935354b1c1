// One table of a plan, summed up: where its replicas were found and how its primaries were chosen.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// How the primary of a partition came to be.
enum class Election : uint8_t {
  kAllAgree,  // every replica is equal; the lowest address
  kTie,       // the best ones are equal, others are worse; the lowest address
  kOnlyReplica,
  kOnlyComplete,  // no other is complete
  kHighestBallot,
  kWasPrimary,  // PS_PRIMARY at the highest ballot
  kMostCommitted,
  kMostPrepared,
  kNoReplica,  // the partition comes back empty, or not at all
};

// A stable name such as "all_agree".
absl::string_view ElectionName(Election election);
// "all replicas agree; the lowest address is primary"
absl::string_view ElectionInWords(Election election);

Election ElectionOf(const RecoveryPlan& plan, const PartitionDecision& decision);

struct TableSummary {
  int64_t replicas_found = 0;
  int64_t replicas_expected = 0;  // partitions times max_replica_count
  int64_t replicas_overruled = 0;
  int64_t replicas_incomplete = 0;                       // by IsIncomplete
  std::map<NodeIndex, int64_t> by_node;                  // replicas found
  std::map<Election, std::vector<int32_t>> by_election;  // partition indexes, ascending
};

// `table` is a position in Topology::tables. Of all its partitions, or of the only one asked for.
TableSummary SummarizeTable(const RecoveryPlan& plan, size_t table, int32_t only_partition = -1);

}  // namespace metarec
