#include "meta_recovery/planner/settlements.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <glog/logging.h>

#include "idl/table_description.h"

namespace metarec {
namespace {

// The fields of a table that may be settled, by name.
const std::vector<absl::string_view>& Fields() {
  static const auto* const fields = [] {
    auto* names = new std::vector<absl::string_view>;
    VisitTableFields([names](auto field) {
      if (MayBeSettled(field.kRule)) names->push_back(field.name);
    });
    std::sort(names->begin(), names->end());
    return names;
  }();
  return *fields;
}

bool IsPlainNumber(absl::string_view text, int32_t least) {
  int32_t number = 0;
  return absl::SimpleAtoi(text, &number) && number >= least && absl::StrCat(number) == text;
}

// "envs.<key>".
bool IsEnv(absl::string_view field) {
  return absl::ConsumePrefix(&field, "envs.") && !field.empty();
}

bool IsKey(absl::string_view key) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(key, absl::MaxSplits('.', 1));
  if (!IsPlainNumber(parts.first, 1)) return false;
  if (parts.first.size() == key.size()) return true;
  return IsPlainNumber(parts.second, 0) || IsEnv(parts.second) ||
         std::binary_search(Fields().begin(), Fields().end(), parts.second);
}

}  // namespace

absl::Status AddDecision(absl::string_view text, std::map<std::string, std::string>* decisions) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--settle ", text, ": expected KEY=VALUE, such as 10.app_type=pegasus"));
  }
  const std::string key(text.substr(0, equals));
  const std::string value(text.substr(equals + 1));
  if (decisions->emplace(key, value).first->second == value) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--settle ", key, " is given twice with different values"));
}

absl::StatusOr<Settlements> Settlements::Parse(
    const std::map<std::string, std::string>& decisions) {
  Settlements settlements;
  for (const auto& [key, value] : decisions) {
    if (!IsKey(key)) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", key, "=", value, "': the key must be <app id>, ",
                       "<app id>.<partition index> or <app id>.<field>, as the conflict names it; "
                       "fields are ",
                       absl::StrJoin(Fields(), ", "), ", envs.<key>"));
    }
    settlements.decisions_.emplace(key, value);
  }
  return settlements;
}

const std::string* Settlements::Find(absl::string_view key) const {
  const auto it = decisions_.find(key);
  return it == decisions_.end() ? nullptr : &it->second;
}

void Settlements::Use(absl::string_view key, FindingKind conflict, FindingSubject subject,
                      FindingsList& findings, std::vector<WeighedValue> values) {
  const auto it = decisions_.find(key);
  CHECK(it != decisions_.end()) << key;
  used_.insert(it->first);
  findings.Add(Severity::kNote, subject,
               found::Settled{.key = it->first, .conflict = conflict, .values = std::move(values)});
}

absl::Status Settlements::CheckAllUsed() const {
  for (const auto& [key, value] : decisions_) {
    if (used_.contains(key)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("there is nothing that '", key, "=", value,
                     "' settles: leave it out, or check the key against what the plan lists"));
  }
  return absl::OkStatus();
}

std::string SettlementKey(int32_t app_id) { return absl::StrCat(app_id); }

std::string SettlementKey(int32_t app_id, absl::string_view field) {
  return absl::StrCat(app_id, ".", field);
}

std::string SettlementKey(int32_t app_id, int32_t partition_index) {
  return absl::StrCat(app_id, ".", partition_index);
}

std::vector<std::string> SettlementKeysOf(const Finding& finding) {
  if (const auto* differing = finding.facts.As<found::RecordsConflict>()) {
    return {SettlementKey(finding.app_id, differing->field)};
  }
  if (const auto* differing = finding.facts.As<found::RecordsDiffer>()) {
    return {SettlementKey(finding.app_id, differing->field)};
  }
  if (finding.facts.As<found::AppIdOutOfRange>() != nullptr ||
      finding.facts.As<found::AppIdGap>() != nullptr ||
      finding.facts.As<found::ReplicasWithoutTable>() != nullptr ||
      finding.facts.As<found::TableProbablyDropped>() != nullptr) {
    return {SettlementKey(finding.app_id)};
  }
  if (finding.facts.As<found::ReplicaBeyondCount>() != nullptr) {
    return {SettlementKey(finding.app_id, "partition_count"),
            SettlementKey(finding.app_id, finding.partition_index)};
  }
  return {};
}

std::string DifferingFieldOf(const Finding& finding) {
  if (const auto* differing = finding.facts.As<found::RecordsDiffer>()) return differing->field;
  if (const auto* conflict = finding.facts.As<found::RecordsConflict>()) return conflict->field;
  const auto* settled = finding.facts.As<found::Settled>();
  if (settled == nullptr || settled->values.empty()) return "";
  return settled->key.substr(std::min(settled->key.find('.'), settled->key.size() - 1) + 1);
}

absl::string_view DecisionOf(const PlanOptions& options, const std::string& key) {
  const auto decision = options.settlements.find(key);
  return decision == options.settlements.end() ? "" : absl::string_view(decision->second);
}

}  // namespace metarec
