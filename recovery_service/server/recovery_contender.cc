#include "recovery_service/server/recovery_contender.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/cancellation_state.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/printable.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/topology/enclosing_tree.h"

namespace metarec {
namespace {

constexpr absl::Duration kReleaseTimeout = absl::Seconds(2);

absl::Status NothingToServe(const std::string& root) {
  return absl::FailedPreconditionError(absl::StrCat(
      root,
      " holds no cluster, and recover_from_replica_server is false: a meta server that starts like "
      "this ends as soon as a replica server reports its replicas. Set [meta_server] "
      "recover_from_replica_server = true and start again, then run recover"));
}

// `servable`: whether what is there could be served; OK, or why not.
absl::Status NotEmpty(const RootInspection& root, const absl::Status& servable) {
  return absl::FailedPreconditionError(absl::StrCat(
      root.Describe(),
      ". Recovery needs a new or empty root: set [meta_server] cluster_root to one",
      servable.ok()
          ? ", or set recover_from_replica_server = false to start from what is there"
          : absl::StrCat(". recover_from_replica_server = false is no way out: what is there "
                         "cannot be served (",
                         servable.message(), ")")));
}

// A cluster's tree that cannot be served.
absl::Status Damaged(const std::string& root, const absl::Status& why) {
  return Annotate(why, absl::StrCat(". Start no meta server on ", root,
                                    ": recover into another root. Set [meta_server] cluster_root "
                                    "to a new one and recover_from_replica_server = true, start "
                                    "again, and send recover"));
}

// Of the session or the servers, not of what is there: the next session may do better.
bool IsSessionTrouble(const absl::Status& status) {
  const StoreError error = StoreErrorOf(status);
  return RetryBudget::IsRetryable(status) || error == StoreError::kSessionExpired ||
         error == StoreError::kClosed || error == StoreError::kReadOnly;
}

// No later session would do better: a root, a name, the credentials or a permission is wrong.
bool IsPermanent(const absl::Status& status) {
  switch (StoreErrorOf(status)) {
    case StoreError::kNoAuth:
    case StoreError::kAuthFailed:
    case StoreError::kAuthRequired:
    case StoreError::kQuotaExceeded:
    case StoreError::kUnsupported:
    case StoreError::kInvalidAcl:
    case StoreError::kBadArguments:
    case StoreError::kNoChildrenForEphemerals:
    case StoreError::kTooLarge:
      return true;
    default:
      return absl::IsInvalidArgument(status);
  }
}

std::string TroubleOf(SessionState state) {
  switch (state) {
    case SessionState::kConnecting:
      return "there is no connection to any of its servers";
    case SessionState::kReadOnly:
      return "the server that we are connected to has lost its quorum and serves reads only";
    default:
      return "";
  }
}

// Whether a recovery may write there.
bool MayBeFilled(const RootInspection& root) {
  return root.root_case == RootCase::kAbsent || root.root_case == RootCase::kEmpty ||
         root.root_case == RootCase::kOnlyLockDirectory ||
         root.root_case == RootCase::kUnfinishedRun;
}

}  // namespace

RecoveryContender::RecoveryContender(const asio::any_io_executor& executor,
                                     RecoveryContenderOptions options, RecoveryService* service,
                                     Clock* clock)
    : options_(std::move(options)),
      executor_(executor),
      service_(service),
      clock_(clock),
      tasks_(executor) {}

asio::awaitable<absl::Status> RecoveryContender::Run() {
  own_address_ = co_await options_.address_of(options_.own_name);
  if (!own_address_) {
    options_.log(absl::StrCat("the name ", options_.own_name,
                              " cannot be looked up: followers cannot tell where we are"));
  }
  const absl::Status status = co_await Serve();
  tasks_.Cancel();
  co_await tasks_.Join();
  co_return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

asio::awaitable<absl::Status> RecoveryContender::Serve() {
  service_->NoteZooKeeperTrouble("there is no session yet");
  for (;;) {
    absl::StatusOr<std::unique_ptr<MetaStore>> store = co_await options_.connect();
    absl::Status status = store.status();
    if (store.ok()) {
      TaskGroup watching(executor_);
      watching.Spawn(WatchConnection(store->get()));
      status = co_await ServeSession(store->get());
      watching.Cancel();
      co_await watching.Join();
      if (IsFinal((*store)->session_state())) {
        service_->NoteZooKeeperTrouble("the session has ended, and there is no new one yet");
      }
    } else if (!absl::IsCancelled(status) && !IsPermanent(status)) {
      options_.log(absl::StrCat("no ZooKeeper session: ", status.message()));
      service_->NoteZooKeeperTrouble(std::string(status.message()));
      status = absl::OkStatus();
    }
    if (IsSessionTrouble(status)) {
      options_.log(absl::StrCat("trouble with ZooKeeper: ", status.message()));
      service_->NoteZooKeeperTrouble(std::string(status.message()));
    } else if (!status.ok()) {
      co_return status;
    }
    METAREC_CO_RETURN_IF_ERROR(co_await clock_->SleepFor(options_.reconnect_after));
  }
}

asio::awaitable<void> RecoveryContender::WatchConnection(MetaStore* store) {
  SessionState state = store->session_state();
  while (!IsFinal(state)) {
    service_->NoteZooKeeperTrouble(TroubleOf(state));
    const absl::StatusOr<SessionState> next = co_await store->AwaitSessionChange(state);
    if (!next.ok()) co_return;
    state = *next;
  }
}

asio::awaitable<absl::Status> RecoveryContender::ServeSession(MetaStore* store) {
  if (!is_root_checked_) METAREC_CO_RETURN_IF_ERROR(co_await CheckRootAtStart(store));
  is_root_checked_ = true;
  co_return co_await ServeTerm(store);
}

asio::awaitable<absl::Status> RecoveryContender::ServeTerm(MetaStore* store) {
  LeaderLockOptions options;
  options.lock_root = options_.lock_root;
  options.own_name = options_.own_name;
  options.disconnected_max = options_.session_timeout;
  std::optional<LeaderLock> lock;
  options.on_leader_change = [this, &lock] { OnLeaderChange(lock->leader()); };
  lock.emplace(std::move(options), store, clock_);
  const absl::Status acquired = co_await lock->Acquire();
  if (!acquired.ok()) {
    if (absl::IsCancelled(acquired) || IsPermanent(acquired)) co_return acquired;
    options_.log(absl::StrCat("not contending any more: ", acquired.message()));
    service_->NoteZooKeeperTrouble(std::string(acquired.message()));
    co_return absl::OkStatus();
  }
  const absl::Status ended = co_await LeadUntilLost(&*lock, store);
  if (absl::IsCancelled(ended)) {
    // What follows is done even if we are told to end.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  }
  co_await service_->StepDown();
  is_leading_ = false;
  co_await Release(&*lock, *store);
  co_return ended;
}

asio::awaitable<void> RecoveryContender::Release(LeaderLock* lock, const MetaStore& store) {
  if (IsFinal(store.session_state())) co_return;
  absl::Status released = absl::UnavailableError("there is no connection to ZooKeeper");
  const absl::Time deadline = clock_->Now() + kReleaseTimeout;
  // Named: GCC 12 destroys a capture twice in a temporary beside a co_await.
  const std::function<asio::awaitable<void>()> release = [&]() -> asio::awaitable<void> {
    released = co_await lock->Release();
  };
  if (store.session_state() == SessionState::kConnected) {
    const absl::Status run = co_await RunUntil(deadline, clock_, release);
    released.Update(run);
  }
  if (released.ok()) co_return;
  options_.log(
      absl::StrCat("could not give up the lock, which is ours until our ZooKeeper session ends: ",
                   released.message()));
}

asio::awaitable<absl::Status> RecoveryContender::LeadUntilLost(LeaderLock* lock, MetaStore* store) {
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtRoot(store));
  LeaderIdentity us;
  us.name = options_.own_name;
  us.address = own_address_;
  is_leading_ = true;
  service_->Lead(std::move(us), store, lock->Fence());
  options_.log(
      absl::StrCat("leading as ", options_.own_name, "; ", RecoveryStateName(service_->state())));
  const absl::Status lost = co_await lock->AwaitLoss();
  if (absl::IsCancelled(lost)) co_return lost;
  options_.log(absl::StrCat("leading no more: ", lost.message()));
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<RootInspection>> RecoveryContender::Inspect(StoreReader* reader) {
  RootInspectionOptions options;
  options.lock_root = options_.lock_root;
  co_return co_await InspectRoot(reader, options_.root, std::move(options));
}

asio::awaitable<absl::Status> RecoveryContender::CheckRootAtStart(MetaStore* store) {
  RetryBudget budget(clock_, RetryLimits());
  StoreReader reader(store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection root, co_await Inspect(&reader));
  if (options_.recover && root.enclosing.has_value()) {
    co_return NotEmpty(root, absl::FailedPreconditionError("it lies in another tree"));
  }
  METAREC_CO_RETURN_IF_ERROR(co_await CheckLockRootAtStart(&reader));
  // Where somebody leads, things may change until we do.
  if (!root.candidates.empty() || options_.recover == MayBeFilled(root)) {
    co_return absl::OkStatus();
  }
  if (!options_.recover) co_return NothingToServe(root.root);
  co_return co_await NotEmptyAfterLook(root, &reader);
}

asio::awaitable<absl::Status> RecoveryContender::NotEmptyAfterLook(RootInspection root,
                                                                   StoreReader* reader) {
  const absl::StatusOr<Topology> metadata = co_await ReadMetadata(reader);
  if (IsSessionTrouble(metadata.status()) || absl::IsCancelled(metadata.status())) {
    co_return metadata.status();
  }
  co_return NotEmpty(root, metadata.status());
}

// Contending makes znodes there, at once.
asio::awaitable<absl::Status> RecoveryContender::CheckLockRootAtStart(StoreReader* reader) {
  METAREC_CO_RETURN_IF_ERROR(CheckLockRoot(options_.root, options_.lock_root));
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::optional<EnclosingTree> enclosing,
      co_await FindEnclosingTree(reader, options_.lock_root, options_.lock_root));
  if (!enclosing.has_value() || !enclosing->is_inside) co_return absl::OkStatus();
  co_return absl::FailedPreconditionError(
      absl::StrCat("the lock root ", options_.lock_root,
                   " lies in a tree that is not its own: ", enclosing->what,
                   ". Set [meta_server] distributed_lock_service_parameters to "
                   "where this cluster's meta servers elect their leader"));
}

asio::awaitable<absl::Status> RecoveryContender::LookAtRoot(MetaStore* store) {
  RetryBudget budget(clock_, RetryLimits());
  StoreReader reader(store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection root, co_await Inspect(&reader));
  if (MayBeFilled(root)) {
    const bool is_unfinished = root.root_case == RootCase::kUnfinishedRun;
    service_->NoteUnfinishedRun(is_unfinished ? absl::StrCat(root.Describe(), ".") : "");
    co_return options_.recover ? absl::OkStatus() : NothingToServe(root.root);
  }
  // What was recovered since we started, by us or by another meta server, is still served.
  if (options_.recover && root.root_case != RootCase::kFinishedRun) {
    co_return co_await NotEmptyAfterLook(root, &reader);
  }
  METAREC_RARE_BRANCH("a new leader serves what another one recovered");
  co_return co_await ServeFromRoot(&reader);
}

asio::awaitable<absl::StatusOr<Topology>> RecoveryContender::ReadMetadata(StoreReader* reader) {
  SilentProgress silent;
  const TopologyReaderOptions options;
  METAREC_CO_ASSIGN_OR_RETURN(const RootContents contents,
                              co_await ReadTopology(reader, options_.root, options, &silent));
  co_return TopologyOf(contents);
}

asio::awaitable<absl::Status> RecoveryContender::ServeFromRoot(StoreReader* reader) {
  absl::StatusOr<Topology> metadata = co_await ReadMetadata(reader);
  if (absl::IsDataLoss(metadata.status())) co_return Damaged(options_.root, metadata.status());
  METAREC_CO_RETURN_IF_ERROR(metadata.status());
  service_->ServeRecovered(*std::move(metadata),
                           options_.recover ? Retries::kAnswered : Retries::kRefused);
  co_return absl::OkStatus();
}

void RecoveryContender::OnLeaderChange(const std::optional<LockLeader>& leader) {
  const uint64_t change = ++leader_changes_;
  if (is_leading_) return;  // stepping down follows
  // Until we know where the new one is, or have looked at the root ourselves, nobody is sent on.
  service_->Follow(std::nullopt);
  if (!leader || leader->is_us) return;
  if (leader->name == options_.own_name) {
    METAREC_RARE_BRANCH("a restarted meta server waits for its own old session");
    const std::string program = service_->status().build.program;
    options_.log(absl::StrCat("waiting for the previous ",
                              program.empty() ? "meta server" : program,
                              "'s ZooKeeper session to expire (up to ",
                              absl::FormatDuration(options_.session_timeout), ")"));
  } else {
    tasks_.Spawn(FollowLeader(leader->name, change));
  }
}

asio::awaitable<void> RecoveryContender::FollowLeader(std::string name, uint64_t change) {
  LeaderIdentity leader;
  leader.address = co_await options_.address_of(name);
  if (change != leader_changes_) {  // somebody else leads by now, or we do
    METAREC_RARE_BRANCH("the leader changes while it is looked up");
    co_return;
  }
  options_.log(absl::StrCat("following ", Printable(name),
                            leader.address ? "" : ", whose name cannot be looked up"));
  leader.name = std::move(name);
  service_->Follow(std::move(leader));
}

}  // namespace metarec
