// Recovery, failure detector, config sync, and the other requests between replica servers and
// their meta server (INTEROP.md sections 3.3 to 3.6).

namespace cpp metarec.idl

include "idl/enums.thrift"
include "idl/placeholders.thrift"
include "idl/metadata.thrift"

struct configuration_recovery_request {
  1: list<placeholders.rpc_address> cpp_type "std::vector<rpc_address>" recovery_nodes
  2: bool skip_bad_nodes
  3: bool skip_lost_partitions
  4: optional list<placeholders.host_port> cpp_type "std::vector<host_port>" hp_recovery_nodes
}

struct configuration_recovery_response {
  1: placeholders.error_code err
  2: string hint_message
}

// Times are milliseconds since the epoch.
struct beacon_msg {
  1: i64 time
  2: placeholders.rpc_address from_node
  3: placeholders.rpc_address to_node
  4: optional i64 start_time
  5: optional placeholders.host_port hp_from_node
  6: optional placeholders.host_port hp_to_node
}

struct beacon_ack {
  1: i64 time
  2: placeholders.rpc_address this_node
  3: placeholders.rpc_address primary_node
  4: bool is_master
  5: bool allowed
  6: optional placeholders.host_port hp_this_node
  7: optional placeholders.host_port hp_primary_node
}

struct replica_server_info {
  1: map<string, string> geo_tags
  2: i64 total_capacity_mb
}

struct configuration_query_by_node_request {
  1: placeholders.rpc_address node
  2: optional list<metadata.replica_info> cpp_type "std::vector<replica_info>" stored_replicas
  3: optional replica_server_info info
  4: optional placeholders.host_port hp_node
}

struct configuration_query_by_node_response {
  1: placeholders.error_code err
  2: list<metadata.configuration_update_request> cpp_type "std::vector<configuration_update_request>" partitions
  3: optional list<metadata.replica_info> cpp_type "std::vector<replica_info>" gc_replicas
}

struct duplication_confirm_entry {
  1: i32 dupid
  2: i64 confirmed_decree
  3: optional bool checkpoint_prepared
  4: optional i64 last_committed_decree
}

struct duplication_sync_request {
  1: placeholders.rpc_address node
  2: map<placeholders.gpid, list<duplication_confirm_entry> cpp_type "std::vector<duplication_confirm_entry>"> confirm_list
  // Not optional, alone among the host_port fields, but absent from what versions up to 2.5 send.
  3: optional placeholders.host_port hp_node
}

// Its fields are not needed here: what a peer sends of them is skipped, and we only send empty maps.
struct duplication_entry {}

struct duplication_sync_response {
  1: placeholders.error_code err
  2: map<i32, map<i32, duplication_entry>> dup_map
}

struct register_child_request {
  1: metadata.app_info app
  2: metadata.partition_configuration parent_config
  3: metadata.partition_configuration child_config
  4: placeholders.rpc_address primary
  5: optional placeholders.host_port hp_primary
}

struct register_child_response {
  1: placeholders.error_code err
  2: metadata.app_info app
  3: metadata.partition_configuration parent_config
  4: metadata.partition_configuration child_config
}
