// How a cluster's metadata is rebuilt from what its replica servers say.
//
// Each node either gave both its answers completely or counts as bad; of a bad node nothing is
// used, and unless the operator lets it be skipped, the plan ends there. Then, in six steps:
//
//   1. Replicas.   Every replica of every complete node is brought in one linear pass into the
//                  order (table, partition, rank). Rank: complete before incomplete, higher
//                  ballot, of a running server before one on disk only, PS_PRIMARY at that ballot,
//                  higher committed decree, higher prepared decree, lower address
//                  (replica_index.h).
//   2. Tables.     The records of each table are merged field by field. Fields that change in a
//                  table's life are decided by a vote in which a node weighs as much as it took
//                  part in the table's latest changes; fields that never change must agree, or the
//                  operator decides (record_reconciliation.h). The partition count may stand
//                  doubled in some records while a split is under way
//                  (partition_count_decision.cc).
//   3. Homes.      Replicas of a table that nobody describes, or of an index that the table does
//                  not have, are conflicts that the operator settles: a stock meta server would
//                  have such replicas deleted, or abort on them. Ids that nobody mentions become
//                  placeholders, so that they are not used again (planned_tables.h).
//   4. Old trees. What old copies of ZooKeeper's tree say of these tables is added, field by field,
//                  as far as it is not older than what the servers say (old_tree_carrying.h).
//   5. Names.      Of several living tables of one name the highest id keeps it (unique_names.h).
//   6. Partitions. Of equal replicas the one comes first whose node has the fewest primaries so
//                  far (primary_spread.h). The best replica becomes the primary, the next ones
//                  last_drops; the ballot is the highest that anybody reported
//                  (partition_planner.h).
//
// What is preferred when not everything can be had: never to lose a replica silently, then never
// to bring up older data than necessary, then never to stop without saying what would help. Nothing
// is repaired by guessing: where the evidence contradicts itself, the plan stops with a conflict.
// Whether data are really there is not examined; replica servers are believed.

#include "meta_recovery/planner/planner.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "meta_recovery/planner/due_findings.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/node_identity.h"
#include "meta_recovery/planner/node_roster.h"
#include "meta_recovery/planner/old_tree_carrying.h"
#include "meta_recovery/planner/partition_planner.h"
#include "meta_recovery/planner/planned_tables.h"
#include "meta_recovery/planner/replica_index.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/planner/unique_names.h"

namespace metarec {
namespace {

constexpr size_t kSeparatorBytesMax = 20;

// What a table's name may consist of, and '-', which meta servers take, too.
bool IsFitForNames(absl::string_view separator) {
  return !separator.empty() && separator.size() <= kSeparatorBytesMax &&
         std::all_of(separator.begin(), separator.end(),
                     [](char c) { return c == '-' || IsUsableInShell(absl::string_view(&c, 1)); });
}

}  // namespace

absl::Status CheckPlanOptions(const PlanOptions& options) {
  if (!IsFitForNames(options.rename_separator)) {
    return absl::InvalidArgumentError(
        absl::StrCat("rename_separator is \"", absl::CHexEscape(options.rename_separator),
                     "\": what goes between a renamed table's name and its id must be from 1 to ",
                     kSeparatorBytesMax, " letters, digits, or characters of . _ : -"));
  }
  if (options.max_app_id < 1 || options.max_app_id > kMaxAppIdMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_app_id is ", options.max_app_id, ": must be from 1 to ", kMaxAppIdMax));
  }
  if (options.max_id_gap < 0 || options.max_id_gap > kMaxAppIdMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_id_gap is ", options.max_id_gap, ": must be from 0 to ", kMaxAppIdMax));
  }
  if (options.max_partition_count < 1 || options.max_partition_count > kPlanPartitionsMax) {
    return absl::InvalidArgumentError(absl::StrCat("max_partition_count is ",
                                                   options.max_partition_count,
                                                   ": must be from 1 to ", kPlanPartitionsMax));
  }
  for (const std::string& skipped : options.lost_partitions_skipped) {
    TableOrPartition subject;
    if (ParseTableOrPartition(skipped, &subject) && subject.app_id > 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--skip_lost_partitions=", absl::CHexEscape(skipped),
                     ": neither a table's id (3) nor a partition (4.2)"));
  }
  return absl::OkStatus();
}

namespace {

class Planner {
 public:
  Planner(const Evidence& evidence, const PlanOptions& options, absl::Span<const OldTree> old_trees,
          NodeRoster roster, Settlements settlements)
      : evidence_(evidence),
        old_trees_(old_trees),
        roster_(std::move(roster)),
        settlements_(std::move(settlements)) {
    // Plan files keep whole seconds.
    plan_.evidence_collected_at = absl::FromUnixSeconds(absl::ToUnixSeconds(evidence.collected_at));
    plan_.options = options;
  }

  // `release_replicas` is called once the evidence's replicas are not needed any more.
  absl::StatusOr<RecoveryPlan> Run(const std::function<void()>& release_replicas) {
    roster_.FillPlan(plan_);
    AddIdentityFindings(evidence_, roster_, plan_.options, findings_);
    if (AreTablesPlanned(plan_)) {
      SortReplicas();
      release_replicas();
      METAREC_RETURN_IF_ERROR(PlanEveryTable());
      METAREC_RETURN_IF_ERROR(
          CarryFromOldTrees(old_trees_, settlements_, ids_beyond_, tables_, findings_, plan_));
      RenameTables();
      METAREC_RETURN_IF_ERROR(PlanPartitions());
      METAREC_RETURN_IF_ERROR(CheckSkippedPartitions());
      METAREC_RETURN_IF_ERROR(settlements_.CheckAllUsed());
    }
    return Finish();
  }

 private:
  void SortReplicas() {
    replicas_.emplace(roster_, plan_.options, problems_);
    for (NodeIndex node = 0; node < roster_.size(); ++node) {
      const ReplicaIndex::Served& served = replicas_->ServedBy(node);
      plan_.nodes[node].primaries = served.primaries;
      plan_.nodes[node].secondaries = served.secondaries;
    }
  }

  absl::Status PlanEveryTable() {
    const PlannedTablesInput input = {
        .roster = roster_, .replicas = *replicas_, .options = plan_.options};
    METAREC_ASSIGN_OR_RETURN(tables_,
                             PlanTables(input, problems_, settlements_, findings_, ids_beyond_));
    problems_.MoveTo(findings_);
    return absl::OkStatus();
  }

  // Dropped tables, as placeholders are, do not compete for names.
  void RenameTables() {
    std::vector<NamedTable> names;
    for (const PlannedTable& planned : tables_) {
      if (planned.table.status == TableStatus::kDropped) continue;
      names.push_back({.app_id = planned.table.app_id, .name = planned.table.app_name});
    }
    for (const Renaming& renaming : MakeNamesUnique(names, plan_.options.rename_separator)) {
      PlannedTable& planned = tables_[names[renaming.table].app_id - 1];
      planned.table.app_name = renaming.new_name;
    }
  }

  absl::Status PlanPartitions() {
    int64_t partitions = 0;
    for (const PlannedTable& planned : tables_) partitions += planned.table.partition_count;
    if (partitions > kPlanPartitionsMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the tables of the evidence claim ", partitions,
                       " partitions together; at most ", kPlanPartitionsMax,
                       " can be planned. Lower --max_partition_count below the counts that make no "
                       "sense: their records are then left out"));
    }
    PartitionPlanner planner(findings_, plan_);
    planner.Reserve(static_cast<size_t>(partitions), replicas_->size());
    for (PlannedTable& planned : tables_) planner.Add(std::move(planned));
    AddServerMissing(plan_, findings_);
    return absl::OkStatus();
  }

  // Those that the options skip need not be lost, but must be there.
  absl::Status CheckSkippedPartitions() const {
    for (const std::string& skipped : plan_.options.lost_partitions_skipped) {
      TableOrPartition subject;
      ParseTableOrPartition(skipped, &subject);
      const auto tables = static_cast<int64_t>(plan_.topology.tables.size());
      if (subject.app_id > tables) {
        return absl::InvalidArgumentError(absl::StrCat("--skip_lost_partitions=", skipped,
                                                       ": there is no table ", subject.app_id));
      }
      const TopologyTable& table = plan_.topology.tables[subject.app_id - 1];
      if (subject.partition_index < table.partition_count) continue;
      return absl::InvalidArgumentError(absl::StrCat("--skip_lost_partitions=", skipped, ": table ",
                                                     subject.app_id, " has only ",
                                                     table.partition_count, " partitions"));
    }
    return absl::OkStatus();
  }

  RecoveryPlan Finish() {
    AddFindingsOfNodes(plan_, findings_);
    AddFindingsOfTables(plan_, findings_);
    plan_.findings = findings_.TakeSorted();
    ListDifferingFields();
    Severity gravest = Severity::kNote;
    for (const Finding& finding : plan_.findings) gravest = std::max(gravest, finding.severity);
    plan_.outcome = OutcomeOf(gravest);
    return std::move(plan_);
  }

  // Tables tell which findings about their records there are, so that none can go unnoticed.
  void ListDifferingFields() {
    for (const Finding& finding : plan_.findings) {
      const std::string field = DifferingFieldOf(finding);
      if (!field.empty()) plan_.tables[finding.app_id - 1].differing_fields.push_back(field);
    }
    for (TableDecision& decision : plan_.tables) {
      std::sort(decision.differing_fields.begin(), decision.differing_fields.end());
    }
  }

  const Evidence& evidence_;
  const absl::Span<const OldTree> old_trees_;
  const NodeRoster roster_;
  Settlements settlements_;
  ReportProblems problems_;
  FindingsList findings_;
  std::optional<ReplicaIndex> replicas_;
  std::vector<PlannedTable> tables_;
  IdsBeyond ids_beyond_;
  RecoveryPlan plan_;
};

absl::StatusOr<RecoveryPlan> MakePlanAndRelease(const Evidence& evidence,
                                                const PlanOptions& options,
                                                absl::Span<const OldTree> old_trees,
                                                const std::function<void()>& release_replicas) {
  METAREC_RETURN_IF_ERROR(CheckPlanOptions(options));
  if (const int64_t second = absl::ToUnixSeconds(evidence.collected_at);
      second < kTime.least || second > kTime.most) {
    return absl::InvalidArgumentError(
        "the evidence was collected before 1970 or after 9999; set the clock, and collect again");
  }
  METAREC_ASSIGN_OR_RETURN(Settlements settlements, Settlements::Parse(options.settlements));
  METAREC_ASSIGN_OR_RETURN(NodeRoster roster, NodeRoster::Make(evidence));
  METAREC_RETURN_IF_ERROR(roster.CheckSkipped(options, evidence.unlisted));
  Planner planner(evidence, options, old_trees, std::move(roster), std::move(settlements));
  return planner.Run(release_replicas);
}

}  // namespace

absl::StatusOr<RecoveryPlan> MakePlan(const Evidence& evidence, const PlanOptions& options,
                                      absl::Span<const OldTree> old_trees) {
  return MakePlanAndRelease(evidence, options, old_trees, [] {});
}

absl::StatusOr<RecoveryPlan> MakePlan(Evidence&& evidence, const PlanOptions& options,
                                      absl::Span<const OldTree> old_trees) {
  return MakePlanAndRelease(evidence, options, old_trees, [&evidence] {
    for (NodeEvidence& node : evidence.nodes) std::vector<ReplicaRecord>().swap(node.replicas);
  });
}

}  // namespace metarec
