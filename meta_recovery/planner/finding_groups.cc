#include "meta_recovery/planner/finding_groups.h"

#include <functional>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/text/wording.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/plan_text.h"

namespace metarec {
namespace {

std::string Listed(FindingSpan findings, size_t named_max,
                   const std::function<std::string(const Finding&)>& name) {
  std::vector<std::string> names;
  for (const Finding* finding : findings) {
    names.push_back(name(*finding));
    if (names.size() > named_max + 1) break;  // as many as tell that there are more
  }
  const size_t unnamed = findings.size() - names.size();
  if (unnamed == 0) return CutList(names, named_max);
  names.resize(named_max);
  return absl::StrCat(CutList(names, named_max), " and ", findings.size() - named_max, " more");
}

std::string OnNodes(const RecoveryPlan& plan, const std::vector<NodeIndex>& nodes) {
  std::vector<std::string> labels;
  for (const NodeIndex node : nodes) labels.push_back(NodeLabel(plan, node));
  return labels.empty() ? "" : absl::StrCat(" on ", CutList(labels));
}

bool AreHazards(FindingSpan findings) { return findings.front()->severity == Severity::kHazard; }

}  // namespace

std::string NamesUnusableInShell(const RecoveryPlan& plan, FindingSpan findings, size_t named_max) {
  const std::string names = Listed(findings, named_max, [&](const Finding& finding) {
    return absl::StrCat(finding.app_id, " (", TableName(plan, finding.app_id), ")");
  });
  if (!AreHazards(findings)) {
    return absl::StrCat("tables ", names, " had such names already and keep them: ", kShellsFail);
  }
  return absl::StrCat("tables ", names, " get such names: ", kShellsFail, kAvoidSuchNames);
}

std::string SkippedNodesReturn(const RecoveryPlan& plan, FindingSpan findings, size_t named_max) {
  const std::string nodes = Listed(findings, named_max, [&](const Finding& finding) {
    const std::string listed_as = JoinedItems(ListedAs(plan, finding.node));
    return listed_as.empty() ? NodeLabel(plan, finding.node) : listed_as;
  });
  return absl::StrCat("nodes ", nodes, " were left out; if one comes back, ",
                      kWhatReturningNodesRisk,
                      "; keep them down, or collect and plan again with them, or move their data "
                      "directories away first");
}

std::string PrimariesOnDisk(const RecoveryPlan& plan, FindingSpan findings, size_t named_max) {
  const std::string partitions = Listed(findings, named_max, [&](const Finding& finding) {
    const auto* facts = finding.facts.As<found::PrimaryOnDisk>();
    return absl::StrCat(finding.app_id, ".", finding.partition_index,
                        facts == nullptr ? "" : OnNodes(plan, {facts->primary}));
  });
  return absl::StrCat(
      "the primaries of these partitions are known from disks only, and nobody "
      "serves them while their servers do not run: ",
      partitions, kStartBeforeMetaServer);
}

std::string AppIdsOutOfRange(const RecoveryPlan& plan, FindingSpan findings, size_t named_max) {
  if (!AreHazards(findings)) return "";
  const std::string ids = Listed(findings, named_max, [&](const Finding& finding) {
    const auto* facts = finding.facts.As<found::AppIdOutOfRange>();
    return absl::StrCat(finding.app_id, facts == nullptr ? "" : OnNodes(plan, facts->nodes));
  });
  return absl::StrCat("table ids above --max_app_id ", plan.options.max_app_id,
                      " are left out, as decided: ", ids,
                      "; a stock meta server aborts when a node reports one, so move their "
                      "directories away there first");
}

std::string ReplicasBeyondCounts(const RecoveryPlan& plan, FindingSpan findings, size_t named_max) {
  if (!AreHazards(findings)) return "";
  const std::string partitions = Listed(findings, named_max, [&](const Finding& finding) {
    const auto* facts = finding.facts.As<found::ReplicaBeyondCount>();
    return absl::StrCat(finding.app_id, ".", finding.partition_index,
                        facts == nullptr ? "" : OnNodes(plan, facts->nodes));
  });
  return absl::StrCat(
      "partitions beyond the counts of their tables are left out, as decided: ", partitions,
      "; a stock meta server aborts when a node reports one, so move their "
      "directories away first");
}

std::string ReplicasWithoutTables(const RecoveryPlan& plan, FindingSpan findings,
                                  size_t named_max) {
  if (!AreHazards(findings)) return "";
  const std::string tables = Listed(findings, named_max, [&](const Finding& finding) {
    const auto* facts = finding.facts.As<found::ReplicasWithoutTable>();
    return absl::StrCat(finding.app_id,
                        facts == nullptr ? ""
                                         : absl::StrCat(" (", Counted(facts->replicas, "replica"),
                                                        OnNodes(plan, facts->nodes), ")"));
  });
  return absl::StrCat("replicas of tables that no node describes are left out, as decided: tables ",
                      tables,
                      "; a placeholder keeps a stock meta server from aborting on them, but their "
                      "data stay unused");
}

}  // namespace metarec
