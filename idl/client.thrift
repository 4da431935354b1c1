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

struct key_value {
  1: placeholders.blob key
  2: placeholders.blob value
  3: optional i32 expire_ts_seconds
}

// The keys of `kvs` are sort keys.
struct multi_put_request {
  1: placeholders.blob hash_key
  2: list<key_value> cpp_type "std::vector<key_value>" kvs
  3: i32 expire_ts_seconds
}

struct ttl_response {
  1: i32 error
  // -1: never expires.
  2: i32 ttl_seconds
  3: i32 app_id
  4: i32 partition_index
  // 5 was retired.
  6: string server
}

// check_type is cas_check_type, by number: pegasus_client/table_client.h has those that are used.
struct check_and_set_request {
  1: placeholders.blob hash_key
  2: placeholders.blob check_sort_key
  3: i32 check_type
  4: placeholders.blob check_operand
  5: bool set_diff_sort_key
  6: placeholders.blob set_sort_key
  7: placeholders.blob set_value
  8: i32 set_expire_ts_seconds
  9: bool return_check_value
}

struct check_and_set_response {
  1: i32 error
  2: bool check_value_returned
  3: bool check_value_exist
  4: placeholders.blob check_value
  5: i32 app_id
  6: i32 partition_index
  7: i64 decree
  8: string server
}

// Filter types: 0 none, 1 anywhere, 2 prefix, 3 postfix.
struct get_scanner_request {
  1: placeholders.blob start_key
  2: placeholders.blob stop_key
  3: bool start_inclusive
  4: bool stop_inclusive
  5: i32 batch_size
  6: bool no_value
  7: i32 hash_key_filter_type
  8: placeholders.blob hash_key_filter_pattern
  9: i32 sort_key_filter_type
  10: placeholders.blob sort_key_filter_pattern
  11: optional bool validate_partition_hash
  12: optional bool return_expire_ts
  13: optional bool full_scan
  14: optional bool only_return_count
}

struct scan_request {
  1: i64 context_id
}

struct scan_response {
  1: i32 error
  2: list<key_value> cpp_type "std::vector<key_value>" kvs
  3: i64 context_id
  4: i32 app_id
  5: i32 partition_index
  6: string server
  7: optional i32 kv_count
}
