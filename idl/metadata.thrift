// Tables, partitions and replicas (INTEROP.md section 3.1).
//
// Conventions of all files here:
//  - Optional fields have no default value: Thrift's C++ code would otherwise write them even when
//    they were absent from the message that was read. Absent means false, 0 or empty.
//  - Fields that only newer versions know (host_port above all) must still be declared here: a
//    reader that skips a placeholder as if it were a struct loses its place (INTEROP section 0).
//  - Lists name their C++ type because Thrift then appends elements as it reads them, instead of
//    allocating the announced number at once.

namespace cpp metarec.idl

include "idl/enums.thrift"
include "idl/placeholders.thrift"

struct app_info {
  1: enums.app_status status = enums.app_status.AS_INVALID
  2: string app_type
  3: string app_name
  4: i32 app_id
  5: i32 partition_count
  6: map<string, string> envs
  7: bool is_stateful
  8: i32 max_replica_count
  9: i64 expire_second
  10: i64 create_second
  11: i64 drop_second
  12: optional bool duplicating
  13: i32 init_partition_count = -1
  14: optional bool is_bulk_loading
  15: optional bool atomic_idempotent
}

struct partition_configuration {
  1: placeholders.gpid pid
  2: i64 ballot
  3: i32 max_replica_count
  4: placeholders.rpc_address primary
  5: list<placeholders.rpc_address> cpp_type "std::vector<rpc_address>" secondaries
  6: list<placeholders.rpc_address> cpp_type "std::vector<rpc_address>" last_drops
  7: i64 last_committed_decree
  8: i32 partition_flags
  9: optional placeholders.host_port hp_primary
  10: optional list<placeholders.host_port> cpp_type "std::vector<host_port>" hp_secondaries
  11: optional list<placeholders.host_port> cpp_type "std::vector<host_port>" hp_last_drops
}

struct replica_info {
  1: placeholders.gpid pid
  2: i64 ballot
  3: enums.partition_status status
  4: i64 last_committed_decree
  5: i64 last_prepared_decree
  6: i64 last_durable_decree
  7: string app_type
  8: string disk_tag
  9: optional enums.manual_compaction_status manual_compact_status
}

struct replica_configuration {
  1: placeholders.gpid pid
  2: i64 ballot
  3: placeholders.rpc_address primary
  4: enums.partition_status status = enums.partition_status.PS_INVALID
  5: i64 learner_signature
  6: optional bool pop_all
  7: optional bool split_sync_to_child
  8: optional placeholders.host_port hp_primary
}

// Also the element of config-sync answers and the payload of proposals.
struct configuration_update_request {
  1: app_info info
  2: partition_configuration config
  3: enums.config_type type = enums.config_type.CT_INVALID
  4: placeholders.rpc_address node
  5: placeholders.rpc_address host_node
  6: optional enums.split_status meta_split_status
  7: optional placeholders.host_port hp_node
}

struct configuration_update_response {
  1: placeholders.error_code err
  2: partition_configuration config
}
