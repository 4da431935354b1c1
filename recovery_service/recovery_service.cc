#include "recovery_service/recovery_service.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "idl/error_names.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "recovery_service/meta_rpcs.h"
#include "recovery_service/status/status_line.h"

namespace metarec {
namespace {

// An answer later than its caller's time is none.
constexpr absl::Duration kAnswerMargin = absl::Milliseconds(200);

rpc::HandlerResult Answer(std::string body) {
  rpc::HandlerResult result;
  result.body = std::move(body);
  return result;
}

rpc::HandlerResult TransportError(absl::string_view error_name, std::string body = "") {
  rpc::HandlerResult result;
  result.error_name = std::string(error_name);
  result.body = std::move(body);
  return result;
}

// Decodes the request, lets `answer` make the response, and encodes that.
template <typename Request, typename Answerer>
rpc::HandlerResult AnswerTyped(const rpc::Request& request, const Answerer& answer) {
  Request decoded;
  if (!idl::DecodeBody(request.body, &decoded).ok()) return TransportError(idl::kErrInvalidData);
  return Answer(idl::EncodeBody(answer(decoded)));
}

std::string EncodeRefusal(absl::string_view task_code, absl::string_view error_name) {
  for (const MetaRpc& rpc : MetaRpcs()) {
    if (rpc.task_code == task_code) return rpc.encode_refusal(error_name);
  }
  return EncodeBareRefusal(error_name);
}

}  // namespace

RecoveryService::RecoveryService(const asio::any_io_executor& executor,
                                 RecoveryServiceOptions options, Surroundings surroundings)
    : options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      beacons_(executor, surroundings_.clock, surroundings_.source, options_.beacons),
      watch_(surroundings_.recovery_thread ? surroundings_.recovery_thread->source
                                           : surroundings_.source),
      runner_(executor, options_.recovery,
              {.source = &watch_,
               .clock = surroundings_.clock,
               .listener = &watch_,
               .random = surroundings_.random,
               .beacon_names = [this] { return beacons_.NodeNames(); },
               .on_begun = [this] { OnRunBegun(); },
               .on_ended = [this](const RecoveryResult& result) { OnRunEnded(result); },
               .recovery_executor = surroundings_.recovery_thread
                                        ? surroundings_.recovery_thread->executor
                                        : asio::any_io_executor()}),
      told_at_(surroundings_.clock->Now()) {
  commands_.Add("server-info", "- query server information",
                [version = options_.version, started = surroundings_.clock->Now()](
                    const std::vector<std::string>&) { return ServerInfo(version, started); });
  commands_.Add("server-stat", "- query the state of the recovery and of the port",
                [this](const std::vector<std::string>&) { return ServerStat(status()); });
  commands_.Add("recovery-status", "- query the state of the recovery",
                [this](const std::vector<std::string>&) { return StatusLine(status()); });
}

RecoveryService::~RecoveryService() = default;

void RecoveryService::RegisterOn(rpc::Server* server) {
  const rpc::Handler handler = [this](rpc::Request request) { return Serve(std::move(request)); };
  for (const MetaRpc& rpc : MetaRpcs()) server->Register(std::string(rpc.task_code), handler);
  server->Register(idl::kRpcFdFailureDetectorPing, handler);
  server->Register(idl::kRpcCliCliCall, handler);
}

void RecoveryService::RegisterOn(rpc::UdpServer* server) {
  server->Register(idl::kRpcFdFailureDetectorPing,
                   [this](rpc::Request request) { return Serve(std::move(request)); });
}

rpc::Handler RecoveryService::Gated(rpc::Handler handler) {
  // Shared, because a request that runs must keep it when another takes its place.
  return [this, handler = std::make_shared<const rpc::Handler>(std::move(handler))](
             rpc::Request request) { return ServeGated(std::move(request), handler); };
}

GateSituation RecoveryService::SituationOf(const rpc::Request& request) const {
  return {.state = state(),
          .is_leader = leadership_.is_us,
          .is_leader_known = leadership_.leader && leadership_.leader->address,
          .is_forward_supported = request.is_forward_supported};
}

asio::awaitable<rpc::HandlerResult> RecoveryService::Serve(rpc::Request request) {
  return ServeGated(std::move(request), nullptr);
}

asio::awaitable<rpc::HandlerResult> RecoveryService::ServeGated(
    rpc::Request request, std::shared_ptr<const rpc::Handler> handler) {
  const GateVerdict verdict = gate_.Decide(request.task_code, SituationOf(request));
  if (verdict.action != GateVerdict::Action::kServe) {
    ++(verdict.action == GateVerdict::Action::kForward ? requests_.forwarded : requests_.refused);
    co_return Refuse(request, verdict);
  }
  rpc::HandlerResult result;
  if (handler) {
    result = co_await (*handler)(std::move(request));
  } else {
    result = co_await ServePassed(std::move(request));
  }
  ++(result.error_name == idl::kErrInvalidData ? requests_.undecodable : requests_.served);
  co_return result;
}

rpc::HandlerResult RecoveryService::Refuse(const rpc::Request& request,
                                           const GateVerdict& verdict) const {
  if (verdict.action == GateVerdict::Action::kForward) {
    return TransportError(verdict.error_name,
                          idl::EncodeBody(leadership_.leader->address->ToRpcAddress()));
  }
  if (verdict.error_name == idl::kErrForwardToOthers && leadership_.leader &&
      leadership_.leader->address && request.task_code == idl::kRpcCmQueryPartitionConfigByIndex) {
    // Clients look for the leader there.
    idl::query_cfg_response response;
    response.err = idl::error_code(verdict.error_name);
    response.partitions.emplace_back();
    response.partitions.back().primary = leadership_.leader->address->ToRpcAddress();
    response.partitions.back().__set_hp_primary(HostPortOf(*leadership_.leader));
    return Answer(idl::EncodeBody(response));
  }
  return Answer(EncodeRefusal(request.task_code, verdict.error_name));
}

asio::awaitable<rpc::HandlerResult> RecoveryService::ServePassed(rpc::Request request) {
  if (request.task_code == idl::kRpcFdFailureDetectorPing) co_return AnswerBeacon(request);
  if (request.task_code == idl::kRpcCliCliCall) co_return RunCommand(request);
  if (request.task_code == idl::kRpcCmStartRecovery) {
    co_return co_await StartRecovery(std::move(request));
  }
  co_return Query(request);
}

asio::awaitable<rpc::HandlerResult> RecoveryService::StartRecovery(rpc::Request request) {
  const absl::Time now = surroundings_.clock->Now();
  if (!options_.operators.Allows(request.peer.ip)) {
    ++requests_.denied;
    co_return Answer(EncodeRefusal(request.task_code, idl::kErrAclDeny));
  }
  idl::configuration_recovery_request decoded;
  if (!idl::DecodeBody(request.body, &decoded).ok()) {
    co_return TransportError(idl::kErrInvalidData);
  }
  if (metadata_ && retries_ == Retries::kRefused) {
    co_return Answer(EncodeRefusal(request.task_code, idl::kErrServiceAlreadyRunning));
  }
  absl::StatusOr<RecoveryOrder> order = OrderOf(decoded, options_.recovery.nodes_max);
  if (!order.ok()) {
    idl::configuration_recovery_response response;
    response.err = idl::error_code(idl::kErrInvalidParameters);
    response.hint_message = absl::StrCat("ERROR: ", order.status().message(), "\n");
    co_return Answer(idl::EncodeBody(response));
  }
  absl::Duration wait = request.timeout;
  if (wait <= absl::ZeroDuration()) wait = options_.default_wait;
  wait = std::min(wait, options_.wait_max);
  const absl::Time deadline = now + wait - std::min(kAnswerMargin, wait / 10);
  const idl::configuration_recovery_response response =
      co_await runner_.Start(*std::move(order), deadline);
  TellState();
  co_return Answer(idl::EncodeBody(response));
}

rpc::HandlerResult RecoveryService::AnswerBeacon(const rpc::Request& request) {
  idl::beacon_msg beacon;
  if (!idl::DecodeBody(request.body, &beacon).ok()) return TransportError(idl::kErrInvalidData);
  const std::optional<idl::beacon_ack> ack = beacons_.Answer(beacon, request.peer.ip, leadership_);
  if (ack) return Answer(idl::EncodeBody(*ack));
  rpc::HandlerResult nothing;
  nothing.is_answered = false;
  return nothing;
}

rpc::HandlerResult RecoveryService::RunCommand(const rpc::Request& request) {
  idl::command command;
  if (!idl::DecodeBody(request.body, &command).ok()) return TransportError(idl::kErrInvalidData);
  if (!options_.operators.Allows(request.peer.ip)) {
    ++requests_.denied;
    return Answer(idl::EncodeBody(
        std::string("ERR_ACL_DENY: remote commands are not allowed from your address")));
  }
  return Answer(idl::EncodeBody(commands_.Run(command.cmd, command.arguments)));
}

rpc::HandlerResult RecoveryService::Query(const rpc::Request& request) const {
  const RecoveredMetadata& metadata = *metadata_;
  if (request.task_code == idl::kRpcCmListApps) {
    return AnswerTyped<idl::configuration_list_apps_request>(
        request, [&](const auto& decoded) { return metadata.ListApps(decoded); });
  }
  if (request.task_code == idl::kRpcCmListNodes) {
    // Who has just answered the recovery is alive, and from then on who sends beacons.
    const bool is_fresh = surroundings_.clock->Now() - recovered_at_ <= options_.beacons.grace;
    return AnswerTyped<idl::configuration_list_nodes_request>(request, [&](const auto& decoded) {
      return metadata.ListNodes(decoded, [&](const TopologyNode& node) {
        return is_fresh || beacons_.IsAlive(node.address);
      });
    });
  }
  if (request.task_code == idl::kRpcCmClusterInfo) {
    return Answer(idl::EncodeBody(metadata.ClusterInfo(Identity())));
  }
  if (request.task_code == idl::kRpcCmQueryPartitionConfigByIndex) {
    return AnswerTyped<idl::query_cfg_request>(
        request, [&](const auto& decoded) { return metadata.QueryPartitions(decoded); });
  }
  if (request.task_code == idl::kRpcCmDddDiagnose) {
    return AnswerTyped<idl::ddd_diagnose_request>(
        request, [&](const auto& decoded) { return metadata.DiagnosePartitions(decoded); });
  }
  if (request.task_code == idl::kRpcCmControlMeta) {
    return AnswerTyped<idl::configuration_meta_control_request>(request, [](const auto& decoded) {
      idl::configuration_meta_control_response response;
      // There is nothing here that another level would govern.
      if (decoded.level != idl::meta_function_level::fl_invalid &&
          decoded.level != idl::meta_function_level::fl_steady) {
        response.err = idl::error_code(idl::kErrUnderRecovery);
        return response;
      }
      response.err = idl::error_code(idl::kErrOk);
      response.old_level = idl::meta_function_level::fl_steady;
      return response;
    });
  }
  // The gate let through what nobody here serves: an embedder's policy without its handler.
  return TransportError(idl::kErrHandlerNotFound);
}

ClusterIdentity RecoveryService::Identity() const {
  ClusterIdentity identity = options_.cluster;
  if (leadership_.leader) identity.primary_meta_server = leadership_.leader->name;
  return identity;
}

void RecoveryService::Lead(LeaderIdentity us, MetaStore* store, std::vector<StoreOp> fence) {
  leadership_ = {.is_us = true, .leader = std::move(us)};
  runner_.UseStore(store, std::move(fence));
}

void RecoveryService::Follow(std::optional<LeaderIdentity> leader) {
  leadership_ = {.is_us = false, .leader = std::move(leader)};
}

asio::awaitable<void> RecoveryService::StepDown() {
  leadership_ = {};
  beacons_.ForgetGrants();
  co_await runner_.Abandon();
  metadata_.reset();
  retries_ = Retries::kAnswered;
  TellState();
}

void RecoveryService::ServeRecovered(Topology topology, Secondaries secondaries, Retries retries) {
  retries_ = retries;
  ServeFromNowOn(std::move(topology), std::move(secondaries));
}

void RecoveryService::ServeFromNowOn(Topology topology, Secondaries secondaries) {
  metadata_ = std::make_unique<RecoveredMetadata>(std::move(topology), std::move(secondaries));
  recovered_at_ = surroundings_.clock->Now();
  TellState();
}

void RecoveryService::OnRunBegun() {
  watch_.Begin(runner_.order()->nodes);
  TellState();
}

void RecoveryService::OnRunEnded(const RecoveryResult& result) {
  if (result.outcome != RecoveryOutcome::kRecovered) {
    TellState();
    return;
  }
  ServeFromNowOn(result.plan->topology, {});
  if (surroundings_.listener != nullptr) {
    surroundings_.listener->OnRecovered(metadata_->topology());
  }
}

void RecoveryService::TellState() {
  const RecoveryState now = state();
  if (std::exchange(told_, now) == now) return;
  told_at_ = surroundings_.clock->Now();
  if (surroundings_.listener != nullptr) surroundings_.listener->OnStateChanged(now);
}

RecoveryState RecoveryService::state() const {
  return metadata_ ? RecoveryState::kRecovered : runner_.state();
}

RecoveryServiceStatus RecoveryService::status() const {
  return {.state = state(),
          .state_since = told_at_,
          .leadership = leadership_,
          .progress = runner_.progress(),
          .order = runner_.order(),
          .result = runner_.result(),
          .run = runner_.order() == nullptr ? nullptr : &watch_,
          .run_state = runner_.state(),
          .served = metadata_.get(),
          .retries = retries_,
          .nodes = beacons_.Nodes(),
          .requests = requests_,
          .ports = surroundings_.port_counts ? std::make_optional(surroundings_.port_counts())
                                             : std::nullopt};
}

asio::awaitable<void> RecoveryService::Stop() {
  co_await runner_.Abandon();
  co_await beacons_.Stop();
}

}  // namespace metarec
