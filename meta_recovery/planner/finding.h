// What the planner noticed, as data. The Pegasus hint texts (hints.h), the report for people
// (report_text.h) and the JSON (report_json.h) are renderings of one list.

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/string_view.h>

#include "zk_store/topology/topology.h"

namespace metarec {

// Ascending by gravity.
enum class Severity : uint8_t {
  kNote,      // worth knowing, nothing to do
  kWarning,   // data may be missing or older than hoped
  kHazard,    // something that can go wrong later, with the way out of it
  kError,     // stops the plan unless a skip flag accepts it (ERR_TRY_AGAIN)
  kConflict,  // stops the plan until the operator decides (--settle)
};

enum class FindingKind : uint8_t {
  // Nodes.
  kBadNode,             // could not be asked; an error, with skip_bad_nodes a warning
  kSkippedNodeReturns,  // hazard: what happens when a node that was left out comes back
  kNodeNameDiffers,     // the list says one name, the server calls itself another
  kNodeListedTwice,     // several entries of the list are one server
  kStillServed,         // replicas are PS_PRIMARY or PS_SECONDARY: leases have not run out
  kNodeReportInvalid,  // a record or replica that makes no sense was left out (id <= 0, ballot < 0,
                       // ...)

  // Tables.
  kTableRenamed,          // another table of higher id keeps the name
  kNameUnusableInShell,   // hazard: stock shells refuse the name that was given
  kTableProbablyDropped,  // every replica is closed: soft-deleted before the outage
  kRecordsDiffer,         // nodes describe the table differently; resolved by rule
  kRecordsConflict,       // nodes describe the table differently; needs a decision
  kSplitUnfinished,       // some nodes know the doubled partition count, some do not
  kSplitCompleted,        // was split once: replica.split.validate_partition_hash is lost
  kTableLostState,        // what only ZooKeeper knew of this table (duplication, bulk load, ...)
  kPlaceholder,           // an id without evidence, kept from being used again
  kAppIdOutOfRange,       // an id far beyond the others (max_app_id)
  kReplicasWithoutTable,  // replicas of a table that no node describes
  kSettled,               // the operator decided a conflict; says what was decided

  // Partitions.
  kReplicasMissing,        // fewer replicas than max_replica_count
  kPartitionLost,          // none at all; an error, with skip_lost_partitions a warning
  kPrimaryIncomplete,      // an incomplete replica becomes primary for want of a better one
  kReplicaOverruled,       // a surplus or stale replica will be neither primary nor in last_drops
  kBallotAbovePrimary,     // the ballot written is not the primary's own
  kLessDataThanOverruled,  // an overruled replica has committed more than the chosen primary
  kReplicaBeyondCount,     // an index that the table does not have
};

// A stable name such as "bad_node", used in JSON and plan files.
absl::string_view FindingKindName(FindingKind kind);
absl::string_view SeverityName(Severity severity);

// One piece of the evidence behind a finding, e.g. {"collected", "1"}, {"err", "ERR_TIMEOUT"}.
// The keys that each kind uses are listed in docs/file-formats.md.
using FindingFact = std::pair<std::string, std::string>;

struct Finding {
  FindingKind kind = FindingKind::kBadNode;
  Severity severity = Severity::kNote;
  // What it is about: a node, a table, or a partition of a table.
  NodeIndex node = kNoNode;
  int32_t app_id = 0;            // 0: not about a table
  int32_t partition_index = -1;  // -1: not about one partition
  std::vector<FindingFact> facts;

  // The value of a fact, or "" when there is none of that name.
  absl::string_view Fact(absl::string_view key) const;

  friend bool operator==(const Finding&, const Finding&) = default;
};

}  // namespace metarec
