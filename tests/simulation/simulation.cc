#include "simulation.h"

#include <algorithm>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "base/runtime/rare_branch.h"

namespace metarec::simulation {
namespace {

constexpr size_t kFailuresKept = 20;

void AddAll(const std::map<std::string, int64_t>& from, std::map<std::string, int64_t>* to) {
  for (const auto& [name, count] : from) (*to)[name] += count;
}

// Which rule was violated: the words of the violation without the case's numbers and names.
std::string RuleOf(const std::string& violation) {
  std::string rule;
  for (const absl::string_view word : absl::StrSplit(violation, ' ')) {
    const bool is_plain = word.find_first_of("0123456789/\"{") == absl::string_view::npos;
    if (is_plain) absl::StrAppend(&rule, word, " ");
    if (rule.size() > 60) break;
  }
  return rule;
}

}  // namespace

const std::vector<const WorldKind*>& AllWorlds() {
  static const auto& worlds = *new std::vector<const WorldKind*>{
      &kRecoveryWorld, &kCopyWorld, &kElectionWorld, &kMembershipWorld, &kMoveWorld};
  return worlds;
}

const WorldKind* FindWorld(absl::string_view name) {
  for (const WorldKind* const world : AllWorlds()) {
    if (world->name == name) return world;
  }
  return nullptr;
}

void Tally::Add(uint64_t seed, const Outcome& outcome) {
  ++runs;
  steps += outcome.steps;
  requests += outcome.requests;
  messages += outcome.messages;
  virtual_time += outcome.lasted;
  AddAll(outcome.faults, &faults);
  AddAll(outcome.ends, &ends);
  if (outcome.violations.empty()) return;
  ++failed;
  if (failures.size() < kFailuresKept) failures.push_back({seed, outcome.violations});
}

void Tally::Add(const Tally& other) {
  runs += other.runs;
  runs_twice += other.runs_twice;
  steps += other.steps;
  requests += other.requests;
  messages += other.messages;
  virtual_time += other.virtual_time;
  AddAll(other.faults, &faults);
  AddAll(other.ends, &ends);
  AddAll(other.branches, &branches);
  failed += other.failed;
  for (const Failure& failure : other.failures) {
    if (failures.size() < kFailuresKept) failures.push_back(failure);
  }
}

Tally SimulateRange(const Range& range, int64_t failures_max) {
  Tally tally;
  for (uint64_t seed = range.first; seed <= range.last && tally.failed < failures_max; ++seed) {
    RunOptions options;
    options.planted = range.planted;
    Outcome outcome = range.world->run(seed, options);
    if (range.twice_every != 0 && seed % range.twice_every == 0) {
      ++tally.runs_twice;
      if (range.world->run(seed, options).hash != outcome.hash) {
        outcome.violations.emplace_back("runs differently the second time");
      }
    }
    tally.Add(seed, outcome);
  }
#if METAREC_RARE_BRANCHES
  tally.branches = RareBranchCounts();
#endif
  return tally;
}

std::string Encode(const Tally& tally) {
  std::string text = absl::StrCat(
      "n\t", tally.runs, "\t", tally.runs_twice, "\t", tally.steps, "\t", tally.requests, "\t",
      tally.messages, "\t", absl::ToInt64Seconds(tally.virtual_time), "\t", tally.failed, "\n");
  const auto append = [&text](absl::string_view kind,
                              const std::map<std::string, int64_t>& counts) {
    for (const auto& [name, count] : counts) {
      absl::StrAppend(&text, kind, "\t", name, "\t", count, "\n");
    }
  };
  append("f", tally.faults);
  append("e", tally.ends);
  append("b", tally.branches);
  for (const Failure& failure : tally.failures) {
    std::string what = absl::StrJoin(failure.violations, "; ");
    for (char& c : what) c = c == '\n' || c == '\t' ? ' ' : c;
    absl::StrAppend(&text, "x\t", failure.seed, "\t", what, "\n");
  }
  return text;
}

bool Decode(const std::string& text, Tally* tally) {
  bool is_complete = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    int64_t count = 0;
    if (fields[0] == "n" && fields.size() == 8) {
      int64_t seconds = 0;
      is_complete = absl::SimpleAtoi(fields[1], &tally->runs) &&
                    absl::SimpleAtoi(fields[2], &tally->runs_twice) &&
                    absl::SimpleAtoi(fields[3], &tally->steps) &&
                    absl::SimpleAtoi(fields[4], &tally->requests) &&
                    absl::SimpleAtoi(fields[5], &tally->messages) &&
                    absl::SimpleAtoi(fields[6], &seconds) &&
                    absl::SimpleAtoi(fields[7], &tally->failed);
      tally->virtual_time = absl::Seconds(seconds);
    } else if (fields.size() == 3 && fields[0] == "x") {
      Failure& failure = tally->failures.emplace_back();
      if (!absl::SimpleAtoi(fields[1], &failure.seed)) return false;
      failure.violations.push_back(fields[2]);
    } else if (fields.size() == 3 && absl::SimpleAtoi(fields[2], &count)) {
      (fields[0] == "f"   ? tally->faults
       : fields[0] == "e" ? tally->ends
                          : tally->branches)[fields[1]] += count;
    } else {
      return false;
    }
  }
  return is_complete;
}

// Drops what can be dropped: half of what is left at once, then a quarter, ... then one by one.
std::set<size_t> Shrink(const WorldKind& world, uint64_t seed, RunOptions options,
                        int64_t runs_max) {
  options.trace = nullptr;
  const Outcome first = world.run(seed, options);
  if (first.violations.empty()) return options.dropped;
  const std::string rule = RuleOf(first.violations.front());
  const size_t items = world.items(seed).size();
  int64_t runs = 0;
  const auto still_fails = [&](const std::set<size_t>& without) {
    ++runs;
    RunOptions smaller = options;
    smaller.dropped = without;
    const Outcome outcome = world.run(seed, smaller);
    return !outcome.violations.empty() && RuleOf(outcome.violations.front()) == rule;
  };
  for (size_t piece = (items + 1) / 2; piece >= 1 && runs < runs_max;) {
    bool has_shrunk = false;
    for (size_t begin = 0; begin < items && runs < runs_max; begin += piece) {
      std::set<size_t> without = options.dropped;
      for (size_t i = begin; i < std::min(items, begin + piece); ++i) without.insert(i);
      if (without == options.dropped || !still_fails(without)) continue;
      options.dropped = std::move(without);
      has_shrunk = true;
    }
    if (piece == 1 && !has_shrunk) break;
    if (piece > 1) piece = (piece + 1) / 2;
  }
  return options.dropped;
}

std::string ReplayCommand(const WorldKind& world, uint64_t seed, const RunOptions& options) {
  return absl::StrCat(
      "metarec-simulate", &world == &kRecoveryWorld ? "" : absl::StrCat(" --world ", world.name),
      " --replay ", seed,
      options.dropped.empty() ? "" : absl::StrCat(" --drop ", absl::StrJoin(options.dropped, ",")),
      options.planted.empty() ? "" : absl::StrCat(" --plant ", options.planted));
}

}  // namespace metarec::simulation
