#include "idl/task_codes.h"

namespace metarec::idl {

absl::Span<const absl::string_view> MetaServerTaskCodes() {
  static constexpr absl::string_view kCodes[] = {kRpcCmConfigSync,
                                                 kRpcCmQueryPartitionConfigByIndex,
                                                 kRpcCmUpdatePartitionConfiguration,
                                                 kRpcCmCreateApp,
                                                 kRpcCmDropApp,
                                                 kRpcCmRenameApp,
                                                 kRpcCmRecallApp,
                                                 kRpcCmListApps,
                                                 kRpcCmListNodes,
                                                 kRpcCmClusterInfo,
                                                 kRpcCmControlMeta,
                                                 kRpcCmProposeBalancer,
                                                 kRpcCmStartRecovery,
                                                 kRpcCmStartRestore,
                                                 kRpcCmAddBackupPolicy,
                                                 kRpcCmQueryBackupPolicy,
                                                 kRpcCmModifyBackupPolicy,
                                                 kRpcCmReportRestoreStatus,
                                                 kRpcCmQueryRestoreStatus,
                                                 kRpcCmAddDuplication,
                                                 kRpcCmModifyDuplication,
                                                 kRpcCmQueryDuplication,
                                                 kRpcCmDuplicationSync,
                                                 kRpcCmListDuplication,
                                                 kRpcCmUpdateAppEnv,
                                                 kRpcCmDddDiagnose,
                                                 kRpcCmStartPartitionSplit,
                                                 kRpcCmControlPartitionSplit,
                                                 kRpcCmQueryPartitionSplit,
                                                 kRpcCmRegisterChildReplica,
                                                 kRpcCmNotifyStopSplit,
                                                 kRpcCmQueryChildState,
                                                 kRpcCmStartBulkLoad,
                                                 kRpcCmControlBulkLoad,
                                                 kRpcCmQueryBulkLoadStatus,
                                                 kRpcCmClearBulkLoad,
                                                 kRpcCmStartBackupApp,
                                                 kRpcCmQueryBackupStatus,
                                                 kRpcCmStartManualCompact,
                                                 kRpcCmQueryManualCompactStatus,
                                                 kRpcCmGetMaxReplicaCount,
                                                 kRpcCmSetMaxReplicaCount,
                                                 kRpcCmGetAtomicIdempotent,
                                                 kRpcCmSetAtomicIdempotent};
  return kCodes;
}

}  // namespace metarec::idl
