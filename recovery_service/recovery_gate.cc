#include "recovery_service/recovery_gate.h"

#include <utility>

#include "idl/client_types.h"
#include "idl/error_names.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"
#include "idl/metadata_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "recovery_service/recovery_service.h"

namespace metarec {
namespace {

template <typename Response>
std::string RefusalOf(absl::string_view error_name, const LeaderIdentity* /*leader*/) {
  Response response;
  response.err = idl::error_code(error_name);
  return idl::EncodeBody(response);
}

// Clients look for the leader in the answer.
std::string RefusalOfPartitions(absl::string_view error_name, const LeaderIdentity* leader) {
  idl::query_cfg_response response;
  response.err = idl::error_code(error_name);
  if (error_name == idl::kErrForwardToOthers && leader != nullptr && leader->address) {
    idl::partition_configuration& told = response.partitions.emplace_back();
    told.primary = leader->address->ToRpcAddress();
    told.__set_hp_primary(HostPortOf(leader->name));
  }
  return idl::EncodeBody(response);
}

// The answer of a remote command is a text.
std::string RefusalOfCommand(absl::string_view error_name, const LeaderIdentity* /*leader*/) {
  return idl::EncodeBody(std::string(error_name));
}

// Never served. The refusal of an RPC of another service (backup, bulk load, ...) has its `err` and
// nothing else, since its messages are none of our business.
template <typename Response = idl::configuration_balancer_response>
constexpr MetaRpc Never(absl::string_view task_code) {
  return {.task_code = task_code, .refusal = RefusalOf<Response>};
}

// The request of an answer of RecoveredMetadata.
template <typename Method>
struct RequestOf;
template <typename Response, typename Request>
struct RequestOf<Response (RecoveredMetadata::*)(const Request&, const LiveCluster&) const> {
  using type = Request;
};
template <typename Response, typename Request>
struct RequestOf<Response (RecoveredMetadata::*)(const Request&, const LiveCluster&)> {
  using type = Request;
};

GateVerdict DecideBy(GatePolicy policy, const GateSituation& situation) {
  using Action = GateVerdict::Action;
  const GateVerdict serve = {Action::kServe, idl::kErrOk};
  if (policy == GatePolicy::kAlways) return serve;
  if (!situation.is_leader) {
    const bool tells_leader = situation.is_forward_supported && situation.is_leader_known;
    return {tells_leader ? Action::kForward : Action::kRefuse, idl::kErrForwardToOthers};
  }
  if (policy == GatePolicy::kByLeader) return serve;
  if (policy == GatePolicy::kOnceRecovered && situation.state == RecoveryState::kRecovered) {
    return serve;
  }
  // Replica servers that get it wait for their next interval and lose nothing (INTEROP.md 3.5).
  return {Action::kRefuse, idl::kErrUnderRecovery};
}

}  // namespace

template <auto Method>
asio::awaitable<rpc::HandlerResult> RecoveryService::AnswerFrom(rpc::Request request) {
  typename RequestOf<decltype(Method)>::type decoded;
  rpc::HandlerResult result;
  if (idl::DecodeBody(request.body, &decoded).ok()) {
    result.body = idl::EncodeBody((metadata_.get()->*Method)(decoded, live_cluster_));
  } else {
    result.error_name = std::string(idl::kErrInvalidData);
  }
  co_return result;
}

// A member of RecoveryService, so that rows can name the functions that answer.
absl::Span<const MetaRpc> RecoveryService::Rpcs() {
  using namespace idl;  // NOLINT: the table is made of its names
  using Metadata = RecoveredMetadata;
  using Service = RecoveryService;
  constexpr GatePolicy kOnceRecovered = GatePolicy::kOnceRecovered;
  // Not constexpr: a string_view of a named array is no constant with the sanitizers.
  static const MetaRpc kRpcs[] = {
      Never<configuration_query_by_node_response>(kRpcCmConfigSync),
      {kRpcCmQueryPartitionConfigByIndex, kOnceRecovered, RefusalOfPartitions,
       &Service::AnswerFrom<&Metadata::QueryPartitions>},
      Never<configuration_update_response>(kRpcCmUpdatePartitionConfiguration),
      Never<configuration_create_app_response>(kRpcCmCreateApp),
      Never<configuration_drop_app_response>(kRpcCmDropApp),
      Never<configuration_rename_app_response>(kRpcCmRenameApp),
      Never<configuration_recall_app_response>(kRpcCmRecallApp),
      {kRpcCmListApps, kOnceRecovered, RefusalOf<configuration_list_apps_response>,
       &Service::AnswerFrom<&Metadata::ListApps>},
      {kRpcCmListNodes, kOnceRecovered, RefusalOf<configuration_list_nodes_response>,
       &Service::AnswerFrom<&Metadata::ListNodes>},
      {kRpcCmClusterInfo, kOnceRecovered, RefusalOf<configuration_cluster_info_response>,
       &Service::AnswerFrom<&Metadata::ClusterInfo>},
      {kRpcCmControlMeta, kOnceRecovered, RefusalOf<configuration_meta_control_response>,
       &Service::AnswerFrom<&Metadata::ControlMeta>},
      Never<configuration_balancer_response>(kRpcCmProposeBalancer),
      {kRpcCmStartRecovery, GatePolicy::kByLeader, RefusalOf<configuration_recovery_response>,
       &Service::StartRecovery},
      Never<configuration_create_app_response>(kRpcCmStartRestore),
      Never(kRpcCmAddBackupPolicy),
      Never(kRpcCmQueryBackupPolicy),
      Never(kRpcCmModifyBackupPolicy),
      Never(kRpcCmReportRestoreStatus),
      Never(kRpcCmQueryRestoreStatus),
      Never(kRpcCmAddDuplication),
      Never(kRpcCmModifyDuplication),
      Never(kRpcCmQueryDuplication),
      Never<duplication_sync_response>(kRpcCmDuplicationSync),
      Never(kRpcCmListDuplication),
      Never<configuration_update_app_env_response>(kRpcCmUpdateAppEnv),
      {kRpcCmDddDiagnose, kOnceRecovered, RefusalOf<ddd_diagnose_response>,
       &Service::AnswerFrom<&Metadata::DiagnosePartitions>},
      Never<start_partition_split_response>(kRpcCmStartPartitionSplit),
      Never(kRpcCmControlPartitionSplit),
      Never(kRpcCmQueryPartitionSplit),
      Never<register_child_response>(kRpcCmRegisterChildReplica),
      Never(kRpcCmNotifyStopSplit),
      Never(kRpcCmQueryChildState),
      Never(kRpcCmStartBulkLoad),
      Never(kRpcCmControlBulkLoad),
      Never(kRpcCmQueryBulkLoadStatus),
      Never(kRpcCmClearBulkLoad),
      Never(kRpcCmStartBackupApp),
      Never(kRpcCmQueryBackupStatus),
      Never(kRpcCmStartManualCompact),
      Never(kRpcCmQueryManualCompactStatus),
      Never<configuration_get_max_replica_count_response>(kRpcCmGetMaxReplicaCount),
      Never<configuration_set_max_replica_count_response>(kRpcCmSetMaxReplicaCount),
      Never<configuration_get_atomic_idempotent_response>(kRpcCmGetAtomicIdempotent),
      Never<configuration_set_atomic_idempotent_response>(kRpcCmSetAtomicIdempotent),
      {kRpcCliCliCall, GatePolicy::kAlways, RefusalOfCommand, &Service::RunCommand},
      // A replica server obeys an error in the answer to its beacon. It tolerates silence.
      {kRpcFdFailureDetectorPing, GatePolicy::kAlways, nullptr, &Service::AnswerBeacon},
  };
  return kRpcs;
}

absl::Span<const MetaRpc> MetaRpcs() { return RecoveryService::Rpcs(); }

const MetaRpc* FindMetaRpc(absl::string_view task_code) {
  static const auto* const by_code = [] {
    auto* const map = new absl::flat_hash_map<absl::string_view, const MetaRpc*>;
    for (const MetaRpc& rpc : MetaRpcs()) map->emplace(rpc.task_code, &rpc);
    return map;
  }();
  const auto found = by_code->find(task_code);
  return found == by_code->end() ? nullptr : found->second;
}

std::string EncodeBareRefusal(absl::string_view error_name) {
  return RefusalOf<idl::configuration_balancer_response>(error_name, nullptr);
}

absl::string_view RecoveryStateName(RecoveryState state) {
  switch (state) {
    case RecoveryState::kWaiting:
      return "waiting";
    case RecoveryState::kRecovering:
      return "recovering";
    case RecoveryState::kRecovered:
      return "recovered";
    case RecoveryState::kFailed:
      return "failed";
  }
  return "unknown";
}

RecoveryGate::RecoveryGate() {
  for (const MetaRpc& rpc : MetaRpcs()) policies_.emplace(rpc.task_code, rpc.policy);
}

void RecoveryGate::SetPolicy(std::string task_code, GatePolicy policy) {
  policies_.insert_or_assign(std::move(task_code), policy);
}

GateVerdict RecoveryGate::Decide(absl::string_view task_code,
                                 const GateSituation& situation) const {
  const auto found = policies_.find(task_code);
  return DecideBy(found == policies_.end() ? GatePolicy::kNever : found->second, situation);
}

GateVerdict MetaRpc::Decide(const GateSituation& situation) const {
  return DecideBy(policy, situation);
}

}  // namespace metarec
