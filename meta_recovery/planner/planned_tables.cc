#include "meta_recovery/planner/planned_tables.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "meta_recovery/planner/record_reconciliation.h"

namespace metarec {
namespace {

std::string StatusKey(int32_t app_id) { return SettlementKey(app_id, "status"); }

class TablePlanner {
 public:
  TablePlanner(const PlannedTablesInput& input, ReportProblems& problems, Settlements& settlements,
               FindingsList& findings, IdsBeyond& beyond)
      : input_(input),
        problems_(problems),
        settlements_(settlements),
        findings_(findings),
        beyond_(beyond) {}

  absl::StatusOr<std::vector<PlannedTable>> Run() {
    std::vector<ReportedTable> reported =
        CollectReportedTables(input_.roster, input_.options, problems_);
    METAREC_RETURN_IF_ERROR(SetAsideIdsOutOfRange(reported));
    METAREC_RETURN_IF_ERROR(SetAsideIdsBeyondGaps(reported));
    for (ReportedTable& table : reported) METAREC_RETURN_IF_ERROR(PlanFromRecords(table));
    for (const int32_t app_id : input_.replicas.app_ids()) {
      if (input_.replicas.ClaimsOf(app_id).empty() || tables_.contains(app_id)) continue;
      if (!set_aside_.contains(app_id)) METAREC_RETURN_IF_ERROR(PlanFromReplicas(app_id));
    }
    KeepIdsThatAreSetAside();
    return WithoutGaps();
  }

 private:
  // A single absurd id would cost as many placeholders.
  absl::Status SetAsideIdsOutOfRange(std::vector<ReportedTable>& reported) {
    struct OutOfRange {
      std::set<NodeIndex> nodes;
      std::string name;
      int64_t replicas = 0;
    };
    std::map<int32_t, OutOfRange> apps;
    for (const ReportedTable& table : reported) {
      if (table.app_id <= input_.options.max_app_id) continue;
      METAREC_RARE_BRANCH("an id is far above the others");
      OutOfRange& app = apps[table.app_id];
      for (const NodeRecord& record : table.records) {
        app.nodes.insert(record.node);
        app.name = std::max(app.name, record.record->app_name);
      }
    }
    std::erase_if(reported, [&](const ReportedTable& table) {
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

  // Each unused id below a table's becomes a placeholder. A single bogus id would cost many, so ids
  // that stand too far above those that count need a decision.
  absl::Status SetAsideIdsBeyondGaps(std::vector<ReportedTable>& reported) {
    std::map<int32_t, const ReportedTable*> ids;
    for (const int32_t app_id : input_.replicas.app_ids()) {
      if (!input_.replicas.ClaimsOf(app_id).empty()) ids.emplace(app_id, nullptr);
    }
    for (const ReportedTable& table : reported) ids[table.app_id] = &table;
    int64_t explained = 0;  // the highest id that counts
    for (const auto& [app_id, table] : ids) {
      const int64_t gap_max = std::max<int64_t>(input_.options.max_id_gap, 10 * explained);
      if (app_id - explained - 1 > gap_max) {
        METAREC_RARE_BRANCH("an id is far above what the others explain");
        METAREC_ASSIGN_OR_RETURN(const bool counts, IsKept(app_id, table, explained));
        if (!counts) {
          set_aside_.insert(app_id);
          continue;
        }
      }
      explained = app_id;
    }
    std::erase_if(reported,
                  [this](const ReportedTable& table) { return set_aside_.contains(table.app_id); });
    return absl::OkStatus();
  }

  // Whether the operator decided that an id far above the others counts. `table`: null if no node
  // describes it; who does that decides that it counts.
  absl::StatusOr<bool> IsKept(int32_t app_id, const ReportedTable* table, int64_t explained) {
    const absl::Span<const ReplicaClaim> claims = input_.replicas.ClaimsOf(app_id);
    std::set<NodeIndex> nodes;
    found::AppIdGap facts = {.below = static_cast<int32_t>(explained),
                             .replicas = static_cast<int64_t>(claims.size())};
    for (const ReplicaClaim& claim : claims) nodes.insert(claim.node);
    if (table != nullptr) {
      for (const NodeRecord& record : table->records) {
        nodes.insert(record.node);
        facts.name = std::max(facts.name, record.record->app_name);
      }
    }
    facts.nodes.assign(nodes.begin(), nodes.end());
    const std::string key = SettlementKey(app_id);
    const FindingSubject subject = FindingSubject::Table(app_id);
    const std::string* settled = settlements_.Find(key);
    if (settled == nullptr) {
      findings_.Add(Severity::kConflict, subject, std::move(facts));
      return false;
    }
    if (*settled == kSettleIgnore) {
      settlements_.Use(key, FindingKind::kAppIdGap, subject, findings_);
      findings_.Add(Severity::kHazard, subject, std::move(facts));
      return false;
    }
    if (table != nullptr && *settled != kSettleKeep) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cannot settle '", key, "=", *settled, "': the id is far above the others; write '", key,
          "=", kSettleKeep, "' if the table is real, or '", key, "=", kSettleIgnore,
          "' to leave it out"));
    }
    // Of a table that no node describes, the decision describes it, and is used there.
    if (table != nullptr) {
      settlements_.Use(key, FindingKind::kAppIdGap, subject, findings_);
      kept_.insert(app_id);
    }
    findings_.Add(Severity::kWarning, subject, std::move(facts));
    return true;
  }

  // Ids that are left out below others that count. A stock meta server aborts on a replica whose
  // index is beyond the count.
  void KeepIdsThatAreSetAside() {
    for (const int32_t app_id : set_aside_) {
      const absl::Span<const ReplicaClaim> claims = input_.replicas.ClaimsOf(app_id);
      const int32_t partitions = claims.empty() ? 1 : claims.back().partition_index + 1;
      if (tables_.empty() || app_id > tables_.rbegin()->first) {
        beyond_[app_id] = partitions;
      } else {
        tables_[app_id] = MakePlaceholder(app_id, partitions);
      }
    }
  }

  // Whether the operator decided to leave the table out. Nothing else can be decided.
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

  // Whether the operator decided to leave a table out that nodes describe.
  absl::StatusOr<bool> LeaveOut(const ReportedTable& reported) {
    const int32_t app_id = reported.app_id;
    const std::string key = SettlementKey(app_id);
    const std::string* settled = settlements_.Find(key);
    if (settled == nullptr || kept_.contains(app_id)) {
      if (!IsDroppedByDecision(reported)) return false;
      MakeLeftOut(reported, StatusKey(app_id));
      return true;
    }
    if (*settled != kSettleIgnore) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", key, "=", *settled, "': nodes describe table ", app_id,
                       "; write '", key, "=", kSettleIgnore, "' to leave it out"));
    }
    const absl::Span<const ReplicaClaim> claims = input_.replicas.ClaimsOf(app_id);
    if (std::any_of(claims.begin(), claims.end(),
                    [](const ReplicaClaim& claim) { return !IsIncomplete(claim.status); })) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", key, "=", *settled, "': table ", app_id,
                       " has complete replicas, and only a table without any can be left out; "
                       "recover it, and drop it then"));
    }
    MakeLeftOut(reported, key);
    return true;
  }

  // Whether the operator believes nodes that report a table as dropped.
  bool IsDroppedByDecision(const ReportedTable& reported) const {
    const std::string* settled = settlements_.Find(StatusKey(reported.app_id));
    return settled != nullptr && *settled == TableStatusName(TableStatus::kDropped) &&
           std::any_of(reported.records.begin(), reported.records.end(),
                       [](const NodeRecord& record) {
                         return record.record->status == TableStatus::kDropped;
                       });
  }

  // Its placeholder has a partition for each replica that may be left somewhere: a stock meta
  // server aborts on others.
  void MakeLeftOut(const ReportedTable& reported, const std::string& key) {
    const int32_t app_id = reported.app_id;
    const absl::Span<const ReplicaClaim> claims = input_.replicas.ClaimsOf(app_id);
    int32_t partitions = claims.empty() ? 1 : claims.back().partition_index + 1;
    std::string name;
    for (const NodeRecord& record : reported.records) {
      partitions = std::max(partitions, record.record->partition_count);
      name = std::max(name, record.record->app_name);
    }
    tables_[app_id] = MakePlaceholder(app_id, partitions);
    const FindingSubject subject = FindingSubject::Table(app_id);
    settlements_.Use(key, FindingKind::kTableProbablyDropped, subject, findings_);
    findings_.Add(
        Severity::kWarning, subject,
        found::TableLeftOut{.name = name, .replicas = static_cast<int64_t>(claims.size())});
  }

  absl::Status PlanFromRecords(ReportedTable& reported) {
    METAREC_ASSIGN_OR_RETURN(const bool is_left_out, LeaveOut(reported));
    if (is_left_out) return absl::OkStatus();
    PlannedTable& planned = tables_[reported.app_id];
    planned.claims = input_.replicas.ClaimsOf(reported.app_id);
    WeighRecords(planned.claims, reported);
    METAREC_RETURN_IF_ERROR(
        ReconcileRecords(reported, problems_, settlements_, findings_, planned));
    return DecidePartitionCount(reported, input_.options, settlements_, findings_, planned);
  }

  absl::Status PlanFromReplicas(int32_t app_id) {
    const absl::Span<const ReplicaClaim> claims = input_.replicas.ClaimsOf(app_id);
    const FindingSubject subject = FindingSubject::Table(app_id);
    const std::string key = SettlementKey(app_id);
    const std::string* settled = settlements_.Find(key);
    Severity severity = Severity::kConflict;
    METAREC_RARE_BRANCH("replicas are of a table that nobody describes");
    tables_[app_id] = MakePlaceholder(app_id, 1);
    if (settled != nullptr) {
      METAREC_ASSIGN_OR_RETURN(severity, SettleReplicasWithoutTable(app_id, *settled, claims));
      settlements_.Use(key, FindingKind::kReplicasWithoutTable, subject, findings_);
    }
    tables_[app_id].claims = claims;
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
      tables_[app_id] = MakePlaceholder(app_id, highest + 1);
      return Severity::kHazard;
    }
    TopologyTable described;
    if (!DescribeTable(app_id, settled, &described) || described.partition_count <= highest ||
        described.partition_count > input_.options.max_partition_count) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", app_id, "=", settled, "': write '", app_id, "=",
                       kSettleIgnore, "' to leave the replicas out, or '", app_id,
                       "=NAME:PARTITION_COUNT:MAX_REPLICA_COUNT' with a partition count from ",
                       highest + 1, " to ", input_.options.max_partition_count,
                       " and a replica count from 1 to ", kReplicaCountMax));
    }
    PlannedTable planned;
    planned.decision.old_name = described.app_name;
    planned.table = std::move(described);
    tables_[app_id] = std::move(planned);
    findings_.Add(Severity::kNote, FindingSubject::Table(app_id), found::TableLostState{});
    return Severity::kWarning;
  }

  std::vector<PlannedTable> WithoutGaps() {
    std::vector<PlannedTable> tables;
    const int32_t highest = tables_.empty() ? 0 : tables_.rbegin()->first;
    tables.reserve(highest);
    for (auto& [app_id, planned] : tables_) {
      while (static_cast<int32_t>(tables.size()) + 1 < app_id) {
        tables.push_back(MakePlaceholder(static_cast<int32_t>(tables.size()) + 1, 1));
        tables.back().is_gap = true;
      }
      tables.push_back(std::move(planned));
    }
    return tables;
  }

  const PlannedTablesInput& input_;
  ReportProblems& problems_;
  Settlements& settlements_;
  FindingsList& findings_;
  IdsBeyond& beyond_;
  std::map<int32_t, PlannedTable> tables_;
  std::set<int32_t> set_aside_;  // ids far above the others that do not count
  std::set<int32_t> kept_;       // and described ones that do
};

}  // namespace

bool DescribeTable(int32_t app_id, absl::string_view text, TopologyTable* table) {
  const size_t last = text.rfind(':');
  if (last == absl::string_view::npos || last == 0) return false;
  const size_t middle = text.rfind(':', last - 1);
  if (middle == absl::string_view::npos || middle == 0) return false;
  table->app_type = "pegasus";
  table->app_name = std::string(text.substr(0, middle));
  table->app_id = app_id;
  table->create_second = 0;  // not known; a time of today would differ at every planning
  if (!absl::SimpleAtoi(text.substr(middle + 1, last - middle - 1), &table->partition_count) ||
      !absl::SimpleAtoi(text.substr(last + 1), &table->max_replica_count)) {
    return false;
  }
  table->init_partition_count = table->partition_count;
  return table->partition_count > 0 && table->max_replica_count > 0 &&
         table->max_replica_count <= kReplicaCountMax;
}

PlannedTable MakePlaceholder(int32_t app_id, int32_t partition_count) {
  PlannedTable planned;
  planned.table.status = TableStatus::kDropped;
  planned.table.app_type = "pegasus";
  planned.table.app_name = absl::StrCat("__drop_holder__", app_id);
  planned.table.app_id = app_id;
  planned.table.partition_count = partition_count;
  planned.table.init_partition_count = partition_count;
  planned.decision.old_name = planned.table.app_name;
  planned.decision.placeholder = true;
  return planned;
}

absl::StatusOr<std::vector<PlannedTable>> PlanTables(const PlannedTablesInput& input,
                                                     ReportProblems& problems,
                                                     Settlements& settlements,
                                                     FindingsList& findings, IdsBeyond& beyond) {
  return TablePlanner(input, problems, settlements, findings, beyond).Run();
}

}  // namespace metarec
