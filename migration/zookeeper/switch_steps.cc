// The steps that both ways share: looking, backups, stopping and starting meta servers.

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "migration/procedure/operator_command.h"
#include "migration/zookeeper/by_hand.h"
#include "migration/zookeeper/moved_root.h"
#include "migration/zookeeper/tables_before.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

absl::Status WriteLines(const std::string& path, const std::vector<std::string>& lines) {
  LineWriterOptions options;
  options.overwrite = true;
  METAREC_ASSIGN_OR_RETURN(LineWriter writer, LineWriter::Create(path, options));
  for (const std::string& line : lines) METAREC_RETURN_IF_ERROR(writer.Append(line));
  return writer.Finish();
}

}  // namespace

ZooKeeperMove::ZooKeeperMove(MoveRequest request, ProcedureState* state, std::string state_path,
                             MoveWorld* world, ProgressListener* progress)
    : request_(std::move(request)),
      state_(state),
      state_path_(std::move(state_path)),
      world_(world),
      progress_(progress) {}

std::vector<Step> ZooKeeperMove::Steps() {
  std::vector<Step> steps;
  steps.push_back(Check());
  steps.push_back(Backup());
  if (is_copy()) {
    if (!request_.followers().empty()) steps.push_back(StopFollowers());
    steps.push_back(SetBlind());
    steps.push_back(FirstPass());
    steps.push_back(Rehearse());
    steps.push_back(StopLeader());
    steps.push_back(LastPass());
  } else {
    steps.push_back(StopMetas());
    steps.push_back(AwaitInactive());
    steps.push_back(Recover());
    if (request_.carry_over) steps.push_back(CarryOver());
  }
  steps.push_back(EditConfigs());
  steps.push_back(StartLeader());
  steps.push_back(CheckTables());
  if (!request_.followers().empty()) steps.push_back(StartFollowers());
  steps.push_back(RestoreLevel());
  steps.push_back(CheckNodes());
  steps.push_back(MarkOldRoot());
  steps.push_back(RemoveOldTree());
  steps.push_back(RemoveMark());
  return steps;
}

asio::awaitable<absl::StatusOr<TreePlace>> ZooKeeperMove::Place(MoveEnd end) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store, co_await world_->Store(end));
  TreePlace place;
  place.store = store;
  place.root = world_->side(end).RealRoot();
  place.text = world_->side(end).Text();
  co_return place;
}

Step ZooKeeperMove::LookStep(std::string name, std::string title, std::string result,
                             std::vector<std::string> by_hand, Look after) {
  Step step;
  step.name = std::move(name);
  step.deed.title = std::move(title);
  step.deed.result = std::move(result);
  step.deed.by_hand = std::move(by_hand);
  step.deed.act = []() -> asio::awaitable<absl::Status> { co_return absl::OkStatus(); };
  step.deed.after = std::move(after);
  step.deed.wait_max = wait_max();
  return step;
}

void ZooKeeperMove::GuardAfterSwitch(Step* step) {
  step->deed.guard = "nobody new is a candidate in the old lock directory";
  step->deed.before = [this] { return NobodyNewInOldLock(); };
}

Step ZooKeeperMove::Check() {
  Step step = LookStep(
      move_step::kCheck,
      absl::StrCat("Look whether ", request_.from.Text(), " can move to ", request_.to.Text()),
      absl::StrCat(request_.leader().address,
                   " leads; nobody is a candidate in the new lock directory; the new root is free; "
                   "each config.ini that is here can be changed",
                   is_copy() ? "" : "; the replica servers answer, and agree"),
      {absl::StrCat("metarec cluster_info ", by_hand::MetaOption(request_)),
       absl::StrCat("metarec zk ls ", ShellWord(request_.to.Address()),
                    by_hand::AuthOption("--zk_auth_file", request_.to),
                    "   # there is no such znode, or nothing is in it")},
      [this] { return CanBegin(); });
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await CanBegin());
    if (sight.holds) METAREC_CO_RETURN_IF_ERROR(co_await NoteTarget());
    co_return sight;
  };
  step.deed.wait_max = absl::ZeroDuration();
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::NoteTarget() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  RetryBudget budget(world_->clock());
  StoreReader reader(to.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(std::optional<NodeChildren> children,
                              co_await reader.Children(to.root));
  if (!children.has_value()) co_return absl::OkStatus();
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::optional<MovedRoot> moved,
      co_await ReadMovedRoot(to, request_.to.RealLockRoot(), world_->clock()));
  if (moved.has_value()) {
    // It goes, and comes back if the move is aborted.
    state_->Note(move_fact::kMovedText, moved->text);
    std::erase(children->names, kAppsName);
  }
  state_->Note(move_fact::kTargetRoot, "yes");
  state_->Note(move_fact::kTargetChildren, std::move(children->names));
  co_return absl::OkStatus();
}

Step ZooKeeperMove::Backup() {
  Step step;
  step.name = move_step::kBackup;
  step.deed.title = absl::StrCat(
      "Write down the tables, the replica servers and the old tree, in "
      "files beside ",
      state_path_);
  step.deed.result = "the files are there";
  step.deed.by_hand = {absl::StrCat("metarec ls -d ", by_hand::MetaOption(request_), " -o ",
                                    ShellWord(BackupPath(move_file::kAppsListing)))};
  for (std::string& command : by_hand::WriteNodeList(request_, BackupPath(move_file::kNodesListing),
                                                     BackupPath(move_file::kNodeList))) {
    step.deed.by_hand.push_back(std::move(command));
  }
  step.deed.by_hand.push_back(absl::StrCat("metarec zk export ", ShellWord(request_.from.Address()),
                                           " ", ShellWord(BackupPath(move_file::kOldTree)),
                                           by_hand::AuthOption("--zk_auth_file", request_.from)));
  step.deed.act = [this] { return WriteBackups(); };
  step.deed.after = [this]() -> asio::awaitable<Seen> {
    const std::string kept = state_->Fact(move_fact::kBackup);
    co_return kept.empty() ? Sight::Lacks("no backup was written") : Sight::Holds(kept);
  };
  step.deed.wait_max = absl::ZeroDuration();
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::WriteBackups() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TableView> tables,
                              co_await world_->AskTables(MetaAddresses()));
  METAREC_CO_RETURN_IF_ERROR(WriteTablesBefore(BackupPath(move_file::kTables), tables));
  METAREC_CO_RETURN_IF_ERROR(WriteLines(BackupPath(move_file::kNodeList), request_.nodes));
  std::string kept =
      absl::StrCat(Counted(static_cast<int64_t>(tables.size()), "table"), ", ",
                   Counted(static_cast<int64_t>(request_.nodes.size()), "replica server"));
  const absl::StatusOr<TreePlace> from = co_await Place(MoveEnd::kFrom);
  absl::StatusOr<int64_t> znodes = 0;
  if (!from.ok()) {
    znodes = from.status();
  } else {
    znodes = co_await ExportTree(*from, BackupPath(move_file::kOldTree), world_->clock());
  }
  if (absl::IsCancelled(znodes.status())) co_return znodes.status();
  if (znodes.ok()) {
    absl::StrAppend(&kept, ", ", Counted(*znodes, "znode"));
  } else if (is_copy()) {
    co_return znodes.status();
  } else {
    absl::StrAppend(&kept, "; the old tree could not be read: ", znodes.status().message());
  }
  state_->Note(move_fact::kBackup, kept);
  co_return absl::OkStatus();
}

std::vector<std::pair<std::string, std::string>> ZooKeeperMove::EnvironmentFor(
    const MoveServer& server, bool back) const {
  return {{"METAREC_META", server.address},
          {"METAREC_CONFIG", server.config},
          {"METAREC_RUN", state_->head().run_id},
          {"METAREC_BACK", back ? "1" : "0"},
          {"METAREC_ZOOKEEPER", request_.to.hosts},
          {"METAREC_ROOT", request_.to.root},
          {"METAREC_LOCK_ROOT", request_.to.lock_root},
          {"METAREC_OLD_ZOOKEEPER", request_.from.hosts},
          {"METAREC_OLD_ROOT", request_.from.root},
          {"METAREC_OLD_LOCK_ROOT", request_.from.lock_root}};
}

void ZooKeeperMove::DoForEach(const std::vector<MoveServer>& servers, OperatorAct act, Deed* deed) {
  if (act.command.empty()) {
    deed->by_hand = {absl::StrCat(act.what, " ", NamesOf(servers))};
    deed->request = absl::StrCat("Please ", act.what, " ", NamesOf(servers),
                                 servers.size() == 1 ? "" : ", one after the other",
                                 "; this goes on by itself when that is done.");
    return;
  }
  for (const MoveServer& server : servers) {
    std::string words;
    for (const auto& [name, value] : EnvironmentFor(server, act.back)) {
      absl::StrAppend(&words, name, "=", ShellWord(value), " ");
    }
    deed->by_hand.push_back(absl::StrCat(words, "sh -c ", ShellWord(act.command)));
  }
  deed->act = [this, servers, act] { return RunFor(servers, act); };
  // A command goes on when the run that began it is killed.
  deed->settles_in = absl::Seconds(request_.command_seconds) + kCommandTimeToEnd;
}

asio::awaitable<absl::Status> ZooKeeperMove::RunFor(std::vector<MoveServer> servers,
                                                    OperatorAct act) {
  // Some of them may have been reached when a run was killed.
  const ProcedureEvent& begun = state_->events().back();
  const bool is_repeated =
      std::count_if(state_->events().begin(), state_->events().end(),
                    [&](const ProcedureEvent& event) {
                      return event.kind == begun.kind && event.step == begun.step;
                    }) > 1;
  for (const MoveServer& server : servers) {
    if (is_repeated && act.wanted.has_value()) {
      METAREC_CO_ASSIGN_OR_RETURN(const PortState port,
                                  co_await world_->LookAtPort(server.address));
      if (port == *act.wanted) continue;
    }
    OperatorCommand run;
    run.command = act.command;
    run.environment = EnvironmentFor(server, act.back);
    run.time_max = absl::Seconds(request_.command_seconds);
    const absl::Status ran = co_await world_->RunCommand(std::move(run));
    if (ran.ok()) continue;
    co_return absl::Status(
        ran.code(),
        absl::StrCat("for ", server.address, ": ", ran.message(),
                     ". Mend what it fails for, or do it by hand: ", act.what, " ", server.address,
                     act.then,
                     ". Then repeat what you did here: it goes on, and what is done is not done "
                     "again. Another command needs another plan: abort this one"));
  }
  co_return absl::OkStatus();
}

Deed ZooKeeperMove::StopDeed(std::vector<MoveServer> servers) {
  Deed deed;
  deed.title = absl::StrCat("Stop ", NamesOf(servers));
  deed.result =
      servers.size() == 1 ? "its port refuses connections" : "their ports refuse connections";
  OperatorAct stop;
  stop.command = request_.stop_meta;
  stop.what = "stop";
  stop.wanted = PortState::kClosed;
  DoForEach(servers, std::move(stop), &deed);
  deed.after = [this, servers] { return AllPortsClosed(servers); };
  deed.looks_first = true;
  deed.wait_max = wait_max();
  return deed;
}

Deed ZooKeeperMove::StartDeed(std::vector<MoveServer> servers, MoveEnd end) {
  Deed deed;
  const MoveSide& side = end == MoveEnd::kTo ? request_.to : request_.from;
  deed.title = absl::StrCat("Start ", NamesOf(servers), " on ", side.Text());
  deed.result = absl::StrCat("the cluster answers, and ",
                             servers.size() == 1 ? "it is a candidate" : "they are candidates",
                             " in the lock directory in ", side.Text());
  OperatorAct start;
  start.command = request_.start_meta;
  start.what = "start";
  start.wanted = PortState::kOpen;
  start.back = end == MoveEnd::kFrom;
  DoForEach(servers, std::move(start), &deed);
  deed.after = [this, servers, end] { return Serves(servers, end); };
  deed.looks_first = true;
  deed.wait_max = wait_max();
  if (end == MoveEnd::kFrom) {
    deed.guard =
        "nobody is a candidate in the new lock directory, and no replica has gone beyond the old "
        "tree";
    deed.before = [this]() -> asio::awaitable<Seen> {
      METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyInNewLock());
      if (!sight.holds) co_return sight;
      co_return co_await OldLeaderMayStart();
    };
  }
  return deed;
}

Step ZooKeeperMove::StartLeader() {
  const std::vector<MoveServer> leader = {request_.leader()};
  Step step;
  step.name = move_step::kStartLeader;
  step.deed = StartDeed(leader, MoveEnd::kTo);
  step.deed.guard =
      "nobody is a candidate in either lock directory who was not there before, and no meta server "
      "was started on the old one since the new tree was made";
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await NobodyNewInOldLock());
    if (!sight.holds) co_return sight;
    METAREC_CO_ASSIGN_OR_RETURN(sight, co_await NobodyLedSince());
    if (!sight.holds) co_return sight;
    METAREC_CO_ASSIGN_OR_RETURN(std::vector<MetaCandidate> candidates,
                                co_await world_->Candidates(MoveEnd::kTo));
    // It may have been started already, by a run that was killed.
    std::erase_if(candidates, [this](const MetaCandidate& candidate) {
      return candidate.name == request_.leader().address;
    });
    if (candidates.empty())
      co_return Sight::Holds("nobody else is a candidate in the new lock directory");
    co_return Sight::Lacks(absl::StrCat(NamesOf(candidates),
                                        " is a candidate in the new lock directory (",
                                        candidates.front().path, "): stop it first"));
  };
  // It may have been started with the old configuration first.
  step.deed.after = [this, leader]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(const Sight serves, co_await Serves(leader, MoveEnd::kTo));
    if (!serves.holds) co_return serves;
    METAREC_CO_ASSIGN_OR_RETURN(const Sight nobody_else, co_await NobodyLedSince());
    co_return nobody_else.holds ? serves : nobody_else;
  };
  step.back.kind = WayBack::Kind::kDeed;
  step.back.possible = [this] { return OldTreeIsStillTrue(); };
  step.back.deed = StopDeed(leader);
  // Until its session has expired it might be taken for alive.
  step.back.deed.after = [this, leader]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await AllPortsClosed(leader));
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await NobodyInNewLock());
    }
    co_return sight;
  };
  return step;
}

Step ZooKeeperMove::CheckTables() {
  Step step = LookStep(move_step::kCheckTables, "Compare the tables with those before",
                       is_copy() ? "all tables are as they were, with their envs"
                                 : "all tables that were available are there again",
                       {absl::StrCat("metarec ls -d ", by_hand::MetaOption(request_))},
                       [this] { return TablesAreAsBefore(); });
  GuardAfterSwitch(&step);
  return step;
}

Step ZooKeeperMove::StartFollowers() {
  Step step;
  step.name = move_step::kStartFollowers;
  step.deed = StartDeed(request_.followers(), MoveEnd::kTo);
  GuardAfterSwitch(&step);
  step.back.kind = WayBack::Kind::kDeed;
  step.back.deed = StopDeed(request_.followers());
  return step;
}

Step ZooKeeperMove::RestoreLevel() {
  Step step = LookStep(
      move_step::kRestoreLevel, "Give the meta servers the function level that they had",
      absl::StrCat("the level is what it was before, ", request_.level),
      {absl::StrCat("metarec set_meta_level ", request_.level, " ", by_hand::MetaOption(request_))},
      [this] { return LevelIs(state_->Fact(move_fact::kOldLevel)); });
  step.deed.act = [this] {
    return world_->SetLevel(MetaAddresses(), state_->Fact(move_fact::kOldLevel));
  };
  step.deed.looks_first = true;
  GuardAfterSwitch(&step);
  return step;
}

Step ZooKeeperMove::CheckNodes() {
  Step step =
      LookStep(move_step::kCheckNodes, "Look whether all replica servers have found the new leader",
               absl::StrCat(Counted(static_cast<int64_t>(request_.alive.size()), "replica server"),
                            " alive, as before"),
               {absl::StrCat("metarec nodes -d ", by_hand::MetaOption(request_))},
               [this] { return NodesAreAsBefore(); });
  GuardAfterSwitch(&step);
  return step;
}

}  // namespace metarec
