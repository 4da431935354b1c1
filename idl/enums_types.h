// The enums of the protocol (INTEROP.md sections 3.1 to 3.6); their values' names as text are in
// idl/enum_names.h. Any int32 is a valid value: what a peer sent is kept as it is, so that a switch
// over one needs a default.

#pragma once

#include <cstdint>
#include <ostream>

namespace metarec::idl {

enum class app_status : int32_t {
  AS_INVALID = 0,
  AS_AVAILABLE = 1,
  AS_CREATING = 2,
  AS_CREATE_FAILED = 3,
  AS_DROPPING = 4,
  AS_DROP_FAILED = 5,
  AS_DROPPED = 6,
  AS_RECALLING = 7,
};
std::ostream& operator<<(std::ostream& out, app_status value);

enum class partition_status : int32_t {
  PS_INVALID = 0,
  PS_INACTIVE = 1,
  PS_ERROR = 2,
  PS_PRIMARY = 3,
  PS_SECONDARY = 4,
  PS_POTENTIAL_SECONDARY = 5,
  PS_PARTITION_SPLIT = 6,
};
std::ostream& operator<<(std::ostream& out, partition_status value);

enum class split_status : int32_t {
  NOT_SPLIT = 0,
  SPLITTING = 1,
  PAUSING = 2,
  PAUSED = 3,
  CANCELING = 4,
};
std::ostream& operator<<(std::ostream& out, split_status value);

enum class manual_compaction_status : int32_t {
  IDLE = 0,
  QUEUING = 1,
  RUNNING = 2,
  FINISHED = 3,
};
std::ostream& operator<<(std::ostream& out, manual_compaction_status value);

enum class config_type : int32_t {
  CT_INVALID = 0,
  CT_ASSIGN_PRIMARY = 1,
  CT_UPGRADE_TO_PRIMARY = 2,
  CT_ADD_SECONDARY = 3,
  CT_UPGRADE_TO_SECONDARY = 4,
  CT_DOWNGRADE_TO_SECONDARY = 5,
  CT_DOWNGRADE_TO_INACTIVE = 6,
  CT_REMOVE = 7,
  CT_ADD_SECONDARY_FOR_LB = 8,
  CT_PRIMARY_FORCE_UPDATE_BALLOT = 9,
  CT_DROP_PARTITION = 10,
  CT_REGISTER_CHILD = 11,
};
std::ostream& operator<<(std::ostream& out, config_type value);

enum class bulk_load_status : int32_t {
  BLS_INVALID = 0,
  BLS_DOWNLOADING = 1,
  BLS_DOWNLOADED = 2,
  BLS_INGESTING = 3,
  BLS_SUCCEED = 4,
  BLS_FAILED = 5,
  BLS_PAUSING = 6,
  BLS_PAUSED = 7,
  BLS_CANCELED = 8,
};
std::ostream& operator<<(std::ostream& out, bulk_load_status value);

enum class disk_status : int32_t {
  NORMAL = 0,
  SPACE_INSUFFICIENT = 1,
  IO_ERROR = 2,
};
std::ostream& operator<<(std::ostream& out, disk_status value);

enum class duplication_status : int32_t {
  DS_INIT = 0,
  DS_PREPARE = 1,
  DS_APP = 2,
  DS_LOG = 3,
  DS_PAUSE = 4,
  DS_REMOVED = 5,
};
std::ostream& operator<<(std::ostream& out, duplication_status value);

enum class duplication_fail_mode : int32_t {
  FAIL_SLOW = 0,
  FAIL_SKIP = 1,
  FAIL_FAST = 2,
};
std::ostream& operator<<(std::ostream& out, duplication_fail_mode value);

enum class node_status : int32_t {
  NS_INVALID = 0,
  NS_ALIVE = 1,
  NS_UNALIVE = 2,
};
std::ostream& operator<<(std::ostream& out, node_status value);

enum class meta_function_level : int32_t {
  fl_stopped = 100,
  fl_blind = 200,
  fl_freezed = 300,
  fl_steady = 400,
  fl_lively = 500,
  fl_invalid = 10000,
};
std::ostream& operator<<(std::ostream& out, meta_function_level value);

enum class balancer_request_type : int32_t {
  move_primary = 0,
  copy_primary = 1,
  copy_secondary = 2,
};
std::ostream& operator<<(std::ostream& out, balancer_request_type value);

enum class app_env_operation : int32_t {
  APP_ENV_OP_INVALID = 0,
  APP_ENV_OP_SET = 1,
  APP_ENV_OP_DEL = 2,
  APP_ENV_OP_CLEAR = 3,
};
std::ostream& operator<<(std::ostream& out, app_env_operation value);

enum class pattern_match_type : int32_t {
  PMT_INVALID = 0,
  PMT_MATCH_ALL = 1,
  PMT_MATCH_EXACT = 2,
  PMT_MATCH_ANYWHERE = 3,
  PMT_MATCH_PREFIX = 4,
  PMT_MATCH_POSTFIX = 5,
  PMT_MATCH_REGEX = 6,
};
std::ostream& operator<<(std::ostream& out, pattern_match_type value);

}  // namespace metarec::idl
