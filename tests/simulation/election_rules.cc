// What must hold of a simulated election.

#include <algorithm>
#include <utility>
#include <variant>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "election_world.h"

namespace metarec::simulation {
namespace {

EnsembleSide EnsembleOf(Side side) {
  return side == Side::kFrom ? EnsembleSide::kFirst : EnsembleSide::kSecond;
}

}  // namespace

void ElectionWorld::OnExpired(Side side) { is_changed_[EnsembleOf(side)] = true; }

void ElectionWorld::OnApplied(Side side, const StoreClient& client, const std::vector<StoreOp>& ops,
                              const std::vector<StoreOpResult>& results) {
  is_changed_[EnsembleOf(side)] = true;
  for (size_t i = 0; i < ops.size(); ++i) {
    const auto* const set = std::get_if<SetOp>(&ops[i]);
    if (set != nullptr && set->path == "/written") CheckWritten(client, set->data);
    const std::string& created = results[i].created_path;
    if (client.is_engine && absl::StartsWith(created, paths_.candidate(kCandidatePrefix)) &&
        std::get<CreateOp>(ops[i]).mode != CreateMode::kPersistent) {
      CheckCreated(side, client, created);
    }
  }
}

// Numbers grow, whichever ensemble gives them, and nobody gets one that another one has.
void ElectionWorld::CheckCreated(Side side, const StoreClient& client, const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::optional<uint64_t> number = CandidateNumber(name);
  const auto [place, is_new] = given_.emplace(name, client.number);
  if (!is_new) {
    if (place->second == client.number) return;
    return Violate(absl::StrCat("two candidates have one number: ", name, " in ", SideName(side)));
  }
  if (last_number_.has_value() && number <= last_number_) {
    Violate(absl::StrCat("a number does not grow: ", name, " in ", SideName(side)));
  }
  last_number_ = number;
}

void ElectionWorld::CheckWritten(const StoreClient& client, const std::string& data) {
  if (last_leader_ != nullptr && last_leader_->process.client().number == client.number) return;
  Violate(absl::StrCat("a write lands after somebody else began to lead: by ", data));
}

const PhaseRecord* ElectionWorld::RecordIn(Side side) {
  auto& record = records_[EnsembleOf(side)];
  record.reset();
  const auto node = tree(side).Get(paths_.phase(), {});
  if (!node.ok()) return nullptr;
  const auto parsed = ParsePhaseRecord(node->data);
  if (!parsed.ok()) {
    Violate(absl::StrCat("the phase makes no sense: ", node->data));
    return nullptr;
  }
  record = *parsed;
  return &*record;
}

bool ElectionWorld::OldOneLeadsIn(Side side) {
  const auto is_old_here = [side](const auto& running) {
    return running.second->old_session != 0 && running.second->old_side == side;
  };
  if (std::none_of(running_.begin(), running_.end(), is_old_here)) return false;
  const PhaseRecord* const first = RecordIn(Side::kFrom);
  // Nobody has linked ensemble 2 with this election yet.
  if (side == Side::kTo && (first == nullptr || first->id.empty())) return false;
  const auto children = tree(side).Children(paths_.directory(), {});
  if (!children.ok()) return false;
  const std::vector<std::string> candidates = CandidatesInOrder(children->names);
  if (candidates.empty()) return false;
  const auto leading = tree(side).Get(paths_.candidate(candidates.front()), {});
  return std::any_of(running_.begin(), running_.end(), [&](const auto& running) {
    return is_old_here(running) && running.second->old_session == leading->stat.ephemeral_owner;
  });
}

std::string ElectionWorld::NameIn(Side side) {
  const PhaseRecord* const record = RecordIn(side);
  const auto children = tree(side).Children(paths_.directory(), {});
  if (!children.ok()) return "";
  std::vector<std::string> candidates = CandidatesInOrder(children->names);
  if (record != nullptr) std::erase(candidates, record->guard);
  if (candidates.empty()) return "";
  // One that knows nothing of phases is followed by nobody.
  const auto first = tree(side).Get(paths_.candidate(candidates.front()), {});
  const bool is_plain = !tree(side).Exists(paths_.marker(first->stat.ephemeral_owner)).has_value();
  return is_plain ? "" : candidates.front();
}

bool ElectionWorld::OldOneLeadsBeside(const Program& leader) {
  for (const Side side : {Side::kFrom, Side::kTo}) {
    const std::string& lost = leader.lost_by_force[EnsembleOf(side)];
    const bool is_lost = !lost.empty() && lost == leader.election->status().candidate;
    if (!is_lost && OldOneLeadsIn(side)) return true;
  }
  return false;
}

bool ElectionWorld::Stands(const std::string& candidate, Side side) {
  return !candidate.empty() && tree(side).Exists(paths_.candidate(candidate)).has_value();
}

void ElectionWorld::CheckLeaders() {
  int leaders = 0;
  bool is_beside_old_one = false;
  for (const auto& program : programs_) {
    if (program->election == nullptr || !program->is_alive() || !program->election->leads()) {
      continue;
    }
    // In another directory it is another election.
    if (program->setup == CandidateSetup::kWrongPath) continue;
    ++leaders;
    is_beside_old_one = is_beside_old_one || OldOneLeadsBeside(*program);
    if (last_leader_ == program.get()) continue;
    last_leader_ = program.get();
    Count("led");
  }
  if (leaders > 1) Violate("two lead at once");
  if (is_beside_old_one) Violate("a candidate and an old program lead at once");
  if (leaders > 0) nobody_since_ = absl::InfiniteFuture();
  if (leaders == 0) nobody_since_ = std::min(nobody_since_, queue.now());
  nobody_max_ = std::max(nobody_max_, queue.now() - std::min(nobody_since_, queue.now()));
}

void ElectionWorld::CheckWatchers() {
  for (const Side side : {Side::kFrom, Side::kTo}) {
    if (!std::exchange(is_changed_[EnsembleOf(side)], false)) continue;
    named_[EnsembleOf(side)] = NameIn(side);
  }
  const std::string& first = named_[EnsembleSide::kFirst];
  const std::string& second = named_[EnsembleSide::kSecond];
  if (first.empty() || second.empty() || first == second) {
    differ_since_ = absl::InfiniteFuture();
    return;
  }
  differ_since_ = std::min(differ_since_, queue.now());
  const absl::Duration differed = queue.now() - differ_since_;
  differed_max_ = std::max(differed_max_, differed);
  // docs/election.md has the bounds.
  const bool is_one_left = std::any_of(
      records_.values.begin(), records_.values.end(),
      [](const auto& record) { return record.has_value() && OnlySide(record->phase).has_value(); });
  const absl::Duration sessions = case_.session_timeout * (is_one_left ? 2 : 1);
  if (differed <= sessions + case_.twin_max + absl::Seconds(2)) return;
  Violate(absl::StrCat("watchers name different leaders for too long: ", first, " and ", second));
  differ_since_ = absl::InfiniteFuture();
}

void ElectionWorld::CheckNow() {
  CheckLeaders();
  CheckWatchers();
}

void ElectionWorld::Judge() {
  // Whatever is half made is completed by whoever runs the command again.
  for (int attempt = 0; attempt < 5; ++attempt) {
    const PhaseRecord* const first = RecordIn(Side::kFrom);
    const PhaseRecord* const second = RecordIn(Side::kTo);
    const bool is_settled = first != nullptr && (second == nullptr || first->id.empty() ||
                                                 PhaseStateOf(*first, *second).settled());
    if (is_settled) break;
    if (attempt == 4) return Violate("a change of phase stays half made");
    BeginMove(kElectionPhases[case_.first_phase], true);
    AwaitQuiet();
  }
  // Then somebody leads.
  const absl::Time deadline =
      queue.now() + case_.session_timeout * 3 + case_.twin_max + absl::Seconds(10);
  nobody_max_ = absl::ZeroDuration();
  const auto leads = [](const auto& running) { return running.second->election->leads(); };
  bool is_late = false;
  Pass(
      [&] {
        CheckNow();
        is_late = queue.now() > deadline;
        return is_late || (std::count_if(running_.begin(), running_.end(), leads) == 1 &&
                           queue.now() + case_.session_timeout > deadline);
      },
      deadline + absl::Minutes(1));
  if (is_late) Violate("nobody leads although nothing goes wrong any more");
  const PhaseRecord* const record = RecordIn(Side::kFrom);
  if (record != nullptr) Count(absl::StrCat("ends in ", ElectionPhaseName(record->phase)));
  for (const Side side : {Side::kFrom, Side::kTo}) {
    const PhaseRecord* const here = RecordIn(side);
    if (here == nullptr) continue;
    const bool is_empty = NameIn(side).empty();
    const bool is_left = OnlySide(here->phase) == OtherSide(EnsembleOf(side));
    if (is_left != is_empty) {
      Violate(absl::StrCat("in phase ", ElectionPhaseName(here->phase),
                           " somebody stands, or not, in ", SideName(side)));
    }
  }
}

}  // namespace metarec::simulation
