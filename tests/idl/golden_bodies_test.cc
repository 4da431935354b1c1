// Every captured message body of the real system decodes, and encodes to the same bytes again.

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include "idl/client_types.h"
#include "idl/data_path.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"
#include "idl/metadata_types.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "testing/slow_build.h"

namespace metarec::idl {
namespace {

using Codec = std::function<absl::StatusOr<std::string>(const std::string& body, int16_t field_id)>;

template <typename T>
Codec CodecOf() {
  return [](const std::string& body, int16_t field_id) -> absl::StatusOr<std::string> {
    T value;
    if (absl::Status status = DecodeBody(body, &value); !status.ok()) return status;
    return EncodeBody(value, field_id);
  };
}

struct Codecs {
  Codec request;
  Codec response;
};

template <typename Request, typename Response>
Codecs Pair() {
  return {CodecOf<Request>(), CodecOf<Response>()};
}

const std::map<std::string, Codecs>& AllCodecs() {
  static const auto* const codecs = new std::map<std::string, Codecs>{
      {kRpcQueryAppInfo, Pair<query_app_info_request, query_app_info_response>()},
      {kRpcQueryReplicaInfo, Pair<query_replica_info_request, query_replica_info_response>()},
      {kRpcCliCliCall, Pair<command, std::string>()},
      {kRpcConfigProposal, Pair<configuration_update_request, configuration_update_response>()},
      {kRpcFdFailureDetectorPing, Pair<beacon_msg, beacon_ack>()},
      {kRpcCmConfigSync,
       Pair<configuration_query_by_node_request, configuration_query_by_node_response>()},
      {kRpcCmUpdatePartitionConfiguration,
       Pair<configuration_update_request, configuration_update_response>()},
      {kRpcCmStartRecovery,
       Pair<configuration_recovery_request, configuration_recovery_response>()},
      {kRpcCmClusterInfo,
       Pair<configuration_cluster_info_request, configuration_cluster_info_response>()},
      {kRpcCmControlMeta,
       Pair<configuration_meta_control_request, configuration_meta_control_response>()},
      {kRpcCmCreateApp,
       Pair<configuration_create_app_request, configuration_create_app_response>()},
      {kRpcCmDropApp, Pair<configuration_drop_app_request, configuration_drop_app_response>()},
      {kRpcCmRenameApp,
       Pair<configuration_rename_app_request, configuration_rename_app_response>()},
      {kRpcCmUpdateAppEnv,
       Pair<configuration_update_app_env_request, configuration_update_app_env_response>()},
      {kRpcCmListApps, Pair<configuration_list_apps_request, configuration_list_apps_response>()},
      {kRpcCmListNodes,
       Pair<configuration_list_nodes_request, configuration_list_nodes_response>()},
      {kRpcCmQueryPartitionConfigByIndex, Pair<query_cfg_request, query_cfg_response>()},
      {kRpcCmDuplicationSync, Pair<duplication_sync_request, duplication_sync_response>()},
      {kRpcCmRegisterChildReplica, Pair<register_child_request, register_child_response>()},
      {kRpcCmStartPartitionSplit,
       Pair<start_partition_split_request, start_partition_split_response>()},
      {kRpcRrdbPut, Pair<update_request, update_response>()},
      {kRpcRrdbGet, Pair<blob, read_response>()},
      {kRpcRrdbMultiPut, Pair<multi_put_request, update_response>()},
      {kRpcRrdbRemove, Pair<blob, update_response>()},
      {kRpcRrdbTtl, Pair<blob, ttl_response>()},
      {kRpcRrdbCheckAndSet, Pair<check_and_set_request, check_and_set_response>()},
      {kRpcRrdbGetScanner, Pair<get_scanner_request, scan_response>()},
      {kRpcRrdbScan, Pair<scan_request, scan_response>()},
  };
  return *codecs;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

uint32_t BigEndian(const std::string& bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes.at(offset + i));
  return value;
}

// Where the wrapper struct starts; the frames themselves are rpc/'s subject.
size_t BodyOffset(const std::string& message) {
  size_t offset = 4;
  if (message.compare(0, 4, "RDSN") == 0) return 192;
  if (message.compare(0, 4, "THFT") == 0) {
    offset = BigEndian(message, 4) == 0 ? 48 : 16 + BigEndian(message, 8);
  } else {
    offset += 4 + BigEndian(message, 4);  // the error name
  }
  return offset + 4 + 4 + BigEndian(message, offset + 4) + 4;  // Thrift's message begin
}

TEST(GoldenBodies, EveryCapturedMessageEncodesToTheSameBytes) {
  int messages = 0;
  int empty_bodies = 0;
  std::set<std::string> codes_seen;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(METAREC_GOLDEN_DIR)) {
    if (entry.path().extension() != ".bin") continue;
    const std::string file_name = entry.path().filename();
    SCOPED_TRACE(entry.path());
    ++messages;
    const std::string message = ReadFile(entry.path());
    const std::string body = message.substr(BodyOffset(message));
    const auto codecs = AllCodecs().find(file_name.substr(0, file_name.find('.')));
    ASSERT_NE(codecs, AllCodecs().end());
    codes_seen.insert(codecs->first);
    if (body.empty()) {
      ++empty_bodies;
      continue;
    }
    const bool is_request = file_name.find(".request.") != std::string::npos;
    const int16_t field_id = is_request && message.compare(0, 4, "THFT") == 0 ? 1 : 0;
    const auto encoded =
        (is_request ? codecs->second.request : codecs->second.response)(body, field_id);
    ASSERT_TRUE(encoded.ok()) << encoded.status();
    EXPECT_EQ(*encoded, body);
  }
  EXPECT_EQ(messages, 587);
  EXPECT_EQ(empty_bodies, 8);
  EXPECT_EQ(codes_seen.size(), AllCodecs().size());
}

TEST(GoldenBodies, NoTruncationOfACapturedMessageDecodesOrCrashes) {
  for (const auto& entry : std::filesystem::directory_iterator(METAREC_GOLDEN_DIR "/rpc")) {
    if (entry.path().extension() != ".bin") continue;
    const std::string file_name = entry.path().filename();
    const std::string body = ReadFile(entry.path()).substr(192);
    const Codecs& codecs = AllCodecs().at(file_name.substr(0, file_name.find('.')));
    const bool is_request = file_name.find(".request.") != std::string::npos;
    const Codec& codec = is_request ? codecs.request : codecs.response;
    // Short messages at every byte, long ones at some thousand.
    const size_t step = body.size() / testing::InSlowBuild(200, 2000) * 2 + 1;
    for (size_t length = 0; length < body.size(); length += step) {
      const auto decoded = codec(body.substr(0, length), 0);
      ASSERT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument)
          << file_name << " cut to " << length;
    }
  }
}

// About a hundred bytes of each captured message, one at a time, set to values that matter to a
// parser.
TEST(GoldenBodies, NoChangedByteOfACapturedMessageCrashes) {
  int decoded = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(METAREC_GOLDEN_DIR "/rpc")) {
    if (entry.path().extension() != ".bin") continue;
    const std::string file_name = entry.path().filename();
    const std::string body = ReadFile(entry.path()).substr(192);
    const Codecs& codecs = AllCodecs().at(file_name.substr(0, file_name.find('.')));
    const bool is_request = file_name.find(".request.") != std::string::npos;
    const Codec& codec = is_request ? codecs.request : codecs.response;
    const size_t step = 1 + body.size() / testing::InSlowBuild(20, 100);
    for (size_t i = 0; i < body.size(); i += step) {
      for (const char value : {'\x00', '\x01', '\x0c', '\x0f', '\x7f', '\xff'}) {
        std::string changed = body;
        changed[i] = value;
        ++(codec(changed, 0).ok() ? decoded : refused);
      }
    }
  }
  EXPECT_GT(decoded, testing::InSlowBuild(200, 1000));
  EXPECT_GT(refused, testing::InSlowBuild(200, 1000));
}

TEST(GoldenBodies, TheStreamingReaderYieldsWhatTheWholeDecoderDoes) {
  int answers = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(METAREC_GOLDEN_DIR)) {
    const std::string file_name = entry.path().filename();
    if (file_name.rfind("RPC_QUERY_REPLICA_INFO.", 0) != 0) continue;
    if (file_name.find(".response.bin") == std::string::npos) continue;
    const std::string message = ReadFile(entry.path());
    if (message.size() == 192) continue;
    SCOPED_TRACE(entry.path());
    query_replica_info_response whole;
    ASSERT_TRUE(DecodeBody(message.substr(192), &whole).ok());
    query_replica_info_response streamed;
    std::string err_name;
    const absl::Status status = ReadQueryReplicaInfoResponse(
        message.substr(192), &err_name,
        [&](const replica_info& replica) { streamed.replicas.push_back(replica); });
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(err_name, whole.err.name);
    EXPECT_EQ(streamed.replicas, whole.replicas);
    ++answers;
  }
  EXPECT_EQ(answers, 50);
}

}  // namespace
}  // namespace metarec::idl
