#include "tests/scenarios/fields.h"

#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "base/runtime/status_macros.h"

namespace metarec::scenarios {
namespace {

constexpr std::pair<absl::string_view, ReplicaStatus> kReplicaStatuses[] = {
    {"PS_INVALID", ReplicaStatus::kInvalid},
    {"PS_INACTIVE", ReplicaStatus::kInactive},
    {"PS_ERROR", ReplicaStatus::kError},
    {"PS_PRIMARY", ReplicaStatus::kPrimary},
    {"PS_SECONDARY", ReplicaStatus::kSecondary},
    {"PS_POTENTIAL_SECONDARY", ReplicaStatus::kPotentialSecondary},
    {"PS_PARTITION_SPLIT", ReplicaStatus::kPartitionSplit},
};

using KeyAndValue = std::pair<absl::string_view, absl::string_view>;

absl::Status SplitField(absl::string_view field, KeyAndValue* result) {
  const size_t equals = field.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(absl::StrCat("expected key=value, not '", field, "'"));
  }
  *result = {field.substr(0, equals), field.substr(equals + 1)};
  return absl::OkStatus();
}

template <typename Integer>
absl::Status ParseNumber(absl::string_view text, Integer* value) {
  if (absl::SimpleAtoi(text, value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no number of this field's size"));
}

// "temp", "12", "true", "AS_DROPPED", or a status as a number.
template <typename Value>
absl::Status ParseValue(absl::string_view text, Value* value) {
  if constexpr (std::is_same_v<Value, TableStatus>) {
    for (int32_t number = 0; number <= static_cast<int32_t>(TableStatus::kRecalling); ++number) {
      *value = static_cast<TableStatus>(number);
      if (TableStatusName(*value) == text) return absl::OkStatus();
    }
    int32_t number = 0;
    METAREC_RETURN_IF_ERROR(ParseNumber(text, &number));
    *value = static_cast<TableStatus>(number);
    return absl::OkStatus();
  } else if constexpr (std::is_same_v<Value, bool>) {
    if (absl::SimpleAtob(text, value)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is neither true nor false"));
  } else if constexpr (std::is_integral_v<Value>) {
    return ParseNumber(text, value);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    *value = std::string(text);
    return absl::OkStatus();
  } else {
    return absl::InvalidArgumentError("envs are given one by one: env.KEY=VALUE");
  }
}

// Scenarios have shorter names for some fields of a table.
absl::string_view NameInScenarios(absl::string_view name) {
  constexpr std::pair<absl::string_view, absl::string_view> kShorter[] = {
      {"app_name", "name"},
      {"partition_count", "partitions"},
      {"init_partition_count", "init_partitions"},
      {"max_replica_count", "replicas"},
      {"create_second", "create"},
      {"expire_second", "expire"},
      {"drop_second", "drop"},
      {"is_stateful", "stateful"},
      {"is_bulk_loading", "bulk_loading"},
  };
  for (const auto& [field, shorter] : kShorter) {
    if (field == name) return shorter;
  }
  return name;
}

}  // namespace

absl::Status ParseInteger(absl::string_view text, int32_t* value) {
  return ParseNumber(text, value);
}

absl::Status SetRecordField(absl::string_view field, TableRecord* record) {
  KeyAndValue parts;
  METAREC_RETURN_IF_ERROR(SplitField(field, &parts));
  const auto [key, value] = parts;
  if (absl::StartsWith(key, "env.")) {
    record->envs[std::string(absl::StripPrefix(key, "env."))] = std::string(value);
    return absl::OkStatus();
  }
  absl::Status status =
      absl::InvalidArgumentError(absl::StrCat("a table has no field '", key, "'"));
  VisitTableFields([&, key = key, value = value](auto row) {
    if (NameInScenarios(row.name) == key) status = ParseValue(value, &row.of(*record));
  });
  return status;
}

bool IsReplicaField(absl::string_view field) {
  const absl::string_view key = field.substr(0, field.find('='));
  return key == "ballot" || key == "committed" || key == "prepared" || key == "durable" ||
         absl::StartsWith(field, "status=PS_");
}

absl::Status SetReplicaField(absl::string_view field, ReplicaRecord* replica) {
  KeyAndValue parts;
  METAREC_RETURN_IF_ERROR(SplitField(field, &parts));
  const auto [key, value] = parts;
  if (key == "ballot") return ParseNumber(value, &replica->ballot);
  if (key == "committed") return ParseNumber(value, &replica->last_committed_decree);
  if (key == "prepared") return ParseNumber(value, &replica->last_prepared_decree);
  if (key == "durable") return ParseNumber(value, &replica->last_durable_decree);
  if (key != "status") {
    return absl::InvalidArgumentError(absl::StrCat("a replica has no field '", key, "'"));
  }
  for (const auto& [name, status] : kReplicaStatuses) {
    if (name == value) {
      replica->status = status;
      return absl::OkStatus();
    }
  }
  int32_t number = 0;
  if (!absl::SimpleAtoi(absl::StripPrefix(value, "PS_"), &number)) {
    return absl::InvalidArgumentError(absl::StrCat("there is no status '", value, "'"));
  }
  replica->status = static_cast<ReplicaStatus>(number);
  return absl::OkStatus();
}

absl::Status ParseGpid(absl::string_view text, ReplicaRecord* replica) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &replica->app_id) ||
      !absl::SimpleAtoi(parts[1], &replica->partition_index)) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected <table>.<partition> such as 2.3, not '", text, "'"));
  }
  return absl::OkStatus();
}

}  // namespace metarec::scenarios
