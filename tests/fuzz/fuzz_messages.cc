#include <string>
#include <utility>

#include <glog/logging.h>

#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "recovery_service/recovered_metadata.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/message_codecs.h"
#include "tests/zk_store/client/store_world.h"

namespace metarec::fuzz {
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
    const auto response = metadata->QueryPartitions(partitions);
    CHECK_LE(response.partitions.size(), 8u);
    CheckEncodes(response);
  }
  idl::configuration_list_apps_request apps;
  if (idl::DecodeBody(body, &apps).ok()) CheckEncodes(metadata->ListApps(apps));
  idl::configuration_list_nodes_request nodes;
  if (idl::DecodeBody(body, &nodes).ok()) {
    CheckEncodes(metadata->ListNodes(nodes, [](const TopologyNode&) { return true; }));
  }
  idl::ddd_diagnose_request diagnose;
  if (idl::DecodeBody(body, &diagnose).ok()) CheckEncodes(metadata->DiagnosePartitions(diagnose));
}

}  // namespace

void FuzzRequests(absl::string_view input) {
  CheckSelected(RequestCodecs(), input);
  if (!input.empty()) CheckAnswers(input.substr(1));
}

void FuzzResponses(absl::string_view input) { CheckSelected(ResponseCodecs(), input); }

}  // namespace metarec::fuzz
