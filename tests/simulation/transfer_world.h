// A world of two ZooKeepers, between which something is copied.

#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include "simulated_zookeeper.h"
#include "transfer_case.h"
#include "world_loop.h"

namespace metarec::simulation {

class TransferWorld : public WorldLoop {
 public:
  TransferWorld(const TransferCase& the_case, std::FILE* trace_out);

  // A session; what breaks connections breaks this one, too.
  std::unique_ptr<MetaStore> Connect(Side side, const StoreClient& client);
  SimulatedZooKeeper& zookeeper(Side side) { return side == Side::kFrom ? from_ : to_; }
  const testing::ZnodeTree& tree(Side side) { return zookeeper(side).tree(); }
  // A write by somebody who is not the engine.
  absl::StatusOr<std::vector<StoreOpResult>> Write(Side side, const StoreClient& client,
                                                   int64_t session_id, std::vector<StoreOp> ops);
  void Say(absl::string_view who, absl::string_view what) { trace.Add(queue.now(), who, what); }

 protected:
  ~TransferWorld();

  // After every transaction that took effect.
  virtual void OnApplied(Side side, const StoreClient& client, const std::vector<StoreOp>& ops,
                         const std::vector<StoreOpResult>& results) = 0;
  // After a session has ended.
  virtual void OnExpired(Side) {}
  // What is due at a request of this client's, but for faults of ZooKeeper.
  virtual void OnDue(const TransferItem& item, const StoreClient& client) = 0;
  // What is due at its time, likewise.
  virtual void OnTime(const TransferItem& item) = 0;

  // Lets time bring what the case has.
  void StartItems();
  // From now on nothing goes wrong any more.
  void Calm() { is_calm_ = true; }
  bool is_calm() const { return is_calm_; }
  // Of StartItems, that time has not brought yet.
  int64_t items_left() const { return items_left_; }
  void FillOutcome();

 private:
  SimulatedZooKeeper::Surroundings Around(Side side);
  StoreFault OnRequest(Side side, const StoreClient& client, const StoreRequest& request);

  const TransferCase& case_;
  bool is_calm_ = false;
  int64_t items_left_ = 0;
  std::vector<int> clients_;
  SimulatedZooKeeper from_;
  SimulatedZooKeeper to_;
};

// A process that runs the engine.
class TransferProcess {
 public:
  TransferProcess(TransferWorld* world, std::string name,
                  std::vector<std::pair<std::string, std::string>> identities);
  TransferProcess(const TransferProcess&) = delete;
  TransferProcess& operator=(const TransferProcess&) = delete;

  // `main` must end soon when it is cancelled; then `on_end` is called.
  void Start(asio::awaitable<void> main, std::function<void()> on_end);
  // Takes effect at once: nothing that it does later reaches anybody.
  void Kill();
  // Ctrl-C.
  void Interrupt();

  const StoreClient& client() const { return client_; }
  bool ended() const { return ended_; }
  bool dead() const { return dead_; }
  bool interrupted() const { return interrupted_; }

 private:
  static asio::awaitable<void> Run(asio::awaitable<void> main);

  TransferWorld* const world_;
  const StoreClient client_;
  asio::cancellation_signal cancel_;
  bool ended_ = false;
  bool dead_ = false;
  bool interrupted_ = false;
};

}  // namespace metarec::simulation
