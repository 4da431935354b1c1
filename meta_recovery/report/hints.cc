#include "meta_recovery/report/hints.h"

#include <map>
#include <set>

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"

namespace metarec {
namespace {

std::string BadNodeHint(const RecoveryPlan& plan, const Finding& finding,
                        const std::string& listed_as) {
  const std::string what =
      absl::StrCat(": collect app and replica info from node(", listed_as, ") failed with err(",
                   std::string(finding.Fact("err")), ")");
  if (finding.severity != Severity::kError) {
    return absl::StrCat("WARNING", what, ", skip the bad node");
  }
  if (plan.options.skip_bad_nodes) {
    return absl::StrCat("ERROR", what, ", no node is left to recover from");
  }
  return absl::StrCat("ERROR", what, ", you can skip it by set skip_bad_nodes option");
}

void AppendBadNodeHints(const RecoveryPlan& plan, absl::Span<const std::string> node_list_order,
                        std::vector<std::string>& lines) {
  std::map<std::string, const Finding*> by_text;
  std::vector<const Finding*> bad_nodes;
  for (const Finding& finding : plan.findings) {
    if (finding.kind != FindingKind::kBadNode) continue;
    bad_nodes.push_back(&finding);
    for (const std::string& text : plan.nodes[finding.node].listed_as) {
      by_text.emplace(text, &finding);
    }
  }
  std::set<const Finding*> said;
  for (const std::string& text : node_list_order) {
    const auto it = by_text.find(text);
    if (it == by_text.end() || !said.insert(it->second).second) continue;
    lines.push_back(BadNodeHint(plan, *it->second, text));
  }
  for (const Finding* finding : bad_nodes) {
    if (said.contains(finding)) continue;
    const std::vector<std::string>& listed_as = plan.nodes[finding->node].listed_as;
    lines.push_back(BadNodeHint(
        plan, *finding,
        listed_as.empty() ? plan.topology.nodes[finding->node].name : listed_as.front()));
  }
}

std::string PartitionName(const Finding& finding) {
  return absl::StrCat("partition(", finding.app_id, ".", finding.partition_index, ")");
}

}  // namespace

std::vector<std::string> HintLines(const RecoveryPlan& plan,
                                   absl::Span<const std::string> node_list_order) {
  std::vector<std::string> lines;
  AppendBadNodeHints(plan, node_list_order, lines);
  for (const Finding& finding : plan.findings) {
    if (finding.kind == FindingKind::kTableRenamed) {
      lines.push_back(absl::StrCat("WARNING: app(", finding.app_id, ")'s old name(",
                                   finding.Fact("old_name"), ") is conflict with others, ",
                                   kRenamedHint, finding.Fact("new_name"), ")"));
    } else if (finding.kind == FindingKind::kReplicasMissing) {
      lines.push_back(absl::StrCat("WARNING: ", PartitionName(finding), " only collects ",
                                   finding.Fact("collected"), "/", finding.Fact("expected"),
                                   " of replicas, may lost data"));
    } else if (finding.kind == FindingKind::kPartitionLost) {
      lines.push_back(
          plan.options.skip_lost_partitions
              ? absl::StrCat("WARNING: ", PartitionName(finding), " has no replica collected, ",
                             kLostPartitionHint)
              : absl::StrCat("ERROR: ", PartitionName(finding),
                             " has no replica collected, you can force recover it by set "
                             "skip_lost_partitions option"));
    }
  }
  for (std::string& line : lines) line = Printable(line);  // names come from servers
  return lines;
}

}  // namespace metarec
