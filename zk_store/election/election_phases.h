// Moves an election from one ZooKeeper ensemble to another while it runs.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/election/election_view.h"
#include "zk_store/election/phase_record.h"

namespace metarec {

struct ElectionPhasesOptions {
  // The lock directory; the same path in both ensembles.
  std::string directory;
  std::string prefix = std::string(kCandidatePrefix);
  RetryLimits retry;
  // How long a change waits, before it begins, for candidates that may still show that they can
  // follow.
  absl::Duration fit_max = absl::Seconds(10);
  // How long it may wait for candidates to follow, and how often it looks.
  absl::Duration follow_max = absl::Seconds(60);
  absl::Duration look_every = absl::Milliseconds(200);
  // Begin even if there are candidates that cannot follow. They will not lead in both ensembles.
  bool misfits_allowed = false;
  // Told now and then while the counter of an ensemble is raised, which takes a second for some ten
  // thousand: where it is, and how far it has to go. May be null.
  std::function<void(EnsembleSide raised, int64_t counter, int64_t least)> on_raise;
  // False only in simulations, to see what happens then.
  bool raises_counter = true;
};

// Where the change of phase is.
struct PhaseState {
  ElectionPhase from = ElectionPhase::kOne;
  ElectionPhase to = ElectionPhase::kOne;  // the same: no change is half made
  // Two changes began at once, in opposite directions from the phase between them. Nothing gives
  // numbers until one is taken back.
  bool is_torn = false;

  bool settled() const { return from == to && !is_torn; }
  friend bool operator==(const PhaseState&, const PhaseState&) = default;
};
PhaseState PhaseStateOf(const PhaseRecord& first, const PhaseRecord& second);

// kFailedPrecondition, with what to do, unless both views have records that belong together.
absl::StatusOr<PhaseState> PhaseStateOfPair(absl::string_view directory,
                                            const PerSide<ElectionView>& views);

// Candidates of one ensemble that know nothing of phases, or nothing of this pair; in words.
std::vector<std::string> MisfitsAmong(const std::vector<ElectionCandidate>& candidates,
                                      EnsembleSide side, absl::string_view pair_id);

// The phases of one election, as two ensembles have them. Whatever is interrupted can be taken up
// by anybody at any time, forward or back. Several may run at once: each write is made only if the
// record is as it was read.
//
// Used on one executor, one call at a time. Stores and clock must outlive every call. All errors
// say in which ensemble, and what to do.
class ElectionPhases {
 public:
  ElectionPhases(ElectionPhasesOptions options, MetaStore* first, MetaStore* second, Clock* clock);

  struct Seen {
    PerSide<ElectionView> views;
    PhaseState state;
  };
  // kFailedPrecondition unless both ensembles have records that belong together.
  asio::awaitable<absl::StatusOr<Seen>> Read();

  // Links the two: from now on candidates can be led from phase to phase. `id` must be one that no
  // other pair has. OK if they are linked already, whatever the phase. kFailedPrecondition if
  // either is linked to another one, or if somebody stands in ensemble 2.
  asio::awaitable<absl::Status> Link(std::string id);

  // Makes `to` the phase, which must be the present one or a neighbour of it. A change that is half
  // made is completed if it leads to `to`, and taken back if it comes from there. Returns when
  // every candidate has followed as far as the next change needs it. kFailedPrecondition names
  // candidates that cannot follow, before anything was written; kDeadlineExceeded those who have
  // not followed in `follow_max`: call again.
  asio::awaitable<absl::Status> MoveTo(ElectionPhase to);

  // Completes a change that is half made.
  asio::awaitable<absl::Status> Complete();

 private:
  void StartBudget() { budget_.emplace(clock_, options_.retry); }
  asio::awaitable<absl::StatusOr<Seen>> ReadNow();
  asio::awaitable<absl::StatusOr<std::vector<std::string>>> Misfits(const Seen* seen);
  // One step; kLostRace: look again.
  asio::awaitable<absl::Status> Step(ElectionPhase to, bool* is_done);
  asio::awaitable<absl::Status> CheckBefore(const Seen* seen, ElectionPhase to);
  // The first write of a change, in the ensemble that has to know it first.
  asio::awaitable<absl::Status> Begin(const Seen* seen, ElectionPhase from, ElectionPhase to);
  // What lies between the two writes, and the second one.
  asio::awaitable<absl::Status> Finish(const Seen* seen);
  asio::awaitable<absl::Status> Mend(const Seen* seen);
  asio::awaitable<absl::Status> AwaitFollowers(EnsembleSide side);
  // The zxid since which no plain candidate can come to lead there.
  asio::awaitable<absl::StatusOr<int64_t>> GuardedSince(EnsembleSide side,
                                                        const ElectionView* view);
  asio::awaitable<absl::Status> AwaitLinked(EnsembleSide left, EnsembleSide stays);
  // The name of a guard that no candidate has or gets, and that is before all that come later.
  asio::awaitable<absl::StatusOr<std::string>> ChooseGuard(EnsembleSide left,
                                                           const ElectionView* leaving,
                                                           const ElectionView* staying);
  asio::awaitable<absl::Status> RaiseCounter(EnsembleSide raised, int64_t least);
  // Of the candidates in it; -1 if there are none.
  int64_t HighestNumber(const ElectionView& view) const;
  asio::awaitable<absl::Status> Write(EnsembleSide side, const Seen* seen, PhaseRecord record);
  absl::Status CheckNobodyStandsIn2(const ElectionView& second) const;
  asio::awaitable<absl::Status> LinkSide(EnsembleSide side, std::string id);
  asio::awaitable<absl::StatusOr<ElectionView>> Look(EnsembleSide side);
  asio::awaitable<absl::StatusOr<std::vector<ElectionCandidate>>> Candidates(
      EnsembleSide side, const ElectionView* view);

  const ElectionPhasesOptions options_;
  const ElectionPlace place_;
  const PerSide<MetaStore*> stores_;
  Clock* const clock_;
  std::optional<RetryBudget> budget_;  // of one call
};

}  // namespace metarec
