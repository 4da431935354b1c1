#include "benchmarks/gated_rpcs.h"

#include <utility>

#include "idl/error_names.h"
#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "recovery_service/meta_rpcs.h"

namespace metarec::benchmarks {
namespace {

template <typename Response>
bool IsRight(const GatedRpc& rpc, absl::string_view answer) {
  if (answer == rpc.refusal) return true;
  Response response;
  return idl::DecodeBody(answer, &response).ok() && response.err.ok();
}

template <typename Response, typename Request>
GatedRpc Rpc(const char* task_code, const Request& request) {
  GatedRpc rpc;
  rpc.task_code = task_code;
  rpc.request = idl::EncodeBody(request);
  rpc.is_right = IsRight<Response>;
  for (const MetaRpc& known : MetaRpcs()) {
    if (known.task_code == task_code) rpc.refusal = known.encode_refusal(idl::kErrUnderRecovery);
  }
  return rpc;
}

}  // namespace

std::vector<GatedRpc> GatedRpcs(const std::string& table) {
  idl::query_cfg_request partition;
  partition.app_name = table;
  partition.__set_partition_indices({0});
  return {
      Rpc<idl::configuration_list_apps_response>(idl::kRpcCmListApps,
                                                 idl::configuration_list_apps_request()),
      Rpc<idl::configuration_list_nodes_response>(idl::kRpcCmListNodes,
                                                  idl::configuration_list_nodes_request()),
      Rpc<idl::configuration_cluster_info_response>(idl::kRpcCmClusterInfo,
                                                    idl::configuration_cluster_info_request()),
      Rpc<idl::query_cfg_response>(idl::kRpcCmQueryPartitionConfigByIndex, partition),
  };
}

}  // namespace metarec::benchmarks
