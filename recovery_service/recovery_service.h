// Recovery mode, to be embedded in a meta server: it answers beacons and start_recovery, rebuilds
// the metadata, and refuses everything else with ERR_UNDER_RECOVERY until they are written.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/time.h>
#include <absl/types/span.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "meta_recovery/job/recovery_job.h"
#include "recovery_service/audit.h"
#include "recovery_service/beacon_watch.h"
#include "recovery_service/leadership.h"
#include "recovery_service/operator_access.h"
#include "recovery_service/recovered_metadata.h"
#include "recovery_service/recovery_gate.h"
#include "recovery_service/recovery_runner.h"
#include "rpc/server.h"
#include "rpc/udp_server.h"

namespace metarec {

// The program that the service runs in, as the page, the metrics and server-info show it.
struct BuildInfo {
  // Its name, if it takes the planner's options as the flags that the command line has (--settle,
  // --max_app_id), so that people may be told to start it with them; empty: it does not.
  std::string program = {};
  std::string version;
  std::string commit;  // empty: not known
};

struct RecoveryServiceOptions {
  BuildInfo build;
  RecoveryRunnerOptions recovery;
  BeaconWatchOptions beacons;
  // From which start_recovery and remote commands are taken.
  AllowedNetworks operators;
  // For start_recovery requests that give no time of their own.
  absl::Duration default_wait = absl::Seconds(100);
  absl::Duration wait_max = absl::Hours(24);  // the most that one may ask for

  // For cluster_info. The leader is filled in.
  ClusterIdentity cluster;
};

// Called on the service's executor. Must return quickly, must not throw, and must neither stop nor
// destroy the service: spawn or post what takes longer.
class RecoveryListener {
 public:
  virtual ~RecoveryListener() = default;
  virtual void OnStateChanged(RecoveryState state) = 0;
  // The metadata are written by a recovery that this service ran (not by ServeRecovered). The
  // embedder may go on booting from `topology`, which is valid during the call, and open the gate
  // for handlers of its own (RecoveryService::gate, Gated).
  //
  // Called only while the service leads: never once StepDown or Follow was called, even if the tree
  // is finished after that. Whoever leads next finds the finished tree in the root and calls
  // ServeRecovered with it.
  virtual void OnRecovered(const Topology& topology) = 0;
  // Who asked for what, and what became of it. At most a hundred in ten seconds; `suppressed` is
  // how many there were beyond, since the last call.
  virtual void OnAudit(const AuditEntry& /*entry*/, int64_t /*suppressed*/) {}
};

// Requests by what was done with them.
struct RequestCounts {
  int64_t served = 0;
  int64_t refused = 0;      // by the gate
  int64_t forwarded = 0;    // to the leader
  int64_t denied = 0;       // not from an operator's network
  int64_t undecodable = 0;  // let pass, but their bodies made no sense
};

// What happened on the ports that the service was registered on.
struct PortCounts {
  rpc::ServerCounts tcp;
  rpc::UdpServerCounts udp;
};

// What becomes of start_recovery while metadata are served that no run of this service has written.
enum class Retries {
  // ERR_SERVICE_ALREADY_RUNNING, as by stock meta servers that serve; nothing runs.
  kRefused,
  // For who takes over in recovery mode: a caller that lost the answer with the leader gets it by
  // asking again. A recovery runs while the metadata are still served. With the same plan it finds
  // its own finished run, changes nothing, and ends with ERR_OK. With another one it is refused
  // because of what the root holds (ERR_NODE_ALREADY_EXIST).
  kAnswered,
};

// What the service does at the moment. The pointers are valid until the next co_await.
struct RecoveryServiceStatus {
  BuildInfo build;
  ClusterIdentity cluster;
  RecoveryState state = RecoveryState::kWaiting;
  absl::Time state_since;
  Leadership leadership;
  // The last run is also shown after this server stopped leading, if it had ended by then.
  Progress progress;                     // of the last run
  const RecoveryOrder* order = nullptr;  // of the last run; nullptr: there was none
  // What this server accepts of what is missing, beyond what an order does.
  const PlanOptions* plan_options = nullptr;
  // Of the last run, once it has ended.
  const RecoveryResult* result = nullptr;
  const RunWatch* run = nullptr;  // likewise, from its beginning
  // What became of the last run: another one than `state` where metadata are served that were there
  // before it, and after this server stopped leading.
  RecoveryState run_state = RecoveryState::kWaiting;
  bool is_past_run = false;  // it is of the time before this server stopped leading
  absl::Time run_deadline = absl::InfiniteFuture();  // before the writing
  std::shared_ptr<const PlanGlance> plan;            // of the last run; nullptr: there is none yet
  std::optional<absl::Time> run_ended;               // the last one that has
  const RecoveredMetadata* served = nullptr;         // in state kRecovered
  Retries retries = Retries::kAnswered;
  // What is wrong with ZooKeeper at the moment; empty: nothing; nullopt: nobody told.
  std::optional<std::string> zookeeper_trouble;
  absl::Time zookeeper_since;  // since when there is trouble, or is none
  // That the root holds a recovery which has begun and not ended, or may do so; empty: not known.
  std::string unfinished_run;
  DecisionPlace decisions;        // where the decisions of `plan` can be given
  std::vector<BeaconNode> nodes;  // who sent beacons
  RequestCounts requests;
  std::optional<PortCounts> ports;  // nullopt: it is not registered on an rpc::Server

  // Whether the root was recovered before and, as the last run found, is not as it was then.
  bool is_damaged() const {
    return result != nullptr && result->outcome == RecoveryOutcome::kRootDiffers;
  }
};

// Owns no thread and no port: it runs on `executor` (a single thread or a strand) and serves what
// the embedder's rpc::Server gives it. Not thread-safe.
class RecoveryService {
 public:
  // `listener` may be null, and must outlive the service if it is not. Recoveries run on `thread`;
  // without one on `executor`, which then serves nobody while a plan is made.
  RecoveryService(const asio::any_io_executor& executor, RecoveryServiceOptions options,
                  Surroundings surroundings, RecoveryListener* listener = nullptr,
                  std::optional<RecoveryThread> thread = std::nullopt);
  ~RecoveryService();
  RecoveryService(const RecoveryService&) = delete;
  RecoveryService& operator=(const RecoveryService&) = delete;

  // Registers all that a stock meta server registers. The service must outlive the server's
  // handlers, that is, the end of its Stop. status() tells of the server, which must be there then.
  void RegisterOn(rpc::Server* server);
  // Beacons, which replica servers send by UDP.
  void RegisterOn(rpc::UdpServer* server);

  // A handler for rpc::Server::Register that calls the embedder's `handler` if the gate lets a
  // request pass, and otherwise answers as this service does. For the embedder's own RPCs, whose
  // answers must have `err` as their first field, and in place of those that RegisterOn registered.
  rpc::Handler Gated(rpc::Handler handler);

  // Serves one request, whatever transport it came by.
  asio::awaitable<rpc::HandlerResult> Serve(rpc::Request request);

  // We lead from now on: what is recovered is written into `store`, each transaction behind `fence`
  // (LeaderLock::Fence; empty where nobody contends). `store` must outlive the end of StepDown.
  // With a recovery thread it is used there, too, which ZooKeeperMetaStore allows.
  void Lead(LeaderIdentity us, MetaStore* store, std::vector<StoreOp> fence);

  // Somebody else leads; nullopt: nobody that we know of. If we led, call StepDown first.
  void Follow(std::optional<LeaderIdentity> leader);

  // We lead no more, at once: nothing is served, and no node has us as its master. Then cancels a
  // recovery that runs and awaits its end. Await this before the next Lead.
  asio::awaitable<void> StepDown();

  // For the status pages. Empty: there is no trouble any more, no unfinished run.
  void NoteZooKeeperTrouble(std::string trouble);
  void NoteUnfinishedRun(std::string run) { unfinished_run_ = std::move(run); }

  // Serves metadata that are there already: the state is kRecovered from now on, until StepDown,
  // whatever becomes of `retries`. OnRecovered is called only if one of them succeeds.
  void ServeRecovered(Topology topology, Retries retries = Retries::kRefused);

  // Opens or closes the gate for further RPCs.
  RecoveryGate& gate() { return gate_; }

  // The remote commands that operators may send. At first there is only "help";
  // status/status_commands.h has those of stock servers.
  RemoteCommands& commands() { return commands_; }

  RecoveryState state() const;
  RecoveryServiceStatus status() const;

  // Ends everything that runs. Must have ended before the service is destroyed.
  asio::awaitable<void> Stop();

 private:
  friend absl::Span<const MetaRpc> MetaRpcs();

  // The table of recovery_gate.h, and what its rows answer with: requests that have passed.
  // These two are in recovery_gate.cc, beside the table of RPCs.
  static absl::Span<const MetaRpc> Rpcs();
  template <auto Method>  // of RecoveredMetadata
  asio::awaitable<rpc::HandlerResult> AnswerFrom(rpc::Request request);
  asio::awaitable<rpc::HandlerResult> StartRecovery(rpc::Request request);
  asio::awaitable<rpc::HandlerResult> AnswerBeacon(rpc::Request request);
  asio::awaitable<rpc::HandlerResult> RunCommand(rpc::Request request);

  // `handler` null: the service's own.
  asio::awaitable<rpc::HandlerResult> ServeGated(rpc::Request request,
                                                 std::shared_ptr<const rpc::Handler> handler);
  GateSituation SituationOf(const rpc::Request& request) const;
  rpc::HandlerResult Refuse(const MetaRpc* rpc, const GateVerdict& verdict);
  LiveCluster MakeLiveCluster() const;
  // Whether the recovery went on without it. `node` is one of those that are served.
  bool WasLeftOut(const TopologyNode& node) const;
  void ServeFromNowOn(Topology topology);
  void OnRunChanged();
  void AuditRun();
  // Ends a run that is under way, and says so in the audit.
  asio::awaitable<void> AbandonRun(std::string why);
  void Audit(const AuditEntry& entry);
  // `wait`: the caller's time; zero if it gives none.
  asio::awaitable<idl::configuration_recovery_response> Recover(absl::Duration wait,
                                                                RecoveryOrder order);
  void TellState();

  const RecoveryServiceOptions options_;
  Clock* const clock_;
  RecoveryListener* const listener_;
  RecoveryGate gate_;
  RemoteCommands commands_;
  const LiveCluster live_cluster_;
  Leadership leadership_;
  BeaconWatch beacons_;
  RecoveryRunner runner_;
  std::unique_ptr<RecoveredMetadata> metadata_;  // in state kRecovered
  Retries retries_ = Retries::kAnswered;
  absl::Time recovered_at_;
  std::optional<std::string> zookeeper_trouble_;
  absl::Time zookeeper_since_;
  std::string unfinished_run_;
  std::optional<absl::Time> run_ended_;
  AuditLimit audit_limit_;
  RequestCounts requests_;
  // That it is registered on.
  const rpc::Server* tcp_ = nullptr;
  const rpc::UdpServer* udp_ = nullptr;
  RecoveryState told_ = RecoveryState::kWaiting;
  absl::Time told_at_;
};

}  // namespace metarec
