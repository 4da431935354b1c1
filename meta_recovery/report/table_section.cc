#include "meta_recovery/report/table_section.h"

#include <algorithm>
#include <map>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/finding_text.h"

namespace metarec {
absl::string_view ElectionName(Election election) {
  switch (election) {
    case Election::kAllAgree:
      return "all_agree";
    case Election::kTie:
      return "tie";
    case Election::kOnlyReplica:
      return "only_replica";
    case Election::kOnlyComplete:
      return "only_complete";
    case Election::kHighestBallot:
      return "highest_ballot";
    case Election::kOnRunningServer:
      return "on_running_server";
    case Election::kWasPrimary:
      return "was_primary";
    case Election::kMostCommitted:
      return "most_committed";
    case Election::kMostPrepared:
      return "most_prepared";
    case Election::kNoReplica:
      return "no_replica";
  }
  return "unknown";
}

absl::string_view ElectionInWords(Election election) {
  switch (election) {
    case Election::kAllAgree:
      return "all replicas agree, the node with the fewest primaries gets it";
    case Election::kTie:
      return "the best replicas agree, the node of them with the fewest primaries gets it";
    case Election::kOnlyReplica:
      return "the only replica is primary";
    case Election::kOnlyComplete:
      return "the only complete replica is primary";
    case Election::kHighestBallot:
      return "the replica with the highest ballot is primary";
    case Election::kOnRunningServer:
      return "the replica of the highest ballot whose server runs is primary";
    case Election::kWasPrimary:
      return "the replica that is PS_PRIMARY at the highest ballot is primary";
    case Election::kMostCommitted:
      return "the replica that has committed most at the highest ballot is primary";
    case Election::kMostPrepared:
      return "the replica that has prepared most at the highest ballot is primary";
    case Election::kNoReplica:
      return "no replica was found";
  }
  return "unknown";
}

Election ElectionOf(const RecoveryPlan& plan, const PartitionDecision& decision) {
  const auto replicas = plan.ReplicasOf(decision);
  if (replicas.empty()) return Election::kNoReplica;
  if (replicas.size() == 1) return Election::kOnlyReplica;
  switch (replicas[1].reason) {
    case RankReason::kIncomplete:
      return Election::kOnlyComplete;
    case RankReason::kLowerBallot:
      return Election::kHighestBallot;
    case RankReason::kOnDiskOnly:
      return Election::kOnRunningServer;
    case RankReason::kNotPrimaryAtBallot:
      return Election::kWasPrimary;
    case RankReason::kLowerCommittedDecree:
      return Election::kMostCommitted;
    case RankReason::kLowerPreparedDecree:
      return Election::kMostPrepared;
    case RankReason::kBest:
    case RankReason::kMorePrimariesOfTable:
    case RankReason::kMorePrimaries:
    case RankReason::kHigherAddress:
      break;
  }
  const bool all_equal =
      std::all_of(replicas.begin() + 1, replicas.end(), [](const RankedReplica& replica) {
        return replica.reason >= RankReason::kMorePrimariesOfTable;
      });
  return all_equal ? Election::kAllAgree : Election::kTie;
}

TableSummary SummarizeTable(const RecoveryPlan& plan, size_t table, int32_t only_partition) {
  TableSummary summary;
  const TopologyTable& record = plan.topology.tables[table];
  for (const TopologyPartition& partition : plan.topology.PartitionsOf(record)) {
    const size_t position = static_cast<size_t>(&partition - plan.topology.partitions.data());
    if (position >= plan.partitions.size()) break;
    if (only_partition >= 0 && partition.index != only_partition) continue;
    const PartitionDecision& decision = plan.partitions[position];
    summary.replicas_expected += std::max(0, record.max_replica_count);
    summary.by_election[ElectionOf(plan, decision)].push_back(partition.index);
    for (const RankedReplica& replica : plan.ReplicasOf(decision)) {
      ++summary.replicas_found;
      ++summary.by_node[replica.node];
      summary.replicas_overruled += replica.role == ReplicaRole::kOverruled;
      summary.replicas_incomplete += IsIncomplete(replica.status);
    }
  }
  return summary;
}

namespace {

constexpr size_t kNodesShown = 6;
constexpr size_t kLabelBytes = 13;
constexpr size_t kTextColumn = 4 + kLabelBytes;
constexpr size_t kRangeCharactersMax = 60;

void AddLine(absl::string_view label, absl::string_view text, std::string* out) {
  absl::StrAppend(out, "    ", label);
  out->append(label.size() < kLabelBytes ? kLabelBytes - label.size() : 1, ' ');
  absl::StrAppend(out, Wrapped(text, kTextColumn, kTextColumn), "\n");
}

// "0-3,7", cut when it gets long.
std::string Ranges(const std::vector<int32_t>& indexes) {
  std::string ranges = RangesText(RangesOf(indexes));
  if (ranges.size() <= kRangeCharactersMax) return ranges;
  ranges.resize(ranges.rfind(',', kRangeCharactersMax));
  return absl::StrCat(ranges, ",...");
}

// "4 partitions (0-3)", "partition 7".
std::string Partitions(const std::vector<int32_t>& indexes) {
  if (indexes.size() == 1) return absl::StrCat("partition ", indexes.front());
  return absl::StrCat(indexes.size(), " partitions (", Ranges(indexes), ")");
}

std::string Heading(const RecoveryPlan& plan, size_t table) {
  const TopologyTable& record = plan.topology.tables[table];
  const TableDecision& decision = plan.tables[table];
  std::string heading = absl::StrCat("  table ", record.app_id, "  ", Printable(record.app_name));
  if (decision.old_name != record.app_name && !decision.old_name.empty()) {
    absl::StrAppend(&heading, " (was ", Printable(decision.old_name), ")");
  }
  absl::StrAppend(&heading, "  ", Counted(record.partition_count, "partition"), " x ",
                  Counted(record.max_replica_count, "replica"));
  if (decision.probably_dropped) absl::StrAppend(&heading, "  PROBABLY DROPPED");
  if (StaysDropped(decision)) absl::StrAppend(&heading, "  STAYS DROPPED");
  return heading;
}

std::string DescribedBy(const RecoveryPlan& plan, const TableDecision& decision) {
  const size_t answered = static_cast<size_t>(
      std::count_if(plan.nodes.begin(), plan.nodes.end(),
                    [](const NodeDecision& node) { return node.error == "ERR_OK"; }));
  if (decision.described_by.empty()) return "no node";
  if (decision.described_by.size() == answered && answered > 1) {
    return absl::StrCat("all ", answered, " nodes",
                        answered < plan.nodes.size() ? " that answered" : "");
  }
  std::vector<std::string> names;
  for (const NodeIndex node : decision.described_by) names.push_back(NodeLabel(plan, node));
  return CutList(names, kNodesShown);
}

std::string ReplicasByNode(const RecoveryPlan& plan, const TableSummary& summary) {
  const std::string text =
      absl::StrCat(summary.replicas_found, " found, ", summary.replicas_expected, " wanted");
  if (summary.by_node.empty()) return text;
  return absl::StrCat(text, ": ", CountsByNode(plan, summary.by_node));
}

// The commonest way of election first; indexes are listed for the others only.
void AddElections(const TableSummary& summary, std::string* out) {
  std::vector<std::pair<Election, const std::vector<int32_t>*>> elections;
  size_t partitions = 0;
  for (const auto& [election, indexes] : summary.by_election) {
    elections.emplace_back(election, &indexes);
    partitions += indexes.size();
  }
  std::stable_sort(elections.begin(), elections.end(), [](const auto& a, const auto& b) {
    return a.second->size() > b.second->size();
  });
  absl::string_view label = "primary";
  for (const auto& [election, indexes] : elections) {
    // Partitions without replica have a line of their own.
    if (election == Election::kNoReplica && elections.size() > 1) continue;
    const bool commonest = !label.empty();
    AddLine(label,
            absl::StrCat(
                commonest ? absl::StrCat(indexes->size(), " of ", Counted(partitions, "partition"))
                          : Partitions(*indexes),
                ": ", ElectionInWords(election)),
            out);
    label = "";
  }
}

// Those that the heading or another section tells are left out.
bool IsToldElsewhere(const Finding& finding) {
  return finding.severity == Severity::kHazard || finding.severity == Severity::kConflict ||
         finding.severity == Severity::kError || !RowOf(finding.kind()).in_table;
}

void AddPartitionFindings(const std::vector<const Finding*>& findings, std::string* out) {
  std::map<std::pair<absl::string_view, absl::string_view>, std::vector<int32_t>> by_line;
  for (const Finding* finding : findings) {
    const FindingKindRow::Line& line = RowOf(finding->kind()).line;
    if (finding->partition_index < 0 || line.label.empty()) continue;
    const bool is_accepted = finding->severity == Severity::kWarning && !line.accepted.empty();
    by_line[{line.label, is_accepted ? line.accepted : line.text}].push_back(
        finding->partition_index);
  }
  for (auto& [line, indexes] : by_line) {
    std::sort(indexes.begin(), indexes.end());
    indexes.erase(std::unique(indexes.begin(), indexes.end()), indexes.end());
    AddLine(line.first, absl::StrCat(Partitions(indexes), ": ", line.second), out);
  }
}

void AddTableFindings(const RecoveryPlan& plan, const std::vector<const Finding*>& findings,
                      const ReportOptions& options, std::string* out) {
  const int shown_max = std::max(1, options.examples_max) + 2;
  int count = 0;
  for (const Finding* finding : findings) {
    if (finding->partition_index >= 0 || IsToldElsewhere(*finding)) continue;
    if (++count > shown_max) continue;
    if (finding->kind() == FindingKind::kTableLostState) {
      AddLine("lost", LostState(plan, *finding), out);
    } else {
      AddLine(SeverityName(finding->severity), FindingSentence(plan, *finding), out);
    }
  }
  if (count > shown_max) AddLine("", absl::StrCat("and ", count - shown_max, " more"), out);
}

}  // namespace

namespace {

// Whether it only says what is from an old tree.
bool IsOfCurrentTree(const Finding& finding) {
  const FindingKind kind = finding.kind();
  return finding.severity == Severity::kNote &&
         (kind == FindingKind::kTableInOldTree || kind == FindingKind::kValueCarried ||
          kind == FindingKind::kZnodesCarried);
}

}  // namespace

bool IsHealthy(const RecoveryPlan& plan, size_t table, const TableSummary& summary,
               const std::vector<const Finding*>& findings) {
  const TopologyTable& record = plan.topology.tables[table];
  const TableDecision& decision = plan.tables[table];
  const bool is_renamed = !decision.old_name.empty() && decision.old_name != record.app_name;
  const bool is_whole =
      StaysDropped(decision) ||
      (record.partitions_count > 0 && summary.replicas_found == summary.replicas_expected &&
       summary.replicas_overruled == 0 && summary.replicas_incomplete == 0);
  if (decision.probably_dropped || is_renamed || !is_whole) return false;
  return std::all_of(findings.begin(), findings.end(), [&](const Finding* finding) {
    if (IsOfCurrentTree(*finding)) return true;
    const auto* lost = finding->facts.As<found::TableLostState>();
    return lost != nullptr && lost->duplicating_nodes.empty() && record.envs.empty() &&
           !record.is_bulk_loading;
  });
}

std::vector<std::string> TableRowTitles() { return {"id", "name", "partitions", "replicas"}; }

std::vector<std::string> TableRow(const RecoveryPlan& plan, size_t table,
                                  const TableSummary& summary) {
  const TopologyTable& record = plan.topology.tables[table];
  return {absl::StrCat(record.app_id),
          absl::StrCat(Printable(record.app_name), !StaysDropped(plan.tables[table]) ? ""
                                                   : plan.tables[table].replicas > 0
                                                       ? " (stays dropped)"
                                                       : " (stays dropped, no data)"),
          absl::StrCat(record.partition_count, " x ", record.max_replica_count),
          absl::StrCat(summary.replicas_found, " of ", summary.replicas_expected, " on ",
                       Counted(static_cast<int64_t>(summary.by_node.size()), "node"))};
}

std::string CountsByNode(const RecoveryPlan& plan, const std::map<NodeIndex, int64_t>& by_node) {
  int64_t fewest = INT64_MAX;
  int64_t most = 0;
  std::vector<std::string> counts;
  for (const auto& [node, count] : by_node) {
    fewest = std::min(fewest, count);
    most = std::max(most, count);
    if (counts.size() <= kNodesShown) {
      counts.push_back(absl::StrCat(NodeLabel(plan, node), " ", count));
    }
  }
  if (counts.size() <= kNodesShown) return absl::StrJoin(counts, ", ");
  return absl::StrCat("on ", by_node.size(), " nodes, ", fewest, " to ", most, " on each");
}

std::string RenderTable(const RecoveryPlan& plan, size_t table,
                        const std::vector<const Finding*>& findings, const ReportOptions& options) {
  std::string out = absl::StrCat(Heading(plan, table), "\n");
  const TableSummary summary = SummarizeTable(plan, table);
  AddLine("described by", DescribedBy(plan, plan.tables[table]), &out);
  if (plan.topology.tables[table].partitions_count == 0) {
    AddLine("partitions", "not looked at before their number is decided", &out);
  } else {
    AddLine("replicas", ReplicasByNode(plan, summary), &out);
    if (!StaysDropped(plan.tables[table])) AddElections(summary, &out);
  }
  AddPartitionFindings(findings, &out);
  AddTableFindings(plan, findings, options, &out);
  return out;
}

}  // namespace metarec
