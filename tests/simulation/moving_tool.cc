// The tool in its simulated world: what it asks and does goes to the simulated cluster.

#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/this_coro.hpp>

#include "base/runtime/status_macros.h"
#include "migration/procedure/procedure_state.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "moving_world.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kNobodyLeads = absl::Seconds(10);

Side SideOf(MoveEnd end) { return end == MoveEnd::kFrom ? Side::kFrom : Side::kTo; }

}  // namespace

class MovingWorld::Tool final : public metarec::MoveWorld {
 public:
  Tool(MovingWorld* world, Command* command, Surroundings surroundings)
      : metarec::MoveWorld(world->request_.from, world->request_.to, std::move(surroundings)),
        world_(world),
        command_(command) {}

  asio::awaitable<absl::StatusOr<ClusterInfo>> AskCluster(std::vector<std::string>) override {
    METAREC_CO_ASSIGN_OR_RETURN(const MovedCluster::Meta* const leader, co_await AskLeader());
    ClusterInfo info;
    METAREC_CO_RETURN_IF_ERROR(world_->Call(command_, /*may_fail=*/true, [&] {
      info.answered_by = info.leader = leader->address;
      for (const auto& meta : world_->cluster_.metas()) info.meta_servers.push_back(meta.address);
      const MoveSide& at = side(leader->side == Side::kFrom ? MoveEnd::kFrom : MoveEnd::kTo);
      info.zookeeper_hosts = at.hosts;
      info.zookeeper_root = at.root;
      // Planted: nobody looks at the level.
      info.level = world_->planted_ == "no_level" ? "blind" : leader->level;
      info.cluster_name = "demo";
    }));
    co_return info;
  }

  asio::awaitable<absl::StatusOr<std::vector<TableView>>> AskTables(
      std::vector<std::string>) override {
    METAREC_CO_ASSIGN_OR_RETURN(const MovedCluster::Meta* const leader, co_await AskLeader());
    std::vector<TableView> tables;
    METAREC_CO_RETURN_IF_ERROR(world_->Call(command_, /*may_fail=*/true, [&] {
      for (const auto& [id, table] : leader->tables) {
        static_cast<AppZnode&>(tables.emplace_back()) = table;
      }
    }));
    co_return tables;
  }

  asio::awaitable<absl::StatusOr<std::vector<NodeView>>> AskNodes(
      std::vector<std::string>) override {
    METAREC_CO_ASSIGN_OR_RETURN(const MovedCluster::Meta* const leader, co_await AskLeader());
    std::vector<NodeView> nodes;
    METAREC_CO_RETURN_IF_ERROR(world_->Call(command_, /*may_fail=*/true, [&] {
      const int number = world_->cluster_.FindMeta(leader->address);
      for (const auto& node : world_->cluster_.nodes()) {
        const bool is_alive = node.is_up && node.leader == number;
        nodes.push_back({node.address, is_alive ? NodeLiveness::kAlive : NodeLiveness::kUnalive});
      }
    }));
    co_return nodes;
  }

  asio::awaitable<absl::Status> SetLevel(std::vector<std::string>, std::string level) override {
    METAREC_CO_ASSIGN_OR_RETURN(MovedCluster::Meta* const leader, co_await AskLeader());
    co_return world_->Call(command_, /*may_fail=*/true, [&] {
      world_->Say(leader->address, absl::StrCat("has the level ", level));
      leader->level = level;
      leader->level_since = world_->queue.now();
    });
  }

  asio::awaitable<absl::StatusOr<PortState>> LookAtPort(std::string address) override {
    METAREC_CO_RETURN_IF_ERROR(co_await Travel());
    PortState state = PortState::kUnknown;
    const absl::Status looked = world_->Call(command_, /*may_fail=*/true, [&] {
      const int meta = world_->cluster_.FindMeta(address);
      const bool is_running = world_->cluster_.metas()[static_cast<size_t>(meta)].is_running;
      // Planted: a server that runs is taken for a stopped one, until one is started.
      const bool is_hidden = world_->planted_ == "closed_ports" &&
                             command_->verb == MoveVerb::kRun && !world_->has_switched_;
      const bool is_open = is_running && !is_hidden;
      state = is_open ? PortState::kOpen : PortState::kClosed;
    });
    if (absl::IsCancelled(looked)) co_return looked;
    co_return looked.ok() ? state : PortState::kUnknown;
  }

  asio::awaitable<absl::Status> RunCommand(OperatorCommand command) override {
    const auto executor = co_await asio::this_coro::executor;
    const auto ended = std::make_shared<Event>(executor);
    const auto status = std::make_shared<absl::Status>();
    METAREC_CO_RETURN_IF_ERROR(world_->Call(command_, /*may_fail=*/false, [&] {
      world_->RunCommand(command, command_->step_began, ended, status);
    }));
    METAREC_CO_RETURN_IF_ERROR(co_await ended->Wait());
    METAREC_CO_RETURN_IF_ERROR(world_->Call(command_, /*may_fail=*/false, [] {}));
    co_return *status;
  }

 private:
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(MoveEnd end) override {
    METAREC_CO_RETURN_IF_ERROR(co_await Travel());
    if (command_->process.dead()) co_return absl::CancelledError("dead");
    co_return world_->TransferWorld::Connect(SideOf(end), command_->process.client());
  }

  asio::awaitable<absl::Status> Travel() {
    return world_->clock.SleepFor(
        world_->random.Span(absl::Microseconds(300), absl::Milliseconds(30)));
  }

  // Who answers as the leader, for as long as nobody is awaited.
  asio::awaitable<absl::StatusOr<MovedCluster::Meta*>> AskLeader() {
    METAREC_CO_RETURN_IF_ERROR(co_await Travel());
    if (MovedCluster::Meta* const leader = world_->cluster_.Leader()) co_return leader;
    METAREC_CO_RETURN_IF_ERROR(co_await world_->clock.SleepFor(kNobodyLeads));
    co_return absl::UnavailableError("no meta server leads");
  }

  MovingWorld* const world_;
  Command* const command_;
};

MovingWorld::Command::Command(MovingWorld* world_in, std::string name, MoveVerb verb_in)
    : world(world_in),
      verb(verb_in),
      process(world_in, std::move(name), {}),
      started(world_in->queue.now()) {}

void MovingWorld::Command::OnBegin(const Step& begun, const Deed&) {
  step = begun.name;
  step_began = world->queue.now();
  world->Say(process.client().name, absl::StrCat("begins ", step));
  world->has_switched_ |= verb == MoveVerb::kRun && step == move_step::kStartLeader;
  const bool makes = step == move_step::kLastPass || step == move_step::kRecover;
  if (verb != MoveVerb::kRun) {
    world->is_making_ = false;
  } else if (makes) {
    world->NoteOldTree();
  } else if (world->is_making_) {
    // It was killed after that was noted as done, and before it could say so.
    world->CheckStep(
        *this, world->case_.way == MoveWay::kCopy ? move_step::kLastPass : move_step::kRecover);
  }
}

void MovingWorld::Command::OnWait(const std::string& seen, absl::Duration) {
  world->Say(process.client().name, absl::StrCat("waits: ", world->Repeatable(seen)));
}

void MovingWorld::Command::OnEnd(const Step& ended, const std::string& seen) {
  world->Say(process.client().name,
             absl::StrCat("ends ", ended.name, ": ", world->Repeatable(seen)));
  if (process.dead()) return;
  world->CheckStep(*this, ended.name);
}

// The operator does it, after a while, if it is still asked for then.
void MovingWorld::Command::OnRequest(const std::string& request) {
  if (process.dead()) return;
  world->Say(process.client().name, world->Repeatable(request));
  const bool back = verb == MoveVerb::kAbort;
  const bool is_start = step == move_step::kStartLeader || step == move_step::kStartFollowers;
  const std::string what = is_start != back ? "start" : "stop";
  std::vector<int> metas;
  const int count = world->case_.metas;
  const bool of_leader = step == move_step::kStopLeader || step == move_step::kStartLeader;
  const bool of_all = step == move_step::kStopMetas;
  for (int i = 0; i < count; ++i) {
    if (of_all || (i == 0) == of_leader) metas.push_back(i);
  }
  absl::Duration after = world->random.Span(absl::Seconds(1), absl::Seconds(20));
  for (const int meta : metas) {
    world->queue.After(after, [this, what, meta, back, at = step_began] {
      const bool is_asked = world->commands_.back().get() == this && !process.ended();
      if (is_asked && step_began == at) world->Do(what, meta, back, at);
    });
    after += world->random.Span(absl::Seconds(1), absl::Seconds(5));
  }
}

absl::Status MovingWorld::Call(Command* command, bool may_fail,
                               const std::function<void()>& effect) {
  if (command->process.dead()) return absl::CancelledError("the process is dead");
  const int64_t call = ++calls_;
  bool is_lost = false;
  bool dies_after = false;
  for (size_t i = 0; i < case_.items.size() && !is_calm(); ++i) {
    const TransferItem& item = case_.items[i];
    if (item.a != call || !case_.Has(i)) continue;
    if (item.kind == TransferItemKind::kKillAtCall) {
      if (item.b == 0) {
        command->process.Kill();
        return absl::CancelledError("the process is dead");
      }
      dies_after = true;
    }
    if (item.kind != TransferItemKind::kCallFault || !may_fail) continue;
    CountFault("call_fault");
    if (item.b == 0) return absl::UnavailableError("the request is lost");
    is_lost = true;
  }
  effect();
  if (dies_after) {
    command->process.Kill();
    return absl::CancelledError("the process is dead");
  }
  return is_lost ? absl::UnavailableError("the answer is lost") : absl::OkStatus();
}

// What a command does goes on when the tool is killed.
void MovingWorld::RunCommand(const OperatorCommand& command, absl::Time guarded_at,
                             const std::shared_ptr<Event>& ended,
                             const std::shared_ptr<absl::Status>& status) {
  std::string address;
  bool back = false;
  for (const auto& [name, value] : command.environment) {
    if (name == "METAREC_META") address = value;
    if (name == "METAREC_BACK") back = value == "1";
  }
  const int meta = cluster_.FindMeta(address);
  const int64_t number = ++commands_run_;
  absl::Duration takes = random.Span(absl::Milliseconds(50), absl::Seconds(2));
  bool has_effect = true;
  for (size_t i = 0; i < case_.items.size() && !is_calm(); ++i) {
    const TransferItem& item = case_.items[i];
    if (item.kind != TransferItemKind::kCommandFault || item.a != number || !case_.Has(i)) continue;
    CountFault("command_fault");
    switch (static_cast<CommandFault>(item.b)) {
      case CommandFault::kFailsBefore:
        has_effect = false;
        *status = absl::UnknownError("ended with exit code 3");
        break;
      case CommandFault::kFailsAfter:
        *status = absl::UnknownError("ended with exit code 3");
        break;
      case CommandFault::kTakesMinutes:
        takes = random.Span(absl::Seconds(5), command.time_max);
        break;
    }
  }
  if (has_effect) {
    queue.After(takes * random.Fraction(), [this, what = command.command, meta, back, guarded_at] {
      Do(what, meta, back, guarded_at);
    });
  }
  queue.After(takes, [ended] { ended->Set(); });
}

void MovingWorld::Do(const std::string& what, int meta, bool back, absl::Time guarded_at) {
  if (what == "stop") return cluster_.Stop(meta);
  if (what == "edit") return cluster_.Configure(meta, back ? Side::kFrom : Side::kTo);
  CheckStart(meta, guarded_at);
  cluster_.Start(meta, /*is_supervised=*/false);
}

absl::StatusOr<ProcedureState> MovingWorld::Load() const {
  std::vector<std::string> lines = absl::StrSplit(saved_, '\n');
  lines.pop_back();
  return DecodeProcedureState("move.state", lines);
}

absl::Status MovingWorld::Save(Command* command, const ProcedureState& state) {
  std::string text;
  METAREC_RETURN_IF_ERROR(EncodeProcedureState(state, [&text](absl::string_view line) {
    absl::StrAppend(&text, line, "\n");
    return absl::OkStatus();
  }));
  return Call(command, /*may_fail=*/false, [&] { saved_ = std::move(text); });
}

MovingWorld::Command* MovingWorld::Begin(MoveVerb verb) {
  static constexpr const char* kNames[] = {"run", "abort", "finish"};
  const std::string name = absl::StrCat(kNames[static_cast<int>(verb)], commands_.size() + 1);
  Command* const command =
      commands_.emplace_back(std::make_unique<Command>(this, name, verb)).get();
  Say(name, "begins");
  command->process.Start(Main(command), [this, command] { OnEnd(command); });
  return command;
}

asio::awaitable<void> MovingWorld::Main(Command* command) {
  absl::StatusOr<ProcedureState> state = Load();
  if (!state.ok()) {
    Violate(absl::StrCat("the state cannot be read: ", state.status().ToString()));
    co_return;
  }
  MovedClusterSource source(this, &cluster_);
  Surroundings surroundings;
  surroundings.source = &source;
  surroundings.clock = &clock;
  surroundings.random = [this] { return random.Fraction(); };
  Tool tool(this, command, surroundings);
  ZooKeeperMove move(request_, &*state, folder_.Path("move.state"), &tool);
  std::vector<Step> steps = move.Steps();
  Procedure procedure(
      std::move(steps), &*state,
      [this, command](const ProcedureState& now) { return Save(command, now); }, &clock, command);
  if (command->verb == MoveVerb::kAbort) {
    command->result = co_await procedure.Abort();
  } else {
    command->result =
        co_await procedure.Run(command->verb == MoveVerb::kFinish ? Stage::kFinish : Stage::kRun);
  }
  if (!command->process.dead()) CheckEnd(*command);
}

}  // namespace metarec::simulation
