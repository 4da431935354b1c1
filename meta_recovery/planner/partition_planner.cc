#include "meta_recovery/planner/partition_planner.h"

#include <algorithm>
#include <utility>

#include "base/runtime/rare_branch.h"

namespace metarec {
namespace {

// Soft-deleted tables leave this mark: their replicas are closed while the records say available.
bool IsProbablyDropped(const PlannedTable& planned) {
  return !planned.decision.placeholder && !planned.claims.empty() &&
         std::all_of(planned.claims.begin(), planned.claims.end(), [](const ReplicaClaim& claim) {
           return claim.status == ReplicaStatus::kError;
         });
}

}  // namespace

ReplicaRole RoleOf(size_t rank, int32_t max_replica_count) {
  if (rank == 0) return ReplicaRole::kPrimary;
  return static_cast<int64_t>(rank) < max_replica_count ? ReplicaRole::kLastDrop
                                                        : ReplicaRole::kOverruled;
}

void PartitionPlanner::Reserve(size_t partitions, size_t replicas) {
  plan_.topology.partitions.reserve(partitions);
  plan_.partitions.reserve(partitions);
  plan_.topology.last_drops.reserve(replicas);
  plan_.replicas.reserve(replicas);
}

void PartitionPlanner::Add(PlannedTable planned) {
  planned.decision.probably_dropped = IsProbablyDropped(planned);
  if (planned.decision.probably_dropped) {
    const auto replicas = static_cast<int64_t>(planned.claims.size());
    findings_.Add(Severity::kWarning, FindingSubject::Table(planned.table.app_id),
                  found::TableProbablyDropped{.replicas = replicas});
  }
  planned.table.partitions_begin = static_cast<uint32_t>(plan_.topology.partitions.size());
  if (planned.decision.placeholder) {
    AddPlaceholderPartitions(planned);
  } else if (!planned.partition_count_undecided) {
    AddPartitions(planned);
  }
  planned.table.partitions_count =
      static_cast<uint32_t>(plan_.topology.partitions.size()) - planned.table.partitions_begin;
  plan_.topology.tables.push_back(std::move(planned.table));
  plan_.tables.push_back(std::move(planned.decision));
}

void PartitionPlanner::AddPlaceholderPartitions(const PlannedTable& planned) {
  for (int32_t index = 0; index < planned.table.partition_count; ++index) {
    // With the flag set, a meta server that boots has nothing to write.
    plan_.topology.partitions.push_back(
        {.index = index,
         .partition_flags = kDroppedPartitionFlag,
         .last_drops_begin = static_cast<uint32_t>(plan_.topology.last_drops.size())});
    plan_.partitions.push_back({.replicas_begin = static_cast<uint32_t>(plan_.replicas.size())});
  }
}

void PartitionPlanner::AddPartitions(const PlannedTable& planned) {
  size_t next = 0;
  for (int32_t index = 0; index < planned.table.partition_count; ++index) {
    const size_t begin = next;
    while (next < planned.claims.size() && planned.claims[next].partition_index == index) ++next;
    if (planned.split_unfinished && index >= planned.table.init_partition_count &&
        !std::binary_search(planned.registered_children.begin(), planned.registered_children.end(),
                            index)) {
      continue;
    }
    if (begin == next) {
      AddLostPartition(planned, index);
    } else {
      AddPartition(planned, index, planned.claims.subspan(begin, next - begin));
    }
  }
}

void PartitionPlanner::AddLostPartition(const PlannedTable& planned, int32_t index) {
  const bool accepted = plan_.options.skip_lost_partitions;
  const int32_t before_split = planned.partition_count_before_split;
  found::PartitionLost facts;
  if (int64_t{2} * before_split == planned.table.partition_count && index >= before_split) {
    facts.split_parent = index - before_split;
  }
  findings_.Add(accepted ? Severity::kWarning : Severity::kError,
                FindingSubject::Partition(planned.table.app_id, index), facts);
  plan_.topology.partitions.push_back(
      {.index = index,
       .last_drops_begin = static_cast<uint32_t>(plan_.topology.last_drops.size())});
  plan_.partitions.push_back(
      {.replicas_begin = static_cast<uint32_t>(plan_.replicas.size()), .lost = accepted});
}

void PartitionPlanner::AddPartition(const PlannedTable& planned, int32_t index,
                                    absl::Span<const ReplicaClaim> replicas) {
  const auto replicas_begin = static_cast<uint32_t>(plan_.replicas.size());
  const auto last_drops_begin = static_cast<uint32_t>(plan_.topology.last_drops.size());
  RankReplicas(planned, replicas);
  const auto ranked = absl::MakeConstSpan(plan_.replicas).subspan(replicas_begin);
  // The best comes last.
  for (size_t i = ranked.size(); i-- > 1;) {
    if (ranked[i].role == ReplicaRole::kLastDrop) {
      plan_.topology.last_drops.push_back(ranked[i].node);
    }
  }
  // A replica server permanently ignores what has a lower ballot than its own replica.
  int64_t ballot = 0;
  for (const RankedReplica& replica : ranked) ballot = std::max(ballot, replica.ballot);
  plan_.topology.partitions.push_back(
      {.index = index,
       .ballot = ballot,
       .last_committed_decree = ranked.front().last_committed_decree,
       .primary = ranked.front().node,
       .last_drops_begin = last_drops_begin,
       .last_drops_count =
           static_cast<uint32_t>(plan_.topology.last_drops.size()) - last_drops_begin});
  plan_.partitions.push_back(
      {.replicas_begin = replicas_begin, .replicas_count = static_cast<uint32_t>(ranked.size())});
  ExplainChoice(planned, index, ranked, ballot);
}

void PartitionPlanner::RankReplicas(const PlannedTable& planned,
                                    absl::Span<const ReplicaClaim> replicas) {
  for (size_t i = 0; i < replicas.size(); ++i) {
    const ReplicaClaim& replica = replicas[i];
    plan_.replicas.push_back(
        {.node = replica.node,
         .status = replica.status,
         .ballot = replica.ballot,
         .last_committed_decree = replica.last_committed_decree,
         .last_prepared_decree = replica.last_prepared_decree,
         .role = RoleOf(i, planned.table.max_replica_count),
         .reason = i == 0 ? RankReason::kBest : ReasonBelow(replicas[i - 1], replica)});
  }
}

void PartitionPlanner::ExplainChoice(const PlannedTable& planned, int32_t index,
                                     absl::Span<const RankedReplica> ranked, int64_t ballot) {
  const FindingSubject subject = FindingSubject::Partition(planned.table.app_id, index);
  const RankedReplica& primary = ranked.front();
  if (static_cast<int64_t>(ranked.size()) < planned.table.max_replica_count) {
    findings_.Add(Severity::kWarning, subject,
                  found::ReplicasMissing{.collected = static_cast<int32_t>(ranked.size())});
  }
  if (IsIncomplete(primary.status) && !planned.decision.probably_dropped) {
    METAREC_RARE_BRANCH("an incomplete replica becomes primary");
    findings_.Add(Severity::kWarning, subject,
                  found::PrimaryIncomplete{.primary = primary.node, .status = primary.status});
  }
  if (ballot > primary.ballot) {
    METAREC_RARE_BRANCH("the primary is not the replica of the highest ballot");
    const RankedReplica& highest =
        *std::find_if(ranked.begin(), ranked.end(),
                      [ballot](const RankedReplica& replica) { return replica.ballot == ballot; });
    findings_.Add(Severity::kWarning, subject,
                  found::BallotAbovePrimary{.primary = primary.node,
                                            .reported_by = highest.node,
                                            .primary_ballot = primary.ballot,
                                            .ballot = ballot});
  }
  const RankedReplica& most_data = *std::max_element(
      ranked.begin(), ranked.end(), [](const RankedReplica& a, const RankedReplica& b) {
        return a.last_committed_decree < b.last_committed_decree;
      });
  if (most_data.last_committed_decree > primary.last_committed_decree) {
    findings_.Add(Severity::kWarning, subject,
                  found::LessDataThanOverruled{.primary = primary.node,
                                               .node = most_data.node,
                                               .primary_committed = primary.last_committed_decree,
                                               .committed = most_data.last_committed_decree});
  }
  if (ranked.back().role == ReplicaRole::kOverruled) NoteOverruled(subject, ranked);
}

void PartitionPlanner::NoteOverruled(FindingSubject subject,
                                     absl::Span<const RankedReplica> ranked) {
  const auto count = std::count_if(ranked.begin(), ranked.end(), [](const RankedReplica& replica) {
    return replica.role == ReplicaRole::kOverruled;
  });
  findings_.Add(Severity::kNote, subject,
                found::ReplicaOverruled{.count = static_cast<int32_t>(count)});
}

}  // namespace metarec
