// The order of the replicas of one partition.

#pragma once

#include <cstdint>

#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/evidence.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// One replica that a node says it has.
struct ReplicaClaim {
  int64_t ballot = 0;
  int64_t last_committed_decree = 0;
  int64_t last_prepared_decree = 0;
  int32_t partition_index = 0;
  NodeIndex node = kNoNode;  // ascending by address
  ReplicaStatus status = ReplicaStatus::kInvalid;

  friend bool operator==(const ReplicaClaim&, const ReplicaClaim&) = default;
};

// Whether `a` is the better replica of two of one partition. A total order but for equal claims:
// complete before incomplete, higher ballot, PS_PRIMARY at that ballot, higher committed decree,
// higher prepared decree, lower address; at last the status as a number, for one node that names
// one replica twice.
bool IsBetter(const ReplicaClaim& a, const ReplicaClaim& b);

// The rule by which `worse` stands below `better`.
RankReason ReasonBelow(const ReplicaClaim& better, const ReplicaClaim& worse);

}  // namespace metarec
