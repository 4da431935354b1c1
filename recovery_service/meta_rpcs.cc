#include "recovery_service/meta_rpcs.h"

#include "idl/client_types.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"
#include "idl/metadata_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"

namespace metarec {
namespace {

template <typename Response>
std::string EncodeRefusal(absl::string_view error_name) {
  Response response;
  response.err = idl::error_code(error_name);
  return idl::EncodeBody(response);
}

template <typename Response>
MetaRpc Refused(absl::string_view task_code) {
  return {task_code, GatePolicy::kNever, EncodeRefusal<Response>};
}

template <typename Response>
MetaRpc ServedOnceRecovered(absl::string_view task_code) {
  return {task_code, GatePolicy::kOnceRecovered, EncodeRefusal<Response>};
}

// An RPC of a service (backup, bulk load, ...) whose messages are none of our business.
MetaRpc OfAnotherService(absl::string_view task_code) {
  return {task_code, GatePolicy::kNever, EncodeBareRefusal};
}

}  // namespace

std::string EncodeBareRefusal(absl::string_view error_name) {
  // A struct that has its `err` and nothing else.
  return EncodeRefusal<idl::configuration_balancer_response>(error_name);
}

absl::Span<const MetaRpc> MetaRpcs() {
  using namespace idl;  // NOLINT: the table is made of its names
  static const MetaRpc kRpcs[] = {
      Refused<configuration_query_by_node_response>(kRpcCmConfigSync),
      ServedOnceRecovered<query_cfg_response>(kRpcCmQueryPartitionConfigByIndex),
      Refused<configuration_update_response>(kRpcCmUpdatePartitionConfiguration),
      Refused<configuration_create_app_response>(kRpcCmCreateApp),
      Refused<configuration_drop_app_response>(kRpcCmDropApp),
      Refused<configuration_rename_app_response>(kRpcCmRenameApp),
      Refused<configuration_recall_app_response>(kRpcCmRecallApp),
      ServedOnceRecovered<configuration_list_apps_response>(kRpcCmListApps),
      ServedOnceRecovered<configuration_list_nodes_response>(kRpcCmListNodes),
      ServedOnceRecovered<configuration_cluster_info_response>(kRpcCmClusterInfo),
      ServedOnceRecovered<configuration_meta_control_response>(kRpcCmControlMeta),
      Refused<configuration_balancer_response>(kRpcCmProposeBalancer),
      {kRpcCmStartRecovery, GatePolicy::kByLeader, EncodeRefusal<configuration_recovery_response>},
      Refused<configuration_create_app_response>(kRpcCmStartRestore),
      OfAnotherService(kRpcCmAddBackupPolicy),
      OfAnotherService(kRpcCmQueryBackupPolicy),
      OfAnotherService(kRpcCmModifyBackupPolicy),
      OfAnotherService(kRpcCmReportRestoreStatus),
      OfAnotherService(kRpcCmQueryRestoreStatus),
      OfAnotherService(kRpcCmAddDuplication),
      OfAnotherService(kRpcCmModifyDuplication),
      OfAnotherService(kRpcCmQueryDuplication),
      Refused<duplication_sync_response>(kRpcCmDuplicationSync),
      OfAnotherService(kRpcCmListDuplication),
      Refused<configuration_update_app_env_response>(kRpcCmUpdateAppEnv),
      ServedOnceRecovered<ddd_diagnose_response>(kRpcCmDddDiagnose),
      Refused<start_partition_split_response>(kRpcCmStartPartitionSplit),
      OfAnotherService(kRpcCmControlPartitionSplit),
      OfAnotherService(kRpcCmQueryPartitionSplit),
      Refused<register_child_response>(kRpcCmRegisterChildReplica),
      OfAnotherService(kRpcCmNotifyStopSplit),
      OfAnotherService(kRpcCmQueryChildState),
      OfAnotherService(kRpcCmStartBulkLoad),
      OfAnotherService(kRpcCmControlBulkLoad),
      OfAnotherService(kRpcCmQueryBulkLoadStatus),
      OfAnotherService(kRpcCmClearBulkLoad),
      OfAnotherService(kRpcCmStartBackupApp),
      OfAnotherService(kRpcCmQueryBackupStatus),
      OfAnotherService(kRpcCmStartManualCompact),
      OfAnotherService(kRpcCmQueryManualCompactStatus),
      Refused<configuration_get_max_replica_count_response>(kRpcCmGetMaxReplicaCount),
      Refused<configuration_set_max_replica_count_response>(kRpcCmSetMaxReplicaCount),
      Refused<configuration_get_atomic_idempotent_response>(kRpcCmGetAtomicIdempotent),
      Refused<configuration_set_atomic_idempotent_response>(kRpcCmSetAtomicIdempotent),
  };
  return kRpcs;
}

}  // namespace metarec
