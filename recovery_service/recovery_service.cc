#include "recovery_service/recovery_service.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "idl/error_names.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"

namespace metarec {
namespace {

// An answer that comes after its caller's time is worth nothing.
constexpr absl::Duration kAnswerMargin = absl::Milliseconds(200);

// A longer request of somebody who may not send it is not looked into.
constexpr size_t kDeniedBodyReadMax = 64 << 10;
constexpr char kNoOperator[] = "the address is in none of the operators' networks";

rpc::HandlerResult Answer(std::string body) {
  rpc::HandlerResult result;
  result.body = std::move(body);
  return result;
}

rpc::HandlerResult NoAnswer() {
  rpc::HandlerResult result;
  result.is_answered = false;
  return result;
}

rpc::HandlerResult TransportError(absl::string_view error_name, std::string body = "") {
  rpc::HandlerResult result;
  result.error_name = std::string(error_name);
  result.body = std::move(body);
  return result;
}

idl::configuration_recovery_response RecoveryResponse(absl::string_view error_name,
                                                      std::string hint = "") {
  idl::configuration_recovery_response response;
  response.err = idl::error_code(error_name);
  response.hint_message = std::move(hint);
  return response;
}

// What a start_recovery asks for. kDataLoss for what is none, or too long. Takes the body, which
// may be long, so that nobody has it while the recovery is waited for.
absl::StatusOr<RecoveryOrder> DecodeOrder(std::string body, size_t bytes_max, size_t nodes_max) {
  idl::configuration_recovery_request request;
  if (body.size() > bytes_max || !idl::DecodeBody(body, &request).ok()) {
    return absl::DataLossError("the body is no start_recovery request");
  }
  return OrderOf(request, nodes_max);
}

// As they were configured, to be read together: a chroot may stand behind the hosts.
std::string ConfiguredRoot(const RecoveryServiceOptions& options) {
  const std::string& root = options.cluster.zookeeper_root;
  return root.empty() ? options.recovery.root : root;
}

// Recoveries learn from the beacons who else is there, and what servers call themselves.
RecoveryRunnerOptions RunnerOptions(const RecoveryServiceOptions& options,
                                    const BeaconWatch* beacons) {
  RecoveryRunnerOptions recovery = options.recovery;
  recovery.collector.beacons = [beacons] { return beacons->Senders(); };
  recovery.decisions = {.program = options.build.program,
                        .zookeeper_hosts = options.cluster.zookeeper_hosts,
                        .root = ConfiguredRoot(options)};
  return recovery;
}

}  // namespace

RecoveryService::RecoveryService(const asio::any_io_executor& executor,
                                 RecoveryServiceOptions options, Surroundings surroundings,
                                 RecoveryListener* listener, std::optional<RecoveryThread> thread)
    : options_(std::move(options)),
      clock_(surroundings.clock),
      listener_(listener),
      live_cluster_(MakeLiveCluster()),
      beacons_(executor, clock_, surroundings.source, options_.beacons),
      runner_(executor, RunnerOptions(options_, &beacons_), std::move(surroundings),
              std::move(thread), [this] { OnRunChanged(); }),
      told_at_(clock_->Now()) {}

RecoveryService::~RecoveryService() = default;

LiveCluster RecoveryService::MakeLiveCluster() const {
  LiveCluster cluster;
  cluster.identity = [this] {
    ClusterIdentity identity = options_.cluster;
    if (leadership_.leader) identity.primary_meta_server = leadership_.leader->name;
    return identity;
  };
  cluster.is_alive = [this](const TopologyNode& node) {
    // What the recovery did not leave out has just answered it. Later, nodes that send beacons are
    // alive.
    const bool is_fresh = clock_->Now() - recovered_at_ <= options_.beacons.grace;
    return (is_fresh && !WasLeftOut(node)) || beacons_.IsAlive(node.address);
  };
  return cluster;
}

bool RecoveryService::WasLeftOut(const TopologyNode& node) const {
  const RecoveryResult* const result = runner_.result();
  if (result == nullptr || !result->plan.has_value() || metadata_ == nullptr) return false;
  // The plan's nodes are in the same order.
  const auto i = static_cast<size_t>(&node - metadata_->topology().nodes.data());
  const auto& planned = result->plan->topology.nodes;
  if (i >= planned.size() || i >= result->plan->nodes.size()) return false;
  return planned[i].address == node.address && result->plan->nodes[i].error != idl::kErrOk;
}

void RecoveryService::RegisterOn(rpc::Server* server) {
  tcp_ = server;
  for (const MetaRpc& rpc : MetaRpcs()) {
    server->Register(std::string(rpc.task_code),
                     [this](rpc::Request request) { return Serve(std::move(request)); });
  }
}

void RecoveryService::RegisterOn(rpc::UdpServer* server) {
  udp_ = server;
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
  const MetaRpc* const rpc = FindMetaRpc(request.task_code);
  const GateSituation situation = SituationOf(request);
  GateVerdict verdict = gate_.Decide(request.task_code, situation);
  if (verdict.action == GateVerdict::Action::kServe && !handler) {
    // The gate lets through what nobody here serves: an embedder's policy without its handler.
    if (rpc == nullptr || rpc->answer == nullptr)
      co_return TransportError(idl::kErrHandlerNotFound);
    verdict = rpc->Decide(situation);
  }
  if (verdict.action != GateVerdict::Action::kServe) co_return Refuse(rpc, verdict);
  rpc::HandlerResult result;
  if (handler) {
    result = co_await (*handler)(std::move(request));
  } else {
    result = co_await (this->*rpc->answer)(std::move(request));
  }
  ++(result.error_name == idl::kErrInvalidData ? requests_.undecodable : requests_.served);
  co_return result;
}

rpc::HandlerResult RecoveryService::Refuse(const MetaRpc* rpc, const GateVerdict& verdict) {
  const LeaderIdentity* const leader = leadership_.leader ? &*leadership_.leader : nullptr;
  if (verdict.action == GateVerdict::Action::kForward) {
    ++requests_.forwarded;
    return TransportError(verdict.error_name, idl::EncodeBody(leader->address->ToRpcAddress()));
  }
  ++requests_.refused;
  if (rpc == nullptr) return Answer(EncodeBareRefusal(verdict.error_name));
  if (rpc->refusal == nullptr) return NoAnswer();
  return Answer(rpc->EncodeRefusal(verdict.error_name, leader));
}

asio::awaitable<rpc::HandlerResult> RecoveryService::StartRecovery(rpc::Request request) {
  const bool is_denied = !options_.operators.Allows(request.peer.ip);
  absl::StatusOr<RecoveryOrder> order =
      DecodeOrder(std::exchange(request.body, {}),
                  is_denied ? kDeniedBodyReadMax : std::numeric_limits<size_t>::max(),
                  options_.recovery.nodes_max);
  AuditEntry entry;
  entry.sender = request.peer;
  if (order.ok()) {
    order->sender = request.peer;
    entry.order = *order;
  } else {
    entry.reason = std::string(order.status().message());
  }
  idl::configuration_recovery_response response;
  if (is_denied) {
    ++requests_.denied;
    entry.event = AuditEntry::Event::kDenied;
    entry.reason = kNoOperator;
    response = RecoveryResponse(idl::kErrAclDeny);
  } else if (absl::IsDataLoss(order.status())) {
    entry.error_name = idl::kErrInvalidData;
    Audit(entry);
    co_return TransportError(idl::kErrInvalidData);
  } else if (metadata_ && retries_ == Retries::kRefused) {
    response = RecoveryResponse(idl::kErrServiceAlreadyRunning);
  } else if (!order.ok()) {
    response = RecoveryResponse(idl::kErrInvalidParameters,
                                absl::StrCat("ERROR: ", order.status().message(), "\n"));
  } else {
    // The run's own entries tell of it.
    const bool begins = runner_.WouldBegin();
    response = co_await Recover(request.timeout, *std::move(order));
    if (begins) co_return Answer(idl::EncodeBody(response));
  }
  entry.error_name = response.err.name;
  if (entry.order.has_value())
    entry.details = absl::StrSplit(response.hint_message, '\n', absl::SkipEmpty());
  Audit(entry);
  co_return Answer(idl::EncodeBody(response));
}

asio::awaitable<idl::configuration_recovery_response> RecoveryService::Recover(
    absl::Duration wait, RecoveryOrder order) {
  if (wait <= absl::ZeroDuration()) wait = options_.default_wait;
  wait = std::min(wait, options_.wait_max);
  const absl::Time deadline = clock_->Now() + wait - std::min(kAnswerMargin, wait / 10);
  co_return co_await runner_.Start(std::move(order), deadline);
}

void RecoveryService::Audit(const AuditEntry& entry) {
  if (listener_ == nullptr) return;
  // Of what was refused there may be any number, of runs only as many as there are.
  const bool is_of_run =
      entry.event == AuditEntry::Event::kRunBegins || entry.event == AuditEntry::Event::kRunEnds;
  if (!is_of_run && !audit_limit_.Allows(clock_->Now())) return;
  listener_->OnAudit(entry, audit_limit_.TakeSuppressed());
}

// Of the run that has just begun or ended.
void RecoveryService::AuditRun() {
  const RecoveryResult* const result = runner_.result();
  AuditEntry entry;
  entry.event = result == nullptr ? AuditEntry::Event::kRunBegins : AuditEntry::Event::kRunEnds;
  entry.order = *runner_.order();
  entry.sender = entry.order->sender;
  if (result != nullptr) {
    entry.error_name = result->error_name;
    entry.reason = std::string(result->status.message());
    entry.details = absl::StrSplit(result->hints, '\n', absl::SkipEmpty());
    if (result->outcome == RecoveryOutcome::kConflict) {
      const std::vector<std::string> decisions =
          DecisionLines(*result->plan, runner_.decision_place());
      entry.details.insert(entry.details.begin(), decisions.begin(), decisions.end());
    }
  }
  Audit(entry);
}

asio::awaitable<rpc::HandlerResult> RecoveryService::AnswerBeacon(rpc::Request request) {
  idl::beacon_msg beacon;
  if (!idl::DecodeBody(request.body, &beacon).ok()) co_return TransportError(idl::kErrInvalidData);
  const std::optional<idl::beacon_ack> ack = beacons_.Answer(beacon, request.peer.ip, leadership_);
  co_return ack ? Answer(idl::EncodeBody(*ack)) : NoAnswer();
}

asio::awaitable<rpc::HandlerResult> RecoveryService::RunCommand(rpc::Request request) {
  idl::command command;
  if (!idl::DecodeBody(request.body, &command).ok()) co_return TransportError(idl::kErrInvalidData);
  if (!options_.operators.Allows(request.peer.ip)) {
    ++requests_.denied;
    AuditEntry entry;
    entry.event = AuditEntry::Event::kDenied;
    entry.sender = request.peer;
    entry.command = command.cmd;
    entry.error_name = idl::kErrAclDeny;
    entry.reason = kNoOperator;
    Audit(entry);
    co_return Answer(idl::EncodeBody(
        std::string("ERR_ACL_DENY: remote commands are not allowed from your address")));
  }
  co_return Answer(idl::EncodeBody(commands_.Run(command.cmd, command.arguments)));
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
  if (runner_.state() == RecoveryState::kRecovering) {
    NoteUnfinishedRun("A recovery was under way when this server stopped leading.");
  }
  co_await AbandonRun("this server stopped leading");
  metadata_.reset();
  retries_ = Retries::kAnswered;
  TellState();
}

asio::awaitable<void> RecoveryService::AbandonRun(std::string why) {
  // The runner tells nothing of a run that is cut off.
  if (runner_.state() == RecoveryState::kRecovering) {
    AuditEntry entry;
    entry.event = AuditEntry::Event::kRunEnds;
    entry.order = *runner_.order();
    entry.sender = entry.order->sender;
    entry.error_name = idl::kErrForwardToOthers;
    entry.reason = absl::StrCat(
        why, " in the middle of it; the next leader goes on when the same request is sent to it");
    Audit(entry);
  }
  co_await runner_.Abandon();
}

void RecoveryService::ServeRecovered(Topology topology, Retries retries) {
  retries_ = retries;
  ServeFromNowOn(std::move(topology));
}

void RecoveryService::ServeFromNowOn(Topology topology) {
  metadata_ = std::make_unique<RecoveredMetadata>(std::move(topology));
  recovered_at_ = clock_->Now();
  unfinished_run_.clear();
  TellState();
}

void RecoveryService::NoteZooKeeperTrouble(std::string trouble) {
  const bool was_well = zookeeper_trouble_ && zookeeper_trouble_->empty();
  if (!zookeeper_trouble_ || was_well != trouble.empty()) zookeeper_since_ = clock_->Now();
  zookeeper_trouble_ = std::move(trouble);
}

void RecoveryService::OnRunChanged() {
  const RecoveryResult* const result = runner_.result();
  if (result != nullptr) {
    run_ended_ = clock_->Now();
    // One that was refused before it wrote leaves what was there.
    if (HeadlineMomentOf(result->outcome) == HeadlineMoment::kNotFinished) {
      NoteUnfinishedRun("The last recovery may have begun to write, and has not ended.");
    }
  }
  AuditRun();
  if (result == nullptr || result->outcome != RecoveryOutcome::kRecovered) {
    TellState();
    return;
  }
  ServeFromNowOn(result->plan->topology);
  // Somebody may lead in our place by now, if the embedder called Follow without StepDown.
  if (leadership_.is_us && listener_ != nullptr) listener_->OnRecovered(metadata_->topology());
}

void RecoveryService::TellState() {
  const RecoveryState now = state();
  if (std::exchange(told_, now) == now) return;
  told_at_ = clock_->Now();
  if (listener_ != nullptr) listener_->OnStateChanged(now);
}

RecoveryState RecoveryService::state() const {
  return metadata_ ? RecoveryState::kRecovered : runner_.state();
}

RecoveryServiceStatus RecoveryService::status() const {
  RecoveryServiceStatus status;
  status.build = options_.build;
  status.cluster = options_.cluster;
  status.cluster.zookeeper_root = ConfiguredRoot(options_);
  status.decisions = runner_.decision_place();
  status.state = state();
  status.state_since = told_at_;
  status.leadership = leadership_;
  status.progress = runner_.progress();
  status.order = runner_.order();
  status.plan_options = &options_.recovery.plan;
  status.result = runner_.result();
  status.run = status.order == nullptr ? nullptr : &runner_.watch();
  status.run_state = runner_.shown_state();
  status.is_past_run = runner_.state() != status.run_state;
  status.run_deadline = runner_.deadline();
  if (status.run != nullptr) status.plan = status.run->glance();
  status.run_ended = run_ended_;
  status.served = metadata_.get();
  status.retries = retries_;
  status.zookeeper_trouble = zookeeper_trouble_;
  status.zookeeper_since = zookeeper_since_;
  if (runner_.state() != RecoveryState::kRecovering) status.unfinished_run = unfinished_run_;
  status.nodes = beacons_.Nodes();
  status.requests = requests_;
  if (tcp_ != nullptr) {
    status.ports = PortCounts{.tcp = tcp_->counts(),
                              .udp = udp_ == nullptr ? rpc::UdpServerCounts() : udp_->counts()};
  }
  return status;
}

asio::awaitable<void> RecoveryService::Stop() {
  leadership_ = {};
  co_await AbandonRun("this server stopped");
  co_await beacons_.Stop();
}

}  // namespace metarec
