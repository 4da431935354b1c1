// Those who talk to meta servers: shells, and replica servers with their beacons.

#include <utility>

#include <absl/strings/str_cat.h>

#include "idl/error_names.h"
#include "idl/meta_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "meta_process.h"
#include "world.h"

namespace metarec::simulation {

asio::awaitable<void> ShellProcess::Main() {
  idl::configuration_recovery_request body;
  const ModelOptions flags = Flags();
  body.skip_bad_nodes = flags.skip_bad_nodes;
  body.skip_lost_partitions = flags.skip_lost_partitions;
  std::vector<idl::host_port> names;
  for (const NodeListEntry& entry : world_->MakeRequest(flags_).nodes.entries) {
    names.emplace_back(entry.host, entry.port);
  }
  body.__set_hp_recovery_nodes(names);
  rpc::Request request;
  request.task_code = idl::kRpcCmStartRecovery;
  request.body = idl::EncodeBody(body);
  request.peer = {.ip = ip_, .port = 1};
  request.from_address = idl::rpc_address(ip_, 1);
  request.timeout = timeout_;
  request.is_forward_supported = true;
  int meta = static_cast<int>(world_->random.Pick(0, kMetaServersMax - 1));
  Ipv4Endpoint to = MetaAddress(meta);
  for (int attempt = 0; attempt < 8; ++attempt) {
    const absl::Time deadline = world_->queue.now() + timeout_;
    const absl::StatusOr<rpc::HandlerResult> answer =
        co_await world_->network.Call(ip_, to, request, deadline);
    if (dead()) co_return;
    std::string said = answer.ok() ? answer->error_name : std::string(answer.status().message());
    meta = (meta + 1) % kMetaServersMax;
    to = MetaAddress(meta);
    if (answer.ok() && answer->error_name == idl::kErrForwardToOthers) {
      idl::rpc_address leader;
      if (idl::DecodeBody(answer->body, &leader).ok() && EndpointOf(leader).ok()) {
        to = *EndpointOf(leader);
      }
    } else if (answer.ok() && answer->error_name == idl::kErrOk) {
      idl::configuration_recovery_response response;
      const absl::Status read = idl::DecodeBody(answer->body, &response);
      if (!read.ok()) {
        Violate("gets an answer that it cannot read");
        co_return;
      }
      said = absl::StrCat(response.err.name, " ", response.hint_message);
      const bool again = response.err.name == idl::kErrForwardToOthers ||
                         response.err.name == idl::kErrTimeout ||
                         response.err.name == idl::kErrBusy;
      if (!again) attempt = 8;
    }
    Say(said);
    const absl::Status slept = co_await world_->clock.SleepFor(absl::Seconds(1));
    if (!slept.ok()) co_return;
  }
}

void SendBeacons(World* world, const CaseNode& node, absl::Time until) {
  if (world->queue.now() >= until) return;
  const auto colon = node.name.find(':');
  for (int i = 0; i < kMetaServersMax; ++i) {
    idl::beacon_msg beacon;
    beacon.time = absl::ToUnixMillis(world->queue.now());
    beacon.from_node = node.address.ToRpcAddress();
    beacon.to_node = MetaAddress(i).ToRpcAddress();
    beacon.__set_start_time(1);
    beacon.__set_hp_from_node(idl::host_port(node.name.substr(0, colon), node.address.port));
    beacon.__set_hp_to_node(idl::host_port(absl::StrCat("meta", i), 34601));
    rpc::Request request;
    request.task_code = idl::kRpcFdFailureDetectorPing;
    request.body = idl::EncodeBody(beacon);
    request.peer = node.address;
    request.from_address = node.address.ToRpcAddress();
    request.timeout = absl::Seconds(2);
    world->network.Send(node.address.ip, MetaAddress(i), std::move(request),
                        [](rpc::HandlerResult) {});
  }
  world->queue.After(absl::Seconds(3), [world, &node, until] { SendBeacons(world, node, until); });
}

}  // namespace metarec::simulation
