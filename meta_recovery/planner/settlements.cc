#include "meta_recovery/planner/settlements.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <glog/logging.h>

namespace metarec {
namespace {

constexpr std::array<absl::string_view, 7> kFields = {
    "app_name",    "app_type",          "atomic_idempotent", "create_second",
    "is_stateful", "max_replica_count", "partition_count"};

bool IsPlainNumber(absl::string_view text, int32_t least) {
  int32_t number = 0;
  return absl::SimpleAtoi(text, &number) && number >= least && absl::StrCat(number) == text;
}

bool IsKey(absl::string_view key) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(key, absl::MaxSplits('.', 1));
  if (!IsPlainNumber(parts.first, 1)) return false;
  if (parts.first.size() == key.size()) return true;
  return IsPlainNumber(parts.second, 0) ||
         std::find(kFields.begin(), kFields.end(), parts.second) != kFields.end();
}

}  // namespace

absl::StatusOr<Settlements> Settlements::Parse(
    const std::map<std::string, std::string>& decisions) {
  Settlements settlements;
  for (const auto& [key, value] : decisions) {
    if (!IsKey(key)) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", key, "=", value, "': the key must be <app id>, ",
                       "<app id>.<partition index> or <app id>.<field>, as the conflict names it; "
                       "fields are ",
                       absl::StrJoin(kFields, ", ")));
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
                      FindingsList& findings, absl::string_view values) {
  const auto it = decisions_.find(key);
  CHECK(it != decisions_.end()) << key;
  used_.insert(it->first);
  findings.Add(FindingKind::kSettled, Severity::kNote, subject,
               {{"key", it->first},
                {"value", it->second},
                {"conflict", std::string(FindingKindName(conflict))},
                {"values", std::string(values)}});
}

absl::Status Settlements::CheckAllUsed() const {
  for (const auto& [key, value] : decisions_) {
    if (used_.contains(key)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no conflict that '", key, "=", value,
                     "' settles: leave it out, or check the key against the conflicts that the "
                     "plan lists"));
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

}  // namespace metarec
