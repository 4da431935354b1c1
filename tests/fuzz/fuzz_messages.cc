#include <string>
#include <utility>

#include <absl/strings/match.h>
#include <glog/logging.h>

#include "idl/client_types.h"
#include "idl/data_path.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"
#include "idl/metadata_types.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "recovery_service/recovered_metadata.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/zk_store/client/store_world.h"

namespace metarec::fuzz {
namespace {

using namespace idl;  // NOLINT: the tables are made of its names

template <typename T>
void Check(absl::string_view body) {
  T value;
  if (!DecodeBody(body, &value).ok()) return;
  const std::string encoded = EncodeBody(value);
  T again;
  const absl::Status status = DecodeBody(encoded, &again);
  // Structs without any field, which nobody sends, are read where a container says to hold
  // something else, and counted as longer than they are when they come as what they are.
  if (absl::StrContains(status.message(), "a container announces")) return;
  CHECK(status.ok()) << status;
  CHECK(again == value);
  CHECK(EncodeBody(again) == encoded);
  // Requests of generated clients have another field id.
  T of_client;
  CHECK(DecodeBody(EncodeBody(value, kThftRequestFieldId), &of_client).ok());
  CHECK(of_client == value);
}

// The reader without a list is stricter than the generated one, and otherwise equal.
void CheckQueryReplicaInfoResponse(absl::string_view body) {
  Check<query_replica_info_response>(body);
  std::string error;
  std::vector<replica_info> replicas;
  const absl::Status status = ReadQueryReplicaInfoResponse(
      body, &error, [&](const replica_info& replica) { replicas.push_back(replica); });
  if (!status.ok()) return;
  query_replica_info_response response;
  const absl::Status decoded = DecodeBody(body, &response);
  CHECK(decoded.ok()) << decoded;
  CHECK_EQ(response.err.name, error);
  CHECK(response.replicas == replicas);
}

void CheckMeta(absl::string_view body) {
  thrift_request_meta_v1 meta;
  if (!DecodeBareStruct(body, &meta).ok()) return;
  thrift_request_meta_v1 again;
  CHECK(DecodeBareStruct(EncodeBareStruct(meta), &again).ok());
  CHECK(again == meta);
}

}  // namespace

absl::Span<const MessageCodec> RequestCodecs() {
  static const MessageCodec kCodecs[] = {
      {kRpcQueryAppInfo, Check<query_app_info_request>},
      {kRpcQueryReplicaInfo, Check<query_replica_info_request>},
      {kRpcQueryPnDecree, Check<query_pn_decree_request>},
      {kRpcQueryDiskInfo, Check<query_disk_info_request>},
      {kRpcConfigProposal, Check<configuration_update_request>},
      {kRpcCliCliCall, Check<command>},
      {kRpcFdFailureDetectorPing, Check<beacon_msg>},
      {kRpcCmConfigSync, Check<configuration_query_by_node_request>},
      {kRpcCmQueryPartitionConfigByIndex, Check<query_cfg_request>},
      {kRpcCmUpdatePartitionConfiguration, Check<configuration_update_request>},
      {kRpcCmCreateApp, Check<configuration_create_app_request>},
      {kRpcCmDropApp, Check<configuration_drop_app_request>},
      {kRpcCmRenameApp, Check<configuration_rename_app_request>},
      {kRpcCmRecallApp, Check<configuration_recall_app_request>},
      {kRpcCmListApps, Check<configuration_list_apps_request>},
      {kRpcCmListNodes, Check<configuration_list_nodes_request>},
      {kRpcCmClusterInfo, Check<configuration_cluster_info_request>},
      {kRpcCmControlMeta, Check<configuration_meta_control_request>},
      {kRpcCmProposeBalancer, Check<configuration_balancer_request>},
      {kRpcCmStartRecovery, Check<configuration_recovery_request>},
      {kRpcCmDuplicationSync, Check<duplication_sync_request>},
      {kRpcCmUpdateAppEnv, Check<configuration_update_app_env_request>},
      {kRpcCmDddDiagnose, Check<ddd_diagnose_request>},
      {kRpcCmStartPartitionSplit, Check<start_partition_split_request>},
      {kRpcCmRegisterChildReplica, Check<register_child_request>},
      {kRpcCmGetMaxReplicaCount, Check<configuration_get_max_replica_count_request>},
      {kRpcCmSetMaxReplicaCount, Check<configuration_set_max_replica_count_request>},
      {kRpcCmGetAtomicIdempotent, Check<configuration_get_atomic_idempotent_request>},
      {kRpcCmSetAtomicIdempotent, Check<configuration_set_atomic_idempotent_request>},
      {kRpcRrdbPut, Check<update_request>},
      {kRpcRrdbGet, Check<blob>},
      {"thrift_request_meta_v1", CheckMeta},
      {kRpcRrdbMultiPut, Check<multi_put_request>},
      {kRpcRrdbCheckAndSet, Check<check_and_set_request>},
      {kRpcRrdbGetScanner, Check<get_scanner_request>},
      {kRpcRrdbScan, Check<scan_request>},
  };
  return kCodecs;
}

absl::Span<const MessageCodec> ResponseCodecs() {
  static const MessageCodec kCodecs[] = {
      {kRpcQueryAppInfo, Check<query_app_info_response>},
      {kRpcQueryReplicaInfo, CheckQueryReplicaInfoResponse},
      {kRpcQueryPnDecree, Check<query_pn_decree_response>},
      {kRpcQueryDiskInfo, Check<query_disk_info_response>},
      {kRpcCliCliCall, Check<std::string>},
      {kRpcFdFailureDetectorPing, Check<beacon_ack>},
      {kRpcCmConfigSync, Check<configuration_query_by_node_response>},
      {kRpcCmQueryPartitionConfigByIndex, Check<query_cfg_response>},
      {kRpcCmUpdatePartitionConfiguration, Check<configuration_update_response>},
      {kRpcCmCreateApp, Check<configuration_create_app_response>},
      {kRpcCmDropApp, Check<configuration_drop_app_response>},
      {kRpcCmRenameApp, Check<configuration_rename_app_response>},
      {kRpcCmRecallApp, Check<configuration_recall_app_response>},
      {kRpcCmListApps, Check<configuration_list_apps_response>},
      {kRpcCmListNodes, Check<configuration_list_nodes_response>},
      {kRpcCmClusterInfo, Check<configuration_cluster_info_response>},
      {kRpcCmControlMeta, Check<configuration_meta_control_response>},
      {kRpcCmProposeBalancer, Check<configuration_balancer_response>},
      {kRpcCmStartRecovery, Check<configuration_recovery_response>},
      {kRpcCmDuplicationSync, Check<duplication_sync_response>},
      {kRpcCmUpdateAppEnv, Check<configuration_update_app_env_response>},
      {kRpcCmDddDiagnose, Check<ddd_diagnose_response>},
      {kRpcCmStartPartitionSplit, Check<start_partition_split_response>},
      {kRpcCmRegisterChildReplica, Check<register_child_response>},
      {kRpcCmGetMaxReplicaCount, Check<configuration_get_max_replica_count_response>},
      {kRpcCmSetMaxReplicaCount, Check<configuration_set_max_replica_count_response>},
      {kRpcCmGetAtomicIdempotent, Check<configuration_get_atomic_idempotent_response>},
      {kRpcCmSetAtomicIdempotent, Check<configuration_set_atomic_idempotent_response>},
      {kRpcRrdbPut, Check<update_response>},
      {kRpcRrdbGet, Check<read_response>},
      {kRpcRrdbTtl, Check<ttl_response>},
      {kRpcRrdbCheckAndSet, Check<check_and_set_response>},
      {kRpcRrdbScan, Check<scan_response>},
  };
  return kCodecs;
}

namespace {

void CheckSelected(absl::Span<const MessageCodec> codecs, absl::string_view input) {
  ByteSource source(input);
  const size_t selected = source.Byte() % codecs.size();
  codecs[selected].check(source.Rest());
}

template <typename Response>
void CheckEncodes(const Response& response) {
  Response again;
  const absl::Status status = idl::DecodeBody(idl::EncodeBody(response), &again);
  CHECK(status.ok()) << status;
  CHECK(again == response);
}

// What a meta server under recovery answers to clients, whatever they ask.
void CheckAnswers(absl::string_view body) {
  static const auto* const metadata = new RecoveredMetadata(SampleTopology());
  idl::query_cfg_request partitions;
  if (idl::DecodeBody(body, &partitions).ok()) {
    const auto response = metadata->QueryPartitions(partitions, {});
    CHECK_LE(response.partitions.size(), 8u);
    CheckEncodes(response);
  }
  idl::configuration_list_apps_request apps;
  if (idl::DecodeBody(body, &apps).ok()) CheckEncodes(metadata->ListApps(apps, {}));
  idl::configuration_list_nodes_request nodes;
  if (idl::DecodeBody(body, &nodes).ok()) {
    LiveCluster live;
    live.is_alive = [](const TopologyNode&) { return true; };
    CheckEncodes(metadata->ListNodes(nodes, live));
  }
  idl::ddd_diagnose_request diagnose;
  if (idl::DecodeBody(body, &diagnose).ok()) {
    CheckEncodes(metadata->DiagnosePartitions(diagnose, {}));
  }
}

}  // namespace

void FuzzRequests(absl::string_view input) {
  CheckSelected(RequestCodecs(), input);
  if (!input.empty()) CheckAnswers(input.substr(1));
}

void FuzzResponses(absl::string_view input) { CheckSelected(ResponseCodecs(), input); }

}  // namespace metarec::fuzz
