#include "meta_recovery/planner/finding_severity.h"

#include <string>

#include "meta_recovery/planner/settlements.h"

namespace metarec {
namespace {

bool IsIgnored(const PlanOptions& options, const std::string& key) {
  const auto settled = options.settlements.find(key);
  return settled != options.settlements.end() && settled->second == kSettleIgnore;
}

}  // namespace

bool IsGraveAsMade(const Finding& finding, const PlanOptions& options, bool has_answer) {
  switch (finding.kind) {
    case FindingKind::kBadNode:
      return finding.severity ==
             (options.skip_bad_nodes && has_answer ? Severity::kWarning : Severity::kError);
    case FindingKind::kStillServed:
      return finding.severity ==
             (options.accept_still_served ? Severity::kWarning : Severity::kHazard);
    case FindingKind::kPartitionLost:
      return finding.severity ==
             (options.skip_lost_partitions ? Severity::kWarning : Severity::kError);
    case FindingKind::kRecordsConflict:
      return finding.severity == Severity::kConflict;
    case FindingKind::kAppIdOutOfRange:
      return finding.severity == (IsIgnored(options, SettlementKey(finding.app_id))
                                      ? Severity::kHazard
                                      : Severity::kConflict);
    case FindingKind::kReplicaBeyondCount:
      return finding.severity ==
             (IsIgnored(options, SettlementKey(finding.app_id, finding.partition_index))
                  ? Severity::kHazard
                  : Severity::kConflict);
    case FindingKind::kReplicasWithoutTable: {
      const std::string key = SettlementKey(finding.app_id);
      if (IsIgnored(options, key)) return finding.severity == Severity::kHazard;
      return finding.severity ==
             (options.settlements.contains(key) ? Severity::kWarning : Severity::kConflict);
    }
    default:
      return finding.severity < Severity::kError;
  }
}

}  // namespace metarec
