#include "idl/task_codes.h"

namespace metarec::idl {

absl::Span<const absl::string_view> MetaServerTaskCodes() {
  // Not constexpr: with -fsanitize=undefined GCC 12 takes the comparison with null inside
  // string_view for something that it cannot know.
  static const absl::string_view kCodes[] = {kRpcCmConfigSync,
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
