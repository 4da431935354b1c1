// How Pegasus meta servers elect (INTEROP.md section 6.1): each creates an ephemeral sequential
// znode with its own name in it. The lowest number leads. Every other one watches the leader's
// znode and looks again when that is gone. All watch the same znode, not each its predecessor: they
// read from it to whom they must forward their callers.
//
// A creation whose answer was lost is never repeated blindly: a candidate that nobody knows of
// would stay until the session ends, and lead when its turn comes. So after a lost answer we look
// for znodes that our session owns. ZooKeeper executes the requests of one session in order, and
// none that was sent on a dead connection once the session lives on another one, so that this look
// sees all there is.

#include "zk_store/election/leader_lock.h"

#include <memory>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/any_io_executor.hpp>
#include <asio/this_coro.hpp>
#include <glog/logging.h>

#include "base/runtime/event.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/store_events.h"
#include "zk_store/election/lock_directory.h"

namespace metarec {
namespace {

constexpr size_t kNameBytesMax = 300;  // of what a candidate wrote; host:port is far shorter

struct Loss {
  explicit Loss(const asio::any_io_executor& executor) : happened(executor) {}
  Event happened;
  absl::Status reason;
};

asio::awaitable<void> AwaitChange(MetaStore* store, absl::StatusOr<SessionState>* state) {
  *state = co_await store->AwaitSessionChange(**state);
}

// Returns when the session has ended (StoreError::kSessionExpired), or when it must be taken for
// ended because it had no connection to a quorum for `disconnected_max` (kAborted); or kCancelled.
//
// A client that cannot reach ZooKeeper is not told that its session has expired. With an infinite
// `disconnected_max` this waits until it is told.
asio::awaitable<absl::Status> AwaitSessionLoss(MetaStore* store, Clock* clock,
                                               absl::Duration disconnected_max) {
  absl::StatusOr<SessionState> state = store->session_state();
  absl::Time give_up_at = absl::InfiniteFuture();
  // The store is not touched after a final state: it may be gone by then.
  while (state.ok() && !IsFinal(*state)) {
    if (*state == SessionState::kConnected || disconnected_max == absl::InfiniteDuration()) {
      give_up_at = absl::InfiniteFuture();
      co_await AwaitChange(store, &state);
      continue;
    }
    if (give_up_at == absl::InfiniteFuture()) give_up_at = clock->Now() + disconnected_max;
    const absl::Status waited = co_await RunUntil(
        give_up_at, clock, [&store, &state] { return AwaitChange(store, &state); });
    if (absl::IsDeadlineExceeded(waited)) {
      METAREC_RARE_BRANCH("the leader is cut off for longer than a session lives");
      co_return absl::AbortedError(absl::StrCat("there was no connection to ZooKeeper for ",
                                                absl::FormatDuration(disconnected_max),
                                                ", so the session has expired"));
    }
    METAREC_CO_RETURN_IF_ERROR(waited);
  }
  METAREC_CO_RETURN_IF_ERROR(state.status());
  co_return MakeStoreError(StoreError::kSessionExpired, "session", "",
                           absl::StrCat("it is ", SessionStateName(*state)));
}

// Whichever task ends first tells why.
asio::awaitable<void> Report(asio::awaitable<absl::Status> task, Loss* loss) {
  const absl::Status reason = co_await std::move(task);
  if (loss->happened.is_set()) co_return;
  loss->reason = reason;
  loss->happened.Set();
}

}  // namespace

LeaderLock::LeaderLock(LeaderLockOptions options, MetaStore* store, Clock* clock)
    : options_(std::move(options)),
      store_(store),
      clock_(clock),
      session_id_(store->session_id()),
      directory_(LockDirectoryPath(options_.lock_root)) {}

asio::awaitable<absl::Status> LeaderLock::Acquire() {
  METAREC_CO_RETURN_IF_ERROR(ValidateRootPath(options_.lock_root));
  if (options_.own_name.empty() || options_.own_name.size() > kNameBytesMax) {
    co_return absl::InvalidArgumentError("a candidate for leadership needs a name, host:port");
  }
  const absl::Status status = co_await Contend();
  if (!status.ok()) SetLeader(std::nullopt);
  co_return status;
}

asio::awaitable<absl::Status> LeaderLock::Contend() {
  StartBudget();
  METAREC_CO_RETURN_IF_ERROR(co_await MakeDirectory());
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::string first,
                                co_await Retry(&*budget_, [this] { return FirstCandidate(); }));
    if (first == znode_path()) {
      SetLeader(LockLeader{options_.own_name, first, true});
      co_return absl::OkStatus();
    }
    METAREC_CO_RETURN_IF_ERROR(co_await AwaitDeparture(first));
  }
}

asio::awaitable<absl::StatusOr<std::string>> LeaderLock::FirstCandidate() {
  METAREC_CO_RETURN_IF_ERROR(co_await HaveCandidate());
  const std::string own_path = znode_path();
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<std::string> paths, co_await ReadCandidates());
  if (absl::c_linear_search(paths, own_path)) co_return paths.front();
  METAREC_RARE_BRANCH("our candidate vanishes while we wait");
  SetOwn(std::nullopt);
  absl::Status deleted =
      MarkedError(ErrorMark::kLostRace,
                  absl::StrCat("somebody deletes our candidates for leadership: ", own_path));
  LOG(WARNING) << deleted.message();
  co_return deleted;
}

asio::awaitable<absl::Status> LeaderLock::MakeDirectory() {
  METAREC_CO_ASSIGN_OR_RETURN(const auto complete, co_await reader_->Exists(directory_));
  if (complete.has_value()) co_return absl::OkStatus();
  std::string path;
  for (const absl::string_view component : absl::StrSplit(directory_.substr(1), '/')) {
    absl::StrAppend(&path, "/", component);
    METAREC_CO_RETURN_IF_ERROR(co_await Retry(&*budget_, [this, &path] { return Make(path); }));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LeaderLock::Make(std::string path) {
  // Asked first, as who may use a directory need not be allowed to create in its parent.
  METAREC_CO_ASSIGN_OR_RETURN(const auto existing, co_await reader_->Exists(path));
  if (existing.has_value()) co_return absl::OkStatus();
  const auto created = co_await store_->Create(path, "");
  if (StoreErrorOf(created.status()) == StoreError::kNodeExists) co_return absl::OkStatus();
  co_return created.status();
}

asio::awaitable<absl::Status> LeaderLock::HaveCandidate() {
  co_return co_await Retry(&*budget_, [this]() -> asio::awaitable<absl::Status> {
    if (must_settle_) METAREC_CO_RETURN_IF_ERROR(co_await SettleOurs(/*keep=*/true));
    if (own().has_value()) co_return absl::OkStatus();
    absl::Status created = co_await CreateCandidate();
    if (StoreErrorOf(created) != StoreError::kNoNode) co_return created;
    // Somebody has deleted the directory.
    METAREC_CO_RETURN_IF_ERROR(co_await MakeDirectory());
    co_return WithMark(std::move(created), ErrorMark::kLostRace);
  });
}

asio::awaitable<absl::Status> LeaderLock::CreateCandidate() {
  // Until the answer is there; cancellation may end this function at any co_await.
  must_settle_ = true;
  const auto path = co_await store_->Create(absl::StrCat(directory_, "/", kCandidatePrefix),
                                            options_.own_name, CreateMode::kEphemeralSequential);
  if (!path.ok()) {
    must_settle_ = OutcomeUnknown(path.status());
    co_return path.status();
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader_->Get(*path));
  if (node.has_value() && node->data != options_.own_name) {
    METAREC_RARE_BRANCH("somebody writes into our candidate before we have read it");
    // Others would take whatever it says for our name: it is deleted, and another one is made.
    co_return MakeStoreError(StoreError::kNoNode, "create", *path,
                             "somebody else wrote into it at once");
  }
  must_settle_ = false;
  if (node.has_value()) SetOwn(Candidate{*path, node->stat.czxid, node->stat.version});
  if (node.has_value()) co_return absl::OkStatus();
  co_return MakeStoreError(StoreError::kNoNode, "create", *path, "it was deleted at once");
}

asio::awaitable<absl::Status> LeaderLock::SettleOurs(bool keep) {
  METAREC_CO_RETURN_IF_ERROR(co_await reader_->Sync(directory_));
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<std::string> paths, co_await ReadCandidates());
  SetOwn(std::nullopt);
  for (const std::string& path : paths) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader_->Get(path));
    if (!node.has_value() || node->stat.ephemeral_owner != session_id_) continue;
    if (keep && !own().has_value() && node->data == options_.own_name) {
      METAREC_RARE_BRANCH("our candidate was made, and the answer was lost");
      SetOwn(Candidate{path, node->stat.czxid, node->stat.version});
    } else {
      METAREC_CO_RETURN_IF_ERROR(co_await DeleteCandidate(path));
    }
  }
  must_settle_ = false;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LeaderLock::DeleteCandidate(std::string path) {
  // Repeating it is harmless: the path will never be another candidate's.
  co_return co_await Retry(&*budget_, [this, &path]() -> asio::awaitable<absl::Status> {
    const absl::Status status = co_await store_->Delete(path);
    if (StoreErrorOf(status) == StoreError::kNoNode) co_return absl::OkStatus();
    co_return status;
  });
}

asio::awaitable<absl::StatusOr<std::vector<std::string>>> LeaderLock::ReadCandidates() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader_->Children(directory_));
  std::vector<std::string> paths;
  if (!children.has_value()) co_return paths;
  paths = CandidatesInOrder(children->names);
  if (paths.size() > options_.candidates_max) {
    co_return absl::ResourceExhaustedError(
        absl::StrCat(directory_, " has ", paths.size(), " candidates for leadership, more than ",
                     options_.candidates_max, ": find out who makes them"));
  }
  for (std::string& path : paths) path = absl::StrCat(directory_, "/", path);
  co_return paths;
}

asio::awaitable<absl::Status> LeaderLock::AwaitDeparture(std::string path) {
  const auto watch = std::make_shared<Watch>(co_await asio::this_coro::executor);
  METAREC_CO_ASSIGN_OR_RETURN(const auto node, co_await reader_->Get(path, watch));
  if (!node.has_value()) co_return absl::OkStatus();
  SetLeader(LockLeader{node->data.substr(0, kNameBytesMax), path, false});
  co_return co_await AwaitEvent(watch.get());
}

asio::awaitable<absl::Status> LeaderLock::AwaitEvent(Watch* watch) {
  METAREC_CO_ASSIGN_OR_RETURN(const WatchEvent event, co_await watch->Wait());
  if (event.type == WatchEventType::kSessionEnded) co_return SessionEnded();
  StartBudget();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LeaderLock::AwaitLoss() {
  const auto leading = leader();
  if (!leading.has_value() || !leading->is_us) {
    co_return absl::AbortedError("leadership was lost already, or never won");
  }
  StartBudget();
  const auto executor = co_await asio::this_coro::executor;
  Loss loss(executor);
  TaskGroup tasks(executor);
  tasks.Spawn(Report(AwaitChangeOfOurs(), &loss));
  tasks.Spawn(Report(AwaitSessionLoss(store_, clock_, options_.disconnected_max), &loss));
  const absl::Status waited = co_await loss.happened.Wait();
  tasks.Cancel();
  co_await tasks.Join();
  METAREC_CO_RETURN_IF_ERROR(waited);
  must_settle_ = true;
  SetLeader(std::nullopt);
  co_return absl::AbortedError(absl::StrCat("leadership was lost: ", loss.reason.message()));
}

asio::awaitable<absl::Status> LeaderLock::AwaitChangeOfOurs() {
  const Candidate ours = own().value_or(Candidate());
  const auto executor = co_await asio::this_coro::executor;
  for (;;) {
    const auto watch = std::make_shared<Watch>(executor);
    METAREC_CO_ASSIGN_OR_RETURN(const auto node, co_await reader_->Get(ours.path, watch));
    if (!node.has_value()) {
      METAREC_RARE_BRANCH("somebody deletes the leader's znode");
      co_return absl::AbortedError(absl::StrCat(ours.path, " was deleted"));
    }
    if (node->stat.czxid != ours.czxid || node->stat.ephemeral_owner != session_id_) {
      co_return absl::AbortedError(absl::StrCat(ours.path, " is somebody else's now"));
    }
    if (node->stat.version != ours.version) {
      METAREC_RARE_BRANCH("somebody writes into the leader's znode");
      co_return absl::AbortedError(absl::StrCat("somebody wrote into ", ours.path));
    }
    METAREC_CO_RETURN_IF_ERROR(co_await AwaitEvent(watch.get()));
  }
}

asio::awaitable<absl::Status> LeaderLock::Release() {
  SetLeader(std::nullopt);
  StartBudget();
  absl::Status status;
  const auto ours = own();
  if (ours.has_value()) {
    must_settle_ = true;
    SetOwn(std::nullopt);
  }
  if (must_settle_) status = co_await SettleOurs(/*keep=*/false);
  const StoreError error = StoreErrorOf(status);
  if (error == StoreError::kSessionExpired || error == StoreError::kClosed) {
    co_return absl::OkStatus();
  }
  co_return status;
}

absl::Status LeaderLock::SessionEnded() const {
  // The store may be gone by now.
  return MakeStoreError(StoreError::kSessionExpired, "lead by", directory_);
}

std::optional<LockLeader> LeaderLock::leader() const {
  absl::MutexLock lock(&mutex_);
  return leader_;
}

std::optional<LeaderLock::Candidate> LeaderLock::own() const {
  absl::MutexLock lock(&mutex_);
  return own_;
}

std::string LeaderLock::znode_path() const {
  absl::MutexLock lock(&mutex_);
  return own_.has_value() ? own_->path : "";
}

std::vector<StoreOp> LeaderLock::Fence() const {
  absl::MutexLock lock(&mutex_);
  if (!leader_.has_value() || !leader_->is_us || !own_.has_value()) return {};
  return {CheckOp{own_->path, own_->version}};
}

void LeaderLock::SetOwn(std::optional<Candidate> own) {
  absl::MutexLock lock(&mutex_);
  own_ = std::move(own);
}

void LeaderLock::SetLeader(std::optional<LockLeader> leader) {
  {
    absl::MutexLock lock(&mutex_);
    if (leader_ == leader) return;
    leader_ = std::move(leader);
  }
  if (options_.on_leader_change) options_.on_leader_change();
}

}  // namespace metarec
