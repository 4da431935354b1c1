// A candidate is a loop of rounds. Each round looks at the ensembles that matter, does what the
// phase asks for next, and judges whether we lead. Rounds begin when a watch fires, when a session
// ends, or when it is time to hear from ZooKeeper again.
//
// What makes it safe (docs/election.md has the argument):
//
// - A znode and its marker are created in one transaction, which also checks the phase. The marker
//   says whether this candidate may lead by one ensemble alone, and a phase in which another one
//   may lead by the other alone does not come before all such markers are gone.
// - A znode that was put beside those of others in its ensemble (the twin: its number came from the
//   other one) counts only once the first one was seen after that.
// - We lead only after two looks at each ensemble, one after the other, that saw us first and the
//   same phase.
// - A look begins with a sync, so that an answer proves that the session lived when it was sent.

#include "zk_store/election/linked_election.h"

#include <algorithm>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/store_error.h"
#include "zk_store/election/linked_candidacy.h"

namespace metarec {
namespace {

constexpr size_t kOwnNameBytesMax = 300;
constexpr absl::Duration kSoon = absl::Milliseconds(100);

bool IsSessionOver(const absl::Status& status) {
  const StoreError error = StoreErrorOf(status);
  return error == StoreError::kSessionExpired || error == StoreError::kClosed ||
         error == StoreError::kAuthFailed;
}

}  // namespace

LinkedElection::LinkedElection(LinkedElectionOptions options, Clock* clock)
    : options_(std::move(options)),
      place_{.paths = ElectionPaths(options_.directory), .prefix = options_.prefix},
      clock_(clock),
      sides_(std::make_unique<PerSide<Side>>()) {}

LinkedElection::~LinkedElection() = default;

asio::awaitable<absl::Status> LinkedElection::Run() { return WithoutThrowing(Contend()); }

asio::awaitable<absl::Status> LinkedElection::Contend() {
  METAREC_CO_RETURN_IF_ERROR(ValidateRootPath(options_.directory));
  if (options_.own_name.empty() || options_.own_name.size() > kOwnNameBytesMax ||
      !options_.connect[EnsembleSide::kFirst]) {
    co_return absl::InvalidArgumentError(
        "a candidate for leadership needs a name, host:port, and an ensemble");
  }
  const auto executor = co_await asio::this_coro::executor;
  tasks_.emplace(executor);
  wake_ = std::make_shared<Event>(executor);
  absl::Status status;
  while (!absl::IsCancelled(status)) {
    status = co_await Stand();
    if (!absl::IsCancelled(status)) {
      trouble_ = std::string(status.message());
      Say(absl::StrCat("stands no more: ", trouble_));
    }
    for (const EnsembleSide side : kEnsembleSides) Drop(side);
    is_verified_ = false;
    name_.clear();
    leader_name_.clear();
    Publish();
    if (!absl::IsCancelled(status)) status = co_await clock_->SleepFor(options_.enter_after);
  }
  left_open_.clear();
  tasks_->Cancel();
  co_await tasks_->Join();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LinkedElection::Stand() {
  *sides_ = PerSide<Side>();
  asks_both_ = false;
  name_.clear();
  alone_.reset();
  incomplete_since_ = unsettled_since_ = absl::InfiniteFuture();
  proves_fit_at_ = absl::InfinitePast();
  collect_.reset();
  is_verified_ = false;
  for (;;) {
    METAREC_CO_RETURN_IF_ERROR(co_await Round());
    Publish();
    if (co_await IsCancelled()) co_return absl::CancelledError("cancelled");
    if (!is_again_) METAREC_CO_RETURN_IF_ERROR(co_await Pause(NextRound()));
    Publish();  // time has passed
  }
}

asio::awaitable<absl::Status> LinkedElection::Round() {
  is_again_ = is_soon_ = false;
  ++round_;
  wake_ = std::make_shared<Event>(co_await asio::this_coro::executor);
  for (const EnsembleSide side : kEnsembleSides) {
    Side& here = (*sides_)[side];
    here.look_status = absl::OkStatus();
    const bool is_asked = name_.empty() && (side == hint_ || asks_both_);
    here.is_wanted = here.is_wanted || here.stands || here.may_stand || is_asked;
    here.is_wanted = here.is_wanted && options_.connect[side] != nullptr;
  }
  // Named: GCC 12 destroys a capture twice in a temporary beside a co_await.
  const std::function<asio::awaitable<void>(size_t)> look = [this](size_t i) {
    return LookAt(kEnsembleSides[i]);
  };
  co_await ForEachBounded(2, 2, look);
  METAREC_CO_RETURN_IF_ERROR(CheckPlace());
  absl::Status followed;
  const std::function<asio::awaitable<void>()> follow = [this,
                                                         &followed]() -> asio::awaitable<void> {
    followed = co_await Follow();
    Judge();
    co_await NameLeader();
  };
  // What is not answered in time is looked up in the next round.
  const absl::Status run = co_await RunUntil(clock_->Now() + SessionTimeout() / 3, clock_, follow);
  if (absl::IsCancelled(run)) co_return run;
  METAREC_CO_RETURN_IF_ERROR(followed);
  for (const EnsembleSide side : kEnsembleSides) {
    const Side& here = (*sides_)[side];
    // What only helped us to enter, or to prove that we fit, is left.
    const bool is_used = here.is_wanted || here.stands || here.may_stand;
    if (!is_used && here.session != nullptr && !name_.empty()) Drop(side);
  }
  co_return absl::OkStatus();
}

asio::awaitable<void> LinkedElection::LookAt(EnsembleSide side) {
  Side& here = (*sides_)[side];
  if (!std::exchange(here.is_wanted, false)) co_return;
  absl::Status looked;
  // Named: GCC 12 destroys a capture twice in a temporary beside a co_await.
  const std::function<asio::awaitable<void>()> look =
      [this, side, &looked]() -> asio::awaitable<void> { looked = co_await LookNow(side); };
  const absl::Status run = co_await RunUntil(clock_->Now() + SessionTimeout() / 3, clock_, look);
  here.look_status = run.ok() ? looked : run;
}

asio::awaitable<absl::Status> LinkedElection::LookNow(EnsembleSide side) {
  Side& here = (*sides_)[side];
  if (here.session == nullptr) METAREC_CO_RETURN_IF_ERROR(co_await Open(side));
  const std::shared_ptr<Session> session = here.session;
  if (session->is_over) co_return absl::AbortedError("the session has ended");
  const auto executor = co_await asio::this_coro::executor;
  std::shared_ptr<Watch> record_watch;
  std::shared_ptr<Watch> candidates_watch;
  if (here.record_watch == nullptr) record_watch = std::make_shared<Watch>(executor);
  if (here.candidates_watch == nullptr) candidates_watch = std::make_shared<Watch>(executor);
  const absl::Time begin = clock_->Now();
  const int64_t looked = ++sequence_;
  auto view =
      co_await LookAtElection(session->store.get(), &place_, record_watch, candidates_watch);
  METAREC_CO_RETURN_IF_ERROR(view.status());
  if (record_watch != nullptr && view->record.has_value()) {
    here.record_watch = record_watch;
    tasks_->Spawn(FollowWatch(record_watch, side, &Side::record_watch));
  }
  if (candidates_watch != nullptr && view->has_directory) {
    here.candidates_watch = candidates_watch;
    tasks_->Spawn(FollowWatch(candidates_watch, side, &Side::candidates_watch));
  }
  here.view = *std::move(view);
  here.contact = begin;
  here.looked = looked;
  here.round = round_;
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LinkedElection::Open(EnsembleSide side) {
  METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<MetaStore> store, co_await options_.connect[side]());
  auto session = std::make_shared<Session>();
  session->store = std::move(store);
  (*sides_)[side].session = session;
  tasks_->Spawn(FollowSession(session));
  co_return absl::OkStatus();
}

asio::awaitable<void> LinkedElection::FollowSession(std::shared_ptr<Session> session) {
  if (session->store == nullptr) co_return;
  absl::StatusOr<SessionState> state = session->store->session_state();
  while (state.ok() && !IsFinal(*state) && session->store != nullptr) {
    MetaStore* const store = session->store.get();
    state = co_await store->AwaitSessionChange(*state);
  }
  session->is_over = true;
  Wake();
}

asio::awaitable<void> LinkedElection::FollowWatch(std::shared_ptr<Watch> watch, EnsembleSide side,
                                                  std::shared_ptr<Watch> Side::*slot) {
  const auto event = co_await watch->Wait();
  std::shared_ptr<Watch>& armed = (*sides_)[side].*slot;
  if (armed == watch) armed.reset();
  if (event.ok()) Wake();
}

absl::Status LinkedElection::CheckPlace() {
  for (const EnsembleSide side : kEnsembleSides) METAREC_RETURN_IF_ERROR(CheckPlaceIn(side));
  return absl::OkStatus();
}

absl::Status LinkedElection::CheckPlaceIn(EnsembleSide side) {
  Side& here = (*sides_)[side];
  const bool is_over = here.session != nullptr && here.session->is_over;
  if (here.stands || here.may_stand) {
    if (is_over || IsSessionOver(here.look_status)) {
      return CandidacyOver(absl::StrCat("the session with ", EnsembleWords(side), " has ended"));
    }
    if (clock_->Now() - here.contact >= SessionTimeout()) {
      METAREC_RARE_BRANCH("a candidate hears nothing for as long as a session lives");
      return CandidacyOver(absl::StrCat(EnsembleWords(side), " has not answered for ",
                                        absl::FormatDuration(SessionTimeout()),
                                        ", so the session there has ended"));
    }
    if (here.HasSeenOurs() && !absl::c_linear_search(here.view->candidates, name_)) {
      return CandidacyOver(absl::StrCat(name_, " is not in ", EnsembleWords(side), " any more"));
    }
  } else if (is_over) {
    Drop(side);
  }
  if (here.look_status.ok() || IsPassing(here.look_status) || is_over) return absl::OkStatus();
  if (absl::IsInvalidArgument(here.look_status) || absl::IsResourceExhausted(here.look_status) ||
      StoreErrorOf(here.look_status) == StoreError::kNoAuth) {
    return Annotate(here.look_status, absl::StrCat(" (", EnsembleWords(side), ")"));
  }
  trouble_ = absl::StrCat(EnsembleWords(side), ": ", here.look_status.message());
  return absl::OkStatus();
}

bool LinkedElection::HasSeen(EnsembleSide side) const { return (*sides_)[side].round == round_; }

std::vector<EnsembleSide> LinkedElection::CountingSides() const {
  if (alone_.has_value()) return {*alone_};
  if (options_.leads_if_first_in_one) return {hint_};
  return {EnsembleSide::kFirst, EnsembleSide::kSecond};
}

bool LinkedElection::IsComplete() const {
  return (*sides_)[EnsembleSide::kFirst].is_base && (*sides_)[EnsembleSide::kSecond].is_base;
}

bool LinkedElection::IsFirstIn(EnsembleSide side) const {
  const Side& here = (*sides_)[side];
  return here.HasSeenOurs() && !here.view->candidates.empty() &&
         here.view->candidates.front() == name_;
}

void LinkedElection::Judge() {
  const std::vector<EnsembleSide> sides = CountingSides();
  const bool is_first = !name_.empty() && absl::c_all_of(sides, [this](EnsembleSide side) {
    return (*sides_)[side].is_base && IsFirstIn(side);
  });
  is_verified_ = is_verified_ && is_first;
  if (is_verified_) return;
  const bool has_seen = absl::c_all_of(sides, [this](EnsembleSide side) { return HasSeen(side); });
  if (!is_first || !has_seen) return collect_.reset();
  if (alone_.has_value()) {
    const Side& here = (*sides_)[*alone_];
    is_verified_ = here.looked > alone_since_ && OnlySide(here.view->record->phase) == *alone_;
    return;
  }
  Collect now;
  now.round = round_;
  for (const EnsembleSide side : sides) {
    const Side& here = (*sides_)[side];
    if (OnlySide(here.view->record->phase) == side) return collect_.reset();
    now.record_versions[side] = here.view->record_version;
  }
  is_verified_ = collect_ != nullptr && collect_->round < round_ &&
                 collect_->record_versions == now.record_versions;
  collect_ = std::make_unique<Collect>(now);
  is_again_ = is_again_ || !is_verified_;
}

asio::awaitable<void> LinkedElection::NameLeader() {
  std::string name;
  const std::vector<EnsembleSide> sides = name_.empty() ? std::vector{hint_} : CountingSides();
  for (const EnsembleSide side : sides) {
    const auto& view = (*sides_)[side].view;
    const bool is_one = view.has_value() && !view->candidates.empty() &&
                        (name.empty() || name == view->candidates.front());
    if (!is_one) name.clear();
    if (!is_one) break;
    name = view->candidates.front();
  }
  if (name == leader_name_) co_return;
  leader_name_.clear();
  leader_data_.clear();
  if (name.empty()) co_return;
  const EnsembleSide side = sides.front();
  const auto session = (*sides_)[side].session;
  if (session == nullptr || session->store == nullptr) co_return;
  const auto node = co_await session->store->Get(place_.paths.candidate(name));
  if (!node.ok()) co_return;
  const auto marker =
      co_await session->store->Exists(place_.paths.marker(node->stat.ephemeral_owner));
  if (!marker.ok()) co_return;
  leader_name_ = name;
  leader_data_ = node->data.substr(0, kOwnNameBytesMax);
  is_leader_plain_ = !marker->has_value();
}

absl::Duration LinkedElection::SessionTimeout() const {
  absl::Duration timeout = options_.session_timeout;
  for (const EnsembleSide side : kEnsembleSides) {
    const auto& session = (*sides_)[side].session;
    if (session != nullptr && session->store != nullptr) {
      timeout = std::min(timeout, session->store->session_timeout());
    }
  }
  return timeout;
}

absl::Time LinkedElection::LeadsUntil() const {
  if (!is_verified_ || name_.empty()) return absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
  for (const EnsembleSide side : CountingSides()) {
    until = std::min(until, (*sides_)[side].contact + SessionTimeout() * 2 / 3);
  }
  return until;
}

absl::Time LinkedElection::NextRound() const {
  const absl::Time now = clock_->Now();
  if (is_soon_) return now + kSoon;
  if (name_.empty()) return now + options_.enter_after;
  bool is_late = false;
  for (const EnsembleSide side : kEnsembleSides) {
    const Side& here = (*sides_)[side];
    if ((here.stands || here.may_stand) && !HasSeen(side)) is_late = true;
    if (here.may_stand) return now + kSoon;
  }
  if (is_late) return now + SessionTimeout() / 20;
  const bool is_first = !leader_name_.empty() && leader_name_ == name_;
  absl::Time next = now + SessionTimeout() / (is_first ? 6 : 3);
  const absl::Time leads_until = LeadsUntil();
  if (leads_until > now) next = std::min(next, leads_until);
  return next;
}

asio::awaitable<absl::Status> LinkedElection::Pause(absl::Time until) {
  const std::shared_ptr<Event> wake = wake_;
  // Named: GCC 12 destroys a capture twice in a temporary beside a co_await.
  const std::function<asio::awaitable<void>()> wait = [wake]() -> asio::awaitable<void> {
    (co_await wake->Wait()).IgnoreError();
  };
  const absl::Status waited = co_await RunUntil(until, clock_, wait);
  co_return absl::IsCancelled(waited) ? waited : absl::OkStatus();
}

void LinkedElection::Wake() {
  if (wake_ != nullptr) wake_->Set();
}

// Closes the session, and with it goes what we have there.
void LinkedElection::Drop(EnsembleSide side) {
  Side& here = (*sides_)[side];
  const std::shared_ptr<Session> session = std::exchange(here, Side()).session;
  if (session == nullptr) return;
  if (options_.leaves_other_session_open && !session->is_over) {
    left_open_.push_back(session);
    return;
  }
  session->store.reset();
}

void LinkedElection::Publish() {
  LinkedElectionStatus status;
  PerSide<std::vector<StoreOp>> fences;
  const absl::Time leads_until = LeadsUntil();
  status.leads = clock_->Now() < leads_until;
  status.candidate = name_;
  status.trouble = trouble_;
  for (const EnsembleSide side : kEnsembleSides) {
    const Side& here = (*sides_)[side];
    status.stands[side] = here.stands;
    if (!here.view.has_value() || !here.view->record.has_value()) continue;
    const PhaseRecord& record = *here.view->record;
    if (here.stands || name_.empty()) status.phase = record.phase;
    if (is_verified_ && here.is_base && OnlySide(record.phase) != OtherSide(side)) {
      fences[side] = {CheckOp{place_.paths.candidate(name_), 0},
                      CheckOp{place_.paths.fence(), record.fence}};
    }
  }
  if (!leader_name_.empty() && (!is_leader_plain_ || alone_.has_value())) {
    status.leader = LockLeader{leader_data_, place_.paths.candidate(leader_name_),
                               leader_name_ == name_ && status.leads};
  } else if (!leader_name_.empty()) {
    status.trouble = absl::StrCat(leader_data_, " (", leader_name_,
                                  ") knows nothing of phases and stands first: stop it");
  }
  {
    absl::MutexLock lock(&mutex_);
    leads_until_ = leads_until;
    fences_ = std::move(fences);
    if (status_ == status) return;
    status_ = status;
  }
  if (changed_ != nullptr) changed_->Set();
  changed_.reset();
  if (options_.on_change) options_.on_change();
}

asio::awaitable<absl::Status> LinkedElection::AwaitLeadership() { return AwaitLeads(true); }

asio::awaitable<absl::Status> LinkedElection::AwaitLoss() { return AwaitLeads(false); }

asio::awaitable<absl::Status> LinkedElection::AwaitLeads(bool wanted) {
  while (leads() != wanted) {
    if (changed_ == nullptr) {
      changed_ = std::make_shared<Event>(co_await asio::this_coro::executor);
    }
    const std::shared_ptr<Event> changed = changed_;
    const std::function<asio::awaitable<void>()> wait = [&changed]() -> asio::awaitable<void> {
      (co_await changed->Wait()).IgnoreError();
    };
    // Leadership ends by itself, too, and that is published only after the round that is under way.
    const absl::Status waited =
        co_await RunUntil(wanted ? absl::InfiniteFuture() : PublishedLeadsUntil(), clock_, wait);
    if (absl::IsCancelled(waited)) co_return waited;
  }
  co_return absl::OkStatus();
}

absl::Time LinkedElection::PublishedLeadsUntil() const {
  absl::MutexLock lock(&mutex_);
  return leads_until_;
}

bool LinkedElection::leads() const {
  absl::MutexLock lock(&mutex_);
  return status_.leads && clock_->Now() < leads_until_;
}

LinkedElectionStatus LinkedElection::status() const {
  absl::MutexLock lock(&mutex_);
  LinkedElectionStatus status = status_;
  status.leads = status.leads && clock_->Now() < leads_until_;
  if (status.leader.has_value()) status.leader->is_us = status.leader->is_us && status.leads;
  return status;
}

std::vector<StoreOp> LinkedElection::Fence(EnsembleSide side) const {
  absl::MutexLock lock(&mutex_);
  if (!status_.leads || clock_->Now() >= leads_until_) return {};
  return fences_[side];
}

void LinkedElection::Say(absl::string_view what) const {
  if (options_.log) options_.log(what);
}

}  // namespace metarec
