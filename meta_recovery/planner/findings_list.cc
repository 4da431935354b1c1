#include "meta_recovery/planner/findings_list.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace metarec {
namespace {

enum class SubjectGroup { kNodes, kTables, kPartitions };

SubjectGroup GroupOf(const Finding& finding) {
  if (finding.node != kNoNode || finding.app_id == 0) return SubjectGroup::kNodes;
  return finding.partition_index < 0 ? SubjectGroup::kTables : SubjectGroup::kPartitions;
}

bool ComesBefore(const Finding& a, const Finding& b) {
  const SubjectGroup group = GroupOf(a);
  if (group != GroupOf(b)) return group < GroupOf(b);
  if (a.node != b.node) return a.node < b.node;
  if (a.app_id != b.app_id) {
    return group == SubjectGroup::kTables ? a.app_id > b.app_id : a.app_id < b.app_id;
  }
  return std::tie(a.partition_index, a.kind, a.severity, a.facts) <
         std::tie(b.partition_index, b.kind, b.severity, b.facts);
}

}  // namespace

void FindingsList::Add(FindingKind kind, Severity severity, FindingSubject subject,
                       std::vector<FindingFact> facts) {
  std::erase_if(facts, [](const FindingFact& fact) { return fact.second.empty(); });
  findings_.push_back(Finding{.kind = kind,
                              .severity = severity,
                              .node = subject.node,
                              .app_id = subject.app_id,
                              .partition_index = subject.partition_index,
                              .facts = std::move(facts)});
}

std::vector<Finding> FindingsList::TakeSorted() {
  std::sort(findings_.begin(), findings_.end(), ComesBefore);
  return std::exchange(findings_, {});
}

}  // namespace metarec
