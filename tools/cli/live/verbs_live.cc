// live link, phase, status: an election that stands in two ZooKeeper ensembles, led from one to the
// other while its candidates run.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/runtime/status_macros.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/live/election_report.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/side_arguments.h"
#include "tools/cli/verbs.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/store_error.h"
#include "zk_store/election/election_phases.h"

namespace metarec::tools {
namespace {

struct LiveArguments {
  std::string verb;
  PerSide<SideArguments> sides = {{SideArguments(SideArguments::Access::kChange, "first"),
                                   SideArguments(SideArguments::Access::kChange, "second")}};
  std::string phase;
  double wait_seconds = 60;
  bool leaves_misfits = false;
  OutputArguments output;

  void AddTo(Command& command) {
    verb = absl::StrCat("live ", command.name());
    for (const EnsembleSide side : kEnsembleSides) {
      sides[side].set_place_help(side == EnsembleSide::kFirst
                                     ? "ensemble 1 and the directory of the election: "
                                       "HOST:PORT,.../DIRECTORY"
                                     : "ensemble 2 and the same directory");
    }
    AddSides(command, {&sides[EnsembleSide::kFirst], &sides[EnsembleSide::kSecond]});
  }
  std::string directory() const { return sides[EnsembleSide::kFirst].place().path; }
};

absl::Status CheckPlaces(const LiveArguments& arguments) {
  for (const EnsembleSide side : kEnsembleSides) {
    const SideArguments& argument = arguments.sides[side];
    METAREC_RETURN_IF_ERROR(argument.Check());
    const SidePlace place = argument.place();
    if (place.is_file()) {
      return absl::InvalidArgumentError(
          absl::StrCat(argument.name(), ": ", place.ToText(),
                       " is a file or a folder; give HOST:PORT,.../DIRECTORY"));
    }
    const absl::Status valid = ValidateRootPath(place.path);
    if (!valid.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(argument.name(), ": ", valid.message()));
    }
  }
  const std::string second = arguments.sides[EnsembleSide::kSecond].place().path;
  if (second != arguments.directory()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the election has one path in both ensembles, but first has ",
                     arguments.directory(), " and second has ", second));
  }
  return CheckApart(arguments.sides[EnsembleSide::kFirst], arguments.sides[EnsembleSide::kSecond]);
}

using Stores = PerSide<std::unique_ptr<MetaStore>>;

ElectionReport PlacesOf(const LiveArguments& arguments) {
  ElectionReport report;
  report.directory = arguments.directory();
  for (const EnsembleSide side : kEnsembleSides) {
    report.ensembles[side].place = arguments.sides[side].place().ToText();
  }
  return report;
}

PerSide<MetaStore*> Pointers(const Stores& stores) {
  return {{stores[EnsembleSide::kFirst].get(), stores[EnsembleSide::kSecond].get()}};
}

// What cannot be opened is an error of the report.
asio::awaitable<ElectionReport> ReadBoth(const LiveArguments* arguments, Clock* clock) {
  ElectionReport report = PlacesOf(*arguments);
  Stores stores;
  for (const EnsembleSide side : kEnsembleSides) {
    auto opened = co_await arguments->sides[side].Open(clock);
    if (!opened.ok()) report.ensembles[side].error = std::string(opened.status().message());
    if (opened.ok()) stores[side] = *std::move(opened);
  }
  co_return co_await ReadElection(std::move(report), Pointers(stores));
}

asio::awaitable<absl::StatusOr<Stores>> OpenBoth(const LiveArguments* arguments, Clock* clock) {
  Stores stores;
  for (const EnsembleSide side : kEnsembleSides) {
    auto opened = co_await arguments->sides[side].Open(clock);
    if (!opened.ok()) {
      co_return Annotate(opened.status(), absl::StrCat(" (", EnsembleWords(side), ")"));
    }
    stores[side] = *std::move(opened);
  }
  co_return stores;
}

absl::Status Print(const LiveArguments& arguments, const ElectionReport& report) {
  return arguments.output.Print(arguments.output.json() ? ElectionJson(report)
                                                        : ElectionText(report));
}

// Misfits, another pair, the wrong order: a guard says no, before that change was begun.
absl::Status AsRefusal(absl::Status status) {
  return absl::IsFailedPrecondition(status) ? WithMark(std::move(status), ErrorMark::kRefused)
                                            : status;
}

asio::awaitable<absl::StatusOr<ExitCode>> ShowStatus(const LiveArguments* arguments,
                                                     CommandLoop* loop) {
  const ElectionReport report = co_await ReadBoth(arguments, &loop->clock());
  METAREC_CO_RETURN_IF_ERROR(Print(*arguments, report));
  if (!report.is_whole()) co_return ExitCode::kFailed;
  co_return report.troubles.empty() ? ExitCode::kDone : ExitCode::kDifferences;
}

// A mistyped directory is not made, and one ensemble is not linked with itself. (Where somebody
// stands, ElectionPhases::Link sees him on both sides.)
asio::awaitable<absl::Status> CheckBeforeLink(const Stores* stores, std::string directory) {
  PerSide<std::optional<NodeStat>> there;
  for (const EnsembleSide side : kEnsembleSides) {
    MetaStore* const store = (*stores)[side].get();
    METAREC_CO_RETURN_IF_ERROR(co_await store->Sync(directory));
    METAREC_CO_ASSIGN_OR_RETURN(there[side], co_await store->Exists(directory));
  }
  const auto& first = there[EnsembleSide::kFirst];
  const auto& second = there[EnsembleSide::kSecond];
  if (!first.has_value()) {
    co_return absl::FailedPreconditionError(
        absl::StrCat("there is no ", directory,
                     " in ensemble 1: give the directory in which the candidates stand"));
  }
  if (second.has_value() && first->num_children == 0 && IsOneZnode(*first, *second)) {
    co_return absl::FailedPreconditionError(
        absl::StrCat("the two ensembles are one, or one is a copy of the other: ", directory,
                     " was created in one transaction. If they are two, start a candidate in "
                     "ensemble 1, by which they can be told apart"));
  }
  co_return absl::OkStatus();
}

// A line a second on stderr.
std::function<void(EnsembleSide, int64_t, int64_t)> TellOfRaises(bool is_told, Clock* clock) {
  if (!is_told) return nullptr;
  return [clock, next = clock->Now() + absl::Seconds(1)](EnsembleSide raised, int64_t counter,
                                                         int64_t least) mutable {
    if (clock->Now() < next) return;
    next = clock->Now() + absl::Seconds(1);
    std::cerr << "raising the numbers of " << EnsembleWords(raised) << ": " << counter << " of "
              << least << std::endl;
  };
}

asio::awaitable<absl::StatusOr<ExitCode>> Link(const LiveArguments* arguments, CommandLoop* loop) {
  METAREC_CO_ASSIGN_OR_RETURN(const Stores stores, co_await OpenBoth(arguments, &loop->clock()));
  const absl::Status may = co_await CheckBeforeLink(&stores, arguments->directory());
  METAREC_CO_RETURN_IF_ERROR(AsRefusal(may));
  ElectionPhasesOptions options;
  options.directory = arguments->directory();
  options.on_raise = TellOfRaises(!arguments->output.json(), &loop->clock());
  ElectionPhases phases(std::move(options), stores[EnsembleSide::kFirst].get(),
                        stores[EnsembleSide::kSecond].get(), &loop->clock());
  const std::string id = absl::StrFormat("%08x", std::random_device()());
  const absl::Status linked = co_await phases.Link(id);
  METAREC_CO_RETURN_IF_ERROR(AsRefusal(linked));
  const ElectionReport report = co_await ReadElection(PlacesOf(*arguments), Pointers(stores));
  METAREC_CO_RETURN_IF_ERROR(Print(*arguments, report));
  co_return ExitCode::kDone;
}

// One change towards `to`, or what settles half a change: on, unless that leads away from it.
ElectionPhase NextPhase(const PhaseState& state, ElectionPhase to) {
  const auto at = [](ElectionPhase phase) { return static_cast<int>(phase); };
  if (!state.settled()) {
    const int on = std::abs(at(state.to) - at(to));
    return on <= std::abs(at(state.from) - at(to)) ? state.to : state.from;
  }
  return static_cast<ElectionPhase>(at(state.to) + (at(state.to) < at(to) ? 1 : -1));
}

asio::awaitable<absl::Status> Lead(ElectionPhases* phases, ElectionPhase to,
                                   std::function<void(ElectionPhase)> on_phase) {
  constexpr int kOthersMax = 20;  // changes of others, after which it is theirs
  int others = 0;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const ElectionPhases::Seen seen, co_await phases->Read());
    if (seen.state.is_torn) {
      METAREC_CO_RETURN_IF_ERROR(co_await phases->Complete());
      continue;
    }
    if (seen.state.settled() && seen.state.to == to) co_return absl::OkStatus();
    const ElectionPhase next = NextPhase(seen.state, to);
    const absl::Status moved = co_await phases->MoveTo(next);
    if (absl::IsFailedPrecondition(moved) || absl::IsInvalidArgument(moved)) {
      // Somebody else changes it, too: what is next follows from where they are.
      METAREC_CO_ASSIGN_OR_RETURN(const ElectionPhases::Seen now, co_await phases->Read());
      if (now.state != seen.state && ++others <= kOthersMax) continue;
    }
    METAREC_CO_RETURN_IF_ERROR(moved);
    on_phase(next);
  }
}

asio::awaitable<absl::StatusOr<ExitCode>> ChangePhase(const LiveArguments* arguments,
                                                      CommandLoop* loop) {
  METAREC_CO_ASSIGN_OR_RETURN(const Stores stores, co_await OpenBoth(arguments, &loop->clock()));
  ElectionPhasesOptions options;
  options.directory = arguments->directory();
  options.on_raise = TellOfRaises(!arguments->output.json(), &loop->clock());
  options.follow_max = absl::Seconds(arguments->wait_seconds);
  // A candidate shows that it can follow when it next looks, and not more often than every 5 s.
  options.fit_max = std::min(options.follow_max, absl::Seconds(20));
  options.misfits_allowed = arguments->leaves_misfits;
  ElectionPhases phases(std::move(options), stores[EnsembleSide::kFirst].get(),
                        stores[EnsembleSide::kSecond].get(), &loop->clock());
  const bool is_told = !arguments->output.json();
  const std::function<void(ElectionPhase)> on_phase = [is_told](ElectionPhase phase) {
    if (is_told) std::cerr << "the phase is " << ElectionPhaseName(phase) << std::endl;
  };
  const absl::Status led = co_await Lead(&phases, *ParseElectionPhase(arguments->phase), on_phase);
  if (!led.ok() && !absl::IsFailedPrecondition(led)) {
    co_return Annotate(led,
                       "; the change may be half made: the same command completes it, and the one "
                       "with the phase before takes it back");
  }
  METAREC_CO_RETURN_IF_ERROR(AsRefusal(led));
  const ElectionReport report = co_await ReadElection(PlacesOf(*arguments), Pointers(stores));
  METAREC_CO_RETURN_IF_ERROR(Print(*arguments, report));
  co_return ExitCode::kDone;
}

using LiveWork = asio::awaitable<absl::StatusOr<ExitCode>> (*)(const LiveArguments*, CommandLoop*);

ExitCode RunLive(const LiveArguments& arguments, LiveWork work,
                 const CommandLoop::AfterInterruption& after) {
  if (const absl::Status wrong = CheckPlaces(arguments); !wrong.ok()) {
    return Fail(arguments.verb, wrong);
  }
  CommandLoop loop;
  return loop.Run(
      arguments.verb, after, [&](ProgressPrinter*) { return work(&arguments, &loop); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

constexpr char kTwoEnsembles[] =
    "zk1:2181,zk2:2181/masters/leader zk4:2181,zk5:2181/masters/leader";

}  // namespace

RunVerb MakeLiveLinkVerb(Command& verb) {
  verb.Paragraph(
      "Links two ZooKeeper ensembles for one election, so that its candidates can be led from the "
      "first to the second one while they run. The phase becomes \"one\", in which candidates "
      "stand in ensemble 1 as before. Nobody may stand in ensemble 2 yet. Run again, it changes "
      "nothing.");
  verb.Paragraph(
      "Candidates that can follow are those of metarec's library, LinkedElection, that are "
      "configured with both ensembles.");
  verb.Example(absl::StrCat("metarec live link ", kTwoEnsembles));
  const auto arguments = std::make_shared<LiveArguments>();
  arguments->AddTo(verb);
  arguments->output.AddTo(verb);
  return [arguments] {
    return RunLive(*arguments, &Link,
                   CommandLoop::AfterInterruption(
                       "the two may be half linked; the same command completes it"));
  };
}

RunVerb MakeLivePhaseVerb(Command& verb) {
  verb.Paragraph(
      "Leads an election in two linked ensembles to a phase, change by change, and waits after "
      "each until every candidate has followed. The leader stays the same. A change is refused, "
      "before anything is written, while somebody stands who cannot follow. What was half made, by "
      "a run that was killed, is completed or taken back first. Every change can be undone by the "
      "same command with the phase before; with --leave_misfits as long as somebody is left "
      "behind.");
  verb.Example(absl::StrCat("metarec live phase ", kTwoEnsembles, " both-1"));
  verb.Example(absl::StrCat("metarec live phase ", kTwoEnsembles, " one"), "goes back");
  const auto arguments = std::make_shared<LiveArguments>();
  arguments->AddTo(verb);
  verb.Add("phase", &arguments->phase,
           "one (candidates stand in ensemble 1), both-1 (in both, ensemble 1 gives the numbers), "
           "both-2 (ensemble 2 gives them) or two (candidates stand in ensemble 2)")
      .TypeName("PHASE")
      .Required()
      .OneOf({"one", "both-1", "both-2", "two"});
  verb.Add("-w,--wait_seconds", &arguments->wait_seconds,
           "how long to wait in each change for candidates to follow")
      .TypeName("SECONDS")
      .Between(1.0, 86400.0)
      .ShowDefault();
  verb.AddFlag("--leave_misfits", &arguments->leaves_misfits,
               "go on although candidates cannot follow: they will not lead while the election "
               "stands in both");
  arguments->output.AddTo(verb);
  return [arguments] {
    return RunLive(*arguments, &ChangePhase,
                   CommandLoop::AfterInterruption(
                       "a change of phase may be half made. Candidates bear that. The same command "
                       "completes it; with the phase before, it is taken back"));
  };
}

RunVerb MakeLiveStatusVerb(Command& verb) {
  verb.Paragraph(
      "Shows an election as two ensembles have it, side by side: the phase, whom watchers of each "
      "follow, and how every candidate stands. It only reads. It ends with 0 if nothing keeps the "
      "phase from being changed, with 2 if something does or if watchers of the two follow "
      "different leaders at the moment, and with 1 if an ensemble does not answer: the other one "
      "is shown.");
  verb.Example(absl::StrCat("metarec live status ", kTwoEnsembles));
  const auto arguments = std::make_shared<LiveArguments>();
  arguments->AddTo(verb);
  arguments->output.AddTo(verb);
  return [arguments] {
    return RunLive(*arguments, &ShowStatus, CommandLoop::AfterInterruption("nothing was changed"));
  };
}

}  // namespace metarec::tools
