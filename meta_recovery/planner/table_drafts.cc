#include "meta_recovery/planner/table_drafts.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "meta_recovery/planner/sane_values.h"
#include "meta_recovery/planner/table_partition_count.h"
#include "meta_recovery/planner/table_records.h"

namespace metarec {
namespace {

// How the operator describes a table that no node has a record of: NAME:PARTITIONS:REPLICAS. The
// name may hold colons.
struct DescribedTable {
  std::string name;
  int32_t partition_count = 0;
  int32_t max_replica_count = 0;
};

bool ParseDescribedTable(absl::string_view text, DescribedTable* table) {
  const size_t last = text.rfind(':');
  if (last == absl::string_view::npos || last == 0) return false;
  const size_t middle = text.rfind(':', last - 1);
  if (middle == absl::string_view::npos || middle == 0) return false;
  table->name = std::string(text.substr(0, middle));
  return absl::SimpleAtoi(text.substr(middle + 1, last - middle - 1), &table->partition_count) &&
         absl::SimpleAtoi(text.substr(last + 1), &table->max_replica_count) &&
         table->partition_count > 0 && table->max_replica_count > 0 &&
         table->max_replica_count <= kReplicaCountMax;
}

class TableDrafter {
 public:
  TableDrafter(const TableDraftsInput& input, ReportProblems& problems, Settlements& settlements,
               FindingsList& findings)
      : input_(input), problems_(problems), settlements_(settlements), findings_(findings) {}

  absl::StatusOr<std::vector<TableDraft>> Run() {
    std::vector<TableRecords> records =
        CollectTableRecords(input_.roster, input_.options, problems_);
    METAREC_RETURN_IF_ERROR(SetAsideIdsOutOfRange(records));
    for (TableRecords& table : records) METAREC_RETURN_IF_ERROR(DraftFromRecords(table));
    for (const int32_t app_id : input_.replicas.app_ids()) {
      if (input_.replicas.ClaimsOf(app_id).empty() || drafts_.contains(app_id)) continue;
      METAREC_RETURN_IF_ERROR(DraftFromReplicas(app_id));
    }
    return WithoutGaps();
  }

 private:
  // A single absurd id must not cost that many placeholders.
  absl::Status SetAsideIdsOutOfRange(std::vector<TableRecords>& records) {
    struct OutOfRange {
      std::set<NodeIndex> nodes;
      std::string name;
      int64_t replicas = 0;
    };
    std::map<int32_t, OutOfRange> apps;
    for (const TableRecords& table : records) {
      if (table.app_id <= input_.options.max_app_id) continue;
      METAREC_RARE_BRANCH("an id is far above the others");
      OutOfRange& app = apps[table.app_id];
      for (const NodeRecord& record : table.records) {
        app.nodes.insert(record.node);
        app.name = std::max(app.name, record.record->app_name);
      }
    }
    std::erase_if(records, [&](const TableRecords& table) {
      return table.app_id > input_.options.max_app_id;
    });
    for (const auto& [app_id, replicas] : input_.replicas.out_of_range()) {
      OutOfRange& app = apps[app_id];
      app.nodes.insert(replicas.nodes.begin(), replicas.nodes.end());
      app.replicas += replicas.replicas;
    }
    for (const auto& [app_id, app] : apps) {
      METAREC_ASSIGN_OR_RETURN(const bool ignored,
                               IsIgnored(app_id, FindingKind::kAppIdOutOfRange));
      const std::vector<NodeIndex> nodes(app.nodes.begin(), app.nodes.end());
      findings_.Add(
          ignored ? Severity::kHazard : Severity::kConflict, FindingSubject::Table(app_id),
          found::AppIdOutOfRange{.nodes = nodes, .name = app.name, .replicas = app.replicas});
    }
    return absl::OkStatus();
  }

  // Whether the operator said that nothing of this app counts. The only possible answer.
  absl::StatusOr<bool> IsIgnored(int32_t app_id, FindingKind conflict) {
    const std::string key = SettlementKey(app_id);
    const std::string* settled = settlements_.Find(key);
    if (settled == nullptr) return false;
    if (*settled != kSettleIgnore) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", key, "=", *settled, "': the id is above max_app_id (",
                       input_.options.max_app_id, "); write '", key, "=", kSettleIgnore,
                       "' to leave it out, or raise --max_app_id"));
    }
    settlements_.Use(key, conflict, FindingSubject::Table(app_id), findings_);
    return true;
  }

  absl::Status DraftFromRecords(TableRecords& table) {
    TableDraft& draft = drafts_[table.app_id];
    draft.claims = input_.replicas.ClaimsOf(table.app_id);
    if (NeedWeights(table.records)) WeighRecords(draft.claims, absl::MakeSpan(table.records));
    METAREC_RETURN_IF_ERROR(MergeRecords(table, problems_, settlements_, findings_, draft));
    return DecidePartitionCount(table, input_.options, settlements_, findings_, draft);
  }

  absl::Status DraftFromReplicas(int32_t app_id) {
    const absl::Span<const ReplicaClaim> claims = input_.replicas.ClaimsOf(app_id);
    const FindingSubject subject = FindingSubject::Table(app_id);
    const std::string key = SettlementKey(app_id);
    const std::string* settled = settlements_.Find(key);
    Severity severity = Severity::kConflict;
    METAREC_RARE_BRANCH("replicas are of a table that nobody describes");
    drafts_[app_id] = MakePlaceholder(app_id, 1);
    if (settled != nullptr) {
      METAREC_ASSIGN_OR_RETURN(severity, SettleReplicasWithoutTable(app_id, *settled, claims));
      settlements_.Use(key, FindingKind::kReplicasWithoutTable, subject, findings_);
    }
    std::vector<int32_t> indexes;
    std::set<NodeIndex> nodes;
    for (const ReplicaClaim& claim : claims) {
      if (indexes.empty() || indexes.back() != claim.partition_index) {
        indexes.push_back(claim.partition_index);
      }
      nodes.insert(claim.node);
    }
    findings_.Add(
        severity, subject,
        found::ReplicasWithoutTable{.indices = RangesOf(indexes),
                                    .nodes = std::vector<NodeIndex>(nodes.begin(), nodes.end()),
                                    .replicas = static_cast<int64_t>(claims.size())});
    return absl::OkStatus();
  }

  absl::StatusOr<Severity> SettleReplicasWithoutTable(int32_t app_id, const std::string& settled,
                                                      absl::Span<const ReplicaClaim> claims) {
    const int32_t highest = claims.back().partition_index;
    if (settled == kSettleIgnore) {
      // A stock meta server aborts on a replica whose index is beyond the count.
      drafts_[app_id] = MakePlaceholder(app_id, highest + 1);
      return Severity::kHazard;
    }
    DescribedTable described;
    if (!ParseDescribedTable(settled, &described) || described.partition_count <= highest ||
        described.partition_count > input_.options.max_partition_count) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", app_id, "=", settled, "': write '", app_id, "=",
                       kSettleIgnore, "' to leave the replicas out, or '", app_id,
                       "=NAME:PARTITION_COUNT:MAX_REPLICA_COUNT' with a partition count from ",
                       highest + 1, " to ", input_.options.max_partition_count,
                       " and a replica count from 1 to ", kReplicaCountMax));
    }
    TableDraft draft;
    draft.claims = claims;
    draft.table.app_type = "pegasus";
    draft.table.app_name = described.name;
    draft.table.app_id = app_id;
    draft.table.partition_count = described.partition_count;
    draft.table.init_partition_count = described.partition_count;
    draft.table.max_replica_count = described.max_replica_count;
    draft.table.create_second = 0;  // not known; a time of today would differ at every planning
    draft.decision.old_name = described.name;
    drafts_[app_id] = std::move(draft);
    findings_.Add(Severity::kNote, FindingSubject::Table(app_id), found::TableLostState{});
    return Severity::kWarning;
  }

  std::vector<TableDraft> WithoutGaps() {
    std::vector<TableDraft> drafts;
    const int32_t highest = drafts_.empty() ? 0 : drafts_.rbegin()->first;
    drafts.reserve(highest);
    for (auto& [app_id, draft] : drafts_) {
      while (static_cast<int32_t>(drafts.size()) + 1 < app_id) {
        drafts.push_back(MakePlaceholder(static_cast<int32_t>(drafts.size()) + 1, 1));
      }
      drafts.push_back(std::move(draft));
    }
    for (const TableDraft& draft : drafts) {
      if (!draft.decision.placeholder) continue;
      findings_.Add(Severity::kNote, FindingSubject::Table(draft.table.app_id),
                    found::Placeholder{});
    }
    return drafts;
  }

  const TableDraftsInput& input_;
  ReportProblems& problems_;
  Settlements& settlements_;
  FindingsList& findings_;
  std::map<int32_t, TableDraft> drafts_;
};

}  // namespace

TableDraft MakePlaceholder(int32_t app_id, int32_t partition_count) {
  TableDraft draft;
  draft.table.status = TableStatus::kDropped;
  draft.table.app_type = "pegasus";
  draft.table.app_name = absl::StrCat("__drop_holder__", app_id);
  draft.table.app_id = app_id;
  draft.table.partition_count = partition_count;
  draft.table.init_partition_count = partition_count;
  draft.decision.old_name = draft.table.app_name;
  draft.decision.placeholder = true;
  return draft;
}

absl::StatusOr<std::vector<TableDraft>> DraftTables(const TableDraftsInput& input,
                                                    ReportProblems& problems,
                                                    Settlements& settlements,
                                                    FindingsList& findings) {
  return TableDrafter(input, problems, settlements, findings).Run();
}

}  // namespace metarec
