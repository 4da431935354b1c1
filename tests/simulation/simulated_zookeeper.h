// ZooKeeper with time: requests and answers take a while, connections break, sessions expire, and
// two of the three servers may know less than their leader.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "base/runtime/event.h"
#include "seeded_run.h"
#include "testing/virtual_clock.h"
#include "testing/znode_tree.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/store_events.h"

namespace metarec::simulation {

// What keeps two events of one session in their order.
inline constexpr absl::Duration kInstant = absl::Microseconds(1);

// ZooKeeper's servers. The leader knows everything, a follower what has reached it. A client reads
// from the server that it is connected to, so it may read old data.
class Ensemble {
 public:
  static constexpr int kServers = 3;  // the first one leads
  using Changes = std::vector<testing::ZnodeChange>;

  // `on_changes`: what has arrived at a server.
  // `first_zxid`: what was before it was nobody's.
  Ensemble(testing::EventQueue* queue, int64_t first_zxid,
           std::function<void(int server, const Changes&)> on_changes)
      : queue_(queue), on_changes_(std::move(on_changes)), zxid_(first_zxid) {
    leader_.EnableExtendedTypes();
  }

  // Until `until`, commits reach this follower later than the others, by `by`.
  void Lag(int follower, absl::Time until, absl::Duration by);

  // A transaction of the leader's.
  absl::StatusOr<std::vector<StoreOpResult>> Apply(std::shared_ptr<const std::vector<StoreOp>> ops,
                                                   bool is_multi, testing::ZnodeCaller caller);
  void DropEphemerals(int64_t session_id);
  // All that has been committed arrives at this server now.
  void CatchUp(int server);

  const testing::ZnodeTree& TreeOf(int server) const {
    const auto& own = followers_[static_cast<size_t>(server)].tree;
    return own.has_value() ? *own : leader_;
  }
  const testing::ZnodeTree& leader() const { return leader_; }
  // How much of what was committed has arrived there; counts since somebody first lagged.
  size_t Position(int server) const {
    const Follower& follower = followers_[static_cast<size_t>(server)];
    return follower.tree.has_value() ? follower.position : log_.size();
  }
  bool IsBehind(int server) const { return Position(server) < log_.size(); }
  // The changes by the transaction at this position.
  const Changes& ChangesAt(size_t position) const { return log_[position].changes; }

 private:
  using Replay = std::function<void(testing::ZnodeTree*)>;
  struct Commit {
    Replay replay;
    Changes changes;
  };
  struct Follower {
    std::optional<testing::ZnodeTree> tree;  // once it has lagged; before that, the leader's
    size_t position = 0;
    absl::Time lags_until = absl::InfinitePast();
    absl::Duration lags_by;
    absl::Time arrival = absl::InfinitePast();  // of the latest transaction
  };

  void Publish(Replay replay, Changes changes);
  void Advance(int server, size_t position);

  testing::EventQueue* const queue_;
  const std::function<void(int server, const Changes&)> on_changes_;
  testing::ZnodeTree leader_;
  int64_t zxid_;
  std::array<Follower, kServers> followers_;  // the leader never lags
  std::vector<Commit> log_;
};

// What goes wrong with one request.
enum class StoreFaultKind {
  kNone,
  kLostBefore,    // the connection breaks, the request is not executed
  kLostAfter,     // it is executed, and the connection breaks before the answer
  kLate,          // the connection breaks; it is executed later, before there is a new connection
  kExpired,       // the session ends, the request is not executed
  kExpiredAfter,  // it is executed, its answer is lost, and then the session ends
  kSlow,          // the answer takes long, perhaps longer than the client waits
  kNoAuth,        // refused
  kTooLarge,      // refused: the server takes less in one request than the client thought
};
inline constexpr int kStoreFaultKinds = 9;
absl::string_view StoreFaultName(StoreFaultKind kind);

struct StoreFault {
  StoreFaultKind kind = StoreFaultKind::kNone;
  absl::Duration lasts = absl::ZeroDuration();  // without a connection; for kSlow: until the answer
};

// A process that uses ZooKeeper.
struct StoreClient {
  std::string name;
  int number = 0;          // unique; of strangers: negative
  bool is_engine = false;  // runs our code
  // That its credentials prove: scheme, id.
  std::vector<std::pair<std::string, std::string>> identities = {};
};

// After so long without a word from the server, a client takes the connection for broken
// (libzookeeper: two thirds of the session's timeout).
inline absl::Duration SilenceMax(absl::Duration session_timeout) { return session_timeout * 2 / 3; }

struct StoreSession;
struct StoreCall;

struct StoreRequest {
  int64_t index = 0;  // counts the engine's requests of all sessions
  absl::string_view kind;
  absl::string_view path;
  const std::vector<StoreOp>* ops = nullptr;  // of a write
};

class SimulatedZooKeeper {
 public:
  struct Surroundings {
    testing::EventQueue* queue = nullptr;
    Random* random = nullptr;
    Trace* trace = nullptr;
    // Asked for every request of the engine. May change other things in the world.
    std::function<StoreFault(const StoreClient&, const StoreRequest&)> on_request;
    // After every transaction that took effect; `request` is -1 if it is not the engine's.
    std::function<void(const StoreClient&, int64_t session_id, int64_t request,
                       const std::vector<StoreOp>&, const std::vector<StoreOpResult>&)>
        on_applied;
    // After ZooKeeper has ended a session of the engine.
    std::function<void(int64_t session_id)> on_expired;
    // After a session has read a znode; may be null.
    std::function<void(int64_t session_id, const std::string& path)> on_read;
    // Of the first transaction: no two ZooKeepers have executed the same ones.
    int64_t first_zxid = 0;
  };

  explicit SimulatedZooKeeper(Surroundings surroundings);
  ~SimulatedZooKeeper();

  // A session that is connected from the start. This must outlive the store.
  std::unique_ptr<MetaStore> Connect(StoreClient client, absl::Duration session_timeout);

  // The process of a client dies: none of its sessions sends or hears anything any more. What it
  // has sent may still be executed.
  void Kill(int client_number);
  // The client's connection breaks and comes back after `lasts`, if the session still lives then.
  void Disconnect(int client_number, absl::Duration lasts);
  // ZooKeeper ends the client's sessions, though it is there; it is told soon.
  void Expire(int client_number);
  // For `lasts`, nothing arrives in either direction of the client's connections, and neither side
  // is told. Each takes the connection for broken, as real ones do, once it has heard nothing for
  // long.
  void Silence(int client_number, absl::Duration lasts);
  // What is written reaches a server so much later until `lasts` is over: Ensemble.
  void Lag(int follower, absl::Duration lasts, absl::Duration by) {
    ensemble_.Lag(follower, with_.queue->now() + lasts, by);
  }

  // A write by somebody outside the engine, executed at once. Session 0 is nobody's.
  absl::StatusOr<std::vector<StoreOpResult>> Write(const StoreClient& client, int64_t session_id,
                                                   const std::vector<StoreOp>& ops);
  int64_t OpenForeignSession() { return ++last_session_id_; }
  void EndForeignSession(int64_t session_id);

  // The leader's tree.
  const testing::ZnodeTree& tree() const { return ensemble_.leader(); }
  int64_t requests() const { return requests_; }
  int64_t writes() const { return writes_; }
  // Reads from servers that lagged.
  int64_t stale_reads() const { return stale_reads_; }

 private:
  friend class SimulatedStore;

  void Submit(const std::shared_ptr<StoreSession>& session, const std::shared_ptr<StoreCall>& call,
              StoreRequest request);
  void Break(const std::shared_ptr<StoreSession>& session, absl::Duration lasts);
  void ComeBack(const std::shared_ptr<StoreSession>& session);
  // During a silence, when a message that would arrive now arrives instead; messages keep their
  // order. nullopt: there is no silence.
  std::optional<absl::Time> HeldUntil(StoreSession* session) const;
  void ChooseServer(const std::shared_ptr<StoreSession>& session);
  // The tree of the session's server.
  const testing::ZnodeTree& TreeOf(const StoreSession& session);
  void ExpireAtServer(const std::shared_ptr<StoreSession>& session);
  void ExecuteAt(absl::Time time, const std::shared_ptr<StoreSession>& session,
                 const std::shared_ptr<StoreCall>& call);
  void Answer(const std::shared_ptr<StoreSession>& session, const std::shared_ptr<StoreCall>& call);
  void AnswerAt(absl::Time time, const std::shared_ptr<StoreSession>& session,
                const std::shared_ptr<StoreCall>& call);
  void FireWatchAt(absl::Time time, const std::shared_ptr<StoreSession>& session, size_t position,
                   WatchSender watch, WatchEvent event);
  // The client hears nothing for `lasts` from now on.
  void BreakIfSilent(const std::shared_ptr<StoreSession>& session, absl::Duration lasts);
  void Announce(int server, const Ensemble::Changes& changes);
  void AnnounceTo(const std::shared_ptr<StoreSession>& session, const Ensemble::Changes& changes);
  void FireWatch(const std::shared_ptr<StoreSession>& session, WatchSender watch, WatchEvent event);
  absl::StatusOr<std::vector<StoreOpResult>> Apply(const StoreClient& client, int64_t session_id,
                                                   int64_t request,
                                                   std::shared_ptr<const std::vector<StoreOp>> ops,
                                                   bool is_multi);
  absl::Duration Delay();

  const Surroundings with_;
  Ensemble ensemble_;
  int64_t last_session_id_;
  int64_t requests_ = 0;
  int64_t writes_ = 0;
  int64_t stale_reads_ = 0;
  std::map<int64_t, std::shared_ptr<StoreSession>> sessions_;  // that live at the server
};

}  // namespace metarec::simulation
