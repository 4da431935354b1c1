#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "migration/procedure/procedure.h"
#include "migration/procedure/procedure_file.h"
#include "migration/procedure/procedure_report.h"
#include "migration/zookeeper/networked_move_world.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/file_arguments.h"
#include "tools/cli/migrate/migrate_console.h"
#include "tools/cli/node_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/verbs.h"
#include "zk_store/client/error_mark.h"

namespace metarec::tools {
namespace {

enum class MigrateVerb { kRun, kAbort, kFinish };

const char* MigrateVerbName(MigrateVerb verb) {
  switch (verb) {
    case MigrateVerb::kRun:
      return "migrate run";
    case MigrateVerb::kAbort:
      return "migrate abort";
    case MigrateVerb::kFinish:
      return "migrate finish";
  }
  return "migrate";
}

struct MigrateArguments {
  MigrateVerb verb = MigrateVerb::kRun;
  std::string state_path;
  bool dry_run = false;
  bool skip_bad_nodes = false;
  OutputArguments output;
};

absl::Status CheckStateGiven(const MigrateArguments& arguments) {
  if (!arguments.state_path.empty()) return CheckRegularFile("--state", arguments.state_path);
  return absl::InvalidArgumentError(
      "--state FILE is missing: the file that metarec migrate plan --state FILE wrote");
}

// The steps without a world: to be shown.
absl::StatusOr<std::vector<Step>> StepsToShow(ProcedureState* state, const std::string& path,
                                              std::unique_ptr<ZooKeeperMove>* move) {
  METAREC_ASSIGN_OR_RETURN(MoveRequest request, DecodeMoveRequest(state->head().request));
  *move = std::make_unique<ZooKeeperMove>(std::move(request), state, path, nullptr);
  std::vector<Step> steps = (*move)->Steps();
  METAREC_RETURN_IF_ERROR(Procedure::CheckSteps(steps, *state));
  return steps;
}

absl::StatusOr<ProcedureStatus> StatusInFile(const std::string& path) {
  METAREC_ASSIGN_OR_RETURN(ProcedureState state, ReadProcedureFile(path));
  std::unique_ptr<ZooKeeperMove> move;
  METAREC_ASSIGN_OR_RETURN(const std::vector<Step> steps, StepsToShow(&state, path, &move));
  return StatusOf(state, steps, IsProcedureFileInUse(path));
}

absl::Status PrintProcedureStatus(const ProcedureStatus& status,
                                  const MigrateArguments& arguments) {
  return arguments.output.Print(arguments.output.json() ? StatusJson(status)
                                                        : StatusText(status, arguments.state_path));
}

ExitCode RunMigrateStatus(const MigrateArguments& arguments) {
  constexpr char kMigrateStatus[] = "migrate status";
  if (const absl::Status given = CheckStateGiven(arguments); !given.ok())
    return Fail(kMigrateStatus, given);
  const absl::StatusOr<ProcedureStatus> status = StatusInFile(AbsolutePath(arguments.state_path));
  if (!status.ok()) return Fail(kMigrateStatus, status.status());
  const absl::Status printed = PrintProcedureStatus(*status, arguments);
  return printed.ok() ? ExitCode::kDone : Fail(kMigrateStatus, printed);
}

ExitCode PrintRunbook(const MigrateArguments& arguments) {
  const std::string path = AbsolutePath(arguments.state_path);
  absl::StatusOr<ProcedureState> state = ReadProcedureFile(path);
  if (!state.ok()) return Fail("migrate run", state.status());
  std::unique_ptr<ZooKeeperMove> move;
  const absl::StatusOr<std::vector<Step>> steps = StepsToShow(&*state, path, &move);
  if (!steps.ok()) return Fail("migrate run", steps.status());
  const absl::Status printed = arguments.output.Print(RunbookText(*steps));
  return printed.ok() ? ExitCode::kDone : Fail("migrate run", printed);
}

asio::awaitable<absl::StatusOr<ExitCode>> TakeSteps(const MigrateArguments& arguments,
                                                    CommandLoop* loop, ProgressPrinter* progress) {
  METAREC_CO_RETURN_IF_ERROR(CheckStateGiven(arguments));
  Clock* const clock = &loop->clock();
  const std::string path = AbsolutePath(arguments.state_path);
  ProcedureState state;
  METAREC_CO_ASSIGN_OR_RETURN(const ProcedureFile file, ProcedureFile::Open(path, &state));
  METAREC_CO_ASSIGN_OR_RETURN(const MoveRequest request, DecodeMoveRequest(state.head().request));
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  NodeAccess access(executor, clock);
  NetworkedMoveWorld world(request.from, request.to, executor, access.surroundings());
  if (arguments.skip_bad_nodes) ZooKeeperMove::AcceptBadNodes(&state);
  ZooKeeperMove move(request, &state, path, &world, progress);
  std::vector<Step> steps = move.Steps();
  METAREC_CO_RETURN_IF_ERROR(Procedure::CheckSteps(steps, state));
  const std::vector<Step> shown = steps;
  MigrateConsole console(progress);
  Procedure::Save save = [&file](const ProcedureState& now) { return file.Save(now); };
  Procedure procedure(std::move(steps), &state, std::move(save), clock, &console);
  absl::Status taken;
  if (arguments.verb == MigrateVerb::kFinish) {
    const ProcedurePhase phase = StatusOf(state, shown, false).phase;
    if (phase == ProcedurePhase::kPlanned || phase == ProcedurePhase::kUnderWay) {
      co_return MarkedError(ErrorMark::kRefused,
                            "the move is not done yet: go on with metarec migrate run");
    }
    taken = co_await procedure.Run(Stage::kFinish);
  } else if (arguments.verb == MigrateVerb::kRun) {
    taken = co_await procedure.Run(Stage::kRun);
  } else {
    taken = co_await procedure.Abort();
  }
  progress->Clear();
  if (absl::IsCancelled(taken)) co_return taken;
  // A guard did not hold, or there is no way back.
  if (absl::IsFailedPrecondition(taken)) taken = WithMark(taken, ErrorMark::kRefused);
  CommandLoop::BeginToTell();
  const ProcedureStatus status = StatusOf(state, shown, false);
  METAREC_CO_RETURN_IF_ERROR(PrintProcedureStatus(status, arguments));
  METAREC_CO_RETURN_IF_ERROR(taken);
  const bool has_losses =
      arguments.verb == MigrateVerb::kRun && ZooKeeperMove::PartitionsLost(state) > 0;
  co_return has_losses ? ExitCode::kAcceptedLosses : ExitCode::kDone;
}

ExitCode RunSteps(const MigrateArguments& arguments) {
  CommandLoop loop;
  return loop.Run(
      MigrateVerbName(arguments.verb),
      CommandLoop::AfterInterruption("the state says how far it is, and nothing is lost. Run the "
                                     "same command again, and it goes on",
                                     /*does_write=*/false),
      [&](ProgressPrinter* progress) { return TakeSteps(arguments, &loop, progress); },
      ProgressPrinter::StyleOfStderr(arguments.output.json()));
}

void AddSkipBadNodes(Command& verb, MigrateArguments* arguments) {
  verb.AddFlag("-b,--skip_bad_nodes", &arguments->skip_bad_nodes,
               "from now on go on without replica servers that do not answer; what could not be "
               "looked at because of them is said");
}

std::shared_ptr<MigrateArguments> DeclareMigrate(Command& verb, MigrateVerb which) {
  const auto arguments = std::make_shared<MigrateArguments>();
  arguments->verb = which;
  verb.Add("--state", &arguments->state_path, "the file that metarec migrate plan wrote")
      .TypeName("FILE")
      .Needed();
  arguments->output.AddTo(verb);
  return arguments;
}

}  // namespace

RunVerb MakeMigrateRunVerb(Command& verb) {
  verb.Paragraph(
      "Takes the steps of a plan, one after the other; each is looked at before and after. Killed "
      "or stopped at any moment, it goes on when it is run again. A guard that does not hold stops "
      "it (exit code 4), and nothing is lost by that. It ends when the cluster serves from the new "
      "ZooKeeper; the old tree is still there, for metarec migrate abort or finish. Exit code 5 if "
      "the recovery created partitions empty, as it was allowed to.");
  verb.Example("metarec migrate run --state move.state");
  const auto arguments = DeclareMigrate(verb, MigrateVerb::kRun);
  verb.AddFlag("--dry_run", &arguments->dry_run, "print the steps as a runbook, and do nothing");
  AddSkipBadNodes(verb, arguments.get());
  return [arguments] {
    if (!arguments->dry_run) return RunSteps(*arguments);
    if (const absl::Status given = CheckStateGiven(*arguments); !given.ok()) {
      return Fail("migrate run", given);
    }
    return PrintRunbook(*arguments);
  };
}

RunVerb MakeMigrateStatusVerb(Command& verb) {
  verb.Paragraph(
      "Says where a move stands, what comes next, and what can still be undone. Reads only the "
      "file.");
  verb.Example("metarec migrate status --state move.state --format json");
  const auto arguments = DeclareMigrate(verb, MigrateVerb::kRun);
  return [arguments] { return RunMigrateStatus(*arguments); };
}

RunVerb MakeMigrateAbortVerb(Command& verb) {
  verb.Paragraph(
      "Undoes what was done, the last step first, so that the cluster is again where it was. "
      "Refused (exit code 4), before anything is undone, if there is no way back any more: once a "
      "replica's ballot has gone beyond the old tree, replica servers would ignore what it says.");
  verb.Example("metarec migrate abort --state move.state");
  const auto arguments = DeclareMigrate(verb, MigrateVerb::kAbort);
  AddSkipBadNodes(verb, arguments.get());
  return [arguments] { return RunSteps(*arguments); };
}

RunVerb MakeMigrateFinishVerb(Command& verb) {
  verb.Paragraph(
      "Removes the old tree, once the cluster serves from the new ZooKeeper. A mark stays in its "
      "place, so that a meta server with an old configuration does not take it for a cluster. "
      "After that there is no way back. Refused (exit code 4), and nothing is removed, if somebody "
      "has created or set a znode in the old tree since the new one was made.");
  verb.Example("metarec migrate finish --state move.state");
  const auto arguments = DeclareMigrate(verb, MigrateVerb::kFinish);
  return [arguments] { return RunSteps(*arguments); };
}

}  // namespace metarec::tools
