#include "meta_recovery/planner/record_reconciliation.h"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "meta_recovery/planner/replica_index.h"
#include "meta_recovery/planner/sane_values.h"

namespace metarec {
namespace {

// A field's value as settlements and findings name it.
template <typename Value>
std::string TextOf(const Value& value) {
  if constexpr (std::is_same_v<Value, TableStatus>) {
    return TableStatusName(value);
  } else if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else {
    return absl::StrCat(value);
  }
}

// Whether the first is not better supported than the second.
bool IsTied(const std::vector<Candidate>& candidates) {
  return candidates.size() > 1 && candidates[0].weight == candidates[1].weight &&
         candidates[0].nodes.size() == candidates[1].nodes.size();
}

bool NeedWeights(absl::Span<const NodeRecord> records) {
  return std::any_of(records.begin(), records.end(), [&](const NodeRecord& record) {
    return record.record->status != TableStatus::kAvailable || !record.record->envs.empty() ||
           (record.record != records.front().record && *record.record != *records.front().record);
  });
}

// Reconciles the records of one table, field by field.
class Reconciliation {
 public:
  Reconciliation(const ReportedTable& reported, ReportProblems& problems, Settlements& settlements,
                 FindingsList& findings, PlannedTable& planned)
      : records_(reported.records),
        subject_(FindingSubject::Table(reported.app_id)),
        problems_(problems),
        settlements_(settlements),
        findings_(findings),
        planned_(planned) {
    planned_.table.app_id = reported.app_id;
  }

  absl::Status Run() {
    METAREC_RETURN_IF_ERROR(VoteOnAll<TableFieldRule::kVote>());
    METAREC_RETURN_IF_ERROR(VoteOnAll<TableFieldRule::kMustAgree>());
    absl::Status status;
    VisitTableFields([&](auto field) {
      if (!status.ok()) return;
      if constexpr (field.kRule == TableFieldRule::kVoteByKey) status = VoteByKey(field);
      if constexpr (field.kRule == TableFieldRule::kHighest) status = TakeHighest(field);
      if constexpr (field.kRule == TableFieldRule::kAlwaysAvailable) status = DecideStatus(field);
      if constexpr (field.kRule == TableFieldRule::kAnyNode) status = TakeAny(field);
    });
    METAREC_RETURN_IF_ERROR(status);
    for (const std::string& key : RemoveEnvsBeyondBound(&planned_.table)) NoteRemovedEnv(key);
    NoteLostState();
    for (const NodeRecord& record : records_) {
      planned_.decision.described_by.push_back(record.node);
    }
    planned_.decision.old_name = planned_.table.app_name;
    return absl::OkStatus();
  }

 private:
  template <TableFieldRule Rule>
  absl::Status VoteOnAll() {
    absl::Status status;
    VisitTableFields([&](auto field) {
      if constexpr (field.kRule == Rule) {
        if (status.ok()) status = Vote(field);
      }
    });
    return status;
  }

  template <typename Field>
  std::vector<Candidate> CountVotesOn(const Field& field) const {
    return CountVotes(records_, [&field](const TableRecord& record, std::string* value) {
      *value = TextOf(field.of(record));
      return true;
    });
  }

  template <typename Field>
  absl::Status Vote(const Field& field) {
    constexpr bool kMustAgree = Field::kRule == TableFieldRule::kMustAgree;
    const std::vector<Candidate> candidates = CountVotesOn(field);
    field.of(planned_.table) = field.of(*candidates.front().record);
    if (candidates.size() == 1) return absl::OkStatus();
    const bool must_be_settled = kMustAgree || IsTied(candidates);
    METAREC_ASSIGN_OR_RETURN(
        const bool is_settled,
        Settle(field, candidates,
               must_be_settled ? FindingKind::kRecordsConflict : FindingKind::kRecordsDiffer));
    if (is_settled) return absl::OkStatus();
    if (!must_be_settled) {
      NoteDifference(field.name, candidates.front().value, RecordRule::kVote, candidates,
                     Severity::kWarning);
      return absl::OkStatus();
    }
    if (!kMustAgree) METAREC_RARE_BRANCH("a vote on a table's field is tied");
    findings_.Add(Severity::kConflict, subject_,
                  found::RecordsConflict{.field = field.name, .values = ValuesOf(candidates)});
    return absl::OkStatus();
  }

  // Takes the value that the operator decided on, if there is a decision. `instead_of`: the finding
  // that there would be without it.
  template <typename Field>
  absl::StatusOr<bool> Settle(const Field& field, const std::vector<Candidate>& candidates,
                              FindingKind instead_of) {
    const std::string key = SettlementKey(subject_.app_id, field.name);
    METAREC_ASSIGN_OR_RETURN(const Candidate* chosen, FindSettled(key, candidates, settlements_));
    if (chosen == nullptr) return false;
    field.of(planned_.table) = field.of(*chosen->record);
    settlements_.Use(key, instead_of, subject_, findings_, ValuesOf(candidates));
    return true;
  }

  void NoteDifference(absl::string_view field, absl::string_view chosen, RecordRule rule,
                      const std::vector<Candidate>& candidates, Severity severity) {
    findings_.Add(severity, subject_,
                  found::RecordsDiffer{.field = std::string(field),
                                       .chosen = std::string(chosen),
                                       .rule = rule,
                                       .values = ValuesOf(candidates)});
  }

  // A node without a key has no vote on it: it may have been restarted, which forgets envs
  // (INTEROP.md, section 10.1). But what only outdated records have was probably deleted since.
  template <typename Field>
  absl::Status VoteByKey(const Field& field) {
    std::set<std::string> keys;
    for (const NodeRecord& record : records_) {
      for (const auto& [key, value] : field.of(*record.record)) keys.insert(key);
    }
    for (const std::string& key : keys) {
      const std::vector<Candidate> candidates =
          CountVotes(records_, [&](const TableRecord& record, std::string* value) {
            const auto it = field.of(record).find(key);
            if (it == field.of(record).end()) return false;
            *value = it->second;
            return true;
          });
      METAREC_ASSIGN_OR_RETURN(const Candidate* chosen,
                               ChooseEnv(absl::StrCat(field.name, ".", key), key, candidates));
      if (chosen == nullptr) continue;
      field.of(planned_.table).emplace(key, chosen->value);
      env_sources_.push_back({.value = key, .weight = chosen->weight, .nodes = chosen->nodes});
    }
    return absl::OkStatus();
  }

  // Null if the env is left out. `field`: "envs.<key>".
  absl::StatusOr<const Candidate*> ChooseEnv(const std::string& field, const std::string& key,
                                             const std::vector<Candidate>& candidates) {
    const Candidate& best = candidates.front();
    const std::string settlement = SettlementKey(subject_.app_id, field);
    const std::string* const decided = settlements_.Find(settlement);
    const bool takes = decided != nullptr && *decided != kSettleIgnore;
    if (takes && BelongsToOperation(key, *decided)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cannot settle '", Printable(settlement), "=", Printable(*decided),
          "': the env belongs to an operation that is over, and is never taken from replicas; set "
          "it once the meta server serves, if you want it"));
    }
    if (BelongsToOperation(key, best.value) && decided == nullptr) {
      METAREC_RARE_BRANCH("an env belongs to an operation");
      NoteDifference(field, "", RecordRule::kOperation, candidates, Severity::kWarning);
      return nullptr;
    }
    if (decided != nullptr) {
      const Candidate* chosen = nullptr;
      if (takes) {
        METAREC_ASSIGN_OR_RETURN(chosen, FindSettled(settlement, candidates, settlements_));
      }
      settlements_.Use(settlement, FindingKind::kRecordsDiffer, subject_, findings_,
                       ValuesOf(candidates));
      return chosen;
    }
    if (IsOutdated(candidates)) {
      METAREC_RARE_BRANCH("only outdated records have an env");
      NoteDifference(field, "", RecordRule::kOutdated, candidates, Severity::kWarning);
      return nullptr;
    }
    if (candidates.size() > 1) {
      NoteDifference(field, best.value, RecordRule::kVote, candidates, Severity::kWarning);
    }
    return &best;
  }

  // Whether these are all from nodes that took no part in the latest changes, while others did.
  bool IsOutdated(const std::vector<Candidate>& candidates) const {
    return candidates.front().weight == 0 &&
           std::any_of(records_.begin(), records_.end(),
                       [](const NodeRecord& record) { return record.weight > 0; });
  }

  void NoteRemovedEnv(const std::string& key) {
    std::erase_if(env_sources_, [&](const WeighedValue& source) { return source.value == key; });
    for (const NodeRecord& record : records_) {
      if (!record.record->envs.contains(key)) continue;
      problems_.Add(record.node, subject_.app_id,
                    "an env that is too long for ZooKeeper beside those of other nodes");
    }
  }

  // A table that was recalled and replicated again has replicas from before and after.
  template <typename Field>
  absl::Status TakeHighest(const Field& field) {
    auto& chosen = field.of(planned_.table);
    chosen = field.of(*records_.front().record);
    bool differs = false;
    for (const NodeRecord& record : records_) {
      differs |= field.of(*record.record) != chosen;
      chosen = std::max(chosen, field.of(*record.record));
    }
    if (!differs) return absl::OkStatus();
    const std::vector<Candidate> candidates = CountVotesOn(field);
    METAREC_ASSIGN_OR_RETURN(const bool is_settled,
                             Settle(field, candidates, FindingKind::kRecordsDiffer));
    if (!is_settled) {
      NoteDifference(field.name, TextOf(chosen), RecordRule::kHighest, candidates,
                     Severity::kWarning);
    }
    return absl::OkStatus();
  }

  // Drops are never written to replica servers, so a status is no evidence (INTEROP.md, 10.1).
  // A table that is to be dropped does not come here (planned_tables.cc).
  template <typename Field>
  absl::Status DecideStatus(const Field& field) {
    field.of(planned_.table) = TableStatus::kAvailable;
    if (std::all_of(records_.begin(), records_.end(), [&](const NodeRecord& record) {
          return field.of(*record.record) == TableStatus::kAvailable;
        })) {
      return absl::OkStatus();
    }
    const std::vector<Candidate> candidates = CountVotesOn(field);
    const std::string available = TextOf(TableStatus::kAvailable);
    const std::string key = SettlementKey(subject_.app_id, field.name);
    const std::string* const decided = settlements_.Find(key);
    if (decided == nullptr) {
      NoteDifference(field.name, available, RecordRule::kAvailable, candidates, Severity::kNote);
      return absl::OkStatus();
    }
    if (*decided != available) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", key, "=", Printable(*decided), "': write '", key, "=",
                       available, "' to have the table back, or, if a node reports that, '", key,
                       "=", TextOf(TableStatus::kDropped), "' to leave it out"));
    }
    settlements_.Use(key, FindingKind::kRecordsDiffer, subject_, findings_, ValuesOf(candidates));
    return absl::OkStatus();
  }

  template <typename Field>
  absl::Status TakeAny(const Field& field) {
    const bool first = field.of(*records_.front().record);
    bool differs = false;
    for (const NodeRecord& record : records_) {
      differs |= field.of(*record.record) != first;
      field.of(planned_.table) |= field.of(*record.record);
    }
    if (!differs) return absl::OkStatus();
    return Settle(field, CountVotesOn(field), FindingKind::kRecordsDiffer).status();
  }

  void NoteLostState() {
    std::vector<NodeIndex> duplicating;
    for (const NodeRecord& record : records_) {
      if (record.record->duplicating) duplicating.push_back(record.node);
    }
    findings_.Add(Severity::kNote, subject_,
                  found::TableLostState{.env_sources = std::move(env_sources_),
                                        .duplicating_nodes = std::move(duplicating)});
  }

  const std::vector<NodeRecord>& records_;
  const FindingSubject subject_;
  ReportProblems& problems_;
  Settlements& settlements_;
  FindingsList& findings_;
  PlannedTable& planned_;
  std::vector<WeighedValue> env_sources_;  // keys of the envs that are kept, ascending
};

}  // namespace

std::vector<ReportedTable> CollectReportedTables(const NodeRoster& roster,
                                                 const PlanOptions& options,
                                                 ReportProblems& problems) {
  std::vector<std::pair<int32_t, NodeRecord>> all;
  for (NodeIndex node = 0; node < roster.size(); ++node) {
    if (!roster.Get(node).complete()) continue;
    for (const TableRecord& record : roster.Get(node).tables) {
      const std::string problem = ProblemOf(record, options);
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
    return *b.second.record < *a.second.record;
  });
  std::vector<ReportedTable> tables;
  for (const auto& [app_id, record] : all) {
    if (tables.empty() || tables.back().app_id != app_id) {
      tables.push_back({.app_id = app_id, .records = {}});
    }
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

void WeighRecords(absl::Span<const ReplicaClaim> claims, ReportedTable& reported) {
  std::vector<NodeRecord>& records = reported.records;
  if (!NeedWeights(records)) return;
  ForEachPartition(claims, [&](int32_t, absl::Span<const ReplicaClaim> replicas) {
    VisitWeighty(replicas, [&](const ReplicaClaim& replica) {
      const auto it = std::lower_bound(
          records.begin(), records.end(), replica.node,
          [](const NodeRecord& record, NodeIndex node) { return record.node < node; });
      if (it != records.end() && it->node == replica.node) ++it->weight;
    });
  });
}

absl::Status ReconcileRecords(const ReportedTable& reported, ReportProblems& problems,
                              Settlements& settlements, FindingsList& findings,
                              PlannedTable& planned) {
  return Reconciliation(reported, problems, settlements, findings, planned).Run();
}

std::vector<Candidate> CountVotes(absl::Span<const NodeRecord> records, FieldText text) {
  std::map<std::string, Candidate> by_value;
  // Most nodes share one record, of which the value is looked at once.
  const TableRecord* latest = nullptr;
  Candidate* candidate = nullptr;  // of the latest; null: it has no value
  for (const NodeRecord& record : records) {
    if (record.record != latest) {
      latest = record.record;
      std::string value;
      candidate = text(*latest, &value) ? &by_value[value] : nullptr;
      if (candidate != nullptr) candidate->value = std::move(value);
    }
    if (candidate == nullptr) continue;
    candidate->weight += record.weight;
    candidate->nodes.push_back(record.node);
    candidate->record = record.record;
  }
  std::vector<Candidate> candidates;
  for (auto it = by_value.rbegin(); it != by_value.rend(); ++it) {
    candidates.push_back(std::move(it->second));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) {
                     if (a.weight != b.weight) return a.weight > b.weight;
                     return a.nodes.size() > b.nodes.size();
                   });
  return candidates;
}

std::optional<std::string> TextOfField(const TableDescription& table, absl::string_view field) {
  std::optional<std::string> text;
  VisitTableFields([&](auto row) {
    if constexpr (row.kRule == TableFieldRule::kVoteByKey) {
      absl::string_view key = field;
      if (!absl::ConsumePrefix(&key, absl::StrCat(row.name, "."))) return;
      const auto it = row.of(table).find(std::string(key));
      if (it != row.of(table).end()) text = it->second;
    } else if (field == row.name) {
      text = TextOf(row.of(table));
    }
  });
  return text;
}

std::optional<TableFieldRule> RuleOfField(absl::string_view field) {
  std::optional<TableFieldRule> rule;
  VisitTableFields([&](auto row) {
    const bool is_of_map = row.kRule == TableFieldRule::kVoteByKey;
    if (is_of_map ? absl::StartsWith(field, absl::StrCat(row.name, ".")) : field == row.name) {
      rule = row.kRule;
    }
  });
  return rule;
}

std::vector<WeighedValue> ValuesOf(const std::vector<Candidate>& candidates) {
  std::vector<WeighedValue> values;
  values.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    values.push_back(
        {.value = candidate.value, .weight = candidate.weight, .nodes = candidate.nodes});
  }
  return values;
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
