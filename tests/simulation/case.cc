#include "case.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

namespace metarec::simulation {
namespace {

constexpr absl::string_view kItemNames[kItemKinds] = {
    "table",    "node",      "contradiction", "down",       "loading", "half", "garbage",
    "lease",    "node_slow", "store_fault",   "disconnect", "silence", "lag",  "net_fault",
    "cut_off",  "recover",   "apply",         "serve",      "shell",   "kill", "interrupt",
    "stranger", "candidate", "identity",      "outsider",   "old_tree"};

// An index of the engine's requests: early ones are the interesting ones.
int64_t RequestIndex(Random* random) {
  return random->OneIn(3) ? random->Pick(0, 250) : random->Pick(0, 70);
}

absl::Duration Gap(Random* random) {
  return random->OneIn(3) ? random->Span(absl::Seconds(1), absl::Seconds(40))
                          : random->Span(absl::Milliseconds(10), absl::Seconds(3));
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed), chance_of_more_(seed ^ 0xDEC1DE) {
    case_.seed = seed;
  }

  Case Run() {
    std::vector<int32_t> app_ids;
    case_.nodes = MakeCluster(&random_, &app_ids);
    case_.ops_max = static_cast<size_t>(random_.Pick(1, 6));
    case_.in_flight_max = static_cast<size_t>(random_.Pick(1, 3));
    // A long one outlives an outage that is too long for the engine.
    case_.session_timeout = random_.OneIn(8) ? random_.Span(absl::Seconds(100), absl::Seconds(200))
                                             : random_.Span(absl::Seconds(4), absl::Seconds(15));
    for (const int32_t app_id : app_ids) Add({.kind = ItemKind::kTable, .a = app_id});
    for (size_t i = 0; i < case_.nodes.size(); ++i) {
      Add({.kind = ItemKind::kNode, .a = static_cast<int64_t>(i)});
    }
    AddOperators();
    if (random_.OneIn(3)) AddNodeTrouble();
    const int64_t store_faults = random_.Pick(0, 4);
    for (int64_t i = 0; i < store_faults; ++i) AddStoreFault();
    if (random_.OneIn(8)) {
      Add({.kind = ItemKind::kDisconnect, .at = Gap(&random_), .lasts = Gap(&random_)});
    }
    if (random_.OneIn(3)) AddNetworkTrouble();
    const int64_t ends = random_.OneIn(2) ? random_.Pick(1, 3) : 0;
    for (int64_t i = 0; i < ends; ++i) {
      Add({.kind = random_.OneIn(4) ? ItemKind::kInterrupt : ItemKind::kKill,
           .a = RequestIndex(&random_),
           .b = random_.Pick(0, 1)});
    }
    if (random_.OneIn(5)) {
      Add({.kind = ItemKind::kStranger,
           .a = RequestIndex(&random_),
           .b = random_.Pick(0, kStrangersDeeds - 1)});
    }
    if (random_.OneIn(10)) {
      Add({.kind = ItemKind::kCandidate, .at = Gap(&random_), .lasts = Gap(&random_)});
    }
    if (random_.OneIn(3)) AddLag();
    if (random_.OneIn(6)) AddCoincidence();
    if (HasServers() && random_.OneIn(4)) {
      Add({.kind = ItemKind::kStranger,
           .a = RequestIndex(&random_),
           .b = random_.OneIn(2) ? kDeletesLeader : kOverwritesLeader});
    }
    if (chance_of_more_.OneIn(5)) AddDecisions();
    if (HasServers() && chance_of_more_.OneIn(5)) AddSilence();
    if (chance_of_more_.OneIn(4)) AddStrangers();
    if (chance_of_more_.OneIn(4)) AddOldTrees();
    if (chance_of_more_.OneIn(6)) AddDrop();
    case_.is_warm = chance_of_more_.OneIn(2);
    return std::move(case_);
  }

 private:
  void Add(const Item& item) { case_.items.push_back(item); }

  void AddOperators() {
    const int64_t flags = random_.Pick(0, 9);
    // Mostly the same ones every time, as by one operator.
    const auto flags_now = [&] {
      return random_.OneIn(6) ? random_.Pick(0, 3) : (flags < 4 ? flags : 3);
    };
    absl::Duration at = random_.Span(absl::ZeroDuration(), absl::Seconds(1));
    if (random_.OneIn(2)) {
      const int64_t servers = random_.Pick(1, 3);
      for (int64_t i = 0; i < servers; ++i) {
        Add({.kind = ItemKind::kServe,
             .at = at * random_.Fraction(),
             .lasts = random_.OneIn(3) ? Gap(&random_) : absl::Minutes(10),
             .a = i,
             .b = random_.Pick(0, 1)});
        if (!random_.OneIn(4)) continue;
        Add({.kind = ItemKind::kServe,
             .at = at + Gap(&random_),
             .lasts = absl::Minutes(10),
             .a = i});
      }
      const int64_t shells = random_.Pick(1, 3);
      for (int64_t i = 0; i < shells; ++i) {
        Add({.kind = ItemKind::kShell,
             .at = at,
             .lasts = random_.Span(absl::Seconds(1), absl::Seconds(30)),
             .a = flags_now()});
        at += Gap(&random_);
      }
      if (!random_.OneIn(4)) return;
    }
    const int64_t commands = random_.Pick(1, 3);
    for (int64_t i = 0; i < commands; ++i) {
      const bool is_apply = random_.OneIn(4);
      Add({.kind = is_apply ? ItemKind::kApply : ItemKind::kRecover,
           .at = at,
           .lasts = is_apply ? Gap(&random_) : absl::ZeroDuration(),
           .a = flags_now()});
      at += random_.OneIn(3) ? random_.Span(absl::ZeroDuration(), absl::Milliseconds(300))
                             : Gap(&random_);
    }
  }

  void AddNodeTrouble() {
    static constexpr ItemKind kKinds[] = {ItemKind::kDown,    ItemKind::kLoading, ItemKind::kHalf,
                                          ItemKind::kGarbage, ItemKind::kLease,   ItemKind::kLease,
                                          ItemKind::kNodeSlow};
    const int64_t count = random_.Pick(1, 3);
    for (int64_t i = 0; i < count; ++i) {
      Add({.kind = kKinds[random_.Pick(0, std::size(kKinds) - 1)],
           .at = random_.OneIn(2) ? absl::ZeroDuration() : Gap(&random_),
           .lasts = random_.OneIn(4) ? absl::Hours(10) : Gap(&random_),
           .a = AnyNode(),
           .b = random_.OneIn(2) ? random_.Pick(0, 1) : random_.Pick(100, 8000)});
      // A lease ends some day.
      Item& item = case_.items.back();
      if (item.kind == ItemKind::kLease && item.lasts > absl::Minutes(5)) {
        item.lasts = absl::Minutes(3);
      }
    }
  }

  void AddStoreFault() {
    const bool is_long = random_.OneIn(12);
    Add({.kind = ItemKind::kStoreFault,
         .lasts = is_long            ? random_.Span(absl::Seconds(60), absl::Seconds(99))
                  : random_.OneIn(4) ? random_.Span(absl::Seconds(1), absl::Seconds(30))
                                     : random_.Span(absl::Milliseconds(1), absl::Seconds(1)),
         .a = RequestIndex(&random_),
         .b = random_.Pick(1, kStoreFaultKinds - 1)});
  }

  // An answer is lost, and before it is asked for again somebody else writes.
  void AddCoincidence() {
    const int64_t request = RequestIndex(&random_);
    const auto kind = random_.OneIn(2) ? StoreFaultKind::kLostAfter : StoreFaultKind::kLate;
    Add({.kind = ItemKind::kStoreFault,
         .lasts = random_.Span(absl::Milliseconds(1), absl::Seconds(1)),
         .a = request,
         .b = static_cast<int64_t>(kind)});
    Add({.kind = ItemKind::kStranger,
         .a = request + random_.Pick(1, 4),
         .b = random_.Pick(0, kStrangersDeeds - 1)});
  }

  bool HasServers() const {
    return std::any_of(case_.items.begin(), case_.items.end(),
                       [](const Item& item) { return item.kind == ItemKind::kServe; });
  }

  // One follower or both; a session reads from any of the three servers.
  void AddLag() {
    const int64_t first = random_.Pick(1, 2);
    for (int64_t server = first; server <= 2; ++server) {
      Add({.kind = ItemKind::kLag,
           .at = random_.OneIn(2) ? absl::ZeroDuration() : Gap(&random_),
           .lasts = random_.OneIn(2) ? absl::Minutes(3) : Gap(&random_),
           .a = server,
           .b = random_.OneIn(2) ? random_.Pick(1, 50) : random_.Pick(50, 15000)});
    }
  }

  void AddNetworkTrouble() {
    const int64_t count = random_.Pick(1, 4);
    for (int64_t i = 0; i < count; ++i) {
      Add({.kind = ItemKind::kNetworkFault,
           .lasts = Gap(&random_),
           .a = random_.Pick(0, 60),
           .b = random_.Pick(1, kNetworkFaultKinds - 1)});
    }
    if (random_.OneIn(2)) {
      Add({.kind = ItemKind::kCutOff,
           .at = Gap(&random_),
           .lasts = Gap(&random_),
           .a = random_.OneIn(2) ? AnyNode() : 100 + random_.Pick(0, 2)});
    }
  }

  // Nodes contradict each other, and operators decide. By chance of its own, as is AddSilence, so
  // that the rest of a case is what it was before there was this.
  void AddDecisions() {
    Random& random = chance_of_more_;
    const auto flags = [&] { return kSettles | (random.OneIn(3) ? kSettlesWrongly : 0); };
    for (int64_t i = random.Pick(1, 2); i > 0; --i) {
      Add({.kind = ItemKind::kContradiction,
           .a = random.Pick(0, kContradictions - 1),
           .b = static_cast<int64_t>(random.Next() >> 8)});
    }
    absl::Duration latest;
    for (Item& item : case_.items) {
      const bool is_command = item.kind == ItemKind::kRecover || item.kind == ItemKind::kApply;
      if (is_command || item.kind == ItemKind::kShell) latest = std::max(latest, item.at);
      if (is_command && !random.OneIn(4)) item.a |= flags();
    }
    if (HasServers()) {
      // Started again with decisions, one after the other, and asked again.
      for (int64_t server = 0; server < 3; ++server) {
        Add({.kind = ItemKind::kServe,
             .at = latest + absl::Seconds(20),
             .lasts = absl::Minutes(10),
             .a = server,
             .b = kServesSettled});
      }
      Add({.kind = ItemKind::kShell,
           .at = latest + absl::Seconds(40),
           .lasts = random.Span(absl::Seconds(10), absl::Seconds(30)),
           .a = random.Pick(0, 3)});
    }
    if (!HasServers() || random.OneIn(2)) {
      Add({.kind = ItemKind::kRecover,
           .at = latest + random.Span(absl::Seconds(1), absl::Seconds(60)),
           .a = flags() + 3});
    }
  }

  // A meta server is cut off from ZooKeeper, but from nobody else.
  void AddSilence() {
    Random& random = chance_of_more_;
    for (int64_t i = random.Pick(1, 2); i > 0; --i) {
      Add({.kind = ItemKind::kSilence,
           .at = random.Span(absl::Milliseconds(10), absl::Seconds(10)),
           .lasts = random.Span(absl::ZeroDuration(), 4 * case_.session_timeout),
           .a = random.Pick(0, 2)});
    }
  }

  // Who is who is not clear. By chance of its own, as is AddSilence.
  void AddStrangers() {
    Random& random = chance_of_more_;
    for (int64_t i = random.Pick(1, 3); i > 0; --i) {
      Add({.kind = ItemKind::kIdentity,
           .a = random.Pick(0, static_cast<int64_t>(case_.nodes.size()) - 1),
           .b = random.Pick(0, kIdentityKinds - 1)});
    }
    for (Item& item : case_.items) {
      const bool is_command = item.kind == ItemKind::kRecover || item.kind == ItemKind::kApply;
      if (is_command && random.OneIn(4)) item.a = (item.a & ~kSkipBadNodes) | kSkipsFirstNode;
    }
    if (!HasServers()) return;
    for (int64_t i = random.Pick(0, 2); i > 0; --i) {
      Add({.kind = ItemKind::kOutsider,
           .at = random.OneIn(2) ? absl::ZeroDuration() : Gap(&random),
           .lasts = random.OneIn(3) ? Gap(&random) : absl::Minutes(10),
           .a = random.Pick(0, kOutsidersMax - 1),
           .b = random.Pick(0, 3)});
    }
  }

  void AddOldTrees() {
    Random& random = chance_of_more_;
    const int64_t trees = random.Pick(1, 3);
    for (int64_t i = 0; i < trees; ++i) {
      Add({.kind = ItemKind::kOldTree, .a = i, .b = static_cast<int64_t>(random.Next() >> 8)});
    }
  }

  // A table was dropped, which some nodes report, and operators know. By chance of its own, as is
  // AddSilence.
  void AddDrop() {
    Random& random = chance_of_more_;
    Add({.kind = ItemKind::kContradiction,
         .a = kReportsDrop,
         .b = static_cast<int64_t>(random.Next() >> 8)});
    for (Item& item : case_.items) {
      const bool is_command = item.kind == ItemKind::kRecover || item.kind == ItemKind::kApply;
      if (is_command && !random.OneIn(4)) item.a |= kBelievesDrops;
    }
  }

  int64_t AnyNode() { return random_.Pick(0, static_cast<int64_t>(case_.nodes.size()) - 1); }

  Random random_;
  Random chance_of_more_;
  Case case_;
};

}  // namespace

absl::string_view ItemKindName(ItemKind kind) { return kItemNames[static_cast<int>(kind)]; }

std::string Describe(const Item& item) {
  std::string text = absl::StrCat(ItemKindName(item.kind), " a=", item.a, " b=", item.b);
  if (item.kind == ItemKind::kStoreFault) {
    absl::StrAppend(&text, " (", StoreFaultName(static_cast<StoreFaultKind>(item.b)), ")");
  } else if (item.kind == ItemKind::kNetworkFault) {
    absl::StrAppend(&text, " (", NetworkFaultName(static_cast<NetworkFaultKind>(item.b)), ")");
  }
  if (item.at != absl::ZeroDuration()) {
    absl::StrAppend(&text, " at ", absl::FormatDuration(item.at));
  }
  if (item.lasts != absl::ZeroDuration()) {
    absl::StrAppend(&text, " lasts ", absl::FormatDuration(item.lasts));
  }
  return text;
}

Case MakeCase(uint64_t seed, std::set<size_t> dropped) {
  Case made = Generator(seed).Run();
  made.dropped = std::move(dropped);
  return made;
}

}  // namespace metarec::simulation
