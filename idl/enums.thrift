// The enums of the protocol (INTEROP.md sections 3.1 to 3.6). No code is generated from this file:
// idl/enums_types.h declares the same names and values by hand, because Thrift 0.17 makes unscoped
// enums for which a value that it doesn't know, such as a newer peer may send, is undefined behaviour.

namespace cpp metarec.idl

enum app_status {
  AS_INVALID = 0, AS_AVAILABLE = 1, AS_CREATING = 2, AS_CREATE_FAILED = 3, AS_DROPPING = 4,
  AS_DROP_FAILED = 5, AS_DROPPED = 6, AS_RECALLING = 7
}

enum partition_status {
  PS_INVALID = 0, PS_INACTIVE = 1, PS_ERROR = 2, PS_PRIMARY = 3, PS_SECONDARY = 4,
  PS_POTENTIAL_SECONDARY = 5, PS_PARTITION_SPLIT = 6
}

enum split_status { NOT_SPLIT = 0, SPLITTING = 1, PAUSING = 2, PAUSED = 3, CANCELING = 4 }

enum manual_compaction_status { IDLE = 0, QUEUING = 1, RUNNING = 2, FINISHED = 3 }

enum config_type {
  CT_INVALID = 0, CT_ASSIGN_PRIMARY = 1, CT_UPGRADE_TO_PRIMARY = 2, CT_ADD_SECONDARY = 3,
  CT_UPGRADE_TO_SECONDARY = 4, CT_DOWNGRADE_TO_SECONDARY = 5, CT_DOWNGRADE_TO_INACTIVE = 6,
  CT_REMOVE = 7, CT_ADD_SECONDARY_FOR_LB = 8, CT_PRIMARY_FORCE_UPDATE_BALLOT = 9,
  CT_DROP_PARTITION = 10, CT_REGISTER_CHILD = 11
}

enum bulk_load_status {
  BLS_INVALID = 0, BLS_DOWNLOADING = 1, BLS_DOWNLOADED = 2, BLS_INGESTING = 3, BLS_SUCCEED = 4,
  BLS_FAILED = 5, BLS_PAUSING = 6, BLS_PAUSED = 7, BLS_CANCELED = 8
}

enum disk_status { NORMAL = 0, SPACE_INSUFFICIENT = 1, IO_ERROR = 2 }

enum duplication_status {
  DS_INIT = 0, DS_PREPARE = 1, DS_APP = 2, DS_LOG = 3, DS_PAUSE = 4, DS_REMOVED = 5
}

enum duplication_fail_mode { FAIL_SLOW = 0, FAIL_SKIP = 1, FAIL_FAST = 2 }

enum node_status { NS_INVALID = 0, NS_ALIVE = 1, NS_UNALIVE = 2 }

enum meta_function_level {
  fl_stopped = 100, fl_blind = 200, fl_freezed = 300, fl_steady = 400, fl_lively = 500,
  fl_invalid = 10000
}

enum balancer_request_type { move_primary = 0, copy_primary = 1, copy_secondary = 2 }

enum app_env_operation {
  APP_ENV_OP_INVALID = 0, APP_ENV_OP_SET = 1, APP_ENV_OP_DEL = 2, APP_ENV_OP_CLEAR = 3
}

enum pattern_match_type {
  PMT_INVALID = 0, PMT_MATCH_ALL = 1, PMT_MATCH_EXACT = 2, PMT_MATCH_ANYWHERE = 3,
  PMT_MATCH_PREFIX = 4, PMT_MATCH_POSTFIX = 5, PMT_MATCH_REGEX = 6
}

