// Queries and administration (INTEROP.md section 3.6).

namespace cpp metarec.idl

include "idl/enums.thrift"
include "idl/placeholders.thrift"
include "idl/metadata.thrift"

struct query_cfg_request {
  1: string app_name
  // Java and Node clients leave it out although it is not optional.
  2: optional list<i32> cpp_type "std::vector<int32_t>" partition_indices
}

struct query_cfg_response {
  1: placeholders.error_code err
  2: i32 app_id
  3: i32 partition_count
  4: bool is_stateful
  5: list<metadata.partition_configuration> cpp_type "std::vector<partition_configuration>" partitions
}

struct configuration_list_apps_request {
  1: enums.app_status status = enums.app_status.AS_INVALID
  2: optional string app_name_pattern
  3: optional enums.pattern_match_type match_type
}

struct configuration_list_apps_response {
  1: placeholders.error_code err
  2: list<metadata.app_info> cpp_type "std::vector<app_info>" infos
  3: optional string hint_message
}

struct configuration_list_nodes_request {
  1: enums.node_status status = enums.node_status.NS_INVALID
}

struct node_info {
  1: enums.node_status status = enums.node_status.NS_INVALID
  2: placeholders.rpc_address node
  3: optional placeholders.host_port hp_node
}

struct configuration_list_nodes_response {
  1: placeholders.error_code err
  2: list<node_info> cpp_type "std::vector<node_info>" infos
}

struct configuration_cluster_info_request {}

struct configuration_cluster_info_response {
  1: placeholders.error_code err
  2: list<string> cpp_type "std::vector<std::string>" keys
  3: list<string> cpp_type "std::vector<std::string>" values
}

// fl_invalid only asks for the level.
struct configuration_meta_control_request {
  1: enums.meta_function_level level
}

struct configuration_meta_control_response {
  1: placeholders.error_code err
  2: enums.meta_function_level old_level
}

struct configuration_proposal_action {
  1: placeholders.rpc_address target
  2: placeholders.rpc_address node
  3: enums.config_type type
  // 4 was retired.
  5: optional placeholders.host_port hp_target
  6: optional placeholders.host_port hp_node
}

struct configuration_balancer_request {
  1: placeholders.gpid gpid
  2: list<configuration_proposal_action> cpp_type "std::vector<configuration_proposal_action>" action_list
  3: optional bool force
  4: optional enums.balancer_request_type balance_type
}

struct configuration_balancer_response {
  1: placeholders.error_code err
}

struct create_app_options {
  1: i32 partition_count
  2: i32 replica_count
  3: bool success_if_exist
  4: string app_type
  5: bool is_stateful
  6: map<string, string> envs
  7: optional bool atomic_idempotent
}

struct configuration_create_app_request {
  1: string app_name
  2: create_app_options options
}

struct configuration_create_app_response {
  1: placeholders.error_code err
  2: i32 appid
}

struct drop_app_options {
  1: bool success_if_not_exist
  2: optional i64 reserve_seconds
}

struct configuration_drop_app_request {
  1: string app_name
  2: drop_app_options options
}

struct configuration_drop_app_response {
  1: placeholders.error_code err
}

struct configuration_recall_app_request {
  1: i32 app_id
  2: string new_app_name
}

struct configuration_recall_app_response {
  1: placeholders.error_code err
  2: metadata.app_info info
}

struct configuration_rename_app_request {
  1: string old_app_name
  2: string new_app_name
}

struct configuration_rename_app_response {
  1: placeholders.error_code err
  2: string hint_message
}

struct configuration_update_app_env_request {
  1: string app_name
  2: enums.app_env_operation op = enums.app_env_operation.APP_ENV_OP_INVALID
  3: optional list<string> cpp_type "std::vector<std::string>" keys
  4: optional list<string> cpp_type "std::vector<std::string>" values
  5: optional string clear_prefix
}

struct configuration_update_app_env_response {
  1: placeholders.error_code err
  2: string hint_message
}

struct ddd_node_info {
  1: placeholders.rpc_address node
  2: i64 drop_time_ms
  3: bool is_alive
  4: bool is_collected
  5: i64 ballot
  6: i64 last_committed_decree
  7: i64 last_prepared_decree
  8: optional placeholders.host_port hp_node
}

struct ddd_partition_info {
  1: metadata.partition_configuration config
  2: list<ddd_node_info> cpp_type "std::vector<ddd_node_info>" dropped
  3: string reason
}

struct ddd_diagnose_request {
  1: placeholders.gpid pid
}

struct ddd_diagnose_response {
  1: placeholders.error_code err
  2: list<ddd_partition_info> cpp_type "std::vector<ddd_partition_info>" partitions
}

struct configuration_get_max_replica_count_request {
  1: string app_name
}

struct configuration_get_max_replica_count_response {
  1: placeholders.error_code err
  2: i32 max_replica_count
  3: string hint_message
}

struct configuration_set_max_replica_count_request {
  1: string app_name
  2: i32 max_replica_count
}

struct configuration_set_max_replica_count_response {
  1: placeholders.error_code err
  2: i32 old_max_replica_count
  3: string hint_message
}

struct configuration_get_atomic_idempotent_request {
  1: string app_name
}

struct configuration_get_atomic_idempotent_response {
  1: placeholders.error_code err
  2: bool atomic_idempotent
  3: string hint_message
}

struct configuration_set_atomic_idempotent_request {
  1: string app_name
  2: bool atomic_idempotent
}

struct configuration_set_atomic_idempotent_response {
  1: placeholders.error_code err
  2: bool old_atomic_idempotent
  3: string hint_message
}

struct start_partition_split_request {
  1: string app_name
  2: i32 new_partition_count
}

struct start_partition_split_response {
  1: placeholders.error_code err
  2: string hint_msg
}
