#include "meta_recovery/report/findings_by_kind.h"

#include <algorithm>
#include <map>

namespace metarec {
namespace {

// The gravest first; what is not here comes after them.
constexpr FindingKind kByGravity[] = {
    FindingKind::kStillServed,
    FindingKind::kNameUnusableInShell,
    FindingKind::kSkippedNodeReturns,
    FindingKind::kPartitionLost,
    FindingKind::kBadNode,
    FindingKind::kReplicasWithoutTable,
    FindingKind::kReplicaBeyondCount,
    FindingKind::kRecordsConflict,
    FindingKind::kAppIdOutOfRange,
    FindingKind::kLessDataThanOverruled,
    FindingKind::kPrimaryIncomplete,
    FindingKind::kReplicasMissing,
    FindingKind::kSplitUnfinished,
    FindingKind::kSplitCompleted,
    FindingKind::kTableProbablyDropped,
    FindingKind::kTableRenamed,
    FindingKind::kRecordsDiffer,
    FindingKind::kNodeReportInvalid,
    FindingKind::kBallotAbovePrimary,
    FindingKind::kSettled,
};

size_t GravityRank(FindingKind kind) {
  return static_cast<size_t>(std::find(std::begin(kByGravity), std::end(kByGravity), kind) -
                             std::begin(kByGravity));
}

}  // namespace

bool IsAbout(const Finding& finding, const TableOrPartition& subject) {
  return finding.app_id == subject.app_id &&
         (subject.partition_index < 0 || finding.partition_index == subject.partition_index);
}

std::vector<FindingGroup> GroupFindings(const RecoveryPlan& plan, Severity severity,
                                        const std::optional<TableOrPartition>& only) {
  std::map<std::pair<size_t, FindingKind>, std::vector<const Finding*>> by_rank;
  for (const Finding& finding : plan.findings) {
    if (finding.severity != severity) continue;
    if (only.has_value() && !IsAbout(finding, *only)) continue;
    by_rank[{GravityRank(finding.kind), finding.kind}].push_back(&finding);
  }
  std::vector<FindingGroup> groups;
  groups.reserve(by_rank.size());
  for (auto& [key, findings] : by_rank) groups.push_back({key.second, std::move(findings)});
  return groups;
}

}  // namespace metarec
