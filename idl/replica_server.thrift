// Asked of replica servers by a collector, and remote commands (INTEROP.md section 3.2).

namespace cpp metarec.idl

include "idl/enums.thrift"
include "idl/placeholders.thrift"
include "idl/metadata.thrift"

struct query_app_info_request {
  1: placeholders.rpc_address meta_server
  2: optional placeholders.host_port hp_meta_server
}

struct query_app_info_response {
  1: placeholders.error_code err
  2: list<metadata.app_info> cpp_type "std::vector<app_info>" apps
}

struct query_replica_info_request {
  1: placeholders.rpc_address node1
  2: optional placeholders.host_port hp_node1
}

struct query_replica_info_response {
  1: placeholders.error_code err
  2: list<metadata.replica_info> cpp_type "std::vector<replica_info>" replicas
}

struct query_pn_decree_request {
  1: placeholders.gpid pid
  2: placeholders.rpc_address node1
  3: optional placeholders.host_port hp_node1
}

struct query_pn_decree_response {
  1: placeholders.error_code err
  2: i64 last_decree
}

struct query_disk_info_request {
  1: placeholders.rpc_address node1
  2: string app_name
  3: optional placeholders.host_port hp_node1
}

struct disk_info {
  1: string tag
  2: string full_dir
  3: i64 disk_capacity_mb
  4: i64 disk_available_mb
  5: map<i32, set<placeholders.gpid>> holding_primary_replicas
  6: map<i32, set<placeholders.gpid>> holding_secondary_replicas
}

struct query_disk_info_response {
  1: placeholders.error_code err
  2: i64 total_capacity_mb
  3: i64 total_available_mb
  4: list<disk_info> cpp_type "std::vector<disk_info>" disk_infos
}

// RPC_CLI_CLI_CALL; the answer is a bare string.
struct command {
  1: string cmd
  2: list<string> cpp_type "std::vector<std::string>" arguments
}
