#include "tests/scenarios/fields.h"

#include <limits>
#include <string>
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

constexpr std::pair<absl::string_view, int32_t> kTableStatuses[] = {
    {"AS_INVALID", 0},  {"AS_AVAILABLE", 1},   {"AS_CREATING", 2}, {"AS_CREATE_FAILED", 3},
    {"AS_DROPPING", 4}, {"AS_DROP_FAILED", 5}, {"AS_DROPPED", 6},  {"AS_RECALLING", 7},
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

absl::Status ParseBool(absl::string_view text, bool* value) {
  if (absl::SimpleAtob(text, value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is neither true nor false"));
}

}  // namespace

absl::Status ParseInteger(absl::string_view text, int32_t* value) {
  return ParseNumber(text, value);
}

absl::Status SetRecordField(absl::string_view field, TableRecord* record) {
  KeyAndValue parts;
  METAREC_RETURN_IF_ERROR(SplitField(field, &parts));
  const auto [key, value] = parts;
  if (key == "status") {
    for (const auto& [name, number] : kTableStatuses) {
      if (name == value) {
        record->status = number;
        return absl::OkStatus();
      }
    }
    return ParseNumber(value, &record->status);
  }
  if (absl::StartsWith(key, "env.")) {
    record->envs[std::string(absl::StripPrefix(key, "env."))] = std::string(value);
    return absl::OkStatus();
  }
  if (key == "name")
    record->app_name = std::string(value);
  else if (key == "app_type")
    record->app_type = std::string(value);
  else if (key == "app_id")
    return ParseNumber(value, &record->app_id);
  else if (key == "partitions")
    return ParseNumber(value, &record->partition_count);
  else if (key == "init_partitions")
    return ParseNumber(value, &record->init_partition_count);
  else if (key == "replicas")
    return ParseNumber(value, &record->max_replica_count);
  else if (key == "create")
    return ParseNumber(value, &record->create_second);
  else if (key == "expire")
    return ParseNumber(value, &record->expire_second);
  else if (key == "drop")
    return ParseNumber(value, &record->drop_second);
  else if (key == "stateful")
    return ParseBool(value, &record->is_stateful);
  else if (key == "duplicating")
    return ParseBool(value, &record->duplicating);
  else if (key == "bulk_loading")
    return ParseBool(value, &record->is_bulk_loading);
  else if (key == "atomic_idempotent")
    return ParseBool(value, &record->atomic_idempotent);
  else
    return absl::InvalidArgumentError(absl::StrCat("a table has no field '", key, "'"));
  return absl::OkStatus();
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
