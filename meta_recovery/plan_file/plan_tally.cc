#include "meta_recovery/plan_file/plan_tally.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/planner/due_findings.h"
#include "meta_recovery/planner/node_identity.h"
#include "meta_recovery/planner/partition_planner.h"
#include "meta_recovery/planner/record_reconciliation.h"

namespace metarec {
namespace {

// More than any plan has of anything; sums of a few million of them do not overflow.
constexpr int64_t kMost = int64_t{1} << 40;

int64_t Bounded(int64_t count) { return std::min(count, kMost); }

int64_t CountOf(const found::NodeReportInvalid& facts) {
  int64_t count = 0;
  for (const CountedText& problem : facts.problems) count += Bounded(problem.count);
  return count;
}

}  // namespace

void PlanTally::AddLastTable(int64_t partitions) {
  const TopologyTable& table = plan_.topology.tables.back();
  const TableDecision& decision = plan_.tables.back();
  TableTally& tally = tables_.emplace_back();
  beyond_of_table_.push_back(0);
  tally.is_undecided = !decision.placeholder && partitions == 0;
  if (!decision.differing_fields.empty() || !table.envs.empty()) {
    tally.weights.resize(plan_.nodes.size());
  }
  for (const NodeIndex node : decision.described_by) ++nodes_[node].tables;
  const int64_t children_missing = table.partition_count - partitions;
  if (decision.placeholder || children_missing == 0) return;
  const int64_t most = tally.is_undecided ? decision.replicas : children_missing;
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    AddLeftOut(node, {.replicas_most = most, .most = most});
  }
}

void PlanTally::AddPartition(const TopologyPartition& partition,
                             absl::Span<const RankedReplica> replicas) {
  const TopologyTable& table = plan_.topology.tables.back();
  const TableDecision& decision = plan_.tables.back();
  TableTally& tally = tables_.back();
  tally.replicas += static_cast<int64_t>(replicas.size());
  for (const RankedReplica& replica : replicas) {
    NodeTally& node = nodes_[replica.node];
    ++node.replicas;
    node.primaries += replica.status == ReplicaStatus::kPrimary;
    node.secondaries += replica.status == ReplicaStatus::kSecondary;
    tally.are_left_by_drop &= IsLeftByDrop(replica.status);
    tally.closed += replica.status == ReplicaStatus::kError;
  }
  if (!tally.weights.empty()) {
    VisitWeighty(replicas, [&](const RankedReplica& replica) { ++tally.weights[replica.node]; });
  }
  if (replicas.empty()) {
    if (!decision.placeholder && !StaysDropped(decision)) tally.lost.push_back(partition.index);
    return;
  }
  if (decision.described_by.empty() || IsSplitUnfinished(table, decision)) {
    tally.indexes.push_back(partition.index);
    for (const RankedReplica& replica : replicas) tally.nodes.insert(replica.node);
  }
}

void PlanTally::AddLeftOut(NodeIndex node, LeftOut left_out) {
  NodeTally& tally = nodes_[node];
  tally.left_out_least += left_out.least;
  tally.left_out_most += Bounded(left_out.most);
  tally.tables_out_most += Bounded(left_out.tables_most);
  tally.replicas_out_most += Bounded(left_out.replicas_most);
}

void PlanTally::AddTableLeftOut(int64_t replicas, bool is_described,
                                const std::vector<NodeIndex>& nodes) {
  const int64_t records = is_described ? 1 : 0;
  out_of_range_ += Bounded(replicas);
  records_out_of_range_least_ += records;
  records_out_of_range_most_ += records * static_cast<int64_t>(nodes.size());
  for (const NodeIndex node : nodes) {
    AddLeftOut(node, {.least = 1,
                      .tables_most = records,
                      .replicas_most = replicas,
                      .most = Bounded(replicas) + records});
  }
}

void PlanTally::AddFinding(const Finding& finding) {
  if (const auto* invalid = finding.facts.As<found::NodeReportInvalid>()) {
    const int64_t count = CountOf(*invalid);
    invalid_ += count;
    // An env of a table that is in the plan is neither a table nor a replica.
    const auto id = static_cast<size_t>(finding.app_id);
    const bool may_be_env =
        id > 0 && id <= plan_.tables.size() &&
        std::binary_search(plan_.tables[id - 1].described_by.begin(),
                           plan_.tables[id - 1].described_by.end(), finding.node);
    AddLeftOut(finding.node, {.least = may_be_env ? 0 : count,
                              .tables_most = count,
                              .replicas_most = count,
                              .most = count});
  } else if (const auto* beyond = finding.facts.As<found::ReplicaBeyondCount>()) {
    for (const NodeIndex node : beyond->nodes) ++nodes_[node].replicas_beyond;
    beyond_of_table_[finding.app_id - 1] += static_cast<int64_t>(beyond->nodes.size());
  } else if (const auto* far = finding.facts.As<found::AppIdOutOfRange>()) {
    AddTableLeftOut(far->replicas, !far->name.empty(), far->nodes);
  } else if (const auto* gap = finding.facts.As<found::AppIdGap>()) {
    // With a warning it counts.
    if (finding.severity == Severity::kWarning) return;
    AddTableLeftOut(gap->replicas, !gap->name.empty(), gap->nodes);
  } else if (const auto* left_out = finding.facts.As<found::TableLeftOut>()) {
    out_of_range_ += Bounded(left_out->replicas);
    records_out_of_range_least_ += 1;
    records_out_of_range_most_ += static_cast<int64_t>(nodes_.size());
    for (NodeIndex node = 0; node < nodes_.size(); ++node) {
      AddLeftOut(node, {.tables_most = 1,
                        .replicas_most = left_out->replicas,
                        .most = Bounded(left_out->replicas) + 1});
    }
  } else if (const auto* homeless = finding.facts.As<found::ReplicasWithoutTable>()) {
    if (!plan_.tables[finding.app_id - 1].placeholder) return;
    for (const NodeIndex node : homeless->nodes) {
      AddLeftOut(node,
                 {.least = 1, .replicas_most = homeless->replicas, .most = homeless->replicas});
    }
  }
}

found::ServerMissing PlanTally::ServerMissing() const {
  return PartitionsOfAMissingServer(
      plan_, [this](size_t i) { return static_cast<int64_t>(tables_[i].lost.size()); });
}

std::string PlanTally::Problem() const {
  if (!AreTablesPlanned(plan_)) {
    for (const NodeDecision& node : plan_.nodes) {
      if (node.primaries + node.secondaries == 0) continue;
      return "a node has 'primaries' or 'secondaries', which are counted once tables are planned";
    }
    return plan_.tables.empty() ? ""
                                : "there are tables, while nodes that are not skipped did not "
                                  "answer";
  }
  std::string problem;
  for (size_t i = 0; i < tables_.size() && problem.empty(); ++i) problem = ProblemOfTable(i);
  for (size_t i = 0; i < nodes_.size() && problem.empty(); ++i) problem = ProblemOfNode(i);
  return problem.empty() ? ProblemOfSum() : problem;
}

std::string PlanTally::ProblemOfTable(size_t index) const {
  const TopologyTable& table = plan_.topology.tables[index];
  const TableDecision& decision = plan_.tables[index];
  const TableTally& tally = tables_[index];
  if (decision.placeholder) return "";  // all are left out, and a finding counts them
  const int64_t placed = tally.replicas + beyond_of_table_[index];
  const int64_t rest = decision.replicas - placed;
  // Of children that were not split off yet.
  const int64_t children = table.partition_count - PartitionsBeforeSplit(table, decision);
  const int64_t rest_most = children * static_cast<int64_t>(plan_.nodes.size());
  const std::string name =
      absl::StrCat("table ", table.app_id, " (", Printable(Shortened(table.app_name)), "): ");
  if (rest < 0 || (rest > rest_most && !tally.is_undecided)) {
    return absl::StrCat(name, "'replicas' is ", decision.replicas, ", while its partitions have ",
                        tally.replicas, " and findings name ", beyond_of_table_[index],
                        " beyond them");
  }
  const bool knows_all = tally.replicas == decision.replicas;
  const bool may_be = tally.are_left_by_drop && !StaysDropped(decision);
  if (!knows_all || decision.probably_dropped == may_be) return "";
  return absl::StrCat(name, "'probably_dropped' does not fit its replicas");
}

std::string PlanTally::ProblemOfNode(size_t index) const {
  const NodeDecision& decision = plan_.nodes[index];
  if (decision.error != idl::kErrOk) return "";
  const NodeTally& tally = nodes_[index];
  const std::string node = absl::StrCat(
      "node ", index, " (", Printable(Shortened(plan_.topology.nodes[index].name)), ")");
  const int64_t rest_tables = decision.tables - tally.tables;
  if (rest_tables < 0) {
    return absl::StrCat(node, ": 'tables' is ", decision.tables, ", while ", tally.tables,
                        " tables are described by it");
  }
  const int64_t out_of_partitions = decision.replicas - tally.replicas;
  const int64_t rest_replicas = out_of_partitions - tally.replicas_beyond;
  if (rest_replicas < 0) {
    return absl::StrCat(node, ": 'replicas' is ", decision.replicas, ", while partitions have ",
                        tally.replicas, " of it and findings name ", tally.replicas_beyond,
                        " beyond them");
  }
  const int64_t left_out = rest_tables + rest_replicas;
  if (left_out < tally.left_out_least || left_out > tally.left_out_most ||
      rest_tables > tally.tables_out_most || rest_replicas > tally.replicas_out_most) {
    return absl::StrCat(node, " reported ", Counted(rest_tables, "table"), " and ",
                        Counted(rest_replicas, "replica"),
                        " that the plan does not use, and the findings about what was left out say "
                        "otherwise");
  }
  const int64_t primaries = decision.primaries - tally.primaries;
  const int64_t secondaries = decision.secondaries - tally.secondaries;
  if (primaries >= 0 && secondaries >= 0 && primaries <= out_of_partitions &&
      secondaries <= out_of_partitions - primaries) {
    return "";
  }
  return absl::StrCat(node,
                      ": 'primaries' or 'secondaries' is not what its replicas are, of which ",
                      "partitions have ", tally.primaries, " and ", tally.secondaries);
}

std::string PlanTally::ProblemOfSum() const {
  int64_t reported = 0;
  int64_t records = 0;  // that are not of tables of the plan
  for (const NodeDecision& node : plan_.nodes) {
    reported += node.replicas;
    records += node.tables;
  }
  int64_t of_tables = out_of_range_;
  for (const TableDecision& table : plan_.tables) {
    of_tables += table.replicas;
    records -= static_cast<int64_t>(table.described_by.size());
  }
  if (records < records_out_of_range_least_ || records > records_out_of_range_most_ + invalid_) {
    return absl::StrCat("nodes reported ", Counted(records, "table"),
                        " that the plan does not use, and no findings say why");
  }
  if (reported >= of_tables && reported - of_tables <= invalid_) return "";
  return absl::StrCat("nodes reported ", reported,
                      " replicas, and tables and findings account for ", of_tables, " to ",
                      of_tables + invalid_);
}

}  // namespace metarec
