// What ZooKeeper's servers know: the leader everything, a follower what has reached it. A client
// reads from the server that it is connected to, so that what it reads may be old.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "testing/virtual_clock.h"
#include "testing/znode_tree.h"

namespace metarec::simulation {

class Ensemble {
 public:
  static constexpr int kServers = 3;  // the first one leads
  using Changes = std::vector<testing::ZnodeChange>;

  // `on_changes`: what has arrived at a server.
  Ensemble(testing::EventQueue* queue, std::function<void(int server, const Changes&)> on_changes)
      : queue_(queue), on_changes_(std::move(on_changes)) {}

  // Until `until`, what is committed reaches this follower so much later than the others.
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
    std::optional<testing::ZnodeTree> tree;  // once it has lagged; else it is as the leader's
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
  int64_t zxid_ = 0;
  std::array<Follower, kServers> followers_;  // the leader never lags
  std::vector<Commit> log_;
};

}  // namespace metarec::simulation
