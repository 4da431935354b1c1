// What the nodes say of one table, reconciled into one description.
//
// Nodes may describe a table differently: some missed its latest changes. Each field has a rule in
// idl/table_description.h. A vote counts a node as much as it took part in the table's latest
// changes: by the number of its replicas that are complete and at the highest ballot.

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/node_roster.h"
#include "meta_recovery/planner/planned_tables.h"
#include "meta_recovery/planner/settlements.h"
#include "replica_collector/evidence.h"

namespace metarec {

// One node's record of one table.
struct NodeRecord {
  NodeIndex node = kNoNode;
  const TableRecord* record = nullptr;
  int64_t weight = 0;
};

// The records of one table, ascending by node, each node once.
struct ReportedTable {
  int32_t app_id = 0;
  std::vector<NodeRecord> records;
};

// Every usable record, by app id. Those that make no sense become problems. App ids above
// max_app_id are included.
std::vector<ReportedTable> CollectReportedTables(const NodeRoster& roster,
                                                 const PlanOptions& options,
                                                 ReportProblems& problems);

// Sets the weights, if a vote could depend on them or a finding tells them: most tables are
// described equally by all their nodes, without envs.
void WeighRecords(absl::Span<const ReplicaClaim> claims, ReportedTable& reported);

// Reconciles all fields but the partition counts. `reported` has its weights.
// kInvalidArgument if a settlement names a value that no node reports.
absl::Status ReconcileRecords(const ReportedTable& reported, ReportProblems& problems,
                              Settlements& settlements, FindingsList& findings,
                              PlannedTable& planned);

// Sets partition_count and init_partition_count, and what is known of splits. Replicas whose index
// is beyond the count become conflicts. kInvalidArgument if a settlement makes no sense.
absl::Status DecidePartitionCount(const ReportedTable& reported, const PlanOptions& options,
                                  Settlements& settlements, FindingsList& findings,
                                  PlannedTable& planned);

// One value of a field and who reports it.
struct Candidate {
  std::string value;
  int64_t weight = 0;
  std::vector<NodeIndex> nodes;
  const TableRecord* record = nullptr;  // one that has this value
};

// Sets `*value` to a field's value as text. False if the record has none.
using FieldText = absl::FunctionRef<bool(const TableRecord&, std::string* value)>;

// The distinct values: highest weight first, then most nodes, then the greatest value. Not empty
// unless no record has a value.
std::vector<Candidate> CountVotes(absl::Span<const NodeRecord> records, FieldText text);

// A field's value as findings and settlements name it, and its rule. The field of an env is
// "envs.<key>". None if the table has no such field or env.
std::optional<std::string> TextOfField(const TableDescription& table, absl::string_view field);
std::optional<TableFieldRule> RuleOfField(absl::string_view field);

// Calls visit(replica) for those of one partition's replicas that give their nodes weight: those
// that are complete and have the highest ballot. `Replica` is ReplicaClaim or RankedReplica.
template <typename Replica, typename Visit>
void VisitWeighty(absl::Span<const Replica> replicas, Visit visit) {
  int64_t highest_ballot = 0;
  for (const Replica& replica : replicas) {
    highest_ballot = std::max(highest_ballot, replica.ballot);
  }
  for (const Replica& replica : replicas) {
    if (!IsIncomplete(replica.status) && replica.ballot == highest_ballot) visit(replica);
  }
}

// The candidates as findings have them, in the same order.
std::vector<WeighedValue> ValuesOf(const std::vector<Candidate>& candidates);

// The candidate that a settlement chose; null if there is no settlement for the key.
absl::StatusOr<const Candidate*> FindSettled(const std::string& key,
                                             const std::vector<Candidate>& candidates,
                                             const Settlements& settlements);

}  // namespace metarec
