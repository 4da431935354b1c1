#include "meta_recovery/report/explain_partition.h"

#include <algorithm>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/types/span.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/membership_rule.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/replica_index.h"

namespace metarec {
namespace {

// "ballot 4 is below 5": why `worse` stands below `better`. `if_equal`: the rule that decided if
// they are equal in everything.
std::string Comparison(const RecoveryPlan& plan, const RankedReplica& better,
                       const RankedReplica& worse, RankReason if_equal) {
  const std::string than = NodeLabel(plan, better.node);
  const RankReason reason = ReasonBelow(ClaimOf(better), ClaimOf(worse));
  switch (reason == RankReason::kHigherAddress ? if_equal : reason) {
    case RankReason::kIncomplete:
      return absl::StrCat("it is ", ReplicaStatusName(worse.status),
                          " and may hold half the data, while ", than, " is ",
                          ReplicaStatusName(better.status));
    case RankReason::kLowerBallot:
      return absl::StrCat("its ballot is only ", worse.ballot, ", ", than, " has ", better.ballot);
    case RankReason::kOnDiskOnly:
      return absl::StrCat("both have ballot ", worse.ballot, ", but ", than,
                          " runs, while this one is known from its disks only");
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
    case RankReason::kMorePrimariesOfTable:
      return absl::StrCat("it is equal in everything, and ", than,
                          " had fewer primaries of this table");
    case RankReason::kMorePrimaries:
      return absl::StrCat("it is equal in everything, and ", than, " had fewer primaries");
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
    case ReplicaRole::kSecondary:
      return "secondary";
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
  return AlignedRows(rows, 2);
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
  // What tells neighbours apart tells the best one from all that follow.
  RankReason first_rule = RankReason::kHigherAddress;
  for (const RankedReplica& replica : replicas.subspan(1)) {
    first_rule = std::min(first_rule, replica.reason);
    absl::StrAppend(&text, "  ", NodeLabel(plan, replica.node), ": ",
                    Comparison(plan, best, replica, first_rule), "\n");
  }
  if (IsIncomplete(best.status)) {
    absl::StrAppend(&text, "No replica is known to be complete: ", name, " is ",
                    ReplicaStatusName(best.status), " and may hold half the data.\n");
  }
  return text;
}

absl::string_view WhyNoSecondary(ColdReason reason) {
  switch (reason) {
    case ColdReason::kPrimaryNotInactive:
      return "since the primary is not PS_INACTIVE, and so its decrees may not be its last ones";
    case ColdReason::kBallotAbovePrimary:
      return "since another replica reported a higher ballot than the primary's";
    case ColdReason::kBallotAtBound:
      return "since there is no ballot above the one reported";
    case ColdReason::kNotInactive:
      return "since it is not PS_INACTIVE";
    case ColdReason::kPrimaryOnDisk:
      return "since the primary is known from its disks only, and may have committed more";
    case ColdReason::kOnDisk:
      return "since it is known from its disks only";
    case ColdReason::kLowerBallot:
      return "since its ballot is below the primary's";
    case ColdReason::kCommittedLess:
      return "since it has committed less than the primary";
    case ColdReason::kNone:
    case ColdReason::kNoReplica:
    case ColdReason::kNotWanted:
    case ColdReason::kNotAsked:
    case ColdReason::kReplicasMissing:
      break;
  }
  return "as planned";
}

// Nothing is said of them in a plan that was made without any.
std::string SecondariesInWords(const RecoveryPlan& plan, const TopologyTable& table,
                               const TopologyPartition& partition,
                               absl::Span<const RankedReplica> replicas) {
  if (plan.options.membership == Membership::kCold) return "";
  std::vector<std::string> secondaries;
  for (const NodeIndex node : plan.topology.SecondariesOf(partition)) {
    secondaries.push_back(NodeLabel(plan, node));
  }
  std::string text;
  if (!secondaries.empty()) {
    text = absl::StrCat("Written as secondaries: ", absl::StrJoin(secondaries, ", "),
                        "; their ballot and their committed decree are the primary's, so "
                        "they follow it without learning.\n");
  }
  const MembershipRule rule(plan.options.membership, table.max_replica_count, replicas);
  for (size_t rank = 1; rank < replicas.size(); ++rank) {
    if (replicas[rank].role != ReplicaRole::kLastDrop) continue;
    absl::StrAppend(&text, "No secondary at once: ", NodeLabel(plan, replicas[rank].node), ", ",
                    WhyNoSecondary(rule.WhyCold(rank)), ".\n");
  }
  return text;
}

std::string WhatIsWritten(const RecoveryPlan& plan, const TopologyTable& table,
                          const TopologyPartition& partition,
                          absl::Span<const RankedReplica> replicas) {
  const bool is_warm = partition.secondaries_count > 0;
  const int64_t reported = partition.ballot - (is_warm ? 1 : 0);
  std::vector<std::string> highest;
  for (const RankedReplica& replica : replicas) {
    if (replica.ballot == reported) highest.push_back(NodeLabel(plan, replica.node));
  }
  std::string text = absl::StrCat("Ballot written: ", partition.ballot);
  if (is_warm) {
    absl::StrAppend(&text, ", one above the highest that was reported (by ", CutList(highest),
                    "), so that the secondaries take what the primary prepares in place of what "
                    "they have logged");
  } else if (highest.empty()) {
    absl::StrAppend(&text, ", the highest that any node reported for the partition");
  } else {
    absl::StrAppend(&text, ", the highest that was reported (by ", CutList(highest), ")");
  }
  absl::StrAppend(&text, "; a replica server permanently ignores an entry below its own ballot.\n",
                  "Committed decree written: ", partition.last_committed_decree,
                  ", the primary's own.\n");
  std::vector<std::string> last_drops;
  for (const NodeIndex node : plan.topology.LastDropsOf(partition)) {
    last_drops.push_back(NodeLabel(plan, node));
  }
  absl::StrAppend(&text, SecondariesInWords(plan, table, partition, replicas));
  if (last_drops.empty() && !is_warm) {
    absl::StrAppend(&text,
                    "No candidate for secondary is left: the meta server that boots gives "
                    "the partition new secondaries");
    absl::StrAppend(&text, table.max_replica_count <= 1 ? " if it is to have any.\n" : ".\n");
  } else if (!last_drops.empty()) {
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

// `pid`: "3.17".
std::string NoReplica(const PartitionDecision& decision, const TopologyPartition& partition,
                      bool stays_dropped, absl::string_view pid) {
  if (stays_dropped) return "Its table stays dropped, and no node has a replica of it.\n";
  if ((partition.partition_flags & 1) != 0) {
    return "It belongs to a dropped placeholder: written with ballot 0 and the dropped flag, "
           "without any node.\n";
  }
  return decision.lost
             ? "No node has a replica of it. As accepted with --skip_lost_partitions it is written "
               "with ballot 0 and without any node, and the meta server that boots creates it "
               "empty; an old replica that turns up later is ignored.\n"
             : absl::StrCat(
                   "No node has a replica of it, so the plan cannot be applied: find the "
                   "node that had one and collect again, or have it created empty with "
                   "--skip_lost_partitions=",
                   pid, ".\n");
}

}  // namespace

std::string ExplainPartition(const RecoveryPlan& plan, size_t table, size_t partition) {
  const TopologyTable& record = plan.topology.tables[table];
  const TopologyPartition& written = plan.topology.partitions[partition];
  const PartitionDecision& decision = plan.partitions[partition];
  const auto replicas = plan.ReplicasOf(decision);
  const bool stays_dropped = StaysDropped(plan.tables[table]);
  std::string text = absl::StrCat("Partition ", record.app_id, ".", written.index, " of table ",
                                  record.app_id, " (", Printable(record.app_name),
                                  "): ", Counted(static_cast<int64_t>(replicas.size()), "replica"),
                                  " found, ", record.max_replica_count, " wanted.\n\n");
  if (replicas.empty()) {
    const std::string pid = absl::StrCat(record.app_id, ".", written.index);
    absl::StrAppend(&text, NoReplica(decision, written, stays_dropped, pid));
  } else if (stays_dropped) {
    absl::StrAppend(&text, ReplicaRows(plan, replicas),
                    "\nIts table stays dropped; recalled, its primary is the best candidate.\n"
                    "Ballot written: ",
                    written.ballot, ", the highest that was reported.\n");
  } else {
    absl::StrAppend(&text, ReplicaRows(plan, replicas), "\n", WhyThisPrimary(plan, replicas), "\n",
                    WhatIsWritten(plan, record, written, replicas));
  }
  return text;
}

}  // namespace metarec
