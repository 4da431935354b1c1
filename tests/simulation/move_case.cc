#include "move_case.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "simulated_zookeeper.h"

namespace metarec::simulation {
namespace {

// About as many as an undisturbed run sends to either side, and makes to others.
constexpr int64_t kRequests = 500;
constexpr int64_t kCalls = 100;
constexpr absl::Duration kLasts = absl::Seconds(40);

TransferItem MisfortuneOfAMove(Random* random) {
  TransferItem item;
  if (random->OneIn(2)) {
    item = RandomMisfortune(kRequests, absl::Seconds(20), random);
    if (IsTimed(item.kind)) item.at = random->Span(absl::ZeroDuration(), kLasts);
    return item;
  }
  item.a = random->Pick(1, kCalls);
  item.b = random->Pick(0, 1);
  switch (random->Pick(0, 3)) {
    case 0:
      item.kind = TransferItemKind::kCallFault;
      break;
    case 1:
      item.kind = TransferItemKind::kCommandFault;
      item.a = random->Pick(1, 10);
      item.b = random->Pick(0, kCommandFaults - 1);
      break;
    default:
      item.kind = TransferItemKind::kKillAtCall;
      break;
  }
  return item;
}

void AddItems(MoveCase* the_case, Random* random) {
  std::vector<TransferItem>& items = the_case->items;
  if (!random->OneIn(5)) {
    for (int64_t i = random->Pick(0, 6); i > 0; --i) items.push_back(MisfortuneOfAMove(random));
  }
  if (random->OneIn(3)) {
    TransferItem users;
    users.kind = TransferItemKind::kWriter;
    users.at = random->Span(absl::ZeroDuration(), absl::Seconds(30));
    users.lasts = random->Span(absl::Seconds(1), absl::Minutes(2));
    users.b = random->Pick(50, 20'000);
    items.push_back(users);
  }
  if (random->OneIn(4)) {
    for (int64_t i = random->Pick(1, 2); i > 0; --i) {
      TransferItem supervisor;
      supervisor.kind = TransferItemKind::kSupervisor;
      supervisor.at = random->Span(absl::ZeroDuration(), kLasts);
      supervisor.a = random->Pick(0, the_case->metas - 1);
      supervisor.b = random->Pick(0, 1);
      items.push_back(supervisor);
    }
  }
  if (random->OneIn(6)) {
    TransferItem down;
    down.kind = TransferItemKind::kNodeDown;
    down.at = random->Span(absl::ZeroDuration(), kLasts);
    down.lasts = random->Span(absl::Seconds(1), absl::Minutes(3));
    down.a = random->Pick(0, the_case->nodes - 1);
    items.push_back(down);
  }
  if (random->OneIn(6)) {
    TransferItem stranger;
    stranger.kind = TransferItemKind::kStranger;
    stranger.side = random->OneIn(3) ? Side::kTo : Side::kFrom;
    stranger.a = random->Pick(0, 2 * kRequests);
    stranger.b = random->Pick(0, 2);
    items.push_back(stranger);
  }
}

}  // namespace

std::string MetaAddressOf(int meta) { return absl::StrCat("10.0.1.", meta + 1, ":34601"); }
std::string NodeAddressOf(int node) { return absl::StrCat("10.0.0.", node + 1, ":34801"); }

MoveRequest MoveCase::Request() const {
  MoveRequest request;
  request.way = way;
  request.from = {"from:2181", kMovedFromRoot, absl::StrCat(kMovedFromRoot, "/lock"), ""};
  request.to = {"to:2181", to_root, absl::StrCat(to_root, "/lock"), ""};
  for (int meta = 0; meta < metas; ++meta) request.metas.push_back({MetaAddressOf(meta), ""});
  for (int node = 0; node < nodes; ++node) request.nodes.push_back(NodeAddressOf(node));
  request.alive = request.nodes;
  request.level = "steady";
  if (has_commands) {
    request.stop_meta = "stop";
    request.start_meta = "start";
  }
  request.edit_config = "edit";
  request.wait_seconds = 60;
  request.command_seconds = 30;
  request.carry_over = carry_over;
  return request;
}

bool MoveCase::IsSimple() const {
  for (size_t i = 0; i < items.size(); ++i) {
    if (!Has(i)) continue;
    switch (items[i].kind) {
      case TransferItemKind::kWriter:
      case TransferItemKind::kStranger:
      case TransferItemKind::kSupervisor:
        return false;
      default:
        break;
    }
  }
  return true;
}

MoveCase MakeMoveCase(uint64_t seed, std::set<size_t> dropped) {
  Random random(seed);
  MoveCase the_case;
  the_case.seed = seed;
  the_case.dropped = std::move(dropped);
  the_case.session_timeout = random.Span(absl::Seconds(4), absl::Seconds(12));
  the_case.way = random.OneIn(2) ? MoveWay::kCopy : MoveWay::kRecovery;
  the_case.carry_over = the_case.way == MoveWay::kRecovery && random.OneIn(2);
  the_case.has_commands = !random.OneIn(4);
  the_case.metas = static_cast<int>(random.Pick(1, 3));
  the_case.nodes = static_cast<int>(random.Pick(1, 4));
  the_case.tables = static_cast<int>(random.Pick(1, 3));
  the_case.partitions = static_cast<int>(random.Pick(1, 3));
  the_case.to_root = random.OneIn(3) ? "/other/way/moved" : kMovedFromRoot;
  the_case.target = static_cast<MoveTarget>(random.Pick(0, kMoveTargets - 1));
  the_case.then = static_cast<MoveThen>(random.Pick(0, kMoveThens - 1));
  the_case.attempts_max = static_cast<int>(random.Pick(1, 6));
  AddItems(&the_case, &random);
  return the_case;
}

}  // namespace metarec::simulation
