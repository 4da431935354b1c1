#include "copy_world.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "simulation.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kCopyHorizon = absl::Hours(3);
const StoreClient kFounder = {.name = "founder",
                              .number = -3,
                              .is_engine = false,
                              .identities = {CopierIdentity(), OtherIdentity()}};

asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>> OpenLive(MetaStore* store,
                                                                      std::string root, bool acls,
                                                                      Clock* clock) {
  LiveTreeOptions options;
  options.source = "from";
  options.read_acls = acls;
  co_return std::make_unique<LiveTree>(store, clock, std::move(root), std::move(options));
}

}  // namespace

CopyWorld::Command::Command(CopyWorld* world, std::string name, TreeCopyOptions options_in,
                            bool has_credentials)
    : options(std::move(options_in)),
      process(world, std::move(name),
              has_credentials ? std::vector{CopierIdentity()}
                              : std::vector<std::pair<std::string, std::string>>()),
      started(world->queue.now()) {}

CopyWorld::CopyWorld(const CopyCase& the_case, const RunOptions& options)
    : TransferWorld(the_case, options.trace), case_(the_case), planted_(options.planted) {
  operator_.name = "copy";
  operator_.options = Options();
  operator_.attempts_max = static_cast<int>(random.Pick(1, 5));
  rival_.name = "rival";
}

TreeCopyOptions CopyWorld::Options() const {
  TreeCopyOptions options;
  options.acl = case_.acl;
  if (case_.has_acl_map) {
    auto map = AclMap::Parse("digest:carol:hash digest:dora:hash\n");
    if (map.ok()) options.acl_map = *std::move(map);
  }
  options.plain_kinds = case_.plain_kinds;
  options.update = case_.update;
  options.delete_extra = case_.delete_extra;
  options.passes_max = case_.passes_max;
  options.writer.ops_max = case_.ops_max;
  options.writer.in_flight_max = case_.in_flight_max;
  return options;
}

void CopyWorld::Put(Side side, const std::string& root, const CopyNode& node) {
  const std::string path = root == "/" ? (node.path.empty() ? "/" : node.path) : root + node.path;
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string above = path.substr(0, slash);
    if (tree(side).Exists(above).has_value()) continue;
    const auto made = Write(side, kFounder, 0, {CreateOp{above, ""}});
    if (!made.ok()) return;
  }
  if (path == "/") {
    if (!node.data.empty()) Write(side, kFounder, 0, {SetOp{path, node.data}}).IgnoreError();
    return;
  }
  CreateOp op{path, node.data, node.mode};
  op.null_data = node.null_data;
  op.acl = AclOf(node.acl);
  Write(side, kFounder, 0, {op}).IgnoreError();
}

void CopyWorld::FillTrees() {
  for (const CopyNode& node : case_.source) Put(Side::kFrom, case_.from_root, node);
  if (case_.target == CopyTarget::kEmpty) Put(Side::kTo, case_.to_root, {});
  if (case_.target == CopyTarget::kOccupied) {
    for (const CopyNode& node : case_.occupied) {
      Put(Side::kTo, case_.to_root, node);
      if (!node.path.empty()) strangers_.insert(node.path);
    }
  }
  source_states_ = {SnapshotOf(tree(Side::kFrom), case_.from_root)};
  target_states_ = {SnapshotOf(tree(Side::kTo), case_.to_root)};
}

CopyWorld::Command* CopyWorld::Find(const StoreClient& client) {
  for (const auto& command : commands_) {
    if (command->process.client().number == client.number) return command.get();
  }
  return nullptr;
}

CopyWorld::Command* CopyWorld::Begin(Operator* who) {
  const std::string name = absl::StrCat(who->name, ++who->attempts);
  Command* const command =
      commands_
          .emplace_back(std::make_unique<Command>(this, name, who->options, case_.has_credentials))
          .get();
  const std::string journal = Absolute(Side::kTo, std::string(kTreeJournalPath));
  if (!tree(Side::kTo).Exists(journal).has_value()) is_disturbed_ = false;
  command->is_disturbed = is_disturbed_;
  Say(name, absl::StrCat("begins", who->options.update ? " --update" : "",
                         who->options.delete_extra ? " --delete" : ""));
  command->process.Start(Main(command), [this, who, command] { OnEnd(who, command); });
  return command;
}

CopyFrom CopyWorld::Source(Command* command, MetaStore* store) {
  CopyFrom from;
  from.name = absl::StrCat("from:2181", case_.from_root);
  // Planted: the source is taken for one that does not change by itself, so that no check looks
  // whether it did.
  from.store = planted_ == "no_check" ? nullptr : store;
  from.root = case_.from_root;
  from.open = [this, command, store](bool acls) {
    command->source_states = source_states_.size();
    command->target_states = target_states_.size();
    return OpenLive(store, case_.from_root, acls, &clock);
  };
  return from;
}

asio::awaitable<void> CopyWorld::Main(Command* command) {
  const std::unique_ptr<MetaStore> from = Connect(Side::kFrom, command->process.client());
  const std::unique_ptr<MetaStore> to = Connect(Side::kTo, command->process.client());
  CopyFrom source = Source(command, from.get());
  CopyInto into{to.get(), case_.to_root, absl::StrCat("to:2181", case_.to_root)};
  TreeCopyOptions options = command->options;
  CopyEvents events;
  command->result = co_await CopyTree(std::move(source), std::move(into), std::move(options),
                                      std::move(events), &clock);
  if (!command->process.dead()) CheckEnd(*command);
}

void CopyWorld::OnEnd(Operator* who, Command* command) {
  if (command->process.dead()) Count("killed");
  const bool is_done = command->result.ok() && !command->process.dead();
  if (is_done || is_calm() || who->attempts >= who->attempts_max) return;
  // Whoever reads that somebody else wrote there decides what becomes of that.
  if (!command->process.dead() && !command->result.ok() && random.OneIn(3)) {
    who->options.update = true;
    who->options.delete_extra = who->options.delete_extra || random.OneIn(2);
  }
  ++starting_;
  const absl::Duration pause = random.OneIn(2)
                                   ? random.Span(absl::Milliseconds(1), absl::Milliseconds(50))
                                   : random.Span(absl::Milliseconds(50), absl::Seconds(20));
  queue.After(pause, [this, who] {
    --starting_;
    if (!is_calm()) Begin(who);
  });
}

void CopyWorld::OnDue(const TransferItem& item, const StoreClient& client) {
  Command* const command = Find(client);
  if (item.kind == TransferItemKind::kStranger) return WriteAsStranger(item.b);
  if (command == nullptr) return;
  if (item.kind == TransferItemKind::kInterrupt) return command->process.Interrupt();
  if (item.b == 0) return command->process.Kill();
  queue.After(absl::ZeroDuration(), [command] { command->process.Kill(); });
}

void CopyWorld::OnTime(const TransferItem& item) {
  if (item.kind == TransferItemKind::kWriter) return WriteToSource(item);
  rival_.options = Options();
  if (static_cast<RivalCommand>(item.b) == RivalCommand::kAnother) {
    rival_.options.plain_kinds = !rival_.options.plain_kinds;
  }
  CountFault("rival");
  Begin(&rival_);
}

bool CopyWorld::AllEnded() const {
  return starting_ == 0 && items_left() == 0 &&
         std::all_of(commands_.begin(), commands_.end(),
                     [](const auto& command) { return command->process.ended(); });
}

Outcome CopyWorld::Run() {
  FillTrees();
  StartItems();
  Begin(&operator_);
  Pass([this] { return AllEnded(); }, start() + kCopyHorizon);
  Judge();
  FillOutcome();
  return std::move(outcome_);
}

namespace {

Outcome RunCopy(uint64_t seed, const RunOptions& options) {
  const CopyCase the_case = MakeCopyCase(seed, options.dropped);
  if (options.trace != nullptr) {
    std::fprintf(options.trace, "seed %llu: %zu znodes in %s, to %s%s%s, %zu ops, %d passes%s\n",
                 static_cast<unsigned long long>(seed), the_case.source.size(),
                 the_case.from_root.c_str(), the_case.to_root.c_str(),
                 the_case.update ? ", --update" : "", the_case.delete_extra ? ", --delete" : "",
                 the_case.ops_max, the_case.passes_max, the_case.IsSimple() ? ", simple" : "");
    for (size_t i = 0; i < the_case.items.size(); ++i) {
      std::fprintf(options.trace, "  item %zu: %s%s\n", i, Describe(the_case.items[i]).c_str(),
                   the_case.Has(i) ? "" : "  (dropped)");
    }
  }
  CopyWorld world(the_case, options);
  return world.Run();
}

std::vector<std::string> CopyItems(uint64_t seed) {
  std::vector<std::string> items;
  for (const TransferItem& item : MakeCopyCase(seed).items) items.push_back(Describe(item));
  return items;
}

}  // namespace

const WorldKind kCopyWorld = {"copy", &RunCopy, &CopyItems};

}  // namespace metarec::simulation
