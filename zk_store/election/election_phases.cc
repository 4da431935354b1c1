// A change of phase is two writes, one in each ensemble, each on condition that the record there is
// as it was read. What must hold is held by what lies between them (docs/election.md has the
// argument):
//
//   one -> both, two -> both   1. `both` where candidates stand
//                                 wait until none of them may lead by that ensemble alone
//                              2. `both` in the other one, whose guard goes
//   both-1 <-> both-2          1. where the numbers came from: it gives none from now on
//                                 raise the other counter above this one
//                              2. where they come from: it gives numbers
//   both -> one, both -> two   1. in the ensemble that is left: its guard comes, its fence falls
//                                 wait until whoever stands there stands in the other one as well
//                              2. in the ensemble that stays: candidates may lead by it alone
//
// The way back from half a change is the change back, whose first write is where the second one
// would have been.

#include "zk_store/election/election_phases.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/store_error.h"

namespace metarec {
namespace {

// What stock programs would take for a leader's address leads nowhere.
constexpr char kGuardData[] = "the-election-has-moved.invalid:1";
// ZooKeeper counts children in 32 bits.
constexpr int64_t kNumbersMax = std::numeric_limits<int32_t>::max();

absl::Status LookAgain(absl::string_view why) { return MarkedError(ErrorMark::kLostRace, why); }

// The ensemble in which a change is written first.
EnsembleSide FirstWriteOf(ElectionPhase from, ElectionPhase to) {
  const auto left = OnlySide(from);
  if (left.has_value()) return *left;
  const auto stays = OnlySide(to);
  if (stays.has_value()) return OtherSide(*stays);
  return NumbersFrom(from);
}

// A conditional write came too late: somebody else has written since.
bool IsWorthLooking(const absl::Status& status) {
  const StoreError error = StoreErrorOf(status);
  return error == StoreError::kBadVersion || error == StoreError::kNodeExists ||
         error == StoreError::kNoNode;
}

absl::Status InEnsemble(EnsembleSide side, const absl::Status& error) {
  return Annotate(error, absl::StrCat(" (", EnsembleWords(side), ")"));
}

std::string CandidateWords(const ElectionCandidate& candidate) {
  return absl::StrCat(Printable(candidate.data), " (", candidate.name, ", session 0x",
                      absl::Hex(static_cast<uint64_t>(candidate.session_id)), ")");
}

}  // namespace

absl::StatusOr<PhaseState> PhaseStateOfPair(absl::string_view directory,
                                            const PerSide<ElectionView>& views) {
  for (const EnsembleSide side : kEnsembleSides) {
    const auto& record = views[side].record;
    if (record.has_value() && !record->id.empty() && record->side == side) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(directory, " in ", EnsembleWords(side),
                     record.has_value() && !record->id.empty()
                         ? " is the other ensemble of its pair: exchange the two"
                         : " is not linked with another one yet"));
  }
  const PhaseRecord& first = *views[EnsembleSide::kFirst].record;
  const PhaseRecord& second = *views[EnsembleSide::kSecond].record;
  if (first.id != second.id) {
    return absl::FailedPreconditionError(absl::StrCat(
        directory, ": ensemble 1 is linked with another ensemble than this ensemble 2 (", first.id,
        " and ", second.id, ")"));
  }
  return PhaseStateOf(first, second);
}

std::vector<std::string> MisfitsAmong(const std::vector<ElectionCandidate>& candidates,
                                      EnsembleSide side, absl::string_view pair_id) {
  std::vector<std::string> misfits;
  for (const ElectionCandidate& candidate : candidates) {
    if (!candidate.marker.has_value()) {
      misfits.push_back(absl::StrCat(CandidateWords(candidate), " in ", EnsembleWords(side),
                                     " knows nothing of phases"));
    } else if (candidate.marker->id != pair_id) {
      misfits.push_back(absl::StrCat(CandidateWords(candidate), " in ", EnsembleWords(side),
                                     " is not configured for, or has not reached, this ",
                                     EnsembleWords(OtherSide(side))));
    }
  }
  return misfits;
}

PhaseState PhaseStateOf(const PhaseRecord& first, const PhaseRecord& second) {
  PhaseState state;
  if (first.change == second.change) {
    state.from = state.to = first.phase;
    if (first.phase == second.phase) return state;
    state.is_torn = true;
    state.to = second.phase;
    return state;
  }
  const bool is_first_newer = first.change > second.change;
  state.from = is_first_newer ? second.phase : first.phase;
  state.to = is_first_newer ? first.phase : second.phase;
  return state;
}

ElectionPhases::ElectionPhases(ElectionPhasesOptions options, MetaStore* first, MetaStore* second,
                               Clock* clock)
    : options_(std::move(options)),
      place_{.paths = ElectionPaths(options_.directory), .prefix = options_.prefix},
      stores_{{first, second}},
      clock_(clock) {
  StartBudget();
}

asio::awaitable<absl::StatusOr<ElectionView>> ElectionPhases::Look(EnsembleSide side) {
  auto view =
      co_await Retry(&*budget_, [this, &side] { return LookAtElection(stores_[side], &place_); });
  if (!view.ok()) co_return InEnsemble(side, view.status());
  co_return std::move(view);
}

asio::awaitable<absl::StatusOr<std::vector<ElectionCandidate>>> ElectionPhases::Candidates(
    EnsembleSide side, const ElectionView* view) {
  auto candidates = co_await Retry(&*budget_, [this, &side, &view] {
    return ReadElectionCandidates(stores_[side], &place_, view);
  });
  if (!candidates.ok()) co_return InEnsemble(side, candidates.status());
  co_return std::move(candidates);
}

asio::awaitable<absl::StatusOr<ElectionPhases::Seen>> ElectionPhases::Read() {
  StartBudget();
  co_return co_await ReadNow();
}

asio::awaitable<absl::StatusOr<ElectionPhases::Seen>> ElectionPhases::ReadNow() {
  Seen seen;
  for (const EnsembleSide side : kEnsembleSides) {
    METAREC_CO_ASSIGN_OR_RETURN(seen.views[side], co_await Look(side));
  }
  METAREC_CO_ASSIGN_OR_RETURN(seen.state, PhaseStateOfPair(options_.directory, seen.views));
  co_return seen;
}

asio::awaitable<absl::Status> ElectionPhases::Link(std::string id) {
  if (id.empty() || absl::StrContains(id, ' ') || absl::StrContains(id, '=')) {
    co_return absl::InvalidArgumentError("a pair of ensembles needs an id without spaces");
  }
  StartBudget();
  // Ensemble 2 first: a candidate that finds the link in ensemble 1 looks for it in ensemble 2.
  METAREC_CO_ASSIGN_OR_RETURN(const ElectionView second, co_await Look(EnsembleSide::kSecond));
  METAREC_CO_ASSIGN_OR_RETURN(const ElectionView first, co_await Look(EnsembleSide::kFirst));
  const std::string first_id = first.record.has_value() ? first.record->id : "";
  const std::string second_id = second.record.has_value() ? second.record->id : "";
  if (!first_id.empty()) {
    // Tells whether they belong together.
    const auto seen = co_await ReadNow();
    co_return seen.status();
  }
  if (!second_id.empty()) {
    METAREC_RARE_BRANCH("two ensembles were half linked");
    id = second_id;
  }
  METAREC_CO_RETURN_IF_ERROR(CheckNobodyStandsIn2(second));
  // While only ensemble 2 has a record, candidates would not know which of the two counts.
  if (!first.record.has_value()) {
    METAREC_CO_RETURN_IF_ERROR(co_await Retry(
        &*budget_, [this] { return MakeUnlinkedRecord(stores_[EnsembleSide::kFirst], &place_); }));
  }
  METAREC_CO_RETURN_IF_ERROR(co_await LinkSide(EnsembleSide::kSecond, id));
  // Whoever came before the guard would lead there, whatever ensemble 1 says. Nobody can any more.
  METAREC_CO_ASSIGN_OR_RETURN(const ElectionView guarded, co_await Look(EnsembleSide::kSecond));
  METAREC_CO_RETURN_IF_ERROR(CheckNobodyStandsIn2(guarded));
  co_return co_await LinkSide(EnsembleSide::kFirst, id);
}

absl::Status ElectionPhases::CheckNobodyStandsIn2(const ElectionView& second) const {
  if (second.candidates.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("candidates stand in ", options_.directory, " of ensemble 2 already (",
                   second.candidates.front(), "): it must have none before the two are linked"));
}

asio::awaitable<absl::Status> ElectionPhases::LinkSide(EnsembleSide side, std::string id) {
  METAREC_CO_RETURN_IF_ERROR(co_await Retry(
      &*budget_, [this, &side] { return MakeElectionZnodes(stores_[side], &place_); }));
  co_return co_await Retry(&*budget_, [this, &side, &id]() -> asio::awaitable<absl::Status> {
    METAREC_CO_ASSIGN_OR_RETURN(const ElectionView view, co_await Look(side));
    if (view.record.has_value() && view.record->id == id) co_return absl::OkStatus();
    if (view.record.has_value() && !view.record->id.empty()) {
      co_return absl::FailedPreconditionError(
          absl::StrCat(options_.directory, " of ", EnsembleWords(side),
                       " has just been linked by somebody else"));
    }
    PhaseRecord record;
    record.side = side;
    record.change = 1;
    record.id = id;
    std::vector<StoreOp> ops;
    if (side == EnsembleSide::kSecond) {
      METAREC_CO_ASSIGN_OR_RETURN(const ElectionView first, co_await Look(EnsembleSide::kFirst));
      METAREC_CO_ASSIGN_OR_RETURN(record.guard, co_await ChooseGuard(side, &view, &first));
      ops.push_back(CreateOp{place_.paths.candidate(record.guard), kGuardData});
    }
    const std::string text = EncodePhaseRecord(record);
    if (view.record.has_value()) {
      ops.push_back(SetOp{place_.paths.phase(), text, view.record_version});
    } else {
      ops.push_back(CreateOp{place_.paths.phase(), text});
    }
    const auto written = co_await stores_[side]->Multi(std::move(ops));
    if (IsWorthLooking(written.status())) co_return LookAgain(written.status().message());
    co_return written.status();
  });
}

asio::awaitable<absl::Status> ElectionPhases::MoveTo(ElectionPhase to) {
  StartBudget();
  bool is_done = false;
  while (!is_done) {
    METAREC_CO_RETURN_IF_ERROR(
        co_await Retry(&*budget_, [this, &to, &is_done] { return Step(to, &is_done); }));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ElectionPhases::Complete() {
  StartBudget();
  const auto mend = [this]() -> asio::awaitable<absl::Status> {
    METAREC_CO_ASSIGN_OR_RETURN(const Seen seen, co_await ReadNow());
    if (!seen.state.is_torn) co_return absl::OkStatus();
    co_return co_await Mend(&seen);
  };
  METAREC_CO_RETURN_IF_ERROR(co_await Retry(&*budget_, mend));
  METAREC_CO_ASSIGN_OR_RETURN(const Seen mended, co_await ReadNow());
  if (mended.state.settled()) co_return absl::OkStatus();
  co_return co_await MoveTo(mended.state.to);
}

asio::awaitable<absl::Status> ElectionPhases::Step(ElectionPhase to, bool* is_done) {
  METAREC_CO_ASSIGN_OR_RETURN(const Seen seen, co_await ReadNow());
  const PhaseState& state = seen.state;
  if (state.is_torn) co_return co_await Mend(&seen);
  if (state.settled() && state.to == to) {
    *is_done = true;
    co_return absl::OkStatus();
  }
  if (state.settled()) {
    if (!AreNeighbours(state.to, to)) {
      co_return absl::InvalidArgumentError(
          absl::StrCat("the phase is ", ElectionPhaseName(state.to), ", which does not lead to ",
                       ElectionPhaseName(to), " in one change"));
    }
    METAREC_CO_RETURN_IF_ERROR(co_await CheckBefore(&seen, to));
    co_return co_await Begin(&seen, state.to, to);
  }
  if (state.to == to) co_return co_await Finish(&seen);
  if (state.from == to) {
    METAREC_RARE_BRANCH("half a change of phase is taken back");
    co_return co_await Begin(&seen, state.to, to);
  }
  co_return absl::FailedPreconditionError(
      absl::StrCat("a change from ", ElectionPhaseName(state.from), " to ",
                   ElectionPhaseName(state.to), " is half made: complete it or take it back"));
}

asio::awaitable<absl::StatusOr<std::vector<std::string>>> ElectionPhases::Misfits(
    const Seen* seen) {
  std::vector<std::string> misfits;
  for (const EnsembleSide side : kEnsembleSides) {
    METAREC_CO_ASSIGN_OR_RETURN(const auto candidates,
                                co_await Candidates(side, &seen->views[side]));
    const std::vector<std::string> here =
        MisfitsAmong(candidates, side, seen->views[side].record->id);
    misfits.insert(misfits.end(), here.begin(), here.end());
  }
  co_return misfits;
}

asio::awaitable<absl::Status> ElectionPhases::CheckBefore(const Seen* seen, ElectionPhase to) {
  if (options_.misfits_allowed) co_return absl::OkStatus();
  METAREC_CO_ASSIGN_OR_RETURN(std::vector<std::string> misfits, co_await Misfits(seen));
  const absl::Time deadline = clock_->Now() + options_.fit_max;
  while (!misfits.empty() && clock_->Now() < deadline) {
    METAREC_CO_RETURN_IF_ERROR(co_await clock_->SleepFor(options_.look_every));
    METAREC_CO_ASSIGN_OR_RETURN(const Seen now, co_await ReadNow());
    METAREC_CO_ASSIGN_OR_RETURN(misfits, co_await Misfits(&now));
  }
  if (misfits.empty()) co_return absl::OkStatus();
  co_return absl::FailedPreconditionError(
      absl::StrCat("not every candidate can follow to ", ElectionPhaseName(to), ": ",
                   absl::StrJoin(misfits, "; "),
                   ". Start these again with both ensembles, or stop them; or let the phase change "
                   "without them (--leave_misfits): they do not lead in both"));
}

asio::awaitable<absl::Status> ElectionPhases::Write(EnsembleSide side, const Seen* seen,
                                                    PhaseRecord record) {
  const ElectionView& view = seen->views[side];
  const std::string& guard = view.record->guard;
  std::vector<StoreOp> ops;
  if (OnlySide(record.phase) == OtherSide(side)) {
    ops.push_back(SetOp{place_.paths.fence(), "", record.fence});
    ++record.fence;
    if (guard.empty()) ops.push_back(CreateOp{place_.paths.candidate(record.guard), kGuardData});
  } else if (!guard.empty()) {
    ops.push_back(DeleteOp{place_.paths.candidate(guard)});
    record.guard.clear();
  }
  ops.push_back(SetOp{place_.paths.phase(), EncodePhaseRecord(record), view.record_version});
  auto written = co_await stores_[side]->Multi(ops);
  if (StoreErrorOf(written.status()) == StoreError::kNoNode &&
      std::holds_alternative<DeleteOp>(ops.front())) {
    METAREC_RARE_BRANCH("somebody deleted the guard of an election");
    ops.erase(ops.begin());
    written = co_await stores_[side]->Multi(std::move(ops));
  }
  if (IsWorthLooking(written.status())) co_return LookAgain(written.status().message());
  co_return written.status();
}

asio::awaitable<absl::Status> ElectionPhases::Begin(const Seen* seen, ElectionPhase from,
                                                    ElectionPhase to) {
  const EnsembleSide side = FirstWriteOf(from, to);
  PhaseRecord record = *seen->views[side].record;
  record.phase = to;
  record.change = std::max(record.change, seen->views[OtherSide(side)].record->change) + 1;
  if (OnlySide(to).has_value() && record.guard.empty()) {
    METAREC_CO_ASSIGN_OR_RETURN(record.guard, co_await ChooseGuard(side, &seen->views[side],
                                                                   &seen->views[OtherSide(side)]));
  }
  co_return co_await Write(side, seen, std::move(record));
}

asio::awaitable<absl::Status> ElectionPhases::Finish(const Seen* seen) {
  const ElectionPhase from = seen->state.from;
  const ElectionPhase to = seen->state.to;
  const EnsembleSide begun = FirstWriteOf(from, to);
  const EnsembleSide last = OtherSide(begun);
  if (OnlySide(from).has_value()) {
    METAREC_CO_RETURN_IF_ERROR(co_await AwaitFollowers(begun));
  } else if (OnlySide(to).has_value()) {
    METAREC_CO_RETURN_IF_ERROR(co_await AwaitLinked(begun, last));
  } else if (options_.raises_counter) {
    // As ensemble `begun` gives no numbers any more, this is above all that it ever gave.
    METAREC_CO_ASSIGN_OR_RETURN(const ElectionView view, co_await Look(begun));
    const int64_t least =
        std::max({view.counter, HighestNumber(view), HighestNumber(seen->views[last])});
    METAREC_CO_RETURN_IF_ERROR(co_await RaiseCounter(last, least + 1));
  }
  PhaseRecord record = *seen->views[last].record;
  record.phase = to;
  record.change = seen->views[begun].record->change;
  co_return co_await Write(last, seen, std::move(record));
}

// Of (both-2, one) it makes (both-1, one), of (two, both-1) it makes (two, both-2): both are half
// of a change. No numbers were given meanwhile.
asio::awaitable<absl::Status> ElectionPhases::Mend(const Seen* seen) {
  METAREC_RARE_BRANCH("two changes of phase began at once");
  const ElectionPhase first = seen->views[EnsembleSide::kFirst].record->phase;
  const ElectionPhase second = seen->views[EnsembleSide::kSecond].record->phase;
  EnsembleSide side = EnsembleSide::kFirst;
  ElectionPhase phase = ElectionPhase::kBothFromFirst;
  if (first == ElectionPhase::kTwo && second == ElectionPhase::kBothFromFirst) {
    side = EnsembleSide::kSecond;
    phase = ElectionPhase::kBothFromSecond;
  } else if (first != ElectionPhase::kBothFromSecond || second != ElectionPhase::kOne) {
    co_return absl::DataLossError(absl::StrCat(
        "the phases of ", options_.directory, " do not belong together: ensemble 1 has ",
        ElectionPhaseName(first), ", ensemble 2 has ", ElectionPhaseName(second),
        ". Somebody wrote into them by hand"));
  }
  PhaseRecord record = *seen->views[side].record;
  record.phase = phase;
  ++record.change;
  co_return co_await Write(side, seen, std::move(record));
}

asio::awaitable<absl::Status> ElectionPhases::AwaitFollowers(EnsembleSide side) {
  const absl::Time deadline = clock_->Now() + options_.follow_max;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const ElectionView view, co_await Look(side));
    METAREC_CO_ASSIGN_OR_RETURN(const auto candidates, co_await Candidates(side, &view));
    const auto late = absl::c_find_if(candidates, [](const ElectionCandidate& candidate) {
      return candidate.marker.has_value() && candidate.marker->alone;
    });
    if (late == candidates.end()) co_return absl::OkStatus();
    if (clock_->Now() >= deadline) {
      co_return absl::DeadlineExceededError(absl::StrCat(
          CandidateWords(*late), " in ", EnsembleWords(side),
          " does not stand in the other ensemble after ", absl::FormatDuration(options_.follow_max),
          ": see whether it reaches that, or take the change back"));
    }
    METAREC_CO_RETURN_IF_ERROR(co_await clock_->SleepFor(options_.look_every));
  }
}

asio::awaitable<absl::StatusOr<int64_t>> ElectionPhases::GuardedSince(EnsembleSide side,
                                                                      const ElectionView* view) {
  const std::string guard = view->record.has_value() ? view->record->guard : "";
  const std::string path = place_.paths.candidate(guard);
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::optional<NodeStat> there,
      co_await Retry(&*budget_, [this, &side, &path] { return stores_[side]->Exists(path); }));
  if (!guard.empty() && there.has_value()) co_return there->czxid;
  co_return std::numeric_limits<int64_t>::max();  // not yet
}

asio::awaitable<absl::Status> ElectionPhases::AwaitLinked(EnsembleSide left, EnsembleSide stays) {
  const absl::Time deadline = clock_->Now() + options_.follow_max;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const ElectionView leaving, co_await Look(left));
    METAREC_CO_ASSIGN_OR_RETURN(const ElectionView staying, co_await Look(stays));
    METAREC_CO_ASSIGN_OR_RETURN(const int64_t guarded_since, co_await GuardedSince(left, &leaving));
    METAREC_CO_ASSIGN_OR_RETURN(const auto candidates, co_await Candidates(left, &leaving));
    const auto late = absl::c_find_if(candidates, [&](const ElectionCandidate& candidate) {
      // A plain one that came after the guard never leads.
      if (!candidate.marker.has_value()) return candidate.czxid < guarded_since;
      return !absl::c_linear_search(staying.candidates, candidate.name);
    });
    if (late == candidates.end()) co_return absl::OkStatus();
    if (clock_->Now() >= deadline) {
      co_return absl::DeadlineExceededError(absl::StrCat(
          CandidateWords(*late), " still stands in ", EnsembleWords(left), " but not in ",
          EnsembleWords(stays), " after ", absl::FormatDuration(options_.follow_max),
          ": stop it, or take the change back"));
    }
    METAREC_CO_RETURN_IF_ERROR(co_await clock_->SleepFor(options_.look_every));
  }
}

asio::awaitable<absl::StatusOr<std::string>> ElectionPhases::ChooseGuard(
    EnsembleSide left, const ElectionView* leaving, const ElectionView* staying) {
  const int64_t number =
      std::max({leaving->counter, HighestNumber(*leaving) + 1, HighestNumber(*staying) + 1});
  std::string name = absl::StrFormat("%s%010d", options_.prefix, number);
  METAREC_CO_RETURN_IF_ERROR(co_await RaiseCounter(left, number));
  if (!staying->has_directory) co_return name;
  METAREC_CO_RETURN_IF_ERROR(co_await RaiseCounter(OtherSide(left), number + 1));
  // Somebody may have got that number before the counter was above it.
  METAREC_CO_ASSIGN_OR_RETURN(const ElectionView now, co_await Look(OtherSide(left)));
  if (absl::c_linear_search(now.candidates, name)) co_return LookAgain("a number was taken");
  co_return name;
}

int64_t ElectionPhases::HighestNumber(const ElectionView& view) const {
  if (view.candidates.empty()) return -1;
  const auto last = CandidateNumber(view.candidates.back(), options_.prefix);
  return static_cast<int64_t>(last.value_or(0));
}

asio::awaitable<absl::Status> ElectionPhases::RaiseCounter(EnsembleSide raised, int64_t least) {
  if (least > kNumbersMax) {
    co_return absl::FailedPreconditionError(
        absl::StrCat("a candidate in ", options_.directory, " has the number ", least - 1,
                     ", which ZooKeeper gives to nobody: somebody made that znode by hand. Delete "
                     "it, and run this again"));
  }
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const ElectionView view, co_await Look(raised));
    if (view.counter >= least) co_return absl::OkStatus();
    std::vector<StoreOp> ops;
    AppendRaises(place_, std::min(kRaisesPerTransaction, least - view.counter), &ops);
    const auto made = co_await stores_[raised]->Multi(std::move(ops));
    METAREC_CO_RETURN_IF_ERROR(made.status());
    budget_->OnSuccess();
    if (options_.on_raise) options_.on_raise(raised, view.counter, least);
  }
}

}  // namespace metarec
