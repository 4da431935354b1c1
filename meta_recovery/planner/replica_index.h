// Every replica that the complete nodes reported, sorted by table, partition and rank, and the
// order of the replicas of one partition.

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include <absl/types/span.h>

#include "meta_recovery/planner/node_roster.h"
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
  bool on_disk_only = false;  // its server did not say so: it was read from its disks

  friend bool operator==(const ReplicaClaim&, const ReplicaClaim&) = default;
};

// What a node said of a replica that is ranked already.
ReplicaClaim ClaimOf(const RankedReplica& replica);

// Whether `a` is the better of two replicas of one partition. The order is total: complete before
// incomplete, higher ballot, of a running server before one on disk only, PS_PRIMARY at that
// ballot, higher committed decree, higher prepared decree, lower address. A node that names one
// replica twice is told apart by the status's number.
bool IsBetter(const ReplicaClaim& a, const ReplicaClaim& b);

// The rule by which `worse` stands below `better`.
RankReason ReasonBelow(const ReplicaClaim& better, const ReplicaClaim& worse);

class ReplicaIndex {
 public:
  struct OutOfRange {
    std::set<NodeIndex> nodes;
    int64_t replicas = 0;
  };
  struct Served {
    int64_t primaries = 0;
    int64_t secondaries = 0;
  };

  // Replicas that make no sense become problems. Takes linear time in the number of replicas.
  ReplicaIndex(const NodeRoster& roster, const PlanOptions& options, ReportProblems& problems);

  // The replicas of one app, ascending by partition, the best first; a node at most once in a
  // partition. Empty for an app without any.
  absl::Span<const ReplicaClaim> ClaimsOf(int32_t app_id) const;
  size_t size() const { return claims_.size(); }
  // Ascending.
  const std::vector<int32_t>& app_ids() const { return app_ids_; }
  // Replicas of app ids above max_app_id; ClaimsOf knows nothing of them.
  const std::map<int32_t, OutOfRange>& out_of_range() const { return out_of_range_; }
  const Served& ServedBy(NodeIndex node) const { return served_[node]; }

 private:
  struct App {
    uint32_t replicas = 0;
    int32_t highest_index = 0;
    size_t slots_begin = 0;
    size_t claims_begin = 0;
    size_t claims_end = 0;
    bool one_slot = false;  // its few replicas are spread over many indexes
  };

  void Survey(const NodeRoster& roster, ReportProblems& problems);
  void Scatter(const NodeRoster& roster);
  void RankEachPartition(ReportProblems& problems);
  bool IsUsable(const ReplicaRecord& replica) const;
  size_t SlotOf(const ReplicaRecord& replica) const;

  const int32_t max_app_id_;
  const int32_t max_partition_count_;
  std::vector<App> apps_;  // by app id
  std::vector<int32_t> app_ids_;
  std::vector<ReplicaClaim> claims_;
  std::map<int32_t, OutOfRange> out_of_range_;
  std::vector<Served> served_;  // by node
};

// Calls visit(partition_index, claims of that partition) for each partition in turn.
template <typename Visit>
void ForEachPartition(absl::Span<const ReplicaClaim> claims, Visit visit) {
  for (size_t begin = 0; begin < claims.size();) {
    size_t end = begin + 1;
    while (end < claims.size() && claims[end].partition_index == claims[begin].partition_index) {
      ++end;
    }
    visit(claims[begin].partition_index, claims.subspan(begin, end - begin));
    begin = end;
  }
}

}  // namespace metarec
