#include "meta_recovery/planner/record_vote.h"

#include <algorithm>
#include <map>
#include <utility>

#include "meta_recovery/planner/replica_index.h"

namespace metarec {

void WeighRecords(absl::Span<const ReplicaClaim> claims, absl::Span<NodeRecord> records) {
  ForEachPartition(claims, [&](int32_t, absl::Span<const ReplicaClaim> replicas) {
    int64_t highest_ballot = 0;
    for (const ReplicaClaim& replica : replicas) {
      highest_ballot = std::max(highest_ballot, replica.ballot);
    }
    for (const ReplicaClaim& replica : replicas) {
      if (IsIncomplete(replica.status) || replica.ballot < highest_ballot) continue;
      const auto it = std::lower_bound(
          records.begin(), records.end(), replica.node,
          [](const NodeRecord& record, NodeIndex node) { return record.node < node; });
      if (it != records.end() && it->node == replica.node) ++it->weight;
    }
  });
}

std::vector<Candidate> CountVotes(absl::Span<const NodeRecord> records, const FieldText& text) {
  std::map<std::string, Candidate> by_value;
  // Most nodes share one record, of which the value is looked at once.
  const TableRecord* latest = nullptr;
  Candidate* candidate = nullptr;  // of the latest; null: it has no value
  for (const NodeRecord& record : records) {
    if (record.record != latest) {
      latest = record.record;
      std::string value;
      candidate = text(*latest, &value) ? &by_value[value] : nullptr;
      if (candidate != nullptr) candidate->value = std::move(value);
    }
    if (candidate == nullptr) continue;
    candidate->weight += record.weight;
    candidate->nodes.push_back(record.node);
    candidate->record = record.record;
  }
  std::vector<Candidate> candidates;
  for (auto it = by_value.rbegin(); it != by_value.rend(); ++it) {
    candidates.push_back(std::move(it->second));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) {
                     if (a.weight != b.weight) return a.weight > b.weight;
                     return a.nodes.size() > b.nodes.size();
                   });
  return candidates;
}

bool IsTied(const std::vector<Candidate>& candidates) {
  return candidates.size() > 1 && candidates[0].weight == candidates[1].weight &&
         candidates[0].nodes.size() == candidates[1].nodes.size();
}

std::vector<WeighedValue> ValuesOf(const std::vector<Candidate>& candidates) {
  std::vector<WeighedValue> values;
  values.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    values.push_back(
        {.value = candidate.value, .weight = candidate.weight, .nodes = candidate.nodes});
  }
  return values;
}

}  // namespace metarec
