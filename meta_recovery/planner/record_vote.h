// How nodes that describe one table differently are reconciled, one field at a time.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/node_roster.h"
#include "meta_recovery/planner/replica_index.h"
#include "replica_collector/evidence.h"

namespace metarec {

// One node's record of one table.
struct NodeRecord {
  NodeIndex node = kNoNode;
  const TableRecord* record = nullptr;
  // How many of the node's replicas of the table are complete and at the highest ballot that was
  // reported for their partition: such a node took part in the table's latest changes.
  int64_t weight = 0;
};

// Sets the weights. `records` ascend by node.
void WeighRecords(absl::Span<const ReplicaClaim> claims, absl::Span<NodeRecord> records);

// One value of a field and who reports it.
struct Candidate {
  std::string value;
  int64_t weight = 0;
  std::vector<NodeIndex> nodes;
  const TableRecord* record = nullptr;  // one that has this value
};

// A field's value as text, null where the record has none.
using FieldText = std::function<bool(const TableRecord&, std::string* value)>;

// The distinct values: highest weight first, then most nodes, then the greatest value. Not empty
// unless no record has a value.
std::vector<Candidate> CountVotes(absl::Span<const NodeRecord> records, const FieldText& text);

// Whether the first is not better supported than the second.
bool IsTied(const std::vector<Candidate>& candidates);

// As findings have them, in the same order.
std::vector<WeighedValue> ValuesOf(const std::vector<Candidate>& candidates);

}  // namespace metarec
