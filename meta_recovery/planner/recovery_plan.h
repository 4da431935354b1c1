// What will be written, and why: made by MakePlan (planner.h), kept in plan files (plan_file.h),
// shown by the report, applied by the writer.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include "meta_recovery/old_tree/old_tree.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/plan_options.h"
#include "replica_collector/evidence.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// What becomes of one replica.
enum class ReplicaRole : uint8_t {
  kPrimary,
  kSecondary,  // at once: membership_rule.h
  kLastDrop,   // becomes a candidate for secondary
  kOverruled,  // left out
};

// Why a replica stands below the one that is next better. The rules are tried in this order.
enum class RankReason : uint8_t {
  kBest,        // it is the best one
  kIncomplete,  // its status says that it may hold half the data
  kLowerBallot,
  kOnDiskOnly,          // the better one is of a server that runs, at the same ballot
  kNotPrimaryAtBallot,  // the better one is PS_PRIMARY at the same ballot
  kLowerCommittedDecree,
  kLowerPreparedDecree,
  // Equal in everything. Primaries are spread (primary_spread.h):
  kMorePrimariesOfTable,
  kMorePrimaries,
  kHigherAddress,
};

// Stable names such as "last_drop" and "lower_ballot", used in JSON and plan files.
absl::string_view ReplicaRoleName(ReplicaRole role);
absl::string_view RankReasonName(RankReason reason);

// Whether a replica of this status may hold half the data: PS_ERROR, PS_POTENTIAL_SECONDARY and
// PS_PARTITION_SPLIT. It is chosen only if there is no better one.
bool IsIncomplete(ReplicaStatus status);

// One replica of a partition with what was decided about it.
struct RankedReplica {
  NodeIndex node = kNoNode;
  ReplicaStatus status = ReplicaStatus::kInvalid;
  int64_t ballot = 0;
  int64_t last_committed_decree = 0;
  int64_t last_prepared_decree = 0;
  ReplicaRole role = ReplicaRole::kOverruled;
  RankReason reason = RankReason::kBest;
  bool on_disk_only = false;  // as its node is

  friend bool operator==(const RankedReplica&, const RankedReplica&) = default;
};

// Parallel to Topology::partitions.
struct PartitionDecision {
  uint32_t replicas_begin = 0;  // range of RecoveryPlan::replicas, the best first
  uint32_t replicas_count = 0;
  bool lost = false;  // no replica was found; created empty because the options accept that

  friend bool operator==(const PartitionDecision&, const PartitionDecision&) = default;
};

// How an old tree is used for a table (docs/recovery-rules.md, "Old trees").
enum class OldTreeUse : uint8_t {
  kNone,          // no old tree has the table
  kCurrent,       // it is as new as the servers' evidence: the table is as the tree says
  kOlder,         // servers have gone on since: it only adds what they do not know
  kStaysDropped,  // the tree proves that the table was dropped before the outage
  kOnlyThere,     // no server knows the table any more: a placeholder keeps its id
};

absl::string_view OldTreeUseName(OldTreeUse use);  // "none", "current", "older", ...

// Parallel to Topology::tables.
struct TableDecision {
  std::string old_name;      // the name in the records; differs from app_name after a renaming
  bool placeholder = false;  // no record: keeps the id from being used again
  bool probably_dropped = false;
  std::vector<NodeIndex> described_by;  // nodes with a record of it, ascending
  // Fields that these nodes report differently, as findings name them; ascending.
  std::vector<std::string> differing_fields;
  int64_t replicas = 0;  // that nodes reported, also those that no partition has
  int32_t partition_count_before_split = 0;  // 0: it was never split
  OldTreeUse old_tree = OldTreeUse::kNone;
  // Fields that are from the old tree, and not as the servers say; as findings name them,
  // ascending.
  std::vector<std::string> carried_fields;

  friend bool operator==(const TableDecision&, const TableDecision&) = default;
};

// What is known of a node beside its name and address. Parallel to Topology::nodes.
struct NodeDecision {
  std::vector<std::string> listed_as;  // sorted
  NodeNameSource name_source = NodeNameSource::kNodeList;
  Ipv4Endpoint own_address;  // as its answers give it; {} if they do not
  std::string error = "ERR_OK";
  std::string error_detail;
  int32_t attempts = 1;  // how often it was asked
  // How many it reported.
  int64_t tables = 0;
  int64_t replicas = 0;
  int64_t primaries = 0;    // of the replicas, PS_PRIMARY; counted once tables are planned
  int64_t secondaries = 0;  // PS_SECONDARY, the same
  // What it has was read from its disks: it did not run, and the decrees are lower bounds.
  bool on_disk_only = false;
  // There, as in DiskFolders.
  std::vector<std::string> folders_set_aside;
  std::vector<std::string> folders_unusable;

  friend bool operator==(const NodeDecision&, const NodeDecision&) = default;
};

// Whether the operator gets the table back as a dropped one, with all that an old tree says of it.
inline bool StaysDropped(const TableDecision& table) {
  return table.old_tree == OldTreeUse::kStaysDropped;
}

// Whether the table has that field from an old tree; "envs.<key>" for an env.
bool CarriesField(const TableDecision& table, absl::string_view field);

// Whether a split of the table is unfinished, and init_partition_count is the count before it. What
// an old tree says of that count is of a split that is over.
bool IsSplitUnfinished(const TopologyTable& table, const TableDecision& decision);
// Partitions from this index on have a znode only if they were split off.
int32_t PartitionsBeforeSplit(const TopologyTable& table, const TableDecision& decision);

// An old tree that has tables of this cluster.
struct OldTreeSource {
  std::string source;  // as the operator named it
  OldTreeKind kind = OldTreeKind::kFile;
  std::string root;  // of the cluster in it
  int64_t zxid = 0;
  int64_t time_second = 0;
  int64_t committed_zxid = kAllCommitted;  // see OldTree
  std::vector<std::string> confirmed_by;
  int64_t tables_same = 0;   // with the same id and create time as the servers' tables
  int64_t tables_other = 0;  // with the same id, created at another time
  int64_t problems_count = 0;
  std::vector<std::string> problems;  // the first that could not be read

  // Whether it is of this very cluster, so that it also tells of tables that no server describes.
  bool is_of_cluster() const { return tables_same > 0 && tables_other == 0; }

  friend bool operator==(const OldTreeSource&, const OldTreeSource&) = default;
};

// False if only one server of the ensemble is known to have had the transaction, which then may
// never have been committed. True if that is not known of any.
bool IsCommitted(const OldTreeSource& tree, int64_t zxid);

enum class PlanOutcome : uint8_t {
  kReady,     // may be applied
  kTryAgain,  // errors that a skip flag could accept: ERR_TRY_AGAIN
  kConflict,  // needs decisions: ERR_INVALID_STATE
};

// By the gravest of a plan's findings.
PlanOutcome OutcomeOf(Severity gravest);

absl::string_view PlanOutcomeName(PlanOutcome outcome);  // "ready", "try_again", "conflict"

// A pure function of evidence and options; independent of the order of nodes and replicas.
struct RecoveryPlan {
  PlanOutcome outcome = PlanOutcome::kReady;
  absl::Time evidence_collected_at = absl::UnixEpoch();
  PlanOptions options;

  Topology topology;  // complete only when outcome is kReady
  std::vector<NodeDecision> nodes;
  std::vector<OldTreeSource> old_trees;  // in the order in which they were given
  std::vector<TableDecision> tables;
  std::vector<PartitionDecision> partitions;
  std::vector<RankedReplica> replicas;

  // In the order of the hints: nodes (by address), tables (highest id first), partitions (by app
  // id, then index); within one subject by kind.
  std::vector<Finding> findings;

  absl::Span<const RankedReplica> ReplicasOf(const PartitionDecision& decision) const {
    return absl::MakeConstSpan(replicas).subspan(decision.replicas_begin, decision.replicas_count);
  }

  // Whether skip_lost_partitions accepted that partitions come back empty (exit code 5).
  bool HasAcceptedLosses() const;

  friend bool operator==(const RecoveryPlan&, const RecoveryPlan&) = default;
};

// Whether the plan's options accept that this node is left out.
bool AcceptsBadNode(const RecoveryPlan& plan, NodeIndex node);

// The name of what a plan writes: "sha256:<64 hexadecimal digits>" over the znodes of the topology.
// It depends neither on the root nor on when and how the plan was made, so that a later run that
// would write the same resumes what an earlier one left. Renders every znode, which takes seconds
// for a million.
//
// kInvalidArgument for what CheckTopology refuses.
absl::StatusOr<std::string> TopologyDigest(const Topology& topology);

}  // namespace metarec
