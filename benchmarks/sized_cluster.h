// Clusters of the sizes that docs/performance.md speaks of, with the flaws that real ones have.

#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "replica_collector/evidence.h"

namespace metarec::benchmarks {

struct ClusterSize {
  std::string name;
  int32_t tables = 0;
  int32_t partitions = 0;  // of all tables together; three replicas each
  int32_t nodes = 0;
};

// "S", "M", "L" or "XL".
absl::StatusOr<ClusterSize> ClusterSizeOf(absl::string_view name);

// What the nodes of such a cluster say. One table holds a tenth of the partitions; ballots differ;
// of every hundredth partition a replica is missing, of every hundredth one is stale. A function of
// the size alone.
Evidence MakeEvidence(const ClusterSize& size);

// The query_replica_info_response by which a server says what it holds.
std::string BodyOf(const NodeEvidence& node);

}  // namespace metarec::benchmarks
