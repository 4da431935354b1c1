#include "ensemble.h"

#include <algorithm>

namespace metarec::simulation {

void Ensemble::Lag(int follower_index, absl::Time until, absl::Duration by) {
  Follower& follower = followers_[static_cast<size_t>(follower_index)];
  if (!follower.tree.has_value()) {
    follower.tree = leader_;
    follower.position = log_.size();
  }
  follower.lags_until = until;
  follower.lags_by = by;
}

absl::StatusOr<std::vector<StoreOpResult>> Ensemble::Apply(
    std::shared_ptr<const std::vector<StoreOp>> ops, bool is_multi, testing::ZnodeCaller caller) {
  const testing::ZnodeTree::Transaction transaction{++zxid_, absl::ToUnixMillis(queue_->now()),
                                                    OpenAcl()};
  auto applied = leader_.Apply(*ops, is_multi, caller, transaction);
  if (!applied.ok()) return applied.status();
  Publish(
      [ops = std::move(ops), is_multi, caller = std::move(caller),
       transaction](testing::ZnodeTree* tree) {
        tree->Apply(*ops, is_multi, caller, transaction).IgnoreError();
      },
      std::move(applied->changes));
  return std::move(applied->results);
}

void Ensemble::DropEphemerals(int64_t session_id) {
  const int64_t zxid = ++zxid_;
  Publish([session_id, zxid](testing::ZnodeTree* tree) { tree->DropEphemerals(session_id, zxid); },
          leader_.DropEphemerals(session_id, zxid));
}

void Ensemble::Publish(Replay replay, Changes changes) {
  const bool has_lagged = std::any_of(followers_.begin(), followers_.end(),
                                      [](const Follower& f) { return f.tree.has_value(); });
  if (has_lagged) log_.push_back({std::move(replay), changes});
  for (int server = 0; server < kServers; ++server) {
    Follower& follower = followers_[static_cast<size_t>(server)];
    if (!follower.tree.has_value()) {
      on_changes_(server, changes);
      continue;
    }
    const absl::Time now = queue_->now();
    const absl::Duration lag = now < follower.lags_until ? follower.lags_by : absl::ZeroDuration();
    follower.arrival = std::max(follower.arrival, now + lag);
    const size_t position = log_.size();
    if (follower.arrival == now) {
      Advance(server, position);
    } else {
      queue_->At(follower.arrival, [this, server, position] { Advance(server, position); });
    }
  }
}

void Ensemble::CatchUp(int server) {
  if (followers_[static_cast<size_t>(server)].tree.has_value()) Advance(server, log_.size());
}

void Ensemble::Advance(int server, size_t position) {
  Follower& follower = followers_[static_cast<size_t>(server)];
  while (follower.position < position) {
    const Commit& commit = log_[follower.position++];
    commit.replay(&*follower.tree);
    on_changes_(server, commit.changes);
  }
}

}  // namespace metarec::simulation
