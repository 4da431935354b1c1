// The kinds of findings, and what is known of each: its facts.
//
// A new kind is an enumerator here with a struct of its facts (those about who a server is are in
// identity_facts.h, those about old trees in old_tree_facts.h), its place in the list of finding.h,
// a row in finding_registry.cc, a sentence in finding_sentences.{h,cc} and a test. Without its row
// or its sentence it does not compile.

#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "replica_collector/evidence.h"
#include "zk_store/topology/topology.h"

namespace metarec {

// In the order in which findings about one subject are listed.
enum class FindingKind : uint8_t {
  // Nodes.
  kBadNode,              // could not be asked; an error, a warning if the options skip it
  kSkippedNodeReturns,   // hazard: what happens when a node that was left out comes back
  kNodeOnDisk,           // hazard: it did not run, and what it has was read from its disks
  kNodeNameDiffers,      // the list says one name, the server calls itself another
  kNodeListedTwice,      // several entries of the list are one server
  kNodeNameAmbiguous,    // the listed name has several addresses, of which one was asked
  kNodeAddressDiffers,   // hazard: the server gives another address as its own than was asked
  kLoopbackAmongOthers,  // hazard: a loopback address, while other nodes have addresses of a
                         // network
  kBeaconNotBelieved,    // hazard: the name in its beacons, which anybody can send, is doubtful
  kUnlistedServer,       // sends beacons, is not in the list; an error, skipped a hazard
  kUnconfirmedBeacons,   // hazard: beacons from where no server is known to be
  kServerMissing,        // partitions that no node holds: the list probably lacks a server
  kStillServed,          // replicas are PS_PRIMARY or PS_SECONDARY: leases have not run out
  kNodeReportInvalid,    // a record or replica that makes no sense was left out (id <= 0, ...)

  // Tables. The first four are about old trees (old_tree_facts.h).
  kTableInOldTree,        // which old tree has it, and how old that is
  kCountInOldTree,        // the old tree has another partition count than the table gets
  kValueCarried,          // a field or an env that is from an old tree
  kZnodesCarried,         // znodes that are carried over from an old tree, or why they are not
  kTableRenamed,          // another table of higher id keeps the name
  kNameUnusableInShell,   // hazard: stock shells refuse the name that was given
  kTableProbablyDropped,  // no replica is complete: deleted before the outage
  kRecordsDiffer,         // nodes describe the table differently; resolved by rule
  kRecordsConflict,       // nodes describe the table differently; needs a decision
  kSplitUnfinished,       // some nodes know the doubled partition count, some do not
  kSplitCompleted,        // was split once: replica.split.validate_partition_hash is lost
  kTableLostState,        // what only ZooKeeper knew of this table (duplication, bulk load, ...)
  kPlaceholder,           // an id without evidence, kept from being used again
  kAppIdOutOfRange,       // an id far beyond the others (max_app_id)
  kAppIdGap,              // an id far above what the other tables explain (max_id_gap)
  kReplicasWithoutTable,  // replicas of a table that no node describes
  kTableLeftOut,          // probably dropped, and left out as the operator decided
  kSettled,               // the operator decided a conflict; says what was decided

  // Partitions.
  kReplicasMissing,        // fewer replicas than max_replica_count
  kPartitionLost,          // none at all; an error, a warning if the options accept it
  kPrimaryIncomplete,      // only incomplete replicas were found, so one of them becomes primary
  kPrimaryOnDisk,          // hazard: the primary is of a server that does not run
  kReplicaOverruled,       // a surplus or stale replica will be neither primary nor in last_drops
  kBallotAbovePrimary,     // the ballot written is not the primary's own
  kLessDataThanOverruled,  // an overruled replica has committed more than the chosen primary
  kReplicaBeyondCount,     // an index that the table does not have
};

// Partition indexes from `first` to `last`.
struct IndexRange {
  int32_t first = 0;
  int32_t last = 0;

  friend auto operator<=>(const IndexRange&, const IndexRange&) = default;
};

std::vector<IndexRange> RangesOf(absl::Span<const int32_t> ascending);

// One value of a field and who reports it.
struct WeighedValue {
  std::string value = {};  // as --settle takes it
  int64_t weight = 0;      // how many replicas with the latest ballot these nodes have
  std::vector<NodeIndex> nodes = {};

  friend auto operator<=>(const WeighedValue&, const WeighedValue&) = default;
};

struct CountedText {
  std::string text = {};
  int64_t count = 1;

  friend auto operator<=>(const CountedText&, const CountedText&) = default;
};

// How a field was decided that nodes report differently.
enum class RecordRule : uint8_t {
  kVote,       // the best supported value
  kHighest,    // the highest value
  kAvailable,  // every table comes back available
  kOutdated,   // an env that only outdated records have: left out
  kOperation,  // an env that belongs to an operation: left out
};

absl::string_view RecordRuleName(RecordRule rule);  // "vote", "highest", "available", ...

// The facts of each kind: what the plan does not say elsewhere, so that a finding cannot contradict
// its plan. ForEach calls visit(name, field) for each field.
namespace found {

struct BadNode {  // NodeDecision has the error
  static constexpr FindingKind kKind = FindingKind::kBadNode;
  int32_t attempts = 1;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("attempts", facts.attempts);
  }
  friend auto operator<=>(const BadNode&, const BadNode&) = default;
};

struct SkippedNodeReturns {
  static constexpr FindingKind kKind = FindingKind::kSkippedNodeReturns;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts&, Visitor&) {}
  friend auto operator<=>(const SkippedNodeReturns&, const SkippedNodeReturns&) = default;
};

struct NodeOnDisk {  // NodeDecision has the folders
  static constexpr FindingKind kKind = FindingKind::kNodeOnDisk;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts&, Visitor&) {}
  friend auto operator<=>(const NodeOnDisk&, const NodeOnDisk&) = default;
};

struct NodeNameDiffers {
  static constexpr FindingKind kKind = FindingKind::kNodeNameDiffers;
  std::string listed_as = {};

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("listed_as", facts.listed_as);
  }
  friend auto operator<=>(const NodeNameDiffers&, const NodeNameDiffers&) = default;
};

struct NodeListedTwice {
  static constexpr FindingKind kKind = FindingKind::kNodeListedTwice;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts&, Visitor&) {}
  friend auto operator<=>(const NodeListedTwice&, const NodeListedTwice&) = default;
};

struct StillServed {
  static constexpr FindingKind kKind = FindingKind::kStillServed;
  int64_t primaries = 0;
  int64_t secondaries = 0;
  std::vector<NodeIndex> nodes = {};

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("primaries", facts.primaries);
    visit("secondaries", facts.secondaries);
    visit("nodes", facts.nodes);
  }
  friend auto operator<=>(const StillServed&, const StillServed&) = default;
};

struct NodeReportInvalid {
  static constexpr FindingKind kKind = FindingKind::kNodeReportInvalid;
  std::vector<CountedText> problems = {};     // of what was left out
  std::vector<CountedText> used_anyway = {};  // of what was used nevertheless

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("problems", facts.problems);
    visit("used_anyway", facts.used_anyway);
  }
  friend auto operator<=>(const NodeReportInvalid&, const NodeReportInvalid&) = default;
};

struct TableRenamed {  // TableDecision has the old name
  static constexpr FindingKind kKind = FindingKind::kTableRenamed;
  int32_t kept_by = 0;  // the id of the table that keeps the name

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("kept_by", facts.kept_by);
  }
  friend auto operator<=>(const TableRenamed&, const TableRenamed&) = default;
};

struct NameUnusableInShell {
  static constexpr FindingKind kKind = FindingKind::kNameUnusableInShell;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts&, Visitor&) {}
  friend auto operator<=>(const NameUnusableInShell&, const NameUnusableInShell&) = default;
};

struct TableProbablyDropped {
  static constexpr FindingKind kKind = FindingKind::kTableProbablyDropped;
  int64_t replicas = 0;
  int64_t closed = 0;                            // of them, PS_ERROR
  std::vector<IndexRange> partitions_lost = {};  // without any replica

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("replicas", facts.replicas);
    visit("closed", facts.closed);
    visit("partitions_lost", facts.partitions_lost);
  }
  friend auto operator<=>(const TableProbablyDropped&, const TableProbablyDropped&) = default;
};

struct RecordsDiffer {
  static constexpr FindingKind kKind = FindingKind::kRecordsDiffer;
  std::string field = {};  // "envs.<key>" for an env
  std::string chosen = {};
  RecordRule rule = RecordRule::kVote;
  std::vector<WeighedValue> values = {};  // the best supported first

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("field", facts.field);
    visit("chosen", facts.chosen);
    visit("rule", facts.rule);
    visit("values", facts.values);
  }
  friend auto operator<=>(const RecordsDiffer&, const RecordsDiffer&) = default;
};

struct RecordsConflict {
  static constexpr FindingKind kKind = FindingKind::kRecordsConflict;
  std::string field = {};
  std::vector<WeighedValue> values = {};  // the best supported first

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("field", facts.field);
    visit("values", facts.values);
  }
  friend auto operator<=>(const RecordsConflict&, const RecordsConflict&) = default;
};

struct SplitUnfinished {  // TopologyTable has the counts before and after
  static constexpr FindingKind kKind = FindingKind::kSplitUnfinished;
  std::vector<IndexRange> children_registered = {};
  std::vector<IndexRange> children_missing = {};
  std::vector<NodeIndex> records_after = {};  // nodes that know the new count

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("children_registered", facts.children_registered);
    visit("children_missing", facts.children_missing);
    visit("records_after", facts.records_after);
  }
  friend auto operator<=>(const SplitUnfinished&, const SplitUnfinished&) = default;
};

struct SplitCompleted {
  static constexpr FindingKind kKind = FindingKind::kSplitCompleted;
  int32_t init_partition_count = 0;  // before the split

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("init_partition_count", facts.init_partition_count);
  }
  friend auto operator<=>(const SplitCompleted&, const SplitCompleted&) = default;
};

struct TableLostState {  // TopologyTable has the values of the envs that are kept
  static constexpr FindingKind kKind = FindingKind::kTableLostState;
  std::vector<WeighedValue> env_sources = {};     // keys of these, and who reports the value taken
  std::vector<NodeIndex> duplicating_nodes = {};  // that report duplications

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("env_sources", facts.env_sources);
    visit("duplicating_nodes", facts.duplicating_nodes);
  }
  friend auto operator<=>(const TableLostState&, const TableLostState&) = default;
};

struct Placeholder {
  static constexpr FindingKind kKind = FindingKind::kPlaceholder;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts&, Visitor&) {}
  friend auto operator<=>(const Placeholder&, const Placeholder&) = default;
};

struct AppIdOutOfRange {
  static constexpr FindingKind kKind = FindingKind::kAppIdOutOfRange;
  std::vector<NodeIndex> nodes = {};
  std::string name = {};  // "": no node describes it
  int64_t replicas = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("nodes", facts.nodes);
    visit("name", facts.name);
    visit("replicas", facts.replicas);
  }
  friend auto operator<=>(const AppIdOutOfRange&, const AppIdOutOfRange&) = default;
};

struct AppIdGap {
  static constexpr FindingKind kKind = FindingKind::kAppIdGap;
  int32_t below = 0;  // the highest id below it that counts; 0: there is none
  std::vector<NodeIndex> nodes = {};
  std::string name = {};  // "": no node describes it
  int64_t replicas = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("below", facts.below);
    visit("nodes", facts.nodes);
    visit("name", facts.name);
    visit("replicas", facts.replicas);
  }
  friend auto operator<=>(const AppIdGap&, const AppIdGap&) = default;
};

struct ReplicasWithoutTable {
  static constexpr FindingKind kKind = FindingKind::kReplicasWithoutTable;
  std::vector<IndexRange> indices = {};
  std::vector<NodeIndex> nodes = {};
  int64_t replicas = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("indices", facts.indices);
    visit("nodes", facts.nodes);
    visit("replicas", facts.replicas);
  }
  friend auto operator<=>(const ReplicasWithoutTable&, const ReplicasWithoutTable&) = default;
};

struct TableLeftOut {
  static constexpr FindingKind kKind = FindingKind::kTableLeftOut;
  std::string name = {};
  int64_t replicas = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("name", facts.name);
    visit("replicas", facts.replicas);
  }
  friend auto operator<=>(const TableLeftOut&, const TableLeftOut&) = default;
};

struct Settled {  // PlanOptions::settlements has the value
  static constexpr FindingKind kKind = FindingKind::kSettled;
  std::string key = {};
  FindingKind conflict = FindingKind::kRecordsConflict;  // that it settles
  std::vector<WeighedValue> values =
      {};  // between which the decision was, if it was between values

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("key", facts.key);
    visit("conflict", facts.conflict);
    visit("values", facts.values);
  }
  friend auto operator<=>(const Settled&, const Settled&) = default;
};

struct ReplicasMissing {
  static constexpr FindingKind kKind = FindingKind::kReplicasMissing;
  int32_t collected = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("collected", facts.collected);
  }
  friend auto operator<=>(const ReplicasMissing&, const ReplicasMissing&) = default;
};

struct PartitionLost {
  static constexpr FindingKind kKind = FindingKind::kPartitionLost;
  int32_t split_parent = -1;  // that it was split off, and that may hold its data; -1: none

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("split_parent", facts.split_parent);
  }
  friend auto operator<=>(const PartitionLost&, const PartitionLost&) = default;
};

struct PrimaryIncomplete {
  static constexpr FindingKind kKind = FindingKind::kPrimaryIncomplete;
  NodeIndex primary = kNoNode;
  ReplicaStatus status = ReplicaStatus::kInvalid;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("primary", facts.primary);
    visit("status", facts.status);
  }
  friend auto operator<=>(const PrimaryIncomplete&, const PrimaryIncomplete&) = default;
};

struct PrimaryOnDisk {
  static constexpr FindingKind kKind = FindingKind::kPrimaryOnDisk;
  NodeIndex primary = kNoNode;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("primary", facts.primary);
  }
  friend auto operator<=>(const PrimaryOnDisk&, const PrimaryOnDisk&) = default;
};

struct ReplicaOverruled {
  static constexpr FindingKind kKind = FindingKind::kReplicaOverruled;
  int32_t count = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("count", facts.count);
  }
  friend auto operator<=>(const ReplicaOverruled&, const ReplicaOverruled&) = default;
};

struct BallotAbovePrimary {
  static constexpr FindingKind kKind = FindingKind::kBallotAbovePrimary;
  NodeIndex primary = kNoNode;
  NodeIndex reported_by = kNoNode;
  int64_t primary_ballot = 0;
  int64_t ballot = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("primary", facts.primary);
    visit("primary_ballot", facts.primary_ballot);
    visit("ballot", facts.ballot);
    visit("reported_by", facts.reported_by);
  }
  friend auto operator<=>(const BallotAbovePrimary&, const BallotAbovePrimary&) = default;
};

struct LessDataThanOverruled {
  static constexpr FindingKind kKind = FindingKind::kLessDataThanOverruled;
  NodeIndex primary = kNoNode;
  NodeIndex node = kNoNode;  // that has committed more
  int64_t primary_committed = 0;
  int64_t committed = 0;

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("primary", facts.primary);
    visit("primary_committed", facts.primary_committed);
    visit("node", facts.node);
    visit("committed", facts.committed);
  }
  friend auto operator<=>(const LessDataThanOverruled&, const LessDataThanOverruled&) = default;
};

struct ReplicaBeyondCount {
  static constexpr FindingKind kKind = FindingKind::kReplicaBeyondCount;
  int32_t highest_index = 0;  // of all the table's replicas
  std::vector<NodeIndex> nodes = {};

  template <typename Facts, typename Visitor>
  static void ForEach(Facts& facts, Visitor& visit) {
    visit("highest_index", facts.highest_index);
    visit("nodes", facts.nodes);
  }
  friend auto operator<=>(const ReplicaBeyondCount&, const ReplicaBeyondCount&) = default;
};

}  // namespace found

}  // namespace metarec
