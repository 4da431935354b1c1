#include "recovery_service/recovery_contender.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/cancellation_state.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/rare_branch.h"
#include "base/runtime/run_until.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "recovery_service/root_topology.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/topology/topology_reader.h"

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

absl::Status NotEmpty(const RootInspection& root) {
  return absl::FailedPreconditionError(
      absl::StrCat(root.Describe(),
                   ". Recovery needs a new or empty root: set [meta_server] cluster_root to "
                   "one, or set recover_from_replica_server = false to start from what is "
                   "there"));
}

// Of the session, not of what is there: the next one may do better.
bool IsSessionTrouble(const absl::Status& status) {
  const StoreError error = StoreErrorOf(status);
  return RetryBudget::IsRetryable(status) || error == StoreError::kSessionExpired ||
         error == StoreError::kClosed || error == StoreError::kReadOnly;
}

// Whether a recovery may write there.
bool MayBeFilled(const RootInspection& root) {
  return root.root_case == RootCase::kAbsent || root.root_case == RootCase::kEmpty ||
         root.root_case == RootCase::kOnlyLockDirectory ||
         root.root_case == RootCase::kUnfinishedRun;
}

}  // namespace

RecoveryContender::RecoveryContender(const asio::any_io_executor& executor,
                                     RecoveryContenderOptions options, Surroundings surroundings)
    : options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      service_(surroundings_.service),
      clock_(surroundings_.clock),
      tasks_(executor) {}

asio::awaitable<absl::Status> RecoveryContender::Run() {
  own_address_ = co_await surroundings_.address_of(options_.own_name);
  if (!own_address_) {
    surroundings_.log(absl::StrCat("the name ", options_.own_name,
                                   " cannot be looked up: followers cannot tell where we are"));
  }
  const absl::Status status = co_await Serve();
  tasks_.Cancel();
  co_await tasks_.Join();
  co_return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

asio::awaitable<absl::Status> RecoveryContender::Serve() {
  for (;;) {
    absl::StatusOr<std::unique_ptr<MetaStore>> store = co_await surroundings_.connect();
    if (store.ok()) {
      const absl::Status session = co_await ServeSession(store->get());
      if (IsSessionTrouble(session)) {
        surroundings_.log(absl::StrCat("trouble with ZooKeeper: ", session.message()));
      } else if (!session.ok()) {
        co_return session;
      }
    } else if (absl::IsCancelled(store.status())) {
      co_return store.status();
    } else {
      surroundings_.log(absl::StrCat("no ZooKeeper session: ", store.status().message()));
    }
    METAREC_CO_RETURN_IF_ERROR(co_await clock_->SleepFor(options_.reconnect_after));
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
    if (absl::IsCancelled(acquired)) co_return acquired;
    surroundings_.log(absl::StrCat("not contending any more: ", acquired.message()));
    co_return absl::OkStatus();
  }
  const absl::Status ended = co_await LeadUntilLost(&*lock, store);
  if (absl::IsCancelled(ended)) {
    // What follows is done also by those who are told to end.
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
  surroundings_.log(
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
  surroundings_.log(
      absl::StrCat("leading as ", options_.own_name, "; ", RecoveryStateName(service_->state())));
  const absl::Status lost = co_await lock->AwaitLoss();
  if (absl::IsCancelled(lost)) co_return lost;
  surroundings_.log(absl::StrCat("leading no more: ", lost.message()));
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
  // Where somebody leads, things may change until we do.
  if (!root.candidates.empty() || options_.recover == MayBeFilled(root)) {
    co_return absl::OkStatus();
  }
  co_return options_.recover ? NotEmpty(root) : NothingToServe(root.root);
}

asio::awaitable<absl::Status> RecoveryContender::LookAtRoot(MetaStore* store) {
  RetryBudget budget(clock_, RetryLimits());
  StoreReader reader(store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection root, co_await Inspect(&reader));
  if (MayBeFilled(root)) {
    co_return options_.recover ? absl::OkStatus() : NothingToServe(root.root);
  }
  // What was recovered since we started, by us or by another of us, is served on.
  if (options_.recover && root.root_case != RootCase::kFinishedRun) co_return NotEmpty(root);
  METAREC_RARE_BRANCH("a new leader serves what another one recovered");
  co_return co_await ServeFromRoot(&reader);
}

asio::awaitable<absl::Status> RecoveryContender::ServeFromRoot(StoreReader* reader) {
  SilentProgress silent;
  const TopologyReaderOptions options;
  METAREC_CO_ASSIGN_OR_RETURN(const RootContents contents,
                              co_await ReadTopology(reader, options_.root, options, &silent));
  METAREC_CO_ASSIGN_OR_RETURN(RootMetadata metadata, MetadataOf(contents));
  service_->ServeRecovered(std::move(metadata.topology), std::move(metadata.secondaries),
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
    surroundings_.log("waiting for the end of the session that we had in our last life");
  } else {
    tasks_.Spawn(FollowLeader(leader->name, change));
  }
}

asio::awaitable<void> RecoveryContender::FollowLeader(std::string name, uint64_t change) {
  LeaderIdentity leader;
  leader.address = co_await surroundings_.address_of(name);
  if (change != leader_changes_) {  // somebody else leads by now, or we do
    METAREC_RARE_BRANCH("the leader changes while it is looked up");
    co_return;
  }
  surroundings_.log(absl::StrCat("following ", Printable(name),
                                 leader.address ? "" : ", whose name cannot be looked up"));
  leader.name = std::move(name);
  service_->Follow(std::move(leader));
}

}  // namespace metarec
