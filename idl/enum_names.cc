#include "idl/enum_names.h"

#include <absl/strings/str_cat.h>

namespace metarec::idl {
namespace {

template <typename Enum>
std::string Name(Enum value) {
  for (const EnumName<Enum>& known : EnumNames(Enum{})) {
    if (known.value == value) return std::string(known.name);
  }
  return absl::StrCat(static_cast<int32_t>(value));
}

template <typename Enum>
bool Parse(absl::string_view name, Enum* value) {
  for (const EnumName<Enum>& known : EnumNames(Enum{})) {
    if (known.name != name) continue;
    *value = known.value;
    return true;
  }
  return false;
}

}  // namespace

#define METAREC_DEFINE_ENUM_NAMES(E, ...)                                        \
  absl::Span<const EnumName<E>> EnumNames(E) {                                   \
    using enum E;                                                                \
    static constexpr EnumName<E> kNames[] = {__VA_ARGS__};                       \
    return kNames;                                                               \
  }                                                                              \
  std::string ToName(E value) { return Name(value); }                            \
  bool FromName(absl::string_view name, E* value) { return Parse(name, value); } \
  std::ostream& operator<<(std::ostream& out, E value) { return out << Name(value); }

METAREC_DEFINE_ENUM_NAMES(app_status, {AS_INVALID, "AS_INVALID"}, {AS_AVAILABLE, "AS_AVAILABLE"},
                          {AS_CREATING, "AS_CREATING"}, {AS_CREATE_FAILED, "AS_CREATE_FAILED"},
                          {AS_DROPPING, "AS_DROPPING"}, {AS_DROP_FAILED, "AS_DROP_FAILED"},
                          {AS_DROPPED, "AS_DROPPED"}, {AS_RECALLING, "AS_RECALLING"})

METAREC_DEFINE_ENUM_NAMES(partition_status, {PS_INVALID, "PS_INVALID"},
                          {PS_INACTIVE, "PS_INACTIVE"}, {PS_ERROR, "PS_ERROR"},
                          {PS_PRIMARY, "PS_PRIMARY"}, {PS_SECONDARY, "PS_SECONDARY"},
                          {PS_POTENTIAL_SECONDARY, "PS_POTENTIAL_SECONDARY"},
                          {PS_PARTITION_SPLIT, "PS_PARTITION_SPLIT"})

METAREC_DEFINE_ENUM_NAMES(split_status, {NOT_SPLIT, "NOT_SPLIT"}, {SPLITTING, "SPLITTING"},
                          {PAUSING, "PAUSING"}, {PAUSED, "PAUSED"}, {CANCELING, "CANCELING"})

METAREC_DEFINE_ENUM_NAMES(manual_compaction_status, {IDLE, "IDLE"}, {QUEUING, "QUEUING"},
                          {RUNNING, "RUNNING"}, {FINISHED, "FINISHED"})

METAREC_DEFINE_ENUM_NAMES(
    config_type, {CT_INVALID, "CT_INVALID"}, {CT_ASSIGN_PRIMARY, "CT_ASSIGN_PRIMARY"},
    {CT_UPGRADE_TO_PRIMARY, "CT_UPGRADE_TO_PRIMARY"}, {CT_ADD_SECONDARY, "CT_ADD_SECONDARY"},
    {CT_UPGRADE_TO_SECONDARY, "CT_UPGRADE_TO_SECONDARY"},
    {CT_DOWNGRADE_TO_SECONDARY, "CT_DOWNGRADE_TO_SECONDARY"},
    {CT_DOWNGRADE_TO_INACTIVE, "CT_DOWNGRADE_TO_INACTIVE"}, {CT_REMOVE, "CT_REMOVE"},
    {CT_ADD_SECONDARY_FOR_LB, "CT_ADD_SECONDARY_FOR_LB"},
    {CT_PRIMARY_FORCE_UPDATE_BALLOT, "CT_PRIMARY_FORCE_UPDATE_BALLOT"},
    {CT_DROP_PARTITION, "CT_DROP_PARTITION"}, {CT_REGISTER_CHILD, "CT_REGISTER_CHILD"})

METAREC_DEFINE_ENUM_NAMES(bulk_load_status, {BLS_INVALID, "BLS_INVALID"},
                          {BLS_DOWNLOADING, "BLS_DOWNLOADING"}, {BLS_DOWNLOADED, "BLS_DOWNLOADED"},
                          {BLS_INGESTING, "BLS_INGESTING"}, {BLS_SUCCEED, "BLS_SUCCEED"},
                          {BLS_FAILED, "BLS_FAILED"}, {BLS_PAUSING, "BLS_PAUSING"},
                          {BLS_PAUSED, "BLS_PAUSED"}, {BLS_CANCELED, "BLS_CANCELED"})

METAREC_DEFINE_ENUM_NAMES(disk_status, {NORMAL, "NORMAL"},
                          {SPACE_INSUFFICIENT, "SPACE_INSUFFICIENT"}, {IO_ERROR, "IO_ERROR"})

METAREC_DEFINE_ENUM_NAMES(duplication_status, {DS_INIT, "DS_INIT"}, {DS_PREPARE, "DS_PREPARE"},
                          {DS_APP, "DS_APP"}, {DS_LOG, "DS_LOG"}, {DS_PAUSE, "DS_PAUSE"},
                          {DS_REMOVED, "DS_REMOVED"})

METAREC_DEFINE_ENUM_NAMES(duplication_fail_mode, {FAIL_SLOW, "FAIL_SLOW"}, {FAIL_SKIP, "FAIL_SKIP"},
                          {FAIL_FAST, "FAIL_FAST"})

METAREC_DEFINE_ENUM_NAMES(node_status, {NS_INVALID, "NS_INVALID"}, {NS_ALIVE, "NS_ALIVE"},
                          {NS_UNALIVE, "NS_UNALIVE"})

METAREC_DEFINE_ENUM_NAMES(meta_function_level, {fl_stopped, "fl_stopped"}, {fl_blind, "fl_blind"},
                          {fl_freezed, "fl_freezed"}, {fl_steady, "fl_steady"},
                          {fl_lively, "fl_lively"}, {fl_invalid, "fl_invalid"})

METAREC_DEFINE_ENUM_NAMES(balancer_request_type, {move_primary, "move_primary"},
                          {copy_primary, "copy_primary"}, {copy_secondary, "copy_secondary"})

METAREC_DEFINE_ENUM_NAMES(app_env_operation, {APP_ENV_OP_INVALID, "APP_ENV_OP_INVALID"},
                          {APP_ENV_OP_SET, "APP_ENV_OP_SET"}, {APP_ENV_OP_DEL, "APP_ENV_OP_DEL"},
                          {APP_ENV_OP_CLEAR, "APP_ENV_OP_CLEAR"})

METAREC_DEFINE_ENUM_NAMES(pattern_match_type, {PMT_INVALID, "PMT_INVALID"},
                          {PMT_MATCH_ALL, "PMT_MATCH_ALL"}, {PMT_MATCH_EXACT, "PMT_MATCH_EXACT"},
                          {PMT_MATCH_ANYWHERE, "PMT_MATCH_ANYWHERE"},
                          {PMT_MATCH_PREFIX, "PMT_MATCH_PREFIX"},
                          {PMT_MATCH_POSTFIX, "PMT_MATCH_POSTFIX"},
                          {PMT_MATCH_REGEX, "PMT_MATCH_REGEX"})

}  // namespace metarec::idl
