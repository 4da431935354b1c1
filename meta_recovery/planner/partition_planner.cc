#include "meta_recovery/planner/partition_planner.h"

#include <algorithm>
#include <utility>

#include "meta_recovery/planner/due_findings.h"
#include "meta_recovery/planner/membership_rule.h"

namespace metarec {
namespace {

bool IsProbablyDropped(const PlannedTable& planned) {
  return !planned.decision.placeholder && !StaysDropped(planned.decision) &&
         std::all_of(planned.claims.begin(), planned.claims.end(),
                     [](const ReplicaClaim& claim) { return IsLeftByDrop(claim.status); });
}

}  // namespace

bool IsLeftByDrop(ReplicaStatus status) { return IsIncomplete(status); }

void PartitionPlanner::Reserve(size_t partitions, size_t replicas) {
  plan_.topology.partitions.reserve(partitions);
  plan_.partitions.reserve(partitions);
  plan_.topology.members.reserve(replicas);
  plan_.replicas.reserve(replicas);
}

void PartitionPlanner::Add(PlannedTable planned) {
  planned.decision.probably_dropped = IsProbablyDropped(planned);
  planned.decision.replicas = static_cast<int64_t>(planned.claims.size());
  planned.table.partitions_begin = static_cast<uint32_t>(plan_.topology.partitions.size());
  spread_.BeginTable(planned.table.app_id);
  lost_.clear();
  if (planned.decision.placeholder) {
    AddPlaceholderPartitions(planned);
  } else if (!planned.partition_count_undecided) {
    AddPartitions(planned);
  }
  if (planned.decision.probably_dropped) NoteProbablyDropped(planned);
  planned.table.partitions_count =
      static_cast<uint32_t>(plan_.topology.partitions.size()) - planned.table.partitions_begin;
  plan_.topology.tables.push_back(std::move(planned.table));
  plan_.tables.push_back(std::move(planned.decision));
}

void PartitionPlanner::NoteProbablyDropped(const PlannedTable& planned) {
  const int32_t app_id = planned.table.app_id;
  const bool accepted = std::all_of(lost_.begin(), lost_.end(), [&](int32_t index) {
    return AcceptsLoss(plan_.options, app_id, index);
  });
  const auto closed = std::count_if(
      planned.claims.begin(), planned.claims.end(),
      [](const ReplicaClaim& claim) { return claim.status == ReplicaStatus::kError; });
  findings_.Add(accepted ? Severity::kWarning : Severity::kError, FindingSubject::Table(app_id),
                found::TableProbablyDropped{.replicas = static_cast<int64_t>(planned.claims.size()),
                                            .closed = static_cast<int64_t>(closed),
                                            .partitions_lost = RangesOf(lost_)});
}

void PartitionPlanner::AddPlaceholderPartitions(const PlannedTable& planned) {
  for (int32_t index = 0; index < planned.table.partition_count; ++index) {
    // With the flag set, a meta server that boots has nothing to write.
    plan_.topology.partitions.push_back(
        {.index = index,
         .partition_flags = kDroppedPartitionFlag,
         .members_begin = static_cast<uint32_t>(plan_.topology.members.size())});
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
  const bool stays_dropped = StaysDropped(planned.decision);
  const bool accepted = !stays_dropped && AcceptsLoss(plan_.options, planned.table.app_id, index);
  lost_.push_back(index);
  plan_.topology.partitions.push_back(
      {.index = index,
       .partition_flags = stays_dropped ? kDroppedPartitionFlag : 0,
       .members_begin = static_cast<uint32_t>(plan_.topology.members.size())});
  plan_.partitions.push_back(
      {.replicas_begin = static_cast<uint32_t>(plan_.replicas.size()), .lost = accepted});
  AddFindingsOfPartition(plan_.options, planned.table, planned.decision,
                         plan_.topology.partitions.back(), {}, findings_);
}

void PartitionPlanner::AddPartition(const PlannedTable& planned, int32_t index,
                                    absl::Span<const ReplicaClaim> replicas) {
  const auto replicas_begin = static_cast<uint32_t>(plan_.replicas.size());
  RankReplicas(replicas);
  const auto ranked = absl::MakeSpan(plan_.replicas).subspan(replicas_begin);
  const bool stays_dropped = StaysDropped(planned.decision);
  const MembershipRule rule(plan_.options.membership, planned.table.max_replica_count, ranked,
                            stays_dropped);
  for (size_t i = 0; i < ranked.size(); ++i) ranked[i].role = rule.RoleOf(i);
  if (!stays_dropped) spread_.Count(ranked.front().node);
  TopologyPartition partition = {.index = index,
                                 .ballot = rule.Ballot(),
                                 .last_committed_decree = ranked.front().last_committed_decree,
                                 .partition_flags = stays_dropped ? kDroppedPartitionFlag : 0,
                                 .primary = stays_dropped ? kNoNode : ranked.front().node};
  AddMembers(ranked, &partition);
  plan_.topology.partitions.push_back(partition);
  plan_.partitions.push_back(
      {.replicas_begin = replicas_begin, .replicas_count = static_cast<uint32_t>(ranked.size())});
  AddFindingsOfPartition(plan_.options, planned.table, planned.decision,
                         plan_.topology.partitions.back(), ranked, findings_);
}

void PartitionPlanner::AddMembers(absl::Span<const RankedReplica> ranked,
                                  TopologyPartition* partition) {
  std::vector<NodeIndex>& members = plan_.topology.members;
  partition->members_begin = static_cast<uint32_t>(members.size());
  // The best comes last.
  for (size_t i = ranked.size(); i-- > 0;) {
    if (ranked[i].role == ReplicaRole::kLastDrop) members.push_back(ranked[i].node);
  }
  partition->last_drops_count = static_cast<uint32_t>(members.size()) - partition->members_begin;
  for (const RankedReplica& replica : ranked) {
    if (replica.role != ReplicaRole::kSecondary) continue;
    members.push_back(replica.node);
    ++partition->secondaries_count;
  }
}

void PartitionPlanner::RankReplicas(absl::Span<const ReplicaClaim> replicas) {
  for (size_t i = 0; i < replicas.size(); ++i) {
    const ReplicaClaim& replica = replicas[i];
    plan_.replicas.push_back(
        {.node = replica.node,
         .status = replica.status,
         .ballot = replica.ballot,
         .last_committed_decree = replica.last_committed_decree,
         .last_prepared_decree = replica.last_prepared_decree,
         .reason = i == 0 ? RankReason::kBest : ReasonBelow(replicas[i - 1], replica),
         .on_disk_only = replica.on_disk_only});
  }
  SpreadEquals(absl::MakeSpan(plan_.replicas).last(replicas.size()));
}

// The replicas are equal. The reason of the first one is about the one before it.
void PartitionPlanner::SpreadGroup(absl::Span<RankedReplica> equal) {
  const RankReason reason_of_first = equal.front().reason;
  equals_.clear();
  for (const RankedReplica& replica : equal) {
    equals_.emplace_back(spread_.RankOf(replica.node), replica);
  }
  std::sort(equals_.begin(), equals_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < equal.size(); ++i) {
    equal[i] = equals_[i].second;
    equal[i].reason = i == 0 ? reason_of_first
                             : PrimarySpread::ReasonAfter(equals_[i - 1].first, equals_[i].first);
  }
}

// Those that only their addresses tell apart so far.
void PartitionPlanner::SpreadEquals(absl::Span<RankedReplica> ranked) {
  for (size_t begin = 0; begin < ranked.size();) {
    size_t end = begin + 1;
    while (end < ranked.size() && ranked[end].reason == RankReason::kHigherAddress) ++end;
    if (end - begin > 1) SpreadGroup(ranked.subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace metarec
