#include "meta_recovery/planner/finding.h"

namespace metarec {

absl::string_view FindingKindName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kBadNode:
      return "bad_node";
    case FindingKind::kSkippedNodeReturns:
      return "skipped_node_returns";
    case FindingKind::kNodeNameDiffers:
      return "node_name_differs";
    case FindingKind::kNodeListedTwice:
      return "node_listed_twice";
    case FindingKind::kStillServed:
      return "still_served";
    case FindingKind::kNodeReportInvalid:
      return "node_report_invalid";
    case FindingKind::kTableRenamed:
      return "table_renamed";
    case FindingKind::kNameUnusableInShell:
      return "name_unusable_in_shell";
    case FindingKind::kTableProbablyDropped:
      return "table_probably_dropped";
    case FindingKind::kRecordsDiffer:
      return "records_differ";
    case FindingKind::kRecordsConflict:
      return "records_conflict";
    case FindingKind::kSplitUnfinished:
      return "split_unfinished";
    case FindingKind::kSplitCompleted:
      return "split_completed";
    case FindingKind::kTableLostState:
      return "table_lost_state";
    case FindingKind::kPlaceholder:
      return "placeholder";
    case FindingKind::kAppIdOutOfRange:
      return "app_id_out_of_range";
    case FindingKind::kReplicasWithoutTable:
      return "replicas_without_table";
    case FindingKind::kSettled:
      return "settled";
    case FindingKind::kReplicasMissing:
      return "replicas_missing";
    case FindingKind::kPartitionLost:
      return "partition_lost";
    case FindingKind::kPrimaryIncomplete:
      return "primary_incomplete";
    case FindingKind::kReplicaOverruled:
      return "replica_overruled";
    case FindingKind::kBallotAbovePrimary:
      return "ballot_above_primary";
    case FindingKind::kLessDataThanOverruled:
      return "less_data_than_overruled";
    case FindingKind::kReplicaBeyondCount:
      return "replica_beyond_count";
  }
  return "unknown";
}

absl::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kHazard:
      return "hazard";
    case Severity::kError:
      return "error";
    case Severity::kConflict:
      return "conflict";
  }
  return "unknown";
}

absl::string_view Finding::Fact(absl::string_view key) const {
  for (const auto& [name, value] : facts) {
    if (name == key) return value;
  }
  return "";
}

}  // namespace metarec
