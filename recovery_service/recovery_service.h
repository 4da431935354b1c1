// Recovery mode, to be embedded in a meta server: it answers beacons and start_recovery, rebuilds
// the metadata, and refuses everything else with ERR_UNDER_RECOVERY until they are written.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "recovery_service/allowed_networks.h"
#include "recovery_service/beacon_watch.h"
#include "recovery_service/leadership.h"
#include "recovery_service/recovered_metadata.h"
#include "recovery_service/recovery_gate.h"
#include "recovery_service/recovery_runner.h"
#include "recovery_service/remote_commands.h"
#include "recovery_service/run_watch.h"
#include "rpc/server.h"
#include "rpc/udp_server.h"

namespace metarec {

struct RecoveryServiceOptions {
  RecoveryRunnerOptions recovery;
  BeaconWatchOptions beacons;
  // Of those who may send start_recovery and remote commands.
  AllowedNetworks operators;
  // For start_recovery requests that give no time of their own, and the most that one may ask for.
  absl::Duration default_wait = absl::Seconds(100);
  absl::Duration wait_max = absl::Hours(24);

  // For cluster_info. The leader is filled in.
  ClusterIdentity cluster;
  std::string version;  // for server-info
};

// Told on the service's executor; must return quickly, must not throw, and must neither stop nor
// destroy the service: what takes longer is to be spawned or posted.
class RecoveryListener {
 public:
  virtual ~RecoveryListener() = default;
  virtual void OnStateChanged(RecoveryState state) = 0;
  // The metadata are written by a recovery that this service ran (ServeRecovered tells it not):
  // the embedder may go on booting from `topology`, which is valid during the call, and open the
  // gate for handlers of its own (RecoveryService::gate, Gated).
  virtual void OnRecovered(const Topology& topology) = 0;
};

// Requests by what was done with them.
struct RequestCounts {
  int64_t served = 0;
  int64_t refused = 0;      // by the gate
  int64_t forwarded = 0;    // to the leader
  int64_t denied = 0;       // not from an operator's network
  int64_t undecodable = 0;  // let pass, but their bodies made no sense
};

// What happened on the ports that the embedder owns.
struct PortCounts {
  rpc::ServerCounts tcp;
  rpc::UdpServerCounts udp;
};

// What becomes of start_recovery while metadata are served that no run of this service has written.
enum class Retries {
  // ERR_SERVICE_ALREADY_RUNNING, as by stock meta servers that serve; nothing runs.
  kRefused,
  // For who takes over in recovery mode: whoever lost the answer with the leader gets it by asking
  // again. A recovery runs while the metadata go on being served. Of the same plan it finds its own
  // finished run, changes nothing, and ends with ERR_OK; of another one it is refused by what the
  // root holds (ERR_NODE_ALREADY_EXIST).
  kAnswered,
};

// What the service does at the moment. The pointers are valid until the next co_await.
struct RecoveryServiceStatus {
  RecoveryState state = RecoveryState::kWaiting;
  absl::Time state_since;
  Leadership leadership;
  Progress progress;                     // of the last run
  const RecoveryOrder* order = nullptr;  // of the last run; nullptr: there was none
  // Of the last run, once it has ended.
  const RecoveryResult* result = nullptr;
  const RunWatch* run = nullptr;  // likewise, from its beginning
  // What became of the last run: another one than `state` where metadata are served that were there
  // before it.
  RecoveryState run_state = RecoveryState::kWaiting;
  const RecoveredMetadata* served = nullptr;  // in state kRecovered
  Retries retries = Retries::kAnswered;
  std::vector<BeaconNode> nodes;  // who sent beacons
  RequestCounts requests;
  std::optional<PortCounts> ports;  // nullopt: the embedder does not tell
};

// A thread (or a strand) for recoveries, so that whoever waits for an answer does not wait for
// them. It must have ended before the context of the service's executor is destroyed, and not
// before the service's Stop has.
struct RecoveryThread {
  asio::any_io_executor executor;
  ReplicaSource* source = nullptr;  // used there, in place of Surroundings::source
};

// Owns no thread and no port: it runs on `executor` (a single thread or a strand) and serves what
// the embedder's rpc::Server gives it. Not thread-safe.
class RecoveryService {
 public:
  // All must outlive the service. `listener` may be null.
  struct Surroundings {
    ReplicaSource* source = nullptr;
    Clock* clock = nullptr;
    RecoveryListener* listener = nullptr;
    Collector::Random random;
    // For metrics and server-stat; may be null.
    std::function<PortCounts()> port_counts = nullptr;
    // Where recoveries run; by default on `executor`, which then serves nobody for as long as
    // a plan is made.
    std::optional<RecoveryThread> recovery_thread = std::nullopt;
  };

  RecoveryService(const asio::any_io_executor& executor, RecoveryServiceOptions options,
                  Surroundings surroundings);
  ~RecoveryService();
  RecoveryService(const RecoveryService&) = delete;
  RecoveryService& operator=(const RecoveryService&) = delete;

  // Registers all that a stock meta server registers. The service must outlive the server's
  // handlers, that is, the end of its Stop.
  void RegisterOn(rpc::Server* server);
  // Beacons, which replica servers send by UDP.
  void RegisterOn(rpc::UdpServer* server);

  // A handler for rpc::Server::Register that calls the embedder's `handler` when the gate lets a
  // request pass, and otherwise answers as this service does. For RPCs of the embedder's own, whose
  // answers must have `err` as their first field, and in place of those that RegisterOn registered.
  rpc::Handler Gated(rpc::Handler handler);

  // Serves one request, whatever transport it came by.
  asio::awaitable<rpc::HandlerResult> Serve(rpc::Request request);

  // We lead from now on: what is recovered is written into `store`, each transaction behind `fence`
  // (LeaderLock::Fence; empty where nobody contends). `store` must outlive the end of StepDown, and
  // bear to be used on the recovery thread, if there is one, as ZooKeeperMetaStore does.
  void Lead(LeaderIdentity us, MetaStore* store, std::vector<StoreOp> fence);

  // Somebody else leads; nullopt: nobody that we know of. Who led must StepDown first.
  void Follow(std::optional<LeaderIdentity> leader);

  // We lead no more, at once: nothing is served, nobody has us as its master. Then ends a recovery
  // that runs and awaits that.
  asio::awaitable<void> StepDown();

  // Serves metadata that are there already: the state is kRecovered from now on, until StepDown,
  // whatever becomes of `retries`. The listener's OnRecovered is told only if one of them succeeds.
  void ServeRecovered(Topology topology, Secondaries secondaries = {},
                      Retries retries = Retries::kRefused);

  // Opens or closes the gate for further RPCs.
  RecoveryGate& gate() { return gate_; }

  RecoveryState state() const;
  RecoveryServiceStatus status() const;

  // Ends everything that runs. Must have ended before the service is destroyed.
  asio::awaitable<void> Stop();

 private:
  // `handler` null: the service's own.
  asio::awaitable<rpc::HandlerResult> ServeGated(rpc::Request request,
                                                 std::shared_ptr<const rpc::Handler> handler);
  GateSituation SituationOf(const rpc::Request& request) const;
  rpc::HandlerResult Refuse(const rpc::Request& request, const GateVerdict& verdict) const;
  asio::awaitable<rpc::HandlerResult> ServePassed(rpc::Request request);
  asio::awaitable<rpc::HandlerResult> StartRecovery(rpc::Request request);
  rpc::HandlerResult AnswerBeacon(const rpc::Request& request);
  rpc::HandlerResult RunCommand(const rpc::Request& request);
  rpc::HandlerResult Query(const rpc::Request& request) const;
  ClusterIdentity Identity() const;
  void ServeFromNowOn(Topology topology, Secondaries secondaries);
  void OnRunBegun();
  void OnRunEnded(const RecoveryResult& result);
  void TellState();

  const RecoveryServiceOptions options_;
  const Surroundings surroundings_;
  RecoveryGate gate_;
  Leadership leadership_;
  BeaconWatch beacons_;
  RunWatch watch_;
  RecoveryRunner runner_;
  std::unique_ptr<RecoveredMetadata> metadata_;  // in state kRecovered
  Retries retries_ = Retries::kAnswered;
  absl::Time recovered_at_;
  RemoteCommands commands_;
  RequestCounts requests_;
  RecoveryState told_ = RecoveryState::kWaiting;
  absl::Time told_at_;
};

}  // namespace metarec
