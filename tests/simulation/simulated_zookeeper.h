// ZooKeeper with time: requests and answers take a while, connections break, sessions expire.

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "base/runtime/event.h"
#include "ensemble.h"
#include "random.h"
#include "testing/virtual_clock.h"
#include "testing/znode_tree.h"
#include "trace.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/session_tracker.h"
#include "zk_store/client/watch.h"

namespace metarec::simulation {

// What goes wrong with one request.
enum class StoreFaultKind {
  kNone,
  kLostBefore,    // the connection breaks, the request is not executed
  kLostAfter,     // it is executed, and the connection breaks before the answer
  kLate,          // the connection breaks; it is executed later, before there is a new connection
  kExpired,       // the session ends, the request is not executed
  kExpiredAfter,  // it is executed, its answer is lost, and then the session ends
  kSlow,          // the answer takes long; longer than a client waits, perhaps
  kNoAuth,        // refused
  kTooLarge,      // dropped by the server, which takes less than the client thought
};
inline constexpr int kStoreFaultKinds = 9;
absl::string_view StoreFaultName(StoreFaultKind kind);

struct StoreFault {
  StoreFaultKind kind = StoreFaultKind::kNone;
  absl::Duration lasts = absl::ZeroDuration();  // without a connection; for kSlow: until the answer
};

// A process that uses ZooKeeper, as the observers of its writes know it.
struct StoreClient {
  std::string name;
  int number = 0;          // unique; of strangers: negative
  bool is_engine = false;  // runs our code
};

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
    // Asked when the engine sends a request; may do other things to the world, too.
    std::function<StoreFault(const StoreClient&, const StoreRequest&)> on_request;
    // After every transaction that took effect; `request` is -1 if it is not the engine's.
    std::function<void(const StoreClient&, int64_t session_id, int64_t request,
                       const std::vector<StoreOp>&, const std::vector<StoreOpResult>&)>
        on_applied;
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
  void Expire(int client_number);
  // What is written reaches a server so much later until `lasts` is over: Ensemble.
  void Lag(int follower, absl::Duration lasts, absl::Duration by) {
    ensemble_.Lag(follower, with_.queue->now() + lasts, by);
  }

  // Somebody who is no part of the engine writes, at once. 0 is nobody's session.
  absl::StatusOr<std::vector<StoreOpResult>> Write(const StoreClient& client, int64_t session_id,
                                                   const std::vector<StoreOp>& ops);
  int64_t OpenForeignSession() { return ++last_session_id_; }
  void EndForeignSession(int64_t session_id);

  // As the leader has it.
  const testing::ZnodeTree& tree() const { return ensemble_.leader(); }
  int64_t requests() const { return requests_; }
  int64_t writes() const { return writes_; }
  // By servers that did not know everything then.
  int64_t stale_reads() const { return stale_reads_; }

 private:
  friend class SimulatedStore;

  void Submit(const std::shared_ptr<StoreSession>& session, const std::shared_ptr<StoreCall>& call,
              StoreRequest request);
  void Break(const std::shared_ptr<StoreSession>& session, absl::Duration lasts);
  void ComeBack(const std::shared_ptr<StoreSession>& session);
  void ChooseServer(const std::shared_ptr<StoreSession>& session);
  // What a session reads from.
  const testing::ZnodeTree& TreeOf(const StoreSession& session);
  void ExpireAtServer(const std::shared_ptr<StoreSession>& session);
  void ExecuteAt(absl::Time time, const std::shared_ptr<StoreSession>& session,
                 const std::shared_ptr<StoreCall>& call);
  void Answer(const std::shared_ptr<StoreSession>& session, const std::shared_ptr<StoreCall>& call);
  void Announce(int server, const Ensemble::Changes& changes);
  void AnnounceTo(const std::shared_ptr<StoreSession>& session, const Ensemble::Changes& changes);
  void FireWatch(const std::shared_ptr<StoreSession>& session, std::weak_ptr<Watch> watch,
                 WatchEvent event);
  absl::StatusOr<std::vector<StoreOpResult>> Apply(const StoreClient& client, int64_t session_id,
                                                   int64_t request,
                                                   std::shared_ptr<const std::vector<StoreOp>> ops,
                                                   bool is_multi);
  absl::Duration Delay();

  const Surroundings with_;
  Ensemble ensemble_;
  int64_t last_session_id_ = 0x1000;
  int64_t requests_ = 0;
  int64_t writes_ = 0;
  int64_t stale_reads_ = 0;
  std::map<int64_t, std::shared_ptr<StoreSession>> sessions_;  // that live at the server
};

}  // namespace metarec::simulation
