#include "moving_world.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>

#include "migration/zookeeper/moved_root.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "simulation.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kMoveHorizon = absl::Hours(12);
constexpr absl::Duration kCalmRunLasts = absl::Hours(2);

}  // namespace

MovingWorld::MovingWorld(const MoveCase& the_case, const RunOptions& options)
    : TransferWorld(the_case, options.trace),
      case_(the_case),
      planted_(options.planted),
      request_(the_case.Request()),
      cluster_(this, the_case) {}

MovingWorld::~MovingWorld() = default;

void MovingWorld::FillTarget() {
  const std::string& root = case_.to_root;
  std::vector<std::pair<std::string, std::string>> nodes;
  for (size_t slash = root.find('/', 1); slash != std::string::npos;
       slash = root.find('/', slash + 1)) {
    nodes.emplace_back(root.substr(0, slash), "");
  }
  switch (case_.target) {
    case MoveTarget::kAbsent:
      nodes.clear();
      break;
    case MoveTarget::kWayIsThere:
      break;
    case MoveTarget::kEmptyRoot:
      nodes.emplace_back(root, "");
      break;
    case MoveTarget::kLockDirectory:
      nodes.emplace_back(root, "");
      nodes.emplace_back(root + "/lock", "");
      nodes.emplace_back(root + "/lock/dsn.meta.server.leader", "");
      break;
    case MoveTarget::kFormerMove:
      nodes.emplace_back(root, "");
      nodes.emplace_back(root + "/apps", MovedText("before:2181", "fedcba9876543210"));
      break;
  }
  for (const auto& [path, data] : nodes) {
    Write(Side::kTo, kMoveFounder, 0, {CreateOp{path, data}}).IgnoreError();
  }
  target_before_ = SnapshotOf(tree(Side::kTo), "/");
}

void MovingWorld::OnDue(const TransferItem& item, const StoreClient& client) {
  if (item.kind == TransferItemKind::kStranger) return WriteAsStranger(item);
  Command* const command = Find(client);
  if (command == nullptr) return;
  if (item.kind == TransferItemKind::kInterrupt) return command->process.Interrupt();
  if (item.b == 0) return command->process.Kill();
  queue.After(absl::ZeroDuration(), [command] { command->process.Kill(); });
}

void MovingWorld::OnTime(const TransferItem& item) {
  switch (item.kind) {
    case TransferItemKind::kWriter:
      return WriteAsUsers(item);
    case TransferItemKind::kSupervisor: {
      const auto meta = static_cast<int>(item.a);
      if (!cluster_.metas()[static_cast<size_t>(meta)].is_running && item.b == 0) return;
      CountFault("supervisor");
      cluster_.Stop(meta);
      return cluster_.Start(meta, /*is_supervised=*/true);
    }
    case TransferItemKind::kNodeDown:
      CountFault("node_down");
      cluster_.SetUp(static_cast<int>(item.a), false);
      queue.After(item.lasts, [this, &item] { cluster_.SetUp(static_cast<int>(item.a), true); });
      return;
    default:
      return;
  }
}

void MovingWorld::WriteAsUsers(const TransferItem& users) {
  const absl::Time until = queue.now() + users.lasts;
  const auto every = absl::Milliseconds(users.b);
  for (absl::Time at = queue.now(); at < until; at += every) {
    queue.At(at, [this] {
      if (!is_calm()) cluster_.DoAsUser();
    });
  }
}

void MovingWorld::WriteAsStranger(const TransferItem& stranger) {
  CountFault("stranger");
  // The side at whose request it comes is the one that is written to.
  const std::string root = cluster_.RootOf(stranger.side);
  const std::vector<StoreOp> ops = {
      stranger.b == 0   ? StoreOp(CreateOp{root + "/apps/1/0/theirs", "precious"})
      : stranger.b == 1 ? StoreOp(SetOp{root + "/apps/1/0", kStrangersData})
                        : StoreOp(CreateOp{root + "/theirs", "precious"})};
  Write(stranger.side, kMoveStranger, 0, ops).IgnoreError();
}

std::string MovingWorld::Repeatable(const std::string& text) const {
  std::string repeatable = absl::StrReplaceAll(text, {{folder_.path(), "FOLDER"}});
  constexpr char kRun[] = "(run ";
  constexpr size_t kIdDigits = 16;
  for (size_t at = 0; (at = repeatable.find(kRun, at)) != std::string::npos;) {
    at += sizeof(kRun) - 1;
    repeatable.replace(at, kIdDigits, "ID");
  }
  return repeatable;
}

void MovingWorld::OnEnd(Command* command) {
  if (command->process.dead()) Count("killed");
  if (is_calm()) return;
  const bool is_done = command->result.ok() && !command->process.dead();
  if (is_done) {
    if (command->verb != MoveVerb::kRun || case_.then == MoveThen::kNothing) return;
    verb_ = case_.then == MoveThen::kAbort ? MoveVerb::kAbort : MoveVerb::kFinish;
  } else {
    if (++attempts_ > case_.attempts_max) return;
    if (verb_ == MoveVerb::kRun && random.OneIn(3)) verb_ = MoveVerb::kAbort;
  }
  ++starting_;
  const absl::Duration pause = random.OneIn(2)
                                   ? random.Span(absl::Milliseconds(1), absl::Seconds(1))
                                   : random.Span(absl::Seconds(1), absl::Minutes(2));
  queue.After(pause, [this] {
    --starting_;
    if (!is_calm()) Begin(verb_);
  });
}

bool MovingWorld::AllEnded() const {
  return starting_ == 0 && items_left() == 0 &&
         std::all_of(commands_.begin(), commands_.end(),
                     [](const auto& command) { return command->process.ended(); });
}

bool MovingWorld::TryOnCalmDay(MoveVerb verb) {
  Command* const command = Begin(verb);
  Pass([command] { return command->process.ended(); }, queue.now() + kCalmRunLasts);
  return command->result.ok();
}

// When nothing goes wrong any more, the move is done or undone.
void MovingWorld::Judge() {
  Calm();
  for (const auto& command : commands_) command->process.Interrupt();
  for (int node = 0; node < case_.nodes; ++node) cluster_.SetUp(node, true);
  Pass(absl::Minutes(2));
  if (!outcome_.violations.empty()) return;
  const auto state = Load();
  if (state.ok() && state->is_aborted()) return Count("calm day: was aborted");
  if (TryOnCalmDay(verb_)) return Count("calm day: goes on to its end");
  if (!outcome_.violations.empty()) return;
  const std::string why = Repeatable(commands_.back()->result.ToString());
  const bool may_abort = verb_ != MoveVerb::kAbort;
  if (may_abort && TryOnCalmDay(MoveVerb::kAbort)) return Count("calm day: aborted");
  if (!outcome_.violations.empty()) return;
  Count("calm day: neither on nor back");
  if (!case_.IsSimple()) return;
  Violate(absl::StrCat("on a calm day it goes neither on nor back: ", why, "; ",
                       may_abort ? Repeatable(commands_.back()->result.ToString()) : ""));
}

Outcome MovingWorld::Run() {
  cluster_.Begin();
  FillTarget();
  Pass(absl::Seconds(5));
  is_ready_ = true;
  ProcedureHead head;
  head.kind = "zookeeper move";
  head.title = "a simulated move";
  head.run_id = absl::StrFormat("%016x", case_.seed);
  head.request = "{}";
  {
    ProcedureState shown;
    ZooKeeperMove move(request_, &shown, "", nullptr);
    for (const Step& step : move.Steps()) head.steps.push_back(step.name);
  }
  const ProcedureState planned(std::move(head));
  EncodeProcedureState(planned, [this](absl::string_view line) {
    absl::StrAppend(&saved_, line, "\n");
    return absl::OkStatus();
  }).IgnoreError();
  StartItems();
  Begin(verb_);
  Pass([this] { return AllEnded(); }, start() + kMoveHorizon);
  Judge();
  FillOutcome();
  outcome_.messages = calls_;
  return std::move(outcome_);
}

namespace {

Outcome RunMove(uint64_t seed, const RunOptions& options) {
  const MoveCase the_case = MakeMoveCase(seed, options.dropped);
  if (options.trace != nullptr) {
    std::fprintf(options.trace, "seed %llu: %s of %d meta servers, %d tables, to %s (%d)%s%s\n",
                 static_cast<unsigned long long>(seed),
                 std::string(MoveWayName(the_case.way)).c_str(), the_case.metas, the_case.tables,
                 the_case.to_root.c_str(), static_cast<int>(the_case.target),
                 the_case.has_commands ? "" : ", by hand", the_case.IsSimple() ? ", simple" : "");
    for (size_t i = 0; i < the_case.items.size(); ++i) {
      std::fprintf(options.trace, "  item %zu: %s%s\n", i, Describe(the_case.items[i]).c_str(),
                   the_case.Has(i) ? "" : "  (dropped)");
    }
  }
  MovingWorld world(the_case, options);
  return world.Run();
}

std::vector<std::string> MoveItems(uint64_t seed) {
  std::vector<std::string> items;
  for (const TransferItem& item : MakeMoveCase(seed).items) items.push_back(Describe(item));
  return items;
}

}  // namespace

const WorldKind kMoveWorld = {"move", &RunMove, &MoveItems};

}  // namespace metarec::simulation
