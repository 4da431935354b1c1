// Small plans by hand, for tests of what is made from plans.

#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec::testing {

class PlanBuilder {
 public:
  // Nodes get the addresses 10.0.0.1:34801, 10.0.0.2:34801, ...
  PlanBuilder& Node(const std::string& name);
  PlanBuilder& BadNode(const std::string& name, const std::string& error);
  // Ascending by id. Described by every node so far that answered.
  PlanBuilder& Table(int32_t app_id, const std::string& name, int32_t partition_count,
                     int32_t max_replica_count = 3);
  PlanBuilder& Placeholder(int32_t app_id);
  // The next partition of the table added last; the best replica first.
  PlanBuilder& Partition(std::initializer_list<RankedReplica> replicas);
  // The same for all partitions of that table: equal replicas on the first nodes.
  PlanBuilder& EqualPartitions(int replicas = 3);
  PlanBuilder& Finding(FindingFacts facts, Severity severity, int32_t app_id = 0,
                       int32_t index = -1, NodeIndex node = kNoNode);
  PlanBuilder& Outcome(PlanOutcome outcome);

  TopologyTable& table() { return plan_.topology.tables.back(); }
  TableDecision& decision() { return plan_.tables.back(); }
  RecoveryPlan& plan() { return plan_; }

 private:
  RecoveryPlan plan_;
};

// A replica with the decrees committed = prepared.
RankedReplica Replica(NodeIndex node, int64_t ballot, int64_t decree, ReplicaRole role,
                      RankReason reason, ReplicaStatus status = ReplicaStatus::kInactive);

// Three nodes, two tables, nothing to worry about.
PlanBuilder HealthyPlan();

}  // namespace metarec::testing
