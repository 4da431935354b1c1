#include "meta_recovery/planner/recovery_plan.h"

#include <algorithm>

#include "base/line_file/json_lines.h"
#include "base/runtime/status_macros.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
absl::string_view ReplicaRoleName(ReplicaRole role) {
  switch (role) {
    case ReplicaRole::kPrimary:
      return "primary";
    case ReplicaRole::kSecondary:
      return "secondary";
    case ReplicaRole::kLastDrop:
      return "last_drop";
    case ReplicaRole::kOverruled:
      return "overruled";
  }
  return "unknown";
}

absl::string_view RankReasonName(RankReason reason) {
  switch (reason) {
    case RankReason::kBest:
      return "best";
    case RankReason::kIncomplete:
      return "incomplete";
    case RankReason::kLowerBallot:
      return "lower_ballot";
    case RankReason::kOnDiskOnly:
      return "on_disk_only";
    case RankReason::kNotPrimaryAtBallot:
      return "not_primary_at_ballot";
    case RankReason::kLowerCommittedDecree:
      return "lower_committed_decree";
    case RankReason::kLowerPreparedDecree:
      return "lower_prepared_decree";
    case RankReason::kMorePrimariesOfTable:
      return "more_primaries_of_table";
    case RankReason::kMorePrimaries:
      return "more_primaries";
    case RankReason::kHigherAddress:
      return "higher_address";
  }
  return "unknown";
}

bool IsIncomplete(ReplicaStatus status) {
  return status == ReplicaStatus::kError || status == ReplicaStatus::kPotentialSecondary ||
         status == ReplicaStatus::kPartitionSplit;
}

absl::string_view OldTreeUseName(OldTreeUse use) {
  switch (use) {
    case OldTreeUse::kNone:
      return "none";
    case OldTreeUse::kCurrent:
      return "current";
    case OldTreeUse::kOlder:
      return "older";
    case OldTreeUse::kStaysDropped:
      return "stays_dropped";
    case OldTreeUse::kOnlyThere:
      return "only_there";
  }
  return "unknown";
}

bool IsCommitted(const OldTreeSource& tree, int64_t zxid) {
  return tree.committed_zxid == kCommittedUnknown || zxid <= tree.committed_zxid;
}

bool CarriesField(const TableDecision& table, absl::string_view field) {
  return std::binary_search(table.carried_fields.begin(), table.carried_fields.end(), field);
}

bool IsSplitUnfinished(const TopologyTable& table, const TableDecision& decision) {
  if (table.init_partition_count == table.partition_count || StaysDropped(decision)) return false;
  return !CarriesField(decision, "init_partition_count");
}

int32_t PartitionsBeforeSplit(const TopologyTable& table, const TableDecision& decision) {
  return IsSplitUnfinished(table, decision) ? table.init_partition_count : table.partition_count;
}

PlanOutcome OutcomeOf(Severity gravest) {
  if (gravest == Severity::kConflict) return PlanOutcome::kConflict;
  return gravest == Severity::kError ? PlanOutcome::kTryAgain : PlanOutcome::kReady;
}

absl::string_view PlanOutcomeName(PlanOutcome outcome) {
  switch (outcome) {
    case PlanOutcome::kReady:
      return "ready";
    case PlanOutcome::kTryAgain:
      return "try_again";
    case PlanOutcome::kConflict:
      return "conflict";
  }
  return "unknown";
}

bool RecoveryPlan::HasAcceptedLosses() const {
  return std::any_of(partitions.begin(), partitions.end(),
                     [](const PartitionDecision& decision) { return decision.lost; });
}

bool AcceptsBadNode(const RecoveryPlan& plan, NodeIndex node) {
  if (node >= plan.nodes.size() || node >= plan.topology.nodes.size()) return false;
  const TopologyNode& entry = plan.topology.nodes[node];
  return AcceptsBadNode(plan.options, plan.nodes[node].listed_as, entry.name, entry.address);
}

absl::StatusOr<std::string> TopologyDigest(const Topology& topology) {
  METAREC_RETURN_IF_ERROR(CheckTopology(topology));
  // Any root does: what a znode holds says where under the root it belongs, unless it is carried.
  const ClusterPaths paths("/any");
  TopologyZnodes znodes(topology, paths);
  LineDigest digest;
  for (size_t ordinal = 0; ordinal < znodes.carried_begin(); ++ordinal) {
    digest.Add(znodes.Data(ordinal));
  }
  for (const CarriedZnode& znode : topology.carried) {
    digest.Add(znode.path);
    digest.Add(znode.data);
  }
  return digest.Finish();
}

}  // namespace metarec
