// What clients of the data path send (INTEROP.md sections 1.3 and 3; captured messages).

namespace cpp metarec.idl

include "idl/placeholders.thrift"

// The header of THFT version 1 (INTEROP.md section 1.3).
struct thrift_request_meta_v1 {
  1: optional i32 app_id
  2: optional i32 partition_index
  3: optional i32 client_timeout
  4: optional i64 client_partition_hash
  5: optional bool is_backup_request
}

struct update_request {
  1: placeholders.blob key
  2: placeholders.blob value
  3: i32 expire_ts_seconds
}

struct update_response {
  1: i32 error
  2: i32 app_id
  3: i32 partition_index
  4: i64 decree
  5: string server
}

struct read_response {
  1: i32 error
  2: placeholders.blob value
  3: i32 app_id
  4: i32 partition_index
  // 5 was retired.
  6: string server
}
