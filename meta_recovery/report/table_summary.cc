#include "meta_recovery/report/table_summary.h"

#include <algorithm>

namespace metarec {

absl::string_view ElectionName(Election election) {
  switch (election) {
    case Election::kAllAgree:
      return "all_agree";
    case Election::kTie:
      return "tie";
    case Election::kOnlyReplica:
      return "only_replica";
    case Election::kOnlyComplete:
      return "only_complete";
    case Election::kHighestBallot:
      return "highest_ballot";
    case Election::kWasPrimary:
      return "was_primary";
    case Election::kMostCommitted:
      return "most_committed";
    case Election::kMostPrepared:
      return "most_prepared";
    case Election::kNoReplica:
      return "no_replica";
  }
  return "unknown";
}

absl::string_view ElectionInWords(Election election) {
  switch (election) {
    case Election::kAllAgree:
      return "all replicas agree, the lowest address is primary";
    case Election::kTie:
      return "the best replicas agree, the lowest address of them is primary";
    case Election::kOnlyReplica:
      return "the only replica is primary";
    case Election::kOnlyComplete:
      return "the only complete replica is primary";
    case Election::kHighestBallot:
      return "the replica with the highest ballot is primary";
    case Election::kWasPrimary:
      return "the replica that is PS_PRIMARY at the highest ballot is primary";
    case Election::kMostCommitted:
      return "the replica that has committed most at the highest ballot is primary";
    case Election::kMostPrepared:
      return "the replica that has prepared most at the highest ballot is primary";
    case Election::kNoReplica:
      return "no replica was found";
  }
  return "unknown";
}

Election ElectionOf(const RecoveryPlan& plan, const PartitionDecision& decision) {
  const auto replicas = plan.ReplicasOf(decision);
  if (replicas.empty()) return Election::kNoReplica;
  if (replicas.size() == 1) return Election::kOnlyReplica;
  switch (replicas[1].reason) {
    case RankReason::kIncomplete:
      return Election::kOnlyComplete;
    case RankReason::kLowerBallot:
      return Election::kHighestBallot;
    case RankReason::kNotPrimaryAtBallot:
      return Election::kWasPrimary;
    case RankReason::kLowerCommittedDecree:
      return Election::kMostCommitted;
    case RankReason::kLowerPreparedDecree:
      return Election::kMostPrepared;
    case RankReason::kBest:
    case RankReason::kHigherAddress:
      break;
  }
  const bool all_equal = std::all_of(
      replicas.begin() + 1, replicas.end(),
      [](const RankedReplica& replica) { return replica.reason == RankReason::kHigherAddress; });
  return all_equal ? Election::kAllAgree : Election::kTie;
}

TableSummary SummarizeTable(const RecoveryPlan& plan, size_t table, int32_t only_partition) {
  TableSummary summary;
  const TopologyTable& record = plan.topology.tables[table];
  for (const TopologyPartition& partition : plan.topology.PartitionsOf(record)) {
    const size_t position = static_cast<size_t>(&partition - plan.topology.partitions.data());
    if (position >= plan.partitions.size()) break;
    if (only_partition >= 0 && partition.index != only_partition) continue;
    const PartitionDecision& decision = plan.partitions[position];
    summary.replicas_expected += std::max(0, record.max_replica_count);
    summary.by_election[ElectionOf(plan, decision)].push_back(partition.index);
    for (const RankedReplica& replica : plan.ReplicasOf(decision)) {
      ++summary.replicas_found;
      ++summary.by_node[replica.node];
      summary.replicas_overruled += replica.role == ReplicaRole::kOverruled;
      summary.replicas_incomplete += IsIncomplete(replica.status);
    }
  }
  return summary;
}

}  // namespace metarec
