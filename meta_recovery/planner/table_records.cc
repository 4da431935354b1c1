#include "meta_recovery/planner/table_records.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "meta_recovery/planner/fact_list.h"
#include "meta_recovery/planner/sane_values.h"

namespace metarec {
namespace {

auto AllFields(const TableRecord& r) {
  return std::tie(r.status, r.app_type, r.app_name, r.partition_count, r.envs, r.is_stateful,
                  r.max_replica_count, r.expire_second, r.create_second, r.drop_second,
                  r.duplicating, r.init_partition_count, r.is_bulk_loading, r.atomic_idempotent);
}

std::string BoolText(bool value) { return value ? "true" : "false"; }

std::string StatusText(int32_t status) {
  static constexpr absl::string_view kNames[] = {
      "AS_INVALID",  "AS_AVAILABLE",   "AS_CREATING", "AS_CREATE_FAILED",
      "AS_DROPPING", "AS_DROP_FAILED", "AS_DROPPED",  "AS_RECALLING"};
  if (status < 0 || status >= static_cast<int32_t>(std::size(kNames))) {
    return absl::StrCat("AS_", status);
  }
  return std::string(kNames[status]);
}

// A field that one value is chosen for by vote, or by the operator.
struct VotedField {
  absl::string_view name;
  // Whether a difference is never legitimate, so that no vote decides it.
  bool must_agree;
  std::string (*text)(const TableRecord&);
  void (*take)(const TableRecord&, TopologyTable&);
};

constexpr VotedField kVotedFields[] = {
    {"app_name", false, [](const TableRecord& r) { return r.app_name; },
     [](const TableRecord& r, TopologyTable& t) { t.app_name = r.app_name; }},
    {"max_replica_count", false,
     [](const TableRecord& r) { return absl::StrCat(r.max_replica_count); },
     [](const TableRecord& r, TopologyTable& t) { t.max_replica_count = r.max_replica_count; }},
    {"atomic_idempotent", false, [](const TableRecord& r) { return BoolText(r.atomic_idempotent); },
     [](const TableRecord& r, TopologyTable& t) { t.atomic_idempotent = r.atomic_idempotent; }},
    {"app_type", true, [](const TableRecord& r) { return r.app_type; },
     [](const TableRecord& r, TopologyTable& t) { t.app_type = r.app_type; }},
    {"is_stateful", true, [](const TableRecord& r) { return BoolText(r.is_stateful); },
     [](const TableRecord& r, TopologyTable& t) { t.is_stateful = r.is_stateful; }},
    {"create_second", true, [](const TableRecord& r) { return absl::StrCat(r.create_second); },
     [](const TableRecord& r, TopologyTable& t) { t.create_second = r.create_second; }},
};

// Merges the records of one table, field by field.
class RecordMerge {
 public:
  RecordMerge(const TableRecords& table, const NodeRoster& roster, ReportProblems& problems,
              Settlements& settlements, FindingsList& findings, TableDraft& draft)
      : records_(table.records),
        subject_(FindingSubject::Table(table.app_id)),
        roster_(roster),
        problems_(problems),
        settlements_(settlements),
        findings_(findings),
        draft_(draft) {
    draft_.table.app_id = table.app_id;
  }

  absl::Status Run() {
    for (const VotedField& field : kVotedFields) METAREC_RETURN_IF_ERROR(Vote(field));
    MergeEnvs();
    TakeHighest("expire_second", &TableRecord::expire_second, draft_.table.expire_second);
    TakeHighest("drop_second", &TableRecord::drop_second, draft_.table.drop_second);
    NoteStatus();
    MergeFlags();
    for (const NodeRecord& record : records_) {
      draft_.decision.described_by.push_back(record.node);
    }
    draft_.decision.old_name = draft_.table.app_name;
    return absl::OkStatus();
  }

 private:
  absl::Status Vote(const VotedField& field) {
    const std::vector<Candidate> candidates =
        CountVotes(records_, [&](const TableRecord& record, std::string* value) {
          *value = field.text(record);
          return true;
        });
    field.take(*candidates.front().record, draft_.table);
    if (candidates.size() == 1) return absl::OkStatus();
    if (!field.must_agree && !IsTied(candidates)) {
      NoteDifference(field.name, candidates.front().value, "vote", candidates, Severity::kWarning);
      return absl::OkStatus();
    }
    if (!field.must_agree) METAREC_RARE_BRANCH("a vote on a table's field is tied");
    const std::string key = SettlementKey(subject_.app_id, field.name);
    METAREC_ASSIGN_OR_RETURN(const Candidate* chosen, FindSettled(key, candidates, settlements_));
    if (chosen != nullptr) {
      field.take(*chosen->record, draft_.table);
      settlements_.Use(key, FindingKind::kRecordsConflict, subject_, findings_,
                       DescribeCandidates(candidates, roster_));
      return absl::OkStatus();
    }
    findings_.Add(FindingKind::kRecordsConflict, Severity::kConflict, subject_,
                  {{"field", std::string(field.name)},
                   {"values", DescribeCandidates(candidates, roster_)},
                   {"settle", key}});
    return absl::OkStatus();
  }

  void NoteDifference(absl::string_view field, absl::string_view chosen, absl::string_view rule,
                      const std::vector<Candidate>& candidates, Severity severity) {
    findings_.Add(FindingKind::kRecordsDiffer, severity, subject_,
                  {{"field", std::string(field)},
                   {"chosen", std::string(chosen)},
                   {"rule", std::string(rule)},
                   {"values", DescribeCandidates(candidates, roster_)}});
  }

  // Each key by vote among the nodes that have it: a node without it may just be restarted, which
  // forgets envs (INTEROP.md, section 10.1).
  void MergeEnvs() {
    std::set<absl::string_view> keys;
    for (const NodeRecord& record : records_) {
      for (const auto& [key, value] : record.record->envs) keys.insert(key);
    }
    for (const absl::string_view key : keys) {
      const std::vector<Candidate> candidates =
          CountVotes(records_, [&](const TableRecord& record, std::string* value) {
            const auto it = record.envs.find(std::string(key));
            if (it == record.envs.end()) return false;
            *value = it->second;
            return true;
          });
      draft_.table.envs.emplace(std::string(key), candidates.front().value);
      if (candidates.size() > 1) {
        NoteDifference(absl::StrCat("envs.", std::string(key)), candidates.front().value, "vote",
                       candidates, Severity::kWarning);
      }
    }
    for (const std::string& key : RemoveEnvsBeyondBound(&draft_.table)) NoteRemovedEnv(key);
  }

  void NoteRemovedEnv(const std::string& key) {
    for (const NodeRecord& record : records_) {
      if (!record.record->envs.contains(key)) continue;
      problems_.Add(record.node, subject_.app_id,
                    "an env that is too long for ZooKeeper beside those of other nodes");
    }
  }

  // A table that was recalled and replicated again has replicas from before and after.
  void TakeHighest(absl::string_view name, int64_t TableRecord::*field, int64_t& chosen) {
    chosen = records_.front().record->*field;
    bool differs = false;
    for (const NodeRecord& record : records_) {
      differs |= record.record->*field != chosen;
      chosen = std::max(chosen, record.record->*field);
    }
    if (!differs) return;
    const auto text = [field](const TableRecord& record, std::string* value) {
      *value = absl::StrCat(record.*field);
      return true;
    };
    NoteDifference(name, absl::StrCat(chosen), "highest", CountVotes(records_, text),
                   Severity::kWarning);
  }

  // Drops are never written to replica servers, so a status is no evidence (INTEROP.md, 10.1).
  void NoteStatus() {
    constexpr int32_t kAvailable = 1;
    draft_.table.status = TableStatus::kAvailable;
    if (std::all_of(records_.begin(), records_.end(),
                    [](const NodeRecord& record) { return record.record->status == kAvailable; })) {
      return;
    }
    const auto text = [](const TableRecord& record, std::string* value) {
      *value = StatusText(record.status);
      return true;
    };
    NoteDifference("status", "AS_AVAILABLE", "available", CountVotes(records_, text),
                   Severity::kNote);
  }

  void MergeFlags() {
    std::vector<NodeIndex> duplicating;
    for (const NodeRecord& record : records_) {
      if (record.record->duplicating) duplicating.push_back(record.node);
      draft_.table.is_bulk_loading |= record.record->is_bulk_loading;
    }
    draft_.table.duplicating = !duplicating.empty();
    std::vector<std::string> env_keys;
    for (const auto& [key, value] : draft_.table.envs) env_keys.push_back(key);
    findings_.Add(FindingKind::kTableLostState, Severity::kNote, subject_,
                  {{"envs_kept", JoinItems(env_keys)},
                   {"duplicating_nodes", roster_.Names(duplicating)},
                   {"bulk_loading", draft_.table.is_bulk_loading ? "true" : ""}});
  }

  const std::vector<NodeRecord>& records_;
  const FindingSubject subject_;
  const NodeRoster& roster_;
  ReportProblems& problems_;
  Settlements& settlements_;
  FindingsList& findings_;
  TableDraft& draft_;
};

}  // namespace

std::vector<TableRecords> CollectTableRecords(const NodeRoster& roster, const PlanOptions& options,
                                              ReportProblems& problems) {
  std::vector<std::pair<int32_t, NodeRecord>> all;
  for (NodeIndex node = 0; node < roster.size(); ++node) {
    if (!roster.Get(node).complete()) continue;
    for (const TableRecord& record : roster.Get(node).tables) {
      const absl::string_view problem = ProblemOf(record, options);
      if (problem.empty()) {
        all.push_back({record.app_id, {.node = node, .record = &record}});
      } else {
        problems.Add(node, record.app_id, problem);
      }
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    if (a.second.node != b.second.node) return a.second.node < b.second.node;
    return AllFields(*b.second.record) < AllFields(*a.second.record);
  });
  std::vector<TableRecords> tables;
  for (const auto& [app_id, record] : all) {
    if (tables.empty() || tables.back().app_id != app_id)
      tables.push_back({.app_id = app_id, .records = {}});
    std::vector<NodeRecord>& records = tables.back().records;
    if (!records.empty() && records.back().node == record.node) {
      METAREC_RARE_BRANCH("a node describes a table twice");
      problems.Add(record.node, app_id, "the table more than once; one record counts");
      continue;
    }
    records.push_back(record);
  }
  return tables;
}

bool NeedWeights(absl::Span<const NodeRecord> records) {
  constexpr int32_t kAvailable = 1;
  return std::any_of(records.begin(), records.end(), [&](const NodeRecord& record) {
    return record.record->status != kAvailable ||
           (record.record != records.front().record &&
            AllFields(*record.record) != AllFields(*records.front().record));
  });
}

absl::Status MergeRecords(const TableRecords& records, const NodeRoster& roster,
                          ReportProblems& problems, Settlements& settlements,
                          FindingsList& findings, TableDraft& draft) {
  return RecordMerge(records, roster, problems, settlements, findings, draft).Run();
}

absl::StatusOr<const Candidate*> FindSettled(const std::string& key,
                                             const std::vector<Candidate>& candidates,
                                             const Settlements& settlements) {
  const std::string* value = settlements.Find(key);
  if (value == nullptr) return nullptr;
  for (const Candidate& candidate : candidates) {
    if (candidate.value == *value) return &candidate;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "cannot settle '", key, "=", Printable(*value),
      "': no node reports that value; choose one of: ",
      absl::StrJoin(candidates, ", ", [](std::string* out, const Candidate& candidate) {
        absl::StrAppend(out, Printable(candidate.value));
      })));
}

}  // namespace metarec
