// The steps that both ways share: looking, backups, stopping and starting meta servers, their
// configuration.

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "migration/procedure/operator_command.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "pegasus_client/config_edit.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"

namespace metarec {
namespace {

asio::awaitable<absl::Status> NothingToDo() { co_return absl::OkStatus(); }

absl::Status WriteLines(const std::string& path, const std::vector<std::string>& lines) {
  LineWriterOptions options;
  options.overwrite = true;
  METAREC_ASSIGN_OR_RETURN(LineWriter writer, LineWriter::Create(path, options));
  for (const std::string& line : lines) METAREC_RETURN_IF_ERROR(writer.Append(line));
  return writer.Finish();
}

std::string MetaOption(const std::vector<std::string>& metas) {
  return absl::StrCat("--meta ", absl::StrJoin(metas, ","));
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

Step ZooKeeperMove::Check() {
  Step step;
  step.name = "check";
  step.deed.title =
      absl::StrCat("Look whether ", request_.from.Text(), " can move to ", request_.to.Text());
  step.deed.result =
      absl::StrCat(request_.leader().address,
                   " leads; nobody is a candidate in the new lock directory; the new root "
                   "is free; each config.ini that is here can be changed");
  step.deed.by_hand = {absl::StrCat("metarec cluster_info ", MetaOption(MetaAddresses())),
                       absl::StrCat("metarec zk ls ", request_.to.Text())};
  step.deed.before = [this]() -> asio::awaitable<Seen> {
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await CanBegin());
    if (sight.holds) METAREC_CO_RETURN_IF_ERROR(co_await NoteTarget());
    co_return sight;
  };
  step.deed.act = [] { return NothingToDo(); };
  step.deed.after = [this] { return CanBegin(); };
  step.deed.wait_max = absl::ZeroDuration();
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::NoteTarget() {
  METAREC_CO_ASSIGN_OR_RETURN(const TreePlace to, co_await Place(MoveEnd::kTo));
  RetryBudget budget(world_->clock());
  StoreReader reader(to.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader.Children(to.root));
  if (!children.has_value()) co_return absl::OkStatus();
  state_->Note("target_root", "yes");
  state_->Note("target_children", absl::StrJoin(children->names, "/"));
  co_return absl::OkStatus();
}

Step ZooKeeperMove::Backup() {
  Step step;
  step.name = "backup";
  step.deed.title = absl::StrCat(
      "Write down the tables, the replica servers and the old tree, in "
      "files beside ",
      state_path_);
  step.deed.result = "the files are there";
  const std::string metas = MetaOption(MetaAddresses());
  step.deed.by_hand = {
      absl::StrCat("metarec ls -d ", metas, " -o apps.list"),
      absl::StrCat("metarec nodes -d ", metas, " -o nodes.list"),
      absl::StrCat("metarec zk export ", request_.from.Text(), " old_tree.jsonl.zst")};
  step.deed.act = [this] { return WriteBackups(); };
  step.deed.after = [this]() -> asio::awaitable<Seen> {
    const std::string kept = state_->Fact("backup");
    co_return kept.empty() ? Sight::Lacks("no backup was written") : Sight::Holds(kept);
  };
  step.deed.wait_max = absl::ZeroDuration();
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::WriteBackups() {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TableView> tables,
                              co_await world_->AskTables(MetaAddresses(), false));
  METAREC_CO_RETURN_IF_ERROR(WriteLines(BackupPath("tables"), TableLines(tables, is_copy())));
  METAREC_CO_RETURN_IF_ERROR(WriteLines(BackupPath("recover_node_list"), request_.nodes));
  std::string kept =
      absl::StrCat(Counted(static_cast<int64_t>(tables.size()), "table"), ", ",
                   Counted(static_cast<int64_t>(request_.nodes.size()), "replica server"));
  const absl::StatusOr<TreePlace> from = co_await Place(MoveEnd::kFrom);
  absl::StatusOr<int64_t> znodes = 0;
  if (!from.ok()) {
    znodes = from.status();
  } else {
    znodes = co_await ExportTree(*from, BackupPath("old_tree.jsonl.zst"), world_->clock());
  }
  if (absl::IsCancelled(znodes.status())) co_return znodes.status();
  if (znodes.ok()) {
    absl::StrAppend(&kept, ", ", Counted(*znodes, "znode"));
  } else if (is_copy()) {
    co_return znodes.status();
  } else {
    absl::StrAppend(&kept, "; the old tree could not be read: ", znodes.status().message());
  }
  state_->Note("backup", kept);
  co_return absl::OkStatus();
}

void ZooKeeperMove::DoForEach(const std::vector<MoveServer>& servers, const std::string& command,
                              const char* what, PortState wanted, Deed* deed) {
  if (command.empty()) {
    deed->by_hand = {absl::StrCat(what, " ", NamesOf(servers))};
    deed->request = absl::StrCat("Please ", what, " ", NamesOf(servers),
                                 servers.size() == 1 ? "" : ", one after the other",
                                 "; this goes on by itself when that is done.");
    return;
  }
  for (const MoveServer& server : servers) {
    deed->by_hand.push_back(
        absl::StrCat("METAREC_META=", server.address, " sh -c ", ShellWord(command)));
  }
  deed->act = [this, servers, command, wanted] { return RunFor(servers, command, wanted); };
  // A command goes on when the run that began it is killed.
  deed->settles_in = absl::Seconds(request_.command_seconds);
}

asio::awaitable<absl::Status> ZooKeeperMove::RunFor(std::vector<MoveServer> servers,
                                                    std::string command,
                                                    std::optional<PortState> wanted) {
  // Some of them may have been reached when a run was killed.
  const ProcedureEvent& begun = state_->events().back();
  const bool is_repeated =
      std::count_if(state_->events().begin(), state_->events().end(),
                    [&](const ProcedureEvent& event) {
                      return event.kind == begun.kind && event.step == begun.step;
                    }) > 1;
  for (const MoveServer& server : servers) {
    if (is_repeated && wanted.has_value()) {
      METAREC_CO_ASSIGN_OR_RETURN(const PortState port,
                                  co_await world_->LookAtPort(server.address));
      if (port == *wanted) continue;
    }
    OperatorCommand run;
    run.command = command;
    run.environment = {{"METAREC_META", server.address},
                       {"METAREC_CONFIG", server.config},
                       {"METAREC_RUN", state_->head().run_id},
                       {"METAREC_ZOOKEEPER", request_.to.hosts},
                       {"METAREC_OLD_ZOOKEEPER", request_.from.hosts},
                       {"METAREC_ROOT", request_.to.root},
                       {"METAREC_LOCK_ROOT", request_.to.lock_root}};
    run.time_max = absl::Seconds(request_.command_seconds);
    const absl::Status ran = co_await RunOperatorCommand(std::move(run), world_->clock());
    if (ran.ok()) continue;
    co_return absl::Status(ran.code(), absl::StrCat("for ", server.address, ": ", ran.message()));
  }
  co_return absl::OkStatus();
}

Deed ZooKeeperMove::StopDeed(std::vector<MoveServer> servers) {
  Deed deed;
  deed.title = absl::StrCat("Stop ", NamesOf(servers));
  deed.result = "their ports refuse connections";
  DoForEach(servers, request_.stop_meta, "stop", PortState::kClosed, &deed);
  deed.after = [this, servers] { return AllPortsClosed(servers); };
  deed.looks_first = true;
  deed.wait_max = wait_max();
  return deed;
}

Deed ZooKeeperMove::StartDeed(std::vector<MoveServer> servers, MoveEnd end) {
  Deed deed;
  const MoveSide& side = end == MoveEnd::kTo ? request_.to : request_.from;
  deed.title = absl::StrCat("Start ", NamesOf(servers), " on ", side.Text());
  deed.result = absl::StrCat(
      "the cluster answers, and they are candidates in the lock directory in ", side.Text());
  DoForEach(servers, request_.start_meta, "start", PortState::kOpen, &deed);
  deed.after = [this, servers, end] { return Serves(servers, end); };
  deed.looks_first = true;
  deed.wait_max = wait_max();
  if (end == MoveEnd::kFrom) {
    deed.guard = "no replica has gone beyond the old tree";
    deed.before = [this] { return OldLeaderMayStart(); };
  }
  return deed;
}

Step ZooKeeperMove::EditConfigs() {
  Step step;
  step.name = "edit_configs";
  std::vector<std::string> keys;
  for (const ConfigChange& change : request_.ConfigChanges()) {
    keys.push_back(absl::StrCat("[", change.section, "] ", change.key, " = ", change.value));
  }
  const auto fill = [&](Deed* deed, bool back) {
    bool all_here = true;
    for (const MoveServer& server : request_.metas) all_here &= !server.config.empty();
    deed->guard = back ? "all meta servers are stopped"
                       : "all meta servers are stopped, and none was started on the old one since "
                         "the new tree was made";
    deed->result =
        back ? "each config.ini is as it was before" : "each config.ini has the new values";
    deed->title = absl::StrCat(back ? "Put back in" : "Set in", " the config.ini of ",
                               NamesOf(request_.metas), ": ", absl::StrJoin(keys, ", "));
    for (const MoveServer& server : request_.metas) {
      deed->by_hand.push_back(absl::StrCat("sed -i.bak 's@^\\( *hosts_list *=\\).*@\\1 ",
                                           back ? request_.from.hosts : request_.to.hosts, "@' ",
                                           server.config.empty()
                                               ? absl::StrCat("config.ini   # of ", server.address)
                                               : ShellWord(server.config)));
    }
    deed->before = [this, back]() -> asio::awaitable<Seen> {
      METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await AllPortsClosed(request_.metas));
      if (!sight.holds) co_return sight;
      if (back) co_return co_await OldLeaderMayStart();
      co_return co_await NobodyLedSince();
    };
    deed->after = [this, back] { return ConfigsAre(!back); };
    deed->wait_max = wait_max();
    deed->act = [this, back] { return EditAllConfigs(back); };
    if (all_here) return;
    if (!request_.edit_config.empty()) {
      deed->settles_in = absl::Seconds(request_.command_seconds);
    } else {
      const std::string confirm = absl::StrCat("touch ", ShellWord(ConfirmationPath(back)));
      deed->by_hand.push_back(confirm);
      deed->request = absl::StrCat("Please set ", absl::StrJoin(keys, ", "), back ? " back" : "",
                                   " in the config.ini of ", NamesOf(request_.metas),
                                   " where this program has no --config of theirs, such as with ",
                                   deed->by_hand.front(), ", and confirm it with ", confirm, ".");
    }
  };
  fill(&step.deed, false);
  step.back.kind = WayBack::Kind::kDeed;
  fill(&step.back.deed, true);
  return step;
}

asio::awaitable<absl::Status> ZooKeeperMove::EditAllConfigs(bool back) {
  std::vector<std::string> difference;
  std::vector<MoveServer> elsewhere;
  const std::vector<ConfigChange> changes = request_.ConfigChanges();
  for (const MoveServer& server : request_.metas) {
    if (server.config.empty()) {
      elsewhere.push_back(server);
    } else if (back) {
      METAREC_CO_RETURN_IF_ERROR(RestoreConfigFile(server.config, changes, BackupSuffix()));
    } else {
      METAREC_CO_ASSIGN_OR_RETURN(const std::vector<std::string> lines,
                                  EditConfigFile(server.config, changes, BackupSuffix()));
      for (const std::string& line : lines) {
        difference.push_back(absl::StrCat(server.config, ":", line));
      }
    }
  }
  if (!back) state_->Note("config_difference", absl::StrJoin(difference, "\n"));
  if (elsewhere.empty() || request_.edit_config.empty()) co_return absl::OkStatus();
  state_->Note(ConfigsFact(!back), "");
  const std::string command = absl::StrCat("METAREC_BACK=", back ? "1" : "0",
                                           "; export METAREC_BACK; ", request_.edit_config);
  METAREC_CO_RETURN_IF_ERROR(co_await RunFor(elsewhere, command, std::nullopt));
  state_->Note(ConfigsFact(back), "yes");
  co_return absl::OkStatus();
}

Step ZooKeeperMove::StartLeader() {
  const std::vector<MoveServer> leader = {request_.leader()};
  Step step;
  step.name = "start_leader";
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
    METAREC_CO_ASSIGN_OR_RETURN(Sight sight, co_await Serves(leader, MoveEnd::kTo));
    if (sight.holds) {
      METAREC_CO_ASSIGN_OR_RETURN(sight, co_await NobodyLedSince());
    }
    co_return sight;
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
  Step step;
  step.name = "check_tables";
  step.deed.title = "Compare the tables with those before";
  step.deed.guard = "nobody new is a candidate in the old lock directory";
  step.deed.result = is_copy() ? "all tables are as they were, with their envs"
                               : "all tables that were available are there again";
  step.deed.by_hand = {absl::StrCat("metarec ls -d ", MetaOption(MetaAddresses()))};
  step.deed.before = [this] { return NobodyNewInOldLock(); };
  step.deed.act = [] { return NothingToDo(); };
  step.deed.after = [this] { return TablesAreAsBefore(); };
  step.deed.wait_max = wait_max();
  return step;
}

Step ZooKeeperMove::StartFollowers() {
  Step step;
  step.name = "start_followers";
  step.deed = StartDeed(request_.followers(), MoveEnd::kTo);
  step.deed.guard = "nobody new is a candidate in the old lock directory";
  step.deed.before = [this] { return NobodyNewInOldLock(); };
  step.back.kind = WayBack::Kind::kDeed;
  step.back.deed = StopDeed(request_.followers());
  return step;
}

Step ZooKeeperMove::RestoreLevel() {
  Step step;
  step.name = "restore_level";
  step.deed.title = "Give the meta servers the function level that they had";
  step.deed.guard = "nobody new is a candidate in the old lock directory";
  step.deed.result = "the level is what it was before";
  step.deed.by_hand = {absl::StrCat("metarec set_meta_level LEVEL ", MetaOption(MetaAddresses()))};
  step.deed.before = [this] { return NobodyNewInOldLock(); };
  step.deed.act = [this] { return world_->SetLevel(MetaAddresses(), state_->Fact("old_level")); };
  step.deed.after = [this] { return LevelIs(state_->Fact("old_level")); };
  step.deed.looks_first = true;
  step.deed.wait_max = wait_max();
  return step;
}

Step ZooKeeperMove::CheckNodes() {
  Step step;
  step.name = "check_nodes";
  step.deed.title = "Look whether all replica servers have found the new leader";
  step.deed.guard = "nobody new is a candidate in the old lock directory";
  step.deed.result = absl::StrCat(
      Counted(static_cast<int64_t>(request_.alive.size()), "replica server"), " alive, as before");
  step.deed.by_hand = {absl::StrCat("metarec nodes -d ", MetaOption(MetaAddresses()))};
  step.deed.before = [this] { return NobodyNewInOldLock(); };
  step.deed.act = [] { return NothingToDo(); };
  step.deed.after = [this] { return NodesAreAsBefore(); };
  step.deed.wait_max = wait_max();
  return step;
}

}  // namespace metarec
