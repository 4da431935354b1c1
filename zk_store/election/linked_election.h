// A candidate in an election that stands in two ZooKeeper ensembles at once, and moves from one to
// the other while it runs.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/event.h"
#include "base/runtime/task_group.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/election/election_view.h"
#include "zk_store/election/leader_lock.h"
#include "zk_store/election/phase_record.h"

namespace metarec {

struct LinkedElectionOptions {
  using Connect = std::function<asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>>()>;

  // Open a session with either ensemble. Without a second one, the candidate stands in phase `one`
  // only. The sessions are the election's own, and are closed as soon as either ends.
  PerSide<Connect> connect;
  // The lock directory; the same path in both ensembles. Created in ensemble 1 with all its
  // components if missing.
  std::string directory;
  std::string prefix = std::string(kCandidatePrefix);
  // What the candidate's znode says: host:port.
  std::string own_name;
  // At most; where the servers have agreed to less, that counts.
  absl::Duration session_timeout = absl::Seconds(30);
  // A candidate that stands in one ensemble and should stand in both, but cannot for so long, gives
  // its place up. Watchers of the two may see different leaders that long.
  absl::Duration twin_max = absl::Seconds(10);
  // Between the end of one candidacy and the next.
  absl::Duration enter_after = absl::Seconds(1);
  // Called after every change of status(), on the executor of Run, from within it.
  std::function<void()> on_change;
  // Told what happens, one line each time.
  std::function<void(absl::string_view)> log;

  // Only in simulations, to see what happens then.
  bool leads_if_first_in_one = false;
  bool leaves_other_session_open = false;
};

struct LinkedElectionStatus {
  bool leads = false;
  // Whose znode is the first in every ensemble that counts; nullopt: none is, or it is a program's
  // that knows nothing of phases while the election stands in both.
  std::optional<LockLeader> leader;
  std::string candidate;  // the name of our znode; empty: we do not stand
  PerSide<bool> stands;   // where
  std::optional<ElectionPhase> phase;
  std::string trouble;  // why we do not stand, or cannot lead; empty: nothing is wrong

  bool operator==(const LinkedElectionStatus&) const = default;
};

// One candidate.
//
//   tasks.Spawn(election.Run());
//   for (;;) {
//     METAREC_CO_RETURN_IF_ERROR(co_await election.AwaitLeadership());
//     ... lead, with election.Fence(side) in every transaction, until
//     co_await election.AwaitLoss();
//   }
//
// It leads only while its znode is the first in both ensembles (in phases `one` and `two`: in the
// one that counts), and while either ensemble has answered within two thirds of the session's
// timeout: by then the session has not expired, so that nobody else leads. docs/election.md has the
// protocol and the argument.
//
// Used on one executor (a single thread or a strand); some calls are marked as thread-safe. The
// clock must outlive it.
class LinkedElection {
 public:
  LinkedElection(LinkedElectionOptions options, Clock* clock);
  ~LinkedElection();
  LinkedElection(const LinkedElection&) = delete;
  LinkedElection& operator=(const LinkedElection&) = delete;

  // Contends until it is cancelled, and returns OK. Whatever goes wrong, it contends again after a
  // while; status().trouble says what. Errors: kInvalidArgument for the options.
  asio::awaitable<absl::Status> Run();

  // Return when leads() has become true, or false: at that moment, whatever hangs; or kCancelled.
  asio::awaitable<absl::Status> AwaitLeadership();
  asio::awaitable<absl::Status> AwaitLoss();

  // Whether we lead at this moment. Becomes false by itself when time passes without an answer.
  // Thread-safe.
  bool leads() const;
  // As of the last change, or of now. Thread-safe.
  LinkedElectionStatus status() const;

  // The checks that must come first in every transaction that only the leader may make, in that
  // ensemble and in any session. They fail once our znode there is gone, or candidates do not stand
  // there any more. Empty unless we lead and stand there. Thread-safe.
  std::vector<StoreOp> Fence(EnsembleSide side) const;

 private:
  struct Session;
  struct Side;
  struct Collect;

  asio::awaitable<absl::Status> Contend();
  // One candidacy; returns why it ended.
  asio::awaitable<absl::Status> Stand();
  asio::awaitable<absl::Status> Round();
  asio::awaitable<void> LookAt(EnsembleSide side);
  asio::awaitable<absl::Status> LookNow(EnsembleSide side);
  asio::awaitable<absl::Status> Open(EnsembleSide side);
  asio::awaitable<void> FollowSession(std::shared_ptr<Session> session);
  asio::awaitable<void> FollowWatch(std::shared_ptr<Watch> watch, EnsembleSide side,
                                    std::shared_ptr<Watch> Side::*slot);
  // Why this candidacy is over; OK: it is not.
  absl::Status CheckPlace();
  absl::Status CheckPlaceIn(EnsembleSide side);
  // What the phase asks for.
  asio::awaitable<absl::Status> Follow();
  asio::awaitable<absl::Status> Enter();
  asio::awaitable<absl::Status> EnterBoth();
  asio::awaitable<absl::Status> FollowAlone(EnsembleSide side);
  asio::awaitable<absl::Status> FollowBoth();
  asio::awaitable<absl::Status> Widen(EnsembleSide from);
  asio::awaitable<absl::Status> HaveTwin(EnsembleSide side);
  asio::awaitable<absl::Status> ProveFit(EnsembleSide side);
  asio::awaitable<absl::Status> Narrow(EnsembleSide to);
  asio::awaitable<absl::Status> TakeNumber(EnsembleSide side, bool alone);
  asio::awaitable<absl::Status> FindOwn(EnsembleSide side);
  asio::awaitable<absl::Status> SetMarker(EnsembleSide side, CandidateMarker marker,
                                          bool only_in_this_phase);
  asio::awaitable<absl::Status> MakeRecord(EnsembleSide side);
  asio::awaitable<absl::Status> Help();
  asio::awaitable<void> NameLeader();
  // Whether the records of both sides belong together.
  absl::Status CheckFit() const;
  void Judge();
  bool IsFirstIn(EnsembleSide side) const;
  std::vector<EnsembleSide> CountingSides() const;
  bool IsComplete() const;
  bool HasSeen(EnsembleSide side) const;  // in this round
  int64_t OwnNumber() const;              // of our znode
  absl::Duration SessionTimeout() const;
  absl::Time LeadsUntil() const;
  absl::Time PublishedLeadsUntil() const;
  asio::awaitable<absl::Status> AwaitLeads(bool wanted);
  absl::Time NextRound() const;
  asio::awaitable<absl::Status> Pause(absl::Time until);
  void Wake();
  void Drop(EnsembleSide side);
  void Publish();
  void Say(absl::string_view what) const;

  const LinkedElectionOptions options_;
  const ElectionPlace place_;
  Clock* const clock_;
  std::optional<TaskGroup> tasks_;
  std::shared_ptr<Event> wake_;
  std::shared_ptr<Event> changed_;

  // The candidacy.
  std::unique_ptr<PerSide<Side>> sides_;
  std::vector<std::shared_ptr<Session>> left_open_;  // leaves_other_session_open
  EnsembleSide hint_ = EnsembleSide::kFirst;         // where to look first
  bool asks_both_ = false;
  std::string name_;                   // of our znode; empty: none
  std::optional<EnsembleSide> alone_;  // that counts alone, as our marker there says
  int64_t alone_since_ = 0;
  absl::Time incomplete_since_ = absl::InfiniteFuture();
  absl::Time unsettled_since_ = absl::InfiniteFuture();
  absl::Time proves_fit_at_ = absl::InfinitePast();
  int64_t round_ = 0;
  int64_t sequence_ = 0;   // of looks and of what they must have seen
  bool is_again_ = false;  // the next round is due at once
  bool is_soon_ = false;   // or soon
  std::unique_ptr<Collect> collect_;
  // No candidate with a lower number can lead: seen, and stays so while we stand.
  bool is_verified_ = false;
  std::string trouble_;
  std::string leader_name_;
  std::string leader_data_;
  bool is_leader_plain_ = false;

  mutable absl::Mutex mutex_;
  absl::Time leads_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  LinkedElectionStatus status_ ABSL_GUARDED_BY(mutex_);
  PerSide<std::vector<StoreOp>> fences_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace metarec
