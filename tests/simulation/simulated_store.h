#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simulated_zookeeper.h"

namespace metarec::simulation {

struct StoreCall {
  explicit StoreCall(const asio::any_io_executor& executor) : done(executor) {}
  Event done;
  int64_t index = -1;  // of the engine's requests
  absl::string_view kind;
  std::string path;
  StoreFault fault;
  std::function<void(int64_t index)> execute;  // computes the answer
  bool is_executed = false;
  size_t position = 0;   // of the server when it was executed
  bool is_void = false;  // will never be executed
  absl::Status result;   // not OK: there was no answer
};

// One session, as client and server know it.
struct StoreSession {
  using Watches = std::multimap<std::string, WatchSender>;

  int64_t id = 0;
  StoreClient client;
  absl::Duration timeout;
  SessionTracker tracker;
  int server = 0;
  size_t seen = 0;  // how much of the log the client has seen; it uses no server that knows less
  bool is_connected = true;
  bool is_expired = false;  // for the server
  bool is_dead = false;     // the process is gone
  bool is_closed = false;   // the store was destroyed
  int64_t epoch = 0;        // changes with every connection
  absl::Time silent_until = absl::InfinitePast();
  absl::Time held_until = absl::InfinitePast();  // what arrived last after a silence
  absl::Time executed_at = absl::InfinitePast();
  absl::Time answered_at = absl::InfinitePast();
  std::deque<std::shared_ptr<StoreCall>> in_flight;
  std::vector<std::shared_ptr<StoreCall>> unexecuted;  // of a broken connection
  Watches data_watches;
  Watches child_watches;
  std::vector<std::pair<WatchSender, WatchEvent>> unheard;  // while it has no connection
};

class SimulatedStore final : public MetaStore {
 public:
  SimulatedStore(SimulatedZooKeeper* zookeeper, std::shared_ptr<StoreSession> session)
      : MetaStore(OpenAcl(), 1024 * 1024 - 1),
        zookeeper_(zookeeper),
        session_(std::move(session)) {}
  ~SimulatedStore() override;

  SessionState session_state() const override { return session_->tracker.Get(); }
  asio::awaitable<absl::StatusOr<SessionState>> AwaitSessionChange(SessionState seen) override {
    return session_->tracker.AwaitChange(seen);
  }
  int64_t session_id() const override { return session_->id; }

 private:
  asio::awaitable<absl::StatusOr<NodeData>> DoGet(std::string path,
                                                  std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> DoExists(
      std::string path, std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<NodeChildren>> DoChildren(std::string path,
                                                           std::shared_ptr<Watch> watch) override;
  asio::awaitable<absl::StatusOr<NodeAcl>> DoGetAcl(std::string path) override;
  asio::awaitable<absl::StatusOr<std::string>> DoCreate(CreateOp op) override;
  asio::awaitable<absl::StatusOr<NodeStat>> DoSet(SetOp op) override;
  asio::awaitable<absl::Status> DoDelete(DeleteOp op) override;
  asio::awaitable<absl::Status> DoSetAcl(SetAclOp op) override;
  asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> DoMulti(
      std::vector<StoreOp> ops) override;
  asio::awaitable<absl::Status> DoSync(std::string path) override;

  // Sends a request and awaits its answer; `execute` is called by the server.
  template <typename Result>
  asio::awaitable<Result> Call(absl::string_view kind, std::string path,
                               std::shared_ptr<const std::vector<StoreOp>> ops,
                               std::function<Result(int64_t index)> execute);
  asio::awaitable<absl::StatusOr<std::vector<StoreOpResult>>> Write(absl::string_view kind,
                                                                    std::vector<StoreOp> ops);

  SimulatedZooKeeper* const zookeeper_;
  const std::shared_ptr<StoreSession> session_;
};

}  // namespace metarec::simulation
