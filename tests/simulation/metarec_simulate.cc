// Simulates recoveries by the thousand, replays one of them, or cuts one down. See
// docs/simulation.md.

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <sys/wait.h>
#include <unistd.h>

#include "simulation.h"

namespace metarec::simulation {
namespace {

constexpr int64_t kShrinkRunsMax = 3000;
constexpr int64_t kSeldom = 30;  // branches that are reached less often are listed

struct Arguments {
  std::string seeds;
  int jobs = 0;
  uint64_t twice_every = 10;
  std::optional<uint64_t> replay;
  std::optional<uint64_t> shrink;
  std::string drop;
};

bool ParseRange(const std::string& text, Range* range) {
  const std::vector<std::string> ends = absl::StrSplit(text, '-');
  return ends.size() <= 2 && absl::SimpleAtoi(ends.front(), &range->first) &&
         absl::SimpleAtoi(ends.back(), &range->last) && range->first <= range->last;
}

bool ParseDrop(const std::string& text, std::set<size_t>* dropped) {
  for (const absl::string_view item : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    uint64_t index = 0;
    if (!absl::SimpleAtoi(item, &index)) return false;
    dropped->insert(index);
  }
  return true;
}

int Replay(uint64_t seed, const std::set<size_t>& dropped) {
  const Outcome outcome = Simulate(seed, dropped, stdout);
  absl::PrintF("hash %016x, %d steps, %s of virtual time\n", outcome.hash, outcome.steps,
               absl::FormatDuration(outcome.lasted));
  for (const std::string& violation : outcome.violations) {
    absl::PrintF("VIOLATION: %s\n", violation);
  }
  return outcome.violations.empty() ? 0 : 1;
}

int ShrinkAndTell(uint64_t seed, std::set<size_t> dropped) {
  dropped = Shrink(seed, std::move(dropped), kShrinkRunsMax);
  const Outcome outcome = Simulate(seed, dropped);
  if (outcome.violations.empty()) {
    absl::PrintF("seed %d violates nothing\n", seed);
    return 0;
  }
  const Case the_case = MakeCase(seed, dropped);
  absl::PrintF("what is left of seed %d:\n", seed);
  for (size_t i = 0; i < the_case.items.size(); ++i) {
    if (the_case.Has(i)) absl::PrintF("  item %d: %s\n", i, Describe(the_case.items[i]));
  }
  absl::PrintF("VIOLATION: %s\nreplay: %s\n", outcome.violations.front(),
               ReplayCommand(seed, dropped));
  return 1;
}

void Print(const char* title, const std::map<std::string, int64_t>& counts) {
  absl::PrintF("%s:\n", title);
  for (const auto& [name, count] : counts) absl::PrintF("  %10d  %s\n", count, name);
}

int Tell(const Tally& tally, double seconds, int jobs) {
  absl::PrintF("%d runs (%d of them twice) in %.1f s on %d cores: %.0f/s, %.0f/s per core\n",
               tally.runs, tally.runs_twice, seconds, jobs, tally.runs / seconds,
               tally.runs / seconds / jobs);
  absl::PrintF("%d steps, %d requests to ZooKeeper, %d messages, %.0f hours of virtual time\n",
               tally.steps, tally.requests, tally.messages,
               absl::ToDoubleHours(tally.virtual_time));
  Print("faults that happened", tally.faults);
  Print("how commands and requests ended", tally.ends);
  std::vector<std::string> unreached;
  for (const auto& [text, count] : tally.branches) {
    if (count == 0) unreached.push_back(text);
  }
  absl::PrintF("marked branches: %d of %d reached\n", tally.branches.size() - unreached.size(),
               tally.branches.size());
  for (const std::string& text : unreached) absl::PrintF("  NOT REACHED: %s\n", text);
  for (const auto& [text, count] : tally.branches) {
    if (count > 0 && count < kSeldom) absl::PrintF("  %d times only: %s\n", count, text);
  }
  absl::PrintF("violations: %d seeds\n", tally.failed);
  for (const Failure& failure : tally.failures) {
    absl::PrintF("  seed %d: %s\n    %s\n", failure.seed, failure.violations.front(),
                 ReplayCommand(failure.seed, {}));
  }
  return tally.failed == 0 ? 0 : 1;
}

// Each share in a process of its own: a crash is a violation like any other.
Tally RunShares(const Range& range, int jobs) {
  std::vector<std::pair<pid_t, std::FILE*>> children;
  const uint64_t count = range.last - range.first + 1;
  int64_t not_started = 0;
  for (int job = 0; job < jobs; ++job) {
    Range share = range;
    share.first = range.first + count * static_cast<uint64_t>(job) / static_cast<uint64_t>(jobs);
    share.last =
        range.first + count * static_cast<uint64_t>(job + 1) / static_cast<uint64_t>(jobs) - 1;
    if (share.first > share.last) continue;
    std::FILE* const file = std::tmpfile();
    std::fflush(stdout);
    const pid_t pid = file == nullptr ? -1 : fork();
    if (pid == 0) {
      const std::string text = Encode(SimulateRange(share));
      const bool is_written =
          std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
      _exit(is_written ? 0 : 1);
    }
    if (pid < 0) {
      absl::PrintF("no process for seeds %d-%d: %s\n", share.first, share.last,
                   std::strerror(errno));
      ++not_started;
      if (file != nullptr) std::fclose(file);
      continue;
    }
    children.emplace_back(pid, file);
  }
  Tally tally;
  tally.failed = not_started;
  for (const auto& [pid, file] : children) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
      if (errno == EINTR) continue;
      status = -1;
      break;
    }
    std::rewind(file);
    std::string text;
    char buffer[4096];
    for (size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), file)) > 0;) {
      text.append(buffer, got);
    }
    std::fclose(file);
    Tally share;
    if (status != 0 || !Decode(text, &share)) {
      absl::PrintF(
          "a share of the seeds crashed or could not tell its results (status %d); run it "
          "with --jobs 1\n",
          status);
      ++tally.failed;
    }
    tally.Add(share);
  }
  return tally;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Simulates recoveries in virtual time, from seeds");
  app.add_option("--seeds", arguments.seeds, "A-B: run these")->type_name("RANGE");
  app.add_option("--jobs", arguments.jobs, "processes; default: one a core");
  app.add_option("--twice_every", arguments.twice_every,
                 "every so many seeds one is run twice, which must give the same trace; 0: none");
  app.add_option("--replay", arguments.replay, "run this seed and print what happens");
  app.add_option("--shrink", arguments.shrink, "cut down the case of this seed, which fails");
  app.add_option("--drop", arguments.drop, "items of the case to leave out, by number: 3,7,12");
  CLI11_PARSE(app, argc, argv);
  std::set<size_t> dropped;
  if (!ParseDrop(arguments.drop, &dropped)) {
    absl::FPrintF(stderr, "--drop takes numbers: 3,7,12\n");
    return 2;
  }
  if (arguments.replay) return Replay(*arguments.replay, dropped);
  if (arguments.shrink) return ShrinkAndTell(*arguments.shrink, std::move(dropped));
  Range range{.first = 0, .last = 0, .twice_every = arguments.twice_every};
  if (!ParseRange(arguments.seeds, &range)) {
    absl::FPrintF(stderr, "give --seeds A-B, --replay SEED or --shrink SEED\n");
    return 2;
  }
  int jobs = arguments.jobs;
  if (jobs <= 0) jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const auto start = std::chrono::steady_clock::now();
  const Tally tally = jobs == 1 ? SimulateRange(range) : RunShares(range, jobs);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return Tell(tally, took.count(), jobs);
}

}  // namespace
}  // namespace metarec::simulation

int main(int argc, char** argv) { return metarec::simulation::Main(argc, argv); }
