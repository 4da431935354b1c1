#include "meta_recovery/planner/replica_index.h"

#include <algorithm>
#include <cstddef>

#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "meta_recovery/planner/sane_values.h"

namespace metarec {
namespace {

struct Comparison {
  int order = 0;  // negative: the first is better; 0: equal
  RankReason reason = RankReason::kHigherAddress;
};

int HigherFirst(int64_t a, int64_t b) { return a == b ? 0 : (a > b ? -1 : 1); }

Comparison Compare(const ReplicaClaim& a, const ReplicaClaim& b) {
  if (const int order = HigherFirst(!IsIncomplete(a.status), !IsIncomplete(b.status)); order != 0) {
    return {order, RankReason::kIncomplete};
  }
  if (const int order = HigherFirst(a.ballot, b.ballot); order != 0) {
    return {order, RankReason::kLowerBallot};
  }
  if (const int order = HigherFirst(!a.on_disk_only, !b.on_disk_only); order != 0) {
    return {order, RankReason::kOnDiskOnly};
  }
  if (const int order =
          HigherFirst(a.status == ReplicaStatus::kPrimary, b.status == ReplicaStatus::kPrimary);
      order != 0) {
    return {order, RankReason::kNotPrimaryAtBallot};
  }
  if (const int order = HigherFirst(a.last_committed_decree, b.last_committed_decree); order != 0) {
    return {order, RankReason::kLowerCommittedDecree};
  }
  if (const int order = HigherFirst(a.last_prepared_decree, b.last_prepared_decree); order != 0) {
    return {order, RankReason::kLowerPreparedDecree};
  }
  if (const int order = HigherFirst(b.node, a.node); order != 0) {
    return {order, RankReason::kHigherAddress};
  }
  return {HigherFirst(static_cast<int32_t>(b.status), static_cast<int32_t>(a.status)),
          RankReason::kHigherAddress};
}

}  // namespace

ReplicaClaim ClaimOf(const RankedReplica& replica) {
  return {.ballot = replica.ballot,
          .last_committed_decree = replica.last_committed_decree,
          .last_prepared_decree = replica.last_prepared_decree,
          .node = replica.node,
          .status = replica.status,
          .on_disk_only = replica.on_disk_only};
}

bool IsBetter(const ReplicaClaim& a, const ReplicaClaim& b) { return Compare(a, b).order < 0; }

RankReason ReasonBelow(const ReplicaClaim& better, const ReplicaClaim& worse) {
  return Compare(better, worse).reason;
}

namespace {

// What makes no sense about a replica; empty if it does.
absl::string_view ProblemOf(const ReplicaRecord& replica, int32_t max_partition_count) {
  if (replica.app_id <= 0) return "a replica of an app id below 1";
  if (replica.partition_index < 0) return "a replica of a partition index below 0";
  if (replica.partition_index >= max_partition_count) {
    return "a replica of a partition index above max_partition_count";
  }
  if (replica.ballot < 0) return "a replica with a ballot below 0";
  if (replica.ballot > kBallotMax) return "a replica with a ballot above 2^53";
  if (replica.last_committed_decree < -1 || replica.last_prepared_decree < -1) {
    return "a replica with a decree below -1";
  }
  if (replica.last_committed_decree > kDecreeMax || replica.last_prepared_decree > kDecreeMax) {
    return "a replica with a decree above 2^53";
  }
  return "";
}

bool ByNodeThenRank(const ReplicaClaim& a, const ReplicaClaim& b) {
  return a.node != b.node ? a.node < b.node : IsBetter(a, b);
}

// Exact for the few replicas that a partition usually has.
template <typename Iterator>
bool MayNameANodeTwice(Iterator first, Iterator last) {
  constexpr std::ptrdiff_t kFew = 8;
  if (last - first > kFew) return true;
  for (Iterator a = first; a != last; ++a) {
    for (Iterator b = first; b != a; ++b) {
      if (a->node == b->node) return true;
    }
  }
  return false;
}

}  // namespace

ReplicaIndex::ReplicaIndex(const NodeRoster& roster, const PlanOptions& options,
                           ReportProblems& problems)
    : max_app_id_(options.max_app_id), max_partition_count_(options.max_partition_count) {
  Survey(roster, problems);
  Scatter(roster);
  RankEachPartition(problems);
}

bool ReplicaIndex::IsUsable(const ReplicaRecord& replica) const {
  return replica.app_id <= max_app_id_ && ProblemOf(replica, max_partition_count_).empty();
}

// How many replicas each app has, and up to which index; what is left out.
void ReplicaIndex::Survey(const NodeRoster& roster, ReportProblems& problems) {
  served_.resize(roster.size());
  for (NodeIndex node = 0; node < roster.size(); ++node) {
    if (!roster.Get(node).complete()) continue;
    for (const ReplicaRecord& replica : roster.Get(node).replicas) {
      if (const absl::string_view problem = ProblemOf(replica, max_partition_count_);
          !problem.empty()) {
        problems.Add(node, replica.app_id, problem);
        continue;
      }
      if (replica.last_committed_decree > replica.last_prepared_decree) {
        problems.AddOfUsed(node, replica.app_id,
                           "a replica with last_committed_decree above last_prepared_decree");
      }
      served_[node].primaries += replica.status == ReplicaStatus::kPrimary;
      served_[node].secondaries += replica.status == ReplicaStatus::kSecondary;
      if (replica.app_id > max_app_id_) {
        OutOfRange& app = out_of_range_[replica.app_id];
        app.nodes.insert(node);
        ++app.replicas;
        continue;
      }
      if (static_cast<size_t>(replica.app_id) >= apps_.size()) apps_.resize(replica.app_id + 1);
      App& app = apps_[replica.app_id];
      ++app.replicas;
      app.highest_index = std::max(app.highest_index, replica.partition_index);
    }
  }
}

size_t ReplicaIndex::SlotOf(const ReplicaRecord& replica) const {
  const App& app = apps_[replica.app_id];
  return app.slots_begin + (app.one_slot ? 0 : replica.partition_index);
}

// A counting sort by (app, partition): each replica is copied once, to where it belongs.
void ReplicaIndex::Scatter(const NodeRoster& roster) {
  size_t slots = 0;
  for (size_t app_id = 0; app_id < apps_.size(); ++app_id) {
    App& app = apps_[app_id];
    if (app.replicas == 0) continue;
    app_ids_.push_back(static_cast<int32_t>(app_id));
    const size_t indexes = static_cast<size_t>(app.highest_index) + 1;
    // Garbage must not cost more memory than it brings along.
    app.one_slot = indexes > 8 * static_cast<size_t>(app.replicas) + 64;
    app.slots_begin = slots;
    slots += app.one_slot ? 1 : indexes;
  }
  std::vector<uint32_t> next(slots + 1);
  const auto for_each_usable = [&](auto visit) {
    for (NodeIndex node = 0; node < roster.size(); ++node) {
      if (!roster.Get(node).complete()) continue;
      for (const ReplicaRecord& replica : roster.Get(node).replicas) {
        if (IsUsable(replica)) visit(node, replica);
      }
    }
  };
  for_each_usable([&](NodeIndex, const ReplicaRecord& replica) { ++next[SlotOf(replica) + 1]; });
  for (size_t slot = 0; slot < slots; ++slot) next[slot + 1] += next[slot];
  claims_.resize(next[slots]);
  for_each_usable([&](NodeIndex node, const ReplicaRecord& replica) {
    claims_[next[SlotOf(replica)]++] = {.ballot = replica.ballot,
                                        .last_committed_decree = replica.last_committed_decree,
                                        .last_prepared_decree = replica.last_prepared_decree,
                                        .partition_index = replica.partition_index,
                                        .node = node,
                                        .status = replica.status,
                                        .on_disk_only = roster.Get(node).disk.has_value()};
  });
}

void ReplicaIndex::RankEachPartition(ReportProblems& problems) {
  size_t kept = 0;
  size_t begin = 0;
  for (const int32_t app_id : app_ids_) {
    App& app = apps_[app_id];
    const size_t app_end = begin + app.replicas;
    if (app.one_slot) {
      std::sort(claims_.begin() + begin, claims_.begin() + app_end,
                [](const ReplicaClaim& a, const ReplicaClaim& b) {
                  return a.partition_index < b.partition_index;
                });
    }
    app.claims_begin = kept;
    while (begin < app_end) {
      size_t end = begin + 1;
      while (end < app_end && claims_[end].partition_index == claims_[begin].partition_index) ++end;
      const auto first = claims_.begin() + begin;
      auto last = claims_.begin() + end;
      if (MayNameANodeTwice(first, last)) {
        std::sort(first, last, ByNodeThenRank);
        last = std::unique(first, last, [&](const ReplicaClaim& a, const ReplicaClaim& b) {
          if (a.node != b.node) return false;
          METAREC_RARE_BRANCH("a node names a replica twice");
          problems.Add(a.node, app_id,
                       absl::StrCat("partition ", a.partition_index,
                                    " more than once; the better replica counts"));
          return true;
        });
      }
      std::sort(first, last, IsBetter);
      if (kept != begin) std::move(first, last, claims_.begin() + kept);
      kept += last - first;
      begin = end;
    }
    app.claims_end = kept;
  }
  claims_.resize(kept);
}

absl::Span<const ReplicaClaim> ReplicaIndex::ClaimsOf(int32_t app_id) const {
  if (app_id < 0 || static_cast<size_t>(app_id) >= apps_.size()) return {};
  const App& app = apps_[app_id];
  return absl::MakeConstSpan(claims_).subspan(app.claims_begin, app.claims_end - app.claims_begin);
}

}  // namespace metarec
