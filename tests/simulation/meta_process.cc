#include <algorithm>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "idl/error_names.h"
#include "idl/meta_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "process.h"
#include "world.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kMargin = absl::Seconds(1);
// A server that sent a beacon this short before a collection is there during the collection.
constexpr absl::Duration kSurelyAlive = absl::Seconds(6);

}  // namespace

Ipv4Endpoint MetaAddress(int number) {
  return {.ip = 0x0A000101 + static_cast<uint32_t>(number), .port = 34601};
}

std::string MetaName(int number) { return absl::StrCat("meta", number, ":34601"); }

MetaProcess::MetaProcess(World* world, std::string name, int number, Settlements settlements)
    : Process(world, std::move(name), MetaAddress(number).ip),
      address_(MetaAddress(number)),
      settlements_(std::move(settlements)),
      beacon_source_(MetaAddress(number).ip, &world->servers, &world->network) {
  const RecoveryRequest request = world->MakeRequest(0);
  RecoveryServiceOptions options;
  options.recovery.root = kRoot;
  options.recovery.plan = request.plan;
  options.recovery.read_old_trees = request.read_old_trees;
  options.recovery.plan.settlements = settlements_;
  options.recovery.collector = request.collector;
  options.recovery.writer = request.writer;
  const asio::any_io_executor executor = world->context.get_executor();
  Surroundings surroundings;
  surroundings.source = &beacon_source_;
  surroundings.clock = &world->clock;
  surroundings.random = [world] { return world->random.Fraction(); };
  service_ =
      std::make_unique<RecoveryService>(executor, options, surroundings, /*listener=*/nullptr,
                                        RecoveryThread{.executor = executor, .source = &source_});
  serving_ = std::make_unique<TaskGroup>(executor);

  RecoveryContenderOptions contending;
  contending.own_name = MetaName(number);
  contending.recover = true;
  contending.root = kRoot;
  contending.lock_root = kLockRoot;
  contending.session_timeout = world->the_case.session_timeout;
  contending.connect = [this]() -> asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> {
    if (dead() || world_->network.IsCutOff(ip_)) {
      co_return absl::UnavailableError("no ZooKeeper server can be reached");
    }
    auto store = world_->zookeeper.Connect(client_, world_->the_case.session_timeout);
    session_id_ = store->session_id();
    co_return store;
  };
  // A name service that takes its time.
  contending.address_of =
      [world](std::string meta) -> asio::awaitable<std::optional<Ipv4Endpoint>> {
    const absl::Duration delay = world->random.Span(
        absl::ZeroDuration(), world->random.OneIn(4) ? absl::Seconds(4) : absl::Milliseconds(50));
    const absl::Status slept = co_await world->clock.SleepFor(delay);
    if (!slept.ok()) co_return std::nullopt;
    for (int i = 0; i < kMetaServersMax; ++i) {
      if (MetaName(i) == meta) co_return MetaAddress(i);
    }
    co_return std::nullopt;
  };
  contending.log = [this](absl::string_view line) { Say(line); };
  contender_ = std::make_unique<RecoveryContender>(executor, std::move(contending), service_.get(),
                                                   &world->clock);
}

MetaProcess::~MetaProcess() = default;

asio::awaitable<void> MetaProcess::Main() {
  world_->network.Bind(address_, [this](rpc::Request request, SimulatedNetwork::Reply reply) {
    serving_->Spawn(Serve(std::move(request), std::move(reply)));
  });
  const absl::Status ended = co_await contender_->Run();
  if (!dead()) world_->network.Unbind(address_);
  Say(absl::StrCat("serves no more: ", ended.ToString()));
  serving_->Cancel();
  co_await service_->Stop();
  co_await serving_->Join();
}

void MetaProcess::OnKilled() { world_->network.Unbind(address_); }

ModelOptions MetaProcess::Flags() const {
  ModelOptions options;
  options.is_warm = world_->the_case.is_warm;
  options.settlements = settlements_;
  for (const Ipv4Endpoint& outsider : world_->outsiders()) {
    options.outsiders.insert(outsider.ToString());
  }
  for (const CaseNode& node : world_->servers.nodes()) {
    const bool is_claimed =
        &node == &world_->servers.nodes().front() && !world_->outsiders().empty();
    if (is_claimed || !node.beacon_name.empty()) options.doubtful.insert(node.address.ToString());
  }
  const RecoveryOrder* const order = service_->status().order;
  if (order == nullptr) return options;
  options.skip_bad_nodes = order->skip_bad_nodes;
  options.skip_lost_partitions = order->skip_lost_partitions;
  return options;
}

asio::awaitable<void> MetaProcess::Serve(rpc::Request request, SimulatedNetwork::Reply reply) {
  const absl::Time asked = world_->queue.now();
  NoteBeacon(request);
  rpc::HandlerResult result = co_await service_->Serve(request);
  if (dead()) co_return;
  CheckAnswer(request, result, asked);
  reply(std::move(result));
}

void MetaProcess::CheckAnswer(const rpc::Request& request, const rpc::HandlerResult& result,
                              absl::Time asked) {
  world_->CheckLeader(*this);
  if (world_->queue.now() > asked + request.timeout + kMargin) Violate("answers too late");
  if (request.task_code == idl::kRpcFdFailureDetectorPing) {
    idl::beacon_ack ack;
    if (!result.is_answered || !idl::DecodeBody(result.body, &ack).ok() || !ack.is_master) return;
    if (world_->servers.IsServed(request.peer)) {
      Violate(absl::StrCat("has itself for the master of ", request.peer.ToString(),
                           ", which still serves"));
    }
    return;
  }
  idl::configuration_recovery_response response;
  if (request.task_code != idl::kRpcCmStartRecovery || result.error_name != idl::kErrOk ||
      !idl::DecodeBody(result.body, &response).ok()) {
    return;
  }
  world_->Count(absl::StrCat("start_recovery ", response.err.name));
  if (response.err.name == idl::kErrOk && !world_->watch.IsTouchedByStrangers() &&
      !world_->watch.IsBootable()) {
    Violate("says to have recovered what is not there");
  }
  const RecoveryServiceStatus status = service_->status();
  if (status.result == nullptr || status.run_state == RecoveryState::kRecovering) return;
  if (response.err.name != status.result->error_name) return;  // of another request
  if (status.result->outcome == RecoveryOutcome::kConflict) {
    world_->NoteConflicts(ModelOf(*status.result->plan).conflicts, source_.told());
  }
  CheckNobodyIsForgotten(status);
  CheckDoubts(status);
  // One process may run several recoveries; which of them wrote what is not known here.
  const std::string problem = ProblemOf(*status.result, *Model(), settlements_, world_->watch, -1);
  if (!problem.empty()) Violate(problem);
}

// One that goes by the name of a node which did not answer is taken for that node.
void MetaProcess::NoteBeacon(const rpc::Request& request) {
  idl::beacon_msg beacon;
  if (request.task_code != idl::kRpcFdFailureDetectorPing) return;
  for (const CaseNode& node : world_->servers.nodes()) {
    if (node.address != request.peer || node.beacon_name.empty()) continue;
    lies_[request.peer].push_back(world_->queue.now());
  }
  if (!world_->outsiders().contains(request.peer) || !idl::DecodeBody(request.body, &beacon).ok() ||
      !absl::StartsWith(beacon.hp_from_node.ToString(), "out")) {
    return;
  }
  heard_[request.peer].push_back(world_->queue.now());
}

namespace {

bool WasHeardInTime(const std::vector<absl::Time>& times, const RecoveryPlan& plan) {
  return std::any_of(times.begin(), times.end(), [&](absl::Time heard) {
    return heard < plan.evidence_collected_at && heard > plan.evidence_collected_at - kSurelyAlive;
  });
}

}  // namespace

void MetaProcess::CheckNobodyIsForgotten(const RecoveryServiceStatus& status) {
  const std::optional<RecoveryPlan>& plan = status.result->plan;
  if (!plan || plan->options.skip_bad_nodes || plan->outcome != PlanOutcome::kReady) return;
  for (const auto& [address, times] : heard_) {
    if (WasHeardInTime(times, *plan)) {
      Violate(absl::StrCat("goes on without ", address.ToString(), ", of which it heard"));
    }
  }
}

void MetaProcess::CheckDoubts(const RecoveryServiceStatus& status) {
  const std::optional<RecoveryPlan>& plan = status.result->plan;
  if (!plan) return;
  for (const auto& [address, times] : lies_) {
    if (!WasHeardInTime(times, *plan)) continue;
    for (size_t i = 0; i < plan->nodes.size(); ++i) {
      if (plan->topology.nodes[i].address != address) continue;
      const bool is_said =
          std::any_of(plan->findings.begin(), plan->findings.end(), [&](const Finding& finding) {
            return finding.kind() == FindingKind::kBeaconNotBelieved && finding.node == i;
          });
      if (!is_said) Violate(absl::StrCat("says nothing of the lies of ", address.ToString()));
      METAREC_RARE_BRANCH("a lie in a beacon is heard and named");
    }
  }
}

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

void SendBeacons(World* world, const Beaconer& sender, absl::Time until) {
  if (world->queue.now() >= until) return;
  const size_t colon = sender.name.find(':');
  int32_t port = 0;
  if (!absl::SimpleAtoi(sender.name.substr(colon + 1), &port)) return;
  for (int i = 0; i < kMetaServersMax; ++i) {
    idl::beacon_msg beacon;
    beacon.time = absl::ToUnixMillis(world->queue.now());
    beacon.from_node = sender.address.ToRpcAddress();
    beacon.to_node = MetaAddress(i).ToRpcAddress();
    beacon.__set_start_time(1);
    beacon.__set_hp_from_node(
        idl::host_port(sender.name.substr(0, colon), static_cast<uint16_t>(port)));
    beacon.__set_hp_to_node(idl::host_port(absl::StrCat("meta", i), 34601));
    rpc::Request request;
    request.task_code = idl::kRpcFdFailureDetectorPing;
    request.body = idl::EncodeBody(beacon);
    request.peer = sender.sent_from;
    request.from_address = sender.address.ToRpcAddress();
    request.timeout = absl::Seconds(2);
    world->network.Send(sender.sent_from.ip, MetaAddress(i), std::move(request),
                        [](const rpc::HandlerResult&) {});
  }
  world->queue.After(absl::Seconds(3),
                     [world, sender, until] { SendBeacons(world, sender, until); });
}

}  // namespace metarec::simulation
