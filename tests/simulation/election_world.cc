#include "election_world.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "simulation.h"

namespace metarec::simulation {
namespace {

constexpr char kDirectory[] = "/lock/leader";
constexpr char kElsewhere[] = "/lock/elsewhere";
constexpr absl::Duration kMovesMax = absl::Minutes(3);

const StoreClient kOldProgram = {.name = "old", .number = -3, .is_engine = false};

Side SideOf(EnsembleSide side) { return side == EnsembleSide::kFirst ? Side::kFrom : Side::kTo; }

}  // namespace

ElectionWorld::Program::Program(ElectionWorld* world, std::string name, int64_t candidate_in,
                                CandidateSetup setup_in, Side old_side_in)
    : candidate(candidate_in),
      setup(setup_in),
      old_side(old_side_in),
      process(world, std::move(name), {}) {}

bool ElectionWorld::Program::is_alive() const {
  return election == nullptr ? old_session != 0 : !process.dead() && !process.ended();
}

ElectionWorld::ElectionWorld(const ElectionCase& the_case, const RunOptions& options)
    : TransferWorld(the_case, options.trace),
      case_(the_case),
      planted_(options.planted),
      paths_(kDirectory) {}

void ElectionWorld::Start(int64_t candidate, CandidateSetup setup, Side old_side) {
  const std::string name = absl::StrCat("c", candidate, ".", programs_.size());
  Program* const program =
      programs_.emplace_back(std::make_unique<Program>(this, name, candidate, setup, old_side))
          .get();
  running_[candidate] = program;
  Say(name, absl::StrCat("starts, ", CandidateSetupName(setup)));
  if (setup == CandidateSetup::kOld) return StartOld(program);
  program->election = std::make_unique<LinkedElection>(OptionsOf(program), &clock);
  program->process.Start(Main(program), [this, program] {
    if (Running(program->candidate) == program) running_.erase(program->candidate);
  });
}

void ElectionWorld::StartAfter(absl::Duration pause, int64_t candidate, CandidateSetup setup,
                               Side old_side) {
  ++pending_;
  queue.After(pause, [this, candidate, setup, old_side] {
    --pending_;
    if (Running(candidate) == nullptr) Start(candidate, setup, old_side);
    if (setup == CandidateSetup::kRight) return;
    // Somebody sees that it is wrong.
    ++pending_;
    queue.After(random.Span(absl::Milliseconds(100), case_.session_timeout * 3), [this, candidate] {
      --pending_;
      Program* const wrong = Running(candidate);
      if (wrong == nullptr || wrong->setup == CandidateSetup::kRight) return;
      End(wrong, random.OneIn(2));
      StartAfter(random.Span(absl::Milliseconds(10), absl::Seconds(3)), candidate,
                 CandidateSetup::kRight);
    });
  });
}

ElectionWorld::Program* ElectionWorld::Running(int64_t candidate) {
  const auto found = running_.find(candidate);
  return found == running_.end() ? nullptr : found->second;
}

// It leads while its znode is the first one of all.
void ElectionWorld::StartOld(Program* program) {
  const Side side = program->old_side;
  program->old_session = zookeeper(side).OpenForeignSession();
  CreateOp op{paths_.candidate(kCandidatePrefix), program->process.client().name,
              CreateMode::kEphemeralSequential};
  Write(side, kOldProgram, program->old_session, {std::move(op)}).IgnoreError();
}

void ElectionWorld::End(Program* program, bool is_killed) {
  CountFault(is_killed ? "kill" : "end");
  if (program->election == nullptr) {
    const int64_t session = std::exchange(program->old_session, 0);
    running_.erase(program->candidate);
    const auto gone = [this, session, side = program->old_side] {
      zookeeper(side).EndForeignSession(session);
      OnExpired(side);
    };
    if (!is_killed) return gone();
    queue.After(case_.session_timeout, gone);
    return;
  }
  if (is_killed) program->process.Kill();
  if (!is_killed) program->process.Interrupt();
  running_.erase(program->candidate);
}

asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> ElectionWorld::Open(Side side,
                                                                                Program* program) {
  const absl::Status slept =
      co_await clock.SleepFor(random.Span(absl::Milliseconds(1), absl::Milliseconds(10)));
  METAREC_CO_RETURN_IF_ERROR(slept);
  const auto cut = cut_until_.find({program->candidate, side});
  if (program->process.dead() || (cut != cut_until_.end() && queue.now() < cut->second)) {
    METAREC_CO_RETURN_IF_ERROR(co_await clock.SleepFor(absl::Seconds(1)));
    co_return absl::UnavailableError("no server can be reached");
  }
  co_return Connect(side, program->process.client());
}

LinkedElectionOptions ElectionWorld::OptionsOf(Program* program) {
  LinkedElectionOptions options;
  options.directory = program->setup == CandidateSetup::kWrongPath ? kElsewhere : kDirectory;
  options.own_name = program->process.client().name;
  options.session_timeout = case_.session_timeout;
  options.twin_max = case_.twin_max;
  options.leads_if_first_in_one = planted_ == "first_in_one";
  options.leaves_other_session_open = planted_ == "second_left_open";
  for (const EnsembleSide side : kEnsembleSides) {
    Side real = SideOf(side);
    if (program->setup == CandidateSetup::kExchanged) real = SideOf(OtherSide(side));
    if (program->setup == CandidateSetup::kWrongOther) real = Side::kFrom;
    if (program->setup == CandidateSetup::kOneOnly && side == EnsembleSide::kSecond) continue;
    options.connect[side] = [this, real, program] { return Open(real, program); };
  }
  options.on_change = [this, program] {
    const LinkedElectionStatus status = program->election->status();
    Say(program->process.client().name,
        absl::StrCat(status.leads ? "leads as " : "stands as ", status.candidate,
                     status.stands[EnsembleSide::kFirst] ? " 1" : "",
                     status.stands[EnsembleSide::kSecond] ? " 2" : "", " ", status.trouble));
  };
  return options;
}

asio::awaitable<void> ElectionWorld::Main(Program* program) {
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup writing(executor);
  writing.Spawn(WriteAsLeader(program));
  const absl::Status status = co_await program->election->Run();
  if (!status.ok()) Violate(absl::StrCat("a candidate ends: ", status.message()));
  writing.Cancel();
  co_await writing.Join();
}

// What a leader writes lands only while it leads.
asio::awaitable<void> ElectionWorld::WriteAsLeader(Program* program) {
  PerSide<std::unique_ptr<MetaStore>> stores;
  for (;;) {
    const absl::Status slept =
        co_await clock.SleepFor(random.Span(absl::Milliseconds(200), absl::Seconds(2)));
    if (!slept.ok()) co_return;
    const EnsembleSide side = random.OneIn(2) ? EnsembleSide::kFirst : EnsembleSide::kSecond;
    std::vector<StoreOp> ops = program->election->Fence(side);
    if (ops.empty() || program->setup == CandidateSetup::kWrongPath) continue;
    std::unique_ptr<MetaStore>& store = stores[side];
    if (store == nullptr || IsFinal(store->session_state())) {
      auto opened = co_await Open(SideOf(side), program);
      if (!opened.ok()) continue;
      store = *std::move(opened);
      ops = program->election->Fence(side);
      if (ops.empty()) continue;
    }
    ops.push_back(SetOp{"/written", program->process.client().name});
    const auto written = co_await store->Multi(std::move(ops));
    if (written.ok()) Count("written");
    if (!written.ok()) Count("not written");
  }
}

void ElectionWorld::OnDue(const TransferItem& item, const StoreClient& client) {
  const bool is_killed = item.kind == TransferItemKind::kKill;
  for (const auto& driver : drivers_) {
    if (driver->process.client().number != client.number) continue;
    if (is_killed) return driver->process.Kill();
    return driver->process.Interrupt();
  }
  for (const auto& [candidate, program] : running_) {
    if (program->process.client().number != client.number) continue;
    const int64_t number = candidate;
    End(program, is_killed);
    StartAfter(random.Span(absl::Milliseconds(10), case_.session_timeout * 2), number,
               CandidateSetup::kRight);
    return;
  }
}

void ElectionWorld::StartElectionItems() {
  for (size_t i = 0; i < case_.election_items.size(); ++i) {
    const ElectionItem& item = case_.election_items[i];
    if (!case_.HasElectionItem(i)) continue;
    ++pending_;
    queue.After(item.at, [this, &item] {
      --pending_;
      Begin(item);
    });
  }
}

void ElectionWorld::Begin(const ElectionItem& item) {
  Say("world", Describe(item));
  Program* const program = Running(item.a);
  switch (item.kind) {
    case ElectionItemKind::kMove:
      BeginMove(kElectionPhases[item.a], item.b == 1);
      return;
    case ElectionItemKind::kExpire:
      return Expire(item);
    case ElectionItemKind::kCutOff: {
      absl::Time& until = cut_until_[{item.a, item.side}];
      until = std::max(until, queue.now() + item.lasts);
      if (program == nullptr || program->election == nullptr) return;
      CountFault("cut off");
      const int client = program->process.client().number;
      if (item.b == 1) return zookeeper(item.side).Silence(client, item.lasts);
      return zookeeper(item.side).Disconnect(client, item.lasts);
    }
    case ElectionItemKind::kRestart:
      if (program == nullptr) return;
      End(program, item.b % 2 == 0);
      return StartAfter(item.lasts, item.a, static_cast<CandidateSetup>(item.b / 2), item.side);
  }
}

// ZooKeeper loses a session that is alive: as long as it stands in the other one as well, and that
// one counts, no other candidate may lead. (Where it stands in one only, nothing but its watch
// tells it; and an old program knows of one only.)
void ElectionWorld::Expire(const ElectionItem& item) {
  Program* const program = Running(item.a);
  const bool is_moving = std::any_of(drivers_.begin(), drivers_.end(),
                                     [](const auto& driver) { return !driver->process.ended(); });
  if (program == nullptr || program->election == nullptr || is_moving) return;
  const LinkedElectionStatus status = program->election->status();
  for (const Side side : {Side::kFrom, Side::kTo}) {
    const PhaseRecord* const record = RecordIn(side);
    if (record == nullptr || OnlySide(record->phase).has_value()) return;
    if (!Stands(status.candidate, side)) return;
  }
  CountFault("expire");
  program->lost_by_force[item.side == Side::kFrom ? EnsembleSide::kFirst : EnsembleSide::kSecond] =
      status.candidate;
  zookeeper(item.side).Expire(program->process.client().number);
}

ElectionWorld::Driver* ElectionWorld::BeginMove(ElectionPhase to, bool misfits_allowed) {
  const std::string name = absl::StrCat("driver", drivers_.size());
  Driver* const driver = drivers_.emplace_back(std::make_unique<Driver>(this, name)).get();
  Say(name, absl::StrCat("moves to ", ElectionPhaseName(to)));
  driver->process.Start(Move(driver, to, misfits_allowed), [this, driver] {
    Count(driver->process.dead() ? "move killed" : driver->result.ok() ? "moved" : "move failed");
    Say(driver->process.client().name, absl::StrCat("ends: ", driver->result.message()));
  });
  return driver;
}

asio::awaitable<void> ElectionWorld::Move(Driver* driver, ElectionPhase to, bool misfits_allowed) {
  const std::unique_ptr<MetaStore> first = Connect(Side::kFrom, driver->process.client());
  const std::unique_ptr<MetaStore> second = Connect(Side::kTo, driver->process.client());
  ElectionPhasesOptions options;
  options.directory = kDirectory;
  options.misfits_allowed = misfits_allowed;
  options.follow_max = case_.session_timeout * 3;
  options.retry.outage_max = absl::Seconds(10);
  options.raises_counter = planted_ != "no_counter_jump";
  ElectionPhases phases(std::move(options), first.get(), second.get(), &clock);
  absl::Status status = co_await phases.Link(absl::StrCat("pair-", driver->process.client().name));
  if (status.ok()) status = co_await Lead(&phases, to);
  driver->result = status;
}

asio::awaitable<absl::Status> ElectionWorld::Lead(ElectionPhases* phases, ElectionPhase to) {
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const ElectionPhases::Seen seen, co_await phases->Read());
    if (!seen.state.settled()) {
      // Forward, or back.
      const bool is_torn = seen.state.is_torn;
      const ElectionPhase next = random.OneIn(2) ? seen.state.to : seen.state.from;
      absl::Status settled;
      if (is_torn) settled = co_await phases->Complete();
      if (!is_torn) settled = co_await phases->MoveTo(next);
      METAREC_CO_RETURN_IF_ERROR(settled);
      continue;
    }
    const int here = static_cast<int>(seen.state.to);
    const int there = static_cast<int>(to);
    if (here == there) co_return absl::OkStatus();
    const absl::Status moved =
        co_await phases->MoveTo(kElectionPhases[here < there ? here + 1 : here - 1]);
    METAREC_CO_RETURN_IF_ERROR(moved);
  }
}

void ElectionWorld::AwaitQuiet() {
  Pass(
      [this] {
        CheckNow();
        const bool is_moving =
            std::any_of(drivers_.begin(), drivers_.end(),
                        [](const auto& driver) { return !driver->process.ended(); });
        return pending_ == 0 && items_left() == 0 && !is_moving;
      },
      queue.now() + kMovesMax);
}

// Nothing may be left that uses the world after it.
void ElectionWorld::EndAll() {
  for (const auto& driver : drivers_) driver->process.Kill();
  for (const auto& program : programs_) {
    if (program->is_alive()) End(program.get(), false);
  }
  const auto has_ended = [this] {
    return std::all_of(drivers_.begin(), drivers_.end(),
                       [](const auto& driver) { return driver->process.ended(); }) &&
           std::all_of(programs_.begin(), programs_.end(), [](const auto& program) {
             return program->election == nullptr || program->process.ended();
           });
  };
  Pass(has_ended, queue.now() + absl::Minutes(1));
}

Outcome ElectionWorld::Run() {
  for (const Side side : {Side::kFrom, Side::kTo}) {
    for (const char* path : {"/written", "/lock", kDirectory}) {
      Write(side, kOldProgram, 0, {CreateOp{path, ""}}).IgnoreError();
    }
  }
  for (int64_t i = 0; i < case_.candidates; ++i) Start(i, CandidateSetup::kRight);
  if (case_.first_phase > 0) BeginMove(kElectionPhases[case_.first_phase], false);
  AwaitQuiet();
  StartItems();
  StartElectionItems();
  AwaitQuiet();
  Calm();
  Judge();
  EndAll();
  FillOutcome();
  return std::move(outcome_);
}

namespace {

Outcome RunElection(uint64_t seed, const RunOptions& options) {
  const ElectionCase the_case = MakeElectionCase(seed, options.dropped);
  if (options.trace != nullptr) {
    std::fprintf(options.trace, "seed %llu: %lld candidates, sessions of %s, twins within %s\n",
                 static_cast<unsigned long long>(seed), static_cast<long long>(the_case.candidates),
                 absl::FormatDuration(the_case.session_timeout).c_str(),
                 absl::FormatDuration(the_case.twin_max).c_str());
  }
  ElectionWorld world(the_case, options);
  return world.Run();
}

std::vector<std::string> ElectionItems(uint64_t seed) {
  std::vector<std::string> items;
  const ElectionCase the_case = MakeElectionCase(seed);
  for (const TransferItem& item : the_case.items) items.push_back(Describe(item));
  for (const ElectionItem& item : the_case.election_items) items.push_back(Describe(item));
  return items;
}

}  // namespace

const WorldKind kElectionWorld = {"election", &RunElection, &ElectionItems};

}  // namespace metarec::simulation
