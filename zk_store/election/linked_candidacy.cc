// What a candidate does as the phase asks for it: enters, stands in one more ensemble, or leaves
// one.

#include "zk_store/election/linked_candidacy.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "zk_store/election/election_phases.h"

namespace metarec {
namespace {

// After so long somebody else may complete a change of phase.
constexpr absl::Duration kHelpAfter = absl::Seconds(2);
constexpr absl::Duration kProveFitEvery = absl::Seconds(5);

// A conditional write came too late: the phase is another one by now.
bool IsOutdated(const absl::Status& status) {
  const StoreError error = StoreErrorOf(status);
  return error == StoreError::kBadVersion || error == StoreError::kNoNode;
}

}  // namespace

absl::Status LinkedElection::CheckFit() const {
  const auto& first = (*sides_)[EnsembleSide::kFirst].view;
  const auto& second = (*sides_)[EnsembleSide::kSecond].view;
  if (!first.has_value() || !second.has_value()) {
    return absl::UnavailableError("one of the two ensembles was not seen yet");
  }
  const auto is_of = [](const ElectionView& view, EnsembleSide side) {
    return view.record.has_value() && !view.record->id.empty() && view.record->side == side;
  };
  if (is_of(*first, EnsembleSide::kFirst) && is_of(*second, EnsembleSide::kSecond) &&
      first->record->id == second->record->id) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the two ensembles of this candidate are not the two in which the election at ",
                   options_.directory,
                   " stands: compare addresses and paths with those of the other candidates"));
}

asio::awaitable<absl::Status> LinkedElection::Follow() {
  if (name_.empty()) {
    for (const EnsembleSide side : kEnsembleSides) {
      if ((*sides_)[side].may_stand && HasSeen(side)) co_return co_await FindOwn(side);
      if ((*sides_)[side].may_stand) co_return absl::OkStatus();
    }
    co_return co_await Enter();
  }
  if (alone_.has_value()) co_return co_await FollowAlone(*alone_);
  co_return co_await FollowBoth();
}

asio::awaitable<absl::Status> LinkedElection::Enter() {
  const Side& first = (*sides_)[EnsembleSide::kFirst];
  const Side& second = (*sides_)[EnsembleSide::kSecond];
  for (const EnsembleSide side : {hint_, OtherSide(hint_)}) {
    const auto& view = (*sides_)[side].view;
    if (!HasSeen(side) || !view->record.has_value()) continue;
    if (view->record->side != side) {
      co_return CandidacyOver(absl::StrCat("what this candidate has for ", EnsembleWords(side),
                                           " is the other one of its pair: exchange the two"));
    }
    if (OnlySide(view->record->phase) == side) co_return co_await TakeNumber(side, /*alone=*/true);
  }
  if (!asks_both_) {
    asks_both_ = true;
    is_again_ = true;
    co_return absl::OkStatus();
  }
  if (HasSeen(EnsembleSide::kFirst) && !first.view->record.has_value()) {
    // Nobody has linked this ensemble with another one.
    // Who has exchanged the two would find that out only by looking at both.
    const bool is_seen = HasSeen(EnsembleSide::kSecond) && !second.view->record.has_value();
    if (is_seen || options_.connect[EnsembleSide::kSecond] == nullptr) {
      co_return co_await MakeRecord(EnsembleSide::kFirst);
    }
  }
  if (options_.connect[EnsembleSide::kSecond] == nullptr && HasSeen(EnsembleSide::kFirst)) {
    co_return CandidacyOver(
        "the election stands in two ensembles by now, and this candidate knows one");
  }
  if (!HasSeen(EnsembleSide::kFirst) || !HasSeen(EnsembleSide::kSecond)) {
    METAREC_RARE_BRANCH("a candidate sees one of two ensembles");
    co_return absl::OkStatus();
  }
  METAREC_CO_RETURN_IF_ERROR(CheckFit());
  co_return co_await EnterBoth();
}

asio::awaitable<absl::Status> LinkedElection::EnterBoth() {
  for (const EnsembleSide side : kEnsembleSides) {
    const ElectionPhase phase = (*sides_)[side].view->record->phase;
    if (OnlySide(phase).has_value() || NumbersFrom(phase) != side) continue;
    unsettled_since_ = absl::InfiniteFuture();
    METAREC_CO_RETURN_IF_ERROR(co_await TakeNumber(side, /*alone=*/false));
    if (!name_.empty()) co_return co_await HaveTwin(OtherSide(side));
    co_return absl::OkStatus();
  }
  unsettled_since_ = std::min(unsettled_since_, clock_->Now());
  if (clock_->Now() - unsettled_since_ < kHelpAfter) co_return absl::OkStatus();
  METAREC_RARE_BRANCH("a candidate completes a change of phase");
  unsettled_since_ = absl::InfiniteFuture();
  co_return co_await Help();
}

asio::awaitable<absl::Status> LinkedElection::Help() {
  ElectionPhasesOptions options;
  options.directory = options_.directory;
  options.prefix = options_.prefix;
  options.retry.incidents_max = 3;
  options.retry.outage_max = absl::Seconds(2);
  ElectionPhases phases(std::move(options), (*sides_)[EnsembleSide::kFirst].session->store.get(),
                        (*sides_)[EnsembleSide::kSecond].session->store.get(), clock_);
  absl::Status completed;
  const std::function<asio::awaitable<void>()> complete = [&]() -> asio::awaitable<void> {
    completed = co_await phases.Complete();
  };
  const absl::Status run =
      co_await RunUntil(clock_->Now() + SessionTimeout() / 3, clock_, complete);
  if (!run.ok() || !completed.ok()) {
    trouble_ = absl::StrCat("a change of phase is half made: ", completed.message());
  }
  co_return absl::IsCancelled(run) ? run : absl::OkStatus();
}

asio::awaitable<absl::Status> LinkedElection::MakeRecord(EnsembleSide side) {
  const absl::Status made =
      co_await MakeUnlinkedRecord((*sides_)[side].session->store.get(), &place_);
  is_again_ = made.ok();
  co_return is_again_ || IsPassing(made) || IsOutdated(made) ? absl::OkStatus() : made;
}

asio::awaitable<absl::Status> LinkedElection::TakeNumber(EnsembleSide side, bool alone) {
  Side& here = (*sides_)[side];
  CandidateMarker marker;
  marker.alone = alone;
  const absl::Status fit = CheckFit();
  if (fit.ok()) marker.id = here.view->record->id;
  std::vector<StoreOp> ops;
  ops.push_back(CheckOp{place_.paths.phase(), here.view->record_version});
  ops.push_back(CreateOp{place_.paths.marker(here.session->store->session_id()),
                         EncodeCandidateMarker(marker), CreateMode::kEphemeral});
  ops.push_back(CreateOp{place_.paths.candidate(options_.prefix), options_.own_name,
                         CreateMode::kEphemeralSequential});
  here.may_stand = true;  // until the answer is there
  here.marker = marker;
  if (alone) alone_ = side;
  const auto created = co_await here.session->store->Multi(std::move(ops));
  if (created.ok()) {
    here.may_stand = false;
    here.stands = here.is_base = here.knows_marker = true;
    here.stands_since = alone_since_ = ++sequence_;
    const std::string& path = created->back().created_path;
    name_ = path.substr(path.rfind('/') + 1);
    hint_ = side;
    trouble_.clear();
    if (!alone) incomplete_since_ = clock_->Now();
    is_again_ = true;
    co_return absl::OkStatus();
  }
  here.may_stand = OutcomeUnknown(created.status());
  if (!here.may_stand) alone_.reset();
  is_again_ = IsOutdated(created.status());
  if (here.may_stand || is_again_) co_return absl::OkStatus();
  co_return created.status();
}

// After a look in the same session: what was sent before it was executed before it, or never.
asio::awaitable<absl::Status> LinkedElection::FindOwn(EnsembleSide side) {
  Side& here = (*sides_)[side];
  MetaStore* const store = here.session->store.get();
  const std::vector<std::string> names = here.view->candidates;
  is_again_ = true;
  for (const std::string& name : names) {
    if (!name_.empty() && name != name_) continue;
    const auto node = co_await store->Exists(place_.paths.candidate(name));
    if (!node.ok()) {
      is_again_ = false;
      is_soon_ = true;
      co_return IsPassing(node.status()) ? absl::OkStatus() : node.status();
    }
    if (!node->has_value() || (*node)->ephemeral_owner != store->session_id()) continue;
    METAREC_RARE_BRANCH("our candidate was made, and the answer was lost");
    here.may_stand = false;
    here.stands = here.knows_marker = true;
    here.stands_since = ++sequence_;
    if (name_.empty()) alone_since_ = sequence_;
    if (!name_.empty()) co_return absl::OkStatus();
    name_ = name;
    hint_ = side;
    here.is_base = true;
    trouble_.clear();
    if (!alone_.has_value()) incomplete_since_ = clock_->Now();
    co_return absl::OkStatus();
  }
  here.may_stand = false;
  if (name_.empty()) alone_.reset();
  co_return absl::OkStatus();
}

// Puts our znode beside the others of this ensemble. Its number is from the other one, so this one
// may still have a lower number to give, to a program that knows nothing of phases: its counter is
// raised above ours first, or in the same transaction.
asio::awaitable<absl::Status> LinkedElection::HaveTwin(EnsembleSide side) {
  Side& here = (*sides_)[side];
  Side& there = (*sides_)[OtherSide(side)];
  if (here.stands) {
    // Whatever was led by before we stood here was led by somebody who was seen since, or is gone.
    const bool is_sure = there.looked > here.stands_since && here.looked > here.stands_since &&
                         here.view->counter > OwnNumber();
    here.is_base = here.is_base || is_sure;
    is_soon_ = !here.is_base;
    co_return absl::OkStatus();
  }
  is_soon_ = true;
  if (!HasSeen(side)) co_return absl::OkStatus();
  if (here.may_stand) co_return co_await FindOwn(side);
  if (OnlySide(here.view->record->phase) == side) {
    METAREC_RARE_BRANCH("the election leaves the ensemble that our number is from");
    co_return CandidacyOver(absl::StrCat("the election has left ", EnsembleWords(OtherSide(side))));
  }
  std::vector<StoreOp> ops;
  // Our znode raises the counter by one as well.
  const int64_t raises = OwnNumber() - here.view->counter;
  if (raises > kRaisesPerTransaction) {
    METAREC_RARE_BRANCH("our number is far above the counter of the other ensemble");
    AppendRaises(place_, kRaisesPerTransaction, &ops);
    const auto raised = co_await here.session->store->Multi(std::move(ops));
    is_again_ = raised.ok();
    co_return raised.ok() || IsPassing(raised.status()) ? absl::OkStatus() : raised.status();
  }
  CandidateMarker marker;
  marker.id = here.view->record->id;
  ops.push_back(CheckOp{place_.paths.phase(), here.view->record_version});
  ops.push_back(CreateOp{place_.paths.marker(here.session->store->session_id()),
                         EncodeCandidateMarker(marker), CreateMode::kEphemeral});
  ops.push_back(CreateOp{place_.paths.candidate(name_), options_.own_name, CreateMode::kEphemeral});
  AppendRaises(place_, raises, &ops);
  here.may_stand = true;
  here.marker = marker;
  const auto created = co_await here.session->store->Multi(std::move(ops));
  here.may_stand = OutcomeUnknown(created.status());
  if (created.ok()) {
    here.stands = here.knows_marker = true;
    here.stands_since = ++sequence_;
    is_again_ = true;
    co_return absl::OkStatus();
  }
  if (StoreErrorOf(created.status()) == StoreError::kNodeExists) {
    METAREC_RARE_BRANCH("somebody else has our number in the other ensemble");
    co_return CandidacyOver(absl::StrCat(name_, " is somebody else's in ", EnsembleWords(side)));
  }
  is_again_ = IsOutdated(created.status());
  co_return here.may_stand || is_again_ ? absl::OkStatus() : created.status();
}

int64_t LinkedElection::OwnNumber() const {
  return static_cast<int64_t>(CandidateNumber(name_, options_.prefix).value_or(0));
}

asio::awaitable<absl::Status> LinkedElection::SetMarker(EnsembleSide side, CandidateMarker marker,
                                                        bool only_in_this_phase) {
  Side& here = (*sides_)[side];
  MetaStore* const store = here.session->store.get();
  std::vector<StoreOp> ops;
  if (only_in_this_phase) {
    ops.push_back(CheckOp{place_.paths.phase(), here.view->record_version});
  }
  ops.push_back(SetOp{place_.paths.marker(store->session_id()), EncodeCandidateMarker(marker)});
  here.knows_marker = false;
  const auto set = co_await store->Multi(std::move(ops));
  if (set.ok()) {
    here.marker = marker;
    here.knows_marker = true;
  } else if (!OutcomeUnknown(set.status())) {
    here.knows_marker = true;  // as it was
  }
  co_return set.status();
}

asio::awaitable<absl::Status> LinkedElection::FollowAlone(EnsembleSide side) {
  Side& here = (*sides_)[side];
  if (!here.view->record.has_value())
    co_return CandidacyOver("somebody deleted the phase of the election");
  const std::optional<EnsembleSide> only = OnlySide(here.view->record->phase);
  if (only == side) {
    incomplete_since_ = absl::InfiniteFuture();
    Side& other = (*sides_)[OtherSide(side)];
    if (other.stands || other.may_stand) {
      METAREC_RARE_BRANCH("a change of phase is taken back while a candidate follows it");
      Drop(OtherSide(side));
    }
    co_return co_await ProveFit(side);
  }
  if (only.has_value()) co_return CandidacyOver("the election has left this ensemble");
  co_return co_await Widen(side);
}

// So that whoever changes the phase knows that we can follow.
asio::awaitable<absl::Status> LinkedElection::ProveFit(EnsembleSide side) {
  Side& here = (*sides_)[side];
  const std::string& id = here.view->record->id;
  const bool is_proved = here.knows_marker && here.marker.id == id;
  if (id.empty() || is_proved || options_.connect[OtherSide(side)] == nullptr) {
    co_return absl::OkStatus();
  }
  if (!HasSeen(OtherSide(side))) {
    if (clock_->Now() < proves_fit_at_) co_return absl::OkStatus();
    proves_fit_at_ = clock_->Now() + kProveFitEvery;
    (*sides_)[OtherSide(side)].is_wanted = is_again_ = true;
    co_return absl::OkStatus();
  }
  const absl::Status fit = CheckFit();
  trouble_ = std::string(fit.message());
  if (!fit.ok()) co_return absl::OkStatus();
  CandidateMarker marker;
  marker.alone = true;
  marker.id = id;
  const absl::Status set = co_await SetMarker(side, marker, /*only_in_this_phase=*/true);
  is_soon_ = !set.ok();
  co_return set.ok() || IsPassing(set) || IsOutdated(set) ? absl::OkStatus() : set;
}

asio::awaitable<absl::Status> LinkedElection::Widen(EnsembleSide from) {
  const EnsembleSide to = OtherSide(from);
  incomplete_since_ = std::min(incomplete_since_, clock_->Now());
  if (options_.connect[to] == nullptr) {
    co_return CandidacyOver(
        "the election stands in two ensembles by now, and this candidate knows one");
  }
  if (clock_->Now() - incomplete_since_ > options_.twin_max) {
    METAREC_RARE_BRANCH("a candidate cannot follow into the other ensemble in time");
    co_return CandidacyOver(absl::StrCat("it could not stand in ", EnsembleWords(to), " within ",
                                         absl::FormatDuration(options_.twin_max)));
  }
  is_soon_ = true;
  Side& there = (*sides_)[to];
  there.is_wanted = true;
  if (!there.view.has_value()) {
    is_again_ = there.session == nullptr && there.look_status.ok();
    co_return absl::OkStatus();
  }
  METAREC_CO_RETURN_IF_ERROR(CheckFit());
  METAREC_CO_RETURN_IF_ERROR(co_await HaveTwin(to));
  if (!there.is_base) co_return absl::OkStatus();
  // Who leads goes on leading.
  if (is_verified_ && there.view->candidates.front() != name_) co_return absl::OkStatus();
  CandidateMarker marker;
  marker.id = there.view->record->id;
  const absl::Status set = co_await SetMarker(from, marker, /*only_in_this_phase=*/false);
  if (!set.ok()) co_return IsPassing(set) ? absl::OkStatus() : set;
  alone_.reset();
  incomplete_since_ = absl::InfiniteFuture();
  is_again_ = true;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LinkedElection::FollowBoth() {
  for (const EnsembleSide side : kEnsembleSides) {
    const Side& here = (*sides_)[side];
    if (!here.stands || !HasSeen(side)) continue;
    if (!here.view->record.has_value()) {
      co_return CandidacyOver("somebody deleted the phase of the election");
    }
    if (OnlySide(here.view->record->phase) == side) co_return co_await Narrow(side);
  }
  for (const EnsembleSide side : kEnsembleSides) {
    Side& here = (*sides_)[side];
    if (!here.stands || here.knows_marker || !HasSeen(side)) continue;
    // It may say that we lead by this ensemble alone.
    METAREC_RARE_BRANCH("the phase goes back while a candidate follows it");
    CandidateMarker marker;
    marker.id = here.view->record->id;
    const absl::Status set = co_await SetMarker(side, marker, /*only_in_this_phase=*/false);
    if (!set.ok()) co_return IsPassing(set) ? absl::OkStatus() : set;
  }
  if (IsComplete()) {
    incomplete_since_ = absl::InfiniteFuture();
    co_return absl::OkStatus();
  }
  if (clock_->Now() - incomplete_since_ > options_.twin_max) {
    METAREC_RARE_BRANCH("a candidate cannot stand in the other ensemble in time");
    co_return CandidacyOver(absl::StrCat("it could not stand in both ensembles within ",
                                         absl::FormatDuration(options_.twin_max)));
  }
  const EnsembleSide missing =
      (*sides_)[EnsembleSide::kFirst].is_base ? EnsembleSide::kSecond : EnsembleSide::kFirst;
  (*sides_)[missing].is_wanted = true;
  co_return co_await HaveTwin(missing);
}

asio::awaitable<absl::Status> LinkedElection::Narrow(EnsembleSide to) {
  Side& here = (*sides_)[to];
  if (!here.is_base) {
    METAREC_RARE_BRANCH("the election leaves an ensemble before our twin counts");
    co_return CandidacyOver(absl::StrCat("the election has left ", EnsembleWords(OtherSide(to))));
  }
  CandidateMarker marker;
  marker.alone = true;
  marker.id = here.view->record->id;
  const absl::Status set = co_await SetMarker(to, marker, /*only_in_this_phase=*/true);
  if (set.ok()) {
    alone_ = to;
    alone_since_ = ++sequence_;
    hint_ = to;
    incomplete_since_ = absl::InfiniteFuture();
    collect_.reset();
    Drop(OtherSide(to));
  }
  is_again_ = set.ok() || IsOutdated(set);
  is_soon_ = true;
  co_return is_again_ || IsPassing(set) ? absl::OkStatus() : set;
}

}  // namespace metarec
