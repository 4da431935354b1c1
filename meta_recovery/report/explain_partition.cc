#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/replica_ranking.h"
#include "meta_recovery/report/explanations.h"

namespace metarec {
namespace {

ReplicaClaim ClaimOf(const RankedReplica& replica) {
  ReplicaClaim claim;
  claim.node = replica.node;
  claim.status = replica.status;
  claim.ballot = replica.ballot;
  claim.last_committed_decree = replica.last_committed_decree;
  claim.last_prepared_decree = replica.last_prepared_decree;
  return claim;
}

// "ballot 4 is below 5": why `worse` stands below `better`.
std::string Comparison(const RecoveryPlan& plan, const RankedReplica& better,
                       const RankedReplica& worse) {
  const std::string than = NodeLabel(plan, better.node);
  switch (ReasonBelow(ClaimOf(better), ClaimOf(worse))) {
    case RankReason::kIncomplete:
      return absl::StrCat("it is ", ReplicaStatusName(worse.status),
                          " and may hold half the data, while ", than, " is ",
                          ReplicaStatusName(better.status));
    case RankReason::kLowerBallot:
      return absl::StrCat("its ballot is only ", worse.ballot, ", ", than, " has ", better.ballot);
    case RankReason::kNotPrimaryAtBallot:
      return absl::StrCat("both have ballot ", worse.ballot, ", but ", than,
                          " was the primary at it");
    case RankReason::kLowerCommittedDecree:
      return absl::StrCat("at the same ballot ", worse.ballot, " it has committed up to ",
                          worse.last_committed_decree, " only, ", than, " up to ",
                          better.last_committed_decree);
    case RankReason::kLowerPreparedDecree:
      return absl::StrCat("with ballot ", worse.ballot, " and committed decree ",
                          worse.last_committed_decree, " the same, it has prepared up to ",
                          worse.last_prepared_decree, " only, ", than, " up to ",
                          better.last_prepared_decree);
    case RankReason::kHigherAddress:
    case RankReason::kBest:
      break;
  }
  return absl::StrCat("it is equal in everything, and ", than, " has the lower address");
}

std::string Becomes(const RankedReplica& replica) {
  switch (replica.role) {
    case ReplicaRole::kPrimary:
      return "primary";
    case ReplicaRole::kLastDrop:
      return "candidate for secondary";
    case ReplicaRole::kOverruled:
      break;
  }
  return "overruled";
}

std::string ReplicaRows(const RecoveryPlan& plan, absl::Span<const RankedReplica> replicas) {
  std::vector<std::vector<std::string>> rows = {
      {"node", "status", "ballot", "committed", "prepared", "becomes"}};
  for (const RankedReplica& replica : replicas) {
    rows.push_back({NodeLabel(plan, replica.node), ReplicaStatusName(replica.status),
                    absl::StrCat(replica.ballot), absl::StrCat(replica.last_committed_decree),
                    absl::StrCat(replica.last_prepared_decree), Becomes(replica)});
  }
  return AlignedRows(rows);
}

std::string WhyThisPrimary(const RecoveryPlan& plan, absl::Span<const RankedReplica> replicas) {
  const RankedReplica& best = replicas.front();
  const std::string name = NodeLabel(plan, best.node);
  std::string text;
  if (replicas.size() == 1) {
    text = absl::StrCat("Primary is ", name, ", the only replica that was found.\n");
  } else {
    text = absl::StrCat("Primary is ", name, ". Not chosen:\n");
  }
  for (const RankedReplica& replica : replicas.subspan(1)) {
    absl::StrAppend(&text, "  ", NodeLabel(plan, replica.node), ": ",
                    Comparison(plan, best, replica), "\n");
  }
  if (IsIncomplete(best.status)) {
    absl::StrAppend(&text, "No replica is known to be complete: ", name, " is ",
                    ReplicaStatusName(best.status), " and may hold half the data.\n");
  }
  return text;
}

std::string WhatIsWritten(const RecoveryPlan& plan, const TopologyTable& table,
                          const TopologyPartition& partition,
                          absl::Span<const RankedReplica> replicas) {
  std::vector<std::string> highest;
  for (const RankedReplica& replica : replicas) {
    if (replica.ballot == partition.ballot) highest.push_back(NodeLabel(plan, replica.node));
  }
  std::string text = absl::StrCat("Ballot written: ", partition.ballot);
  if (highest.empty()) {
    absl::StrAppend(&text, ", the highest that any node reported for the partition");
  } else {
    absl::StrAppend(&text, ", the highest that was reported (by ", CutList(highest), ")");
  }
  absl::StrAppend(&text, "; a replica server ignores for ever an entry below its own ballot.\n",
                  "Committed decree written: ", partition.last_committed_decree,
                  ", the primary's own.\n");
  std::vector<std::string> last_drops;
  for (const NodeIndex node : plan.topology.LastDropsOf(partition)) {
    last_drops.push_back(NodeLabel(plan, node));
  }
  if (last_drops.empty()) {
    absl::StrAppend(&text,
                    "No candidate for secondary is left: the meta server that boots gives "
                    "the partition new secondaries");
    absl::StrAppend(&text, table.max_replica_count <= 1 ? " if it is to have any.\n" : ".\n");
  } else {
    absl::StrAppend(&text, "Written as last_drops: ", absl::StrJoin(last_drops, ", "),
                    " (the best one last); the meta server that boots adds them as secondaries "
                    "again, from what they have.\n");
  }
  int64_t overruled = 0;
  for (const RankedReplica& replica : replicas) {
    overruled += replica.role == ReplicaRole::kOverruled;
  }
  if (overruled > 0) {
    absl::StrAppend(&text, Counted(overruled, "replica"),
                    " overruled, because max_replica_count is ", table.max_replica_count, ".\n");
  }
  return text;
}

std::string NoReplica(const PartitionDecision& decision, const TopologyPartition& partition) {
  if ((partition.partition_flags & 1) != 0) {
    return "It belongs to a dropped placeholder: written with ballot 0 and the dropped flag, "
           "without "
           "any node.\n";
  }
  return decision.lost
             ? "No node has a replica of it. As accepted with --skip_lost_partitions it is written "
               "with ballot 0 and without any node, and the meta server that boots creates it "
               "empty; "
               "an old replica that turns up later is ignored.\n"
             : "No node has a replica of it, so the plan cannot be applied: find the node that had "
               "one and collect again, or have it created empty with --skip_lost_partitions.\n";
}

}  // namespace

std::string ExplainPartition(const RecoveryPlan& plan, size_t table, size_t partition) {
  const TopologyTable& record = plan.topology.tables[table];
  const TopologyPartition& written = plan.topology.partitions[partition];
  const PartitionDecision& decision = plan.partitions[partition];
  const auto replicas = plan.ReplicasOf(decision);
  std::string text = absl::StrCat("Partition ", record.app_id, ".", written.index, " of table ",
                                  record.app_id, " (", Printable(record.app_name),
                                  "): ", Counted(static_cast<int64_t>(replicas.size()), "replica"),
                                  " found, ", record.max_replica_count, " wanted.\n\n");
  if (replicas.empty()) {
    absl::StrAppend(&text, NoReplica(decision, written));
  } else {
    absl::StrAppend(&text, ReplicaRows(plan, replicas), "\n", WhyThisPrimary(plan, replicas), "\n",
                    WhatIsWritten(plan, record, written, replicas));
  }
  return text + FindingLines(plan, [&](const Finding& finding) {
           return finding.app_id == record.app_id && finding.partition_index == written.index;
         });
}

}  // namespace metarec
