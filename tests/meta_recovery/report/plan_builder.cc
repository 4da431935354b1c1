#include "tests/meta_recovery/report/plan_builder.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

namespace metarec::testing {

PlanBuilder& PlanBuilder::Node(const std::string& name) {
  const uint32_t ip = 0x0a000001 + static_cast<uint32_t>(plan_.topology.nodes.size());
  plan_.topology.nodes.push_back({{ip, 34801}, name});
  NodeDecision decision;
  decision.listed_as = {name};
  plan_.nodes.push_back(decision);
  plan_.evidence_collected_at = absl::FromUnixSeconds(1795221132);
  return *this;
}

PlanBuilder& PlanBuilder::BadNode(const std::string& name, const std::string& error) {
  Node(name);
  plan_.nodes.back().error = error;
  return *this;
}

PlanBuilder& PlanBuilder::Table(int32_t app_id, const std::string& name, int32_t partition_count,
                                int32_t max_replica_count) {
  TopologyTable table;
  table.app_id = app_id;
  table.app_name = name;
  table.app_type = "pegasus";
  table.partition_count = partition_count;
  table.init_partition_count = partition_count;
  table.max_replica_count = max_replica_count;
  table.create_second = 1795220959;
  table.partitions_begin = static_cast<uint32_t>(plan_.topology.partitions.size());
  plan_.topology.tables.push_back(table);
  TableDecision decision;
  decision.old_name = name;
  for (size_t i = 0; i < plan_.nodes.size(); ++i) {
    if (plan_.nodes[i].error != "ERR_OK") continue;
    decision.described_by.push_back(static_cast<NodeIndex>(i));
    ++plan_.nodes[i].tables;
  }
  plan_.tables.push_back(decision);
  return *this;
}

PlanBuilder& PlanBuilder::Placeholder(int32_t app_id) {
  Table(app_id, absl::StrCat("__drop_holder__", app_id), 1);
  table().status = TableStatus::kDropped;
  table().create_second = 0;
  decision().placeholder = true;
  decision().described_by.clear();
  Partition({});
  plan_.topology.partitions.back().partition_flags = 1;
  return *this;
}

PlanBuilder& PlanBuilder::Partition(std::initializer_list<RankedReplica> replicas) {
  TopologyPartition partition;
  partition.index = static_cast<int32_t>(table().partitions_count++);
  PartitionDecision decision;
  decision.replicas_begin = static_cast<uint32_t>(plan_.replicas.size());
  decision.replicas_count = static_cast<uint32_t>(replicas.size());
  std::vector<NodeIndex> last_drops;
  std::vector<NodeIndex> secondaries;
  for (const RankedReplica& replica : replicas) {
    partition.ballot = std::max(partition.ballot, replica.ballot);
    if (replica.role == ReplicaRole::kPrimary) {
      partition.primary = replica.node;
      partition.last_committed_decree = replica.last_committed_decree;
    }
    if (replica.role == ReplicaRole::kLastDrop) last_drops.push_back(replica.node);
    if (replica.role == ReplicaRole::kSecondary) secondaries.push_back(replica.node);
    plan_.replicas.push_back(replica);
    ++plan_.nodes[replica.node].replicas;
  }
  partition.members_begin = static_cast<uint32_t>(plan_.topology.members.size());
  partition.last_drops_count = static_cast<uint32_t>(last_drops.size());
  plan_.topology.members.insert(plan_.topology.members.end(), last_drops.rbegin(),
                                last_drops.rend());
  partition.secondaries_count = static_cast<uint32_t>(secondaries.size());
  if (!secondaries.empty()) ++partition.ballot;
  plan_.topology.members.insert(plan_.topology.members.end(), secondaries.begin(),
                                secondaries.end());
  plan_.topology.partitions.push_back(partition);
  plan_.partitions.push_back(decision);
  return *this;
}

PlanBuilder& PlanBuilder::EqualPartitions(int replicas) {
  const auto primary = Replica(0, 3, 100, ReplicaRole::kPrimary, RankReason::kBest);
  const auto second = Replica(1, 3, 100, ReplicaRole::kLastDrop, RankReason::kHigherAddress);
  const auto third = Replica(2, 3, 100, ReplicaRole::kLastDrop, RankReason::kHigherAddress);
  for (int32_t i = 0; i < table().partition_count; ++i) {
    if (replicas == 1) Partition({primary});
    if (replicas == 2) Partition({primary, second});
    if (replicas == 3) Partition({primary, second, third});
  }
  return *this;
}

PlanBuilder& PlanBuilder::Finding(FindingFacts facts, Severity severity, int32_t app_id,
                                  int32_t index, NodeIndex node) {
  metarec::Finding finding;
  finding.severity = severity;
  finding.app_id = app_id;
  finding.partition_index = index;
  finding.facts = std::move(facts);
  finding.node = node;
  plan_.findings.push_back(std::move(finding));
  return *this;
}

PlanBuilder& PlanBuilder::Outcome(PlanOutcome outcome) {
  plan_.outcome = outcome;
  return *this;
}

RankedReplica Replica(NodeIndex node, int64_t ballot, int64_t decree, ReplicaRole role,
                      RankReason reason, ReplicaStatus status) {
  RankedReplica replica;
  replica.node = node;
  replica.status = status;
  replica.ballot = ballot;
  replica.last_committed_decree = decree;
  replica.last_prepared_decree = decree;
  replica.role = role;
  replica.reason = reason;
  return replica;
}

PlanBuilder HealthyPlan() {
  PlanBuilder builder;
  builder.Node("rs1:34801").Node("rs2:34801").Node("rs3:34801");
  builder.Table(1, "stat", 4).EqualPartitions();
  builder.Table(2, "temp", 8).EqualPartitions();
  return builder;
}

}  // namespace metarec::testing
