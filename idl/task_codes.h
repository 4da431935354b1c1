// Names of the RPCs (INTEROP.md section 3). A response has "_ACK" appended to its request's name.

#pragma once

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec::idl {

// Asked of replica servers.
inline constexpr char kRpcQueryAppInfo[] = "RPC_QUERY_APP_INFO";
inline constexpr char kRpcQueryReplicaInfo[] = "RPC_QUERY_REPLICA_INFO";
inline constexpr char kRpcQueryPnDecree[] = "RPC_QUERY_PN_DECREE";
inline constexpr char kRpcQueryDiskInfo[] = "RPC_QUERY_DISK_INFO";
inline constexpr char kRpcConfigProposal[] = "RPC_CONFIG_PROPOSAL";

// Asked of both kinds of servers.
inline constexpr char kRpcCliCliCall[] = "RPC_CLI_CLI_CALL";

// Asked of meta servers.
inline constexpr char kRpcFdFailureDetectorPing[] = "RPC_FD_FAILURE_DETECTOR_PING";
inline constexpr char kRpcCmConfigSync[] = "RPC_CM_CONFIG_SYNC";
inline constexpr char kRpcCmQueryPartitionConfigByIndex[] =
    "RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX";
inline constexpr char kRpcCmUpdatePartitionConfiguration[] =
    "RPC_CM_UPDATE_PARTITION_CONFIGURATION";
inline constexpr char kRpcCmCreateApp[] = "RPC_CM_CREATE_APP";
inline constexpr char kRpcCmDropApp[] = "RPC_CM_DROP_APP";
inline constexpr char kRpcCmRenameApp[] = "RPC_CM_RENAME_APP";
inline constexpr char kRpcCmRecallApp[] = "RPC_CM_RECALL_APP";
inline constexpr char kRpcCmListApps[] = "RPC_CM_LIST_APPS";
inline constexpr char kRpcCmListNodes[] = "RPC_CM_LIST_NODES";
inline constexpr char kRpcCmClusterInfo[] = "RPC_CM_CLUSTER_INFO";
inline constexpr char kRpcCmControlMeta[] = "RPC_CM_CONTROL_META";
inline constexpr char kRpcCmProposeBalancer[] = "RPC_CM_PROPOSE_BALANCER";
inline constexpr char kRpcCmStartRecovery[] = "RPC_CM_START_RECOVERY";
inline constexpr char kRpcCmStartRestore[] = "RPC_CM_START_RESTORE";
inline constexpr char kRpcCmAddBackupPolicy[] = "RPC_CM_ADD_BACKUP_POLICY";
inline constexpr char kRpcCmQueryBackupPolicy[] = "RPC_CM_QUERY_BACKUP_POLICY";
inline constexpr char kRpcCmModifyBackupPolicy[] = "RPC_CM_MODIFY_BACKUP_POLICY";
inline constexpr char kRpcCmReportRestoreStatus[] = "RPC_CM_REPORT_RESTORE_STATUS";
inline constexpr char kRpcCmQueryRestoreStatus[] = "RPC_CM_QUERY_RESTORE_STATUS";
inline constexpr char kRpcCmAddDuplication[] = "RPC_CM_ADD_DUPLICATION";
inline constexpr char kRpcCmModifyDuplication[] = "RPC_CM_MODIFY_DUPLICATION";
inline constexpr char kRpcCmQueryDuplication[] = "RPC_CM_QUERY_DUPLICATION";
inline constexpr char kRpcCmDuplicationSync[] = "RPC_CM_DUPLICATION_SYNC";
inline constexpr char kRpcCmListDuplication[] = "RPC_CM_LIST_DUPLICATION";
inline constexpr char kRpcCmUpdateAppEnv[] = "RPC_CM_UPDATE_APP_ENV";
inline constexpr char kRpcCmDddDiagnose[] = "RPC_CM_DDD_DIAGNOSE";
inline constexpr char kRpcCmStartPartitionSplit[] = "RPC_CM_START_PARTITION_SPLIT";
inline constexpr char kRpcCmControlPartitionSplit[] = "RPC_CM_CONTROL_PARTITION_SPLIT";
inline constexpr char kRpcCmQueryPartitionSplit[] = "RPC_CM_QUERY_PARTITION_SPLIT";
inline constexpr char kRpcCmRegisterChildReplica[] = "RPC_CM_REGISTER_CHILD_REPLICA";
inline constexpr char kRpcCmNotifyStopSplit[] = "RPC_CM_NOTIFY_STOP_SPLIT";
inline constexpr char kRpcCmQueryChildState[] = "RPC_CM_QUERY_CHILD_STATE";
inline constexpr char kRpcCmStartBulkLoad[] = "RPC_CM_START_BULK_LOAD";
inline constexpr char kRpcCmControlBulkLoad[] = "RPC_CM_CONTROL_BULK_LOAD";
inline constexpr char kRpcCmQueryBulkLoadStatus[] = "RPC_CM_QUERY_BULK_LOAD_STATUS";
inline constexpr char kRpcCmClearBulkLoad[] = "RPC_CM_CLEAR_BULK_LOAD";
inline constexpr char kRpcCmStartBackupApp[] = "RPC_CM_START_BACKUP_APP";
inline constexpr char kRpcCmQueryBackupStatus[] = "RPC_CM_QUERY_BACKUP_STATUS";
inline constexpr char kRpcCmStartManualCompact[] = "RPC_CM_START_MANUAL_COMPACT";
inline constexpr char kRpcCmQueryManualCompactStatus[] = "RPC_CM_QUERY_MANUAL_COMPACT_STATUS";
inline constexpr char kRpcCmGetMaxReplicaCount[] = "RPC_CM_GET_MAX_REPLICA_COUNT";
inline constexpr char kRpcCmSetMaxReplicaCount[] = "RPC_CM_SET_MAX_REPLICA_COUNT";
inline constexpr char kRpcCmGetAtomicIdempotent[] = "RPC_CM_GET_ATOMIC_IDEMPOTENT";
inline constexpr char kRpcCmSetAtomicIdempotent[] = "RPC_CM_SET_ATOMIC_IDEMPOTENT";

// The 44 RPCs that a stock meta server registers, in the order of INTEROP.md section 3.7. The
// beacon, remote commands and HTTP are not among them.
absl::Span<const absl::string_view> MetaServerTaskCodes();

// Data.
inline constexpr char kRpcRrdbPut[] = "RPC_RRDB_RRDB_PUT";
inline constexpr char kRpcRrdbGet[] = "RPC_RRDB_RRDB_GET";

inline constexpr char kAckSuffix[] = "_ACK";

}  // namespace metarec::idl
