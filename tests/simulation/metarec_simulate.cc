// Simulates recoveries, copies, elections, membership and moves by the thousand, replays one of
// them, or cuts one down: docs/simulation.md.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
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
constexpr uint64_t kChunk = 2000;
constexpr int kNotDone = 3;  // exit code

struct Arguments {
  std::string world = "recovery";
  std::string seeds;
  int jobs = 0;
  uint64_t twice_every = 10;
  std::optional<uint64_t> replay;
  std::optional<uint64_t> shrink;
  std::string drop;
  std::string plant;
  std::string record;
  int seconds = 0;
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

int Replay(const WorldKind& world, uint64_t seed, RunOptions options) {
  options.trace = stdout;
  const Outcome outcome = world.run(seed, options);
  absl::PrintF("hash %016x, %d steps, %s of virtual time\n", outcome.hash, outcome.steps,
               absl::FormatDuration(outcome.lasted));
  for (const std::string& violation : outcome.violations) {
    absl::PrintF("VIOLATION: %s\n", violation);
  }
  return outcome.violations.empty() ? 0 : 1;
}

int ShrinkAndTell(const WorldKind& world, uint64_t seed, RunOptions options) {
  options.dropped = Shrink(world, seed, options, kShrinkRunsMax);
  const Outcome outcome = world.run(seed, options);
  if (outcome.violations.empty()) {
    absl::PrintF("seed %d violates nothing\n", seed);
    return 0;
  }
  absl::PrintF("what is left of seed %d:\n", seed);
  const std::vector<std::string> items = world.items(seed);
  for (size_t i = 0; i < items.size(); ++i) {
    if (!options.dropped.contains(i)) absl::PrintF("  item %d: %s\n", i, items[i]);
  }
  absl::PrintF("VIOLATION: %s\nreplay: %s\n", outcome.violations.front(),
               ReplayCommand(world, seed, options));
  return 1;
}

void Print(const char* title, const std::map<std::string, int64_t>& counts) {
  absl::PrintF("%s:\n", title);
  for (const auto& [name, count] : counts) absl::PrintF("  %10d  %s\n", count, name);
}

// `runs_now`: how many of the runs are of now; the others were read from a record.
int Tell(const Range& range, const Tally& tally, double seconds, int jobs, int64_t runs_now) {
  absl::PrintF("world %s:\n", range.world->name);
  absl::PrintF("%d runs (%d of them twice) in %.1f s on %d cores: %.0f/s, %.0f/s per core\n",
               tally.runs, tally.runs_twice, seconds, jobs, runs_now / seconds,
               runs_now / seconds / jobs);
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
  RunOptions options;
  options.planted = range.planted;
  for (const Failure& failure : tally.failures) {
    absl::PrintF("  seed %d: %s\n    %s\n", failure.seed, failure.violations.front(),
                 ReplayCommand(*range.world, failure.seed, options));
  }
  return tally.failed == 0 ? 0 : 1;
}

// What is known of the chunks that are done, in a file, so that a long run can be ended and taken
// up again. A chunk is appended as a whole; one that was cut off is run again.
class Record {
 public:
  // "": there is none.
  explicit Record(std::string path) : path_(std::move(path)) {}

  // Adds what is done to `tally`, and removes it from `chunks`.
  void Resume(std::vector<Range>* chunks, Tally* tally) const {
    std::ifstream file(path_);
    std::string line;
    std::string text;
    std::string world;
    uint64_t first = 0;
    while (!path_.empty() && std::getline(file, line)) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      if (words[0] == "chunk" && words.size() >= 2 && absl::SimpleAtoi(words[1], &first)) {
        text.clear();
        world = words.size() == 2 ? "recovery" : words[2];
        continue;
      }
      if (line != "end") {
        absl::StrAppend(&text, line, "\n");
        continue;
      }
      Tally chunk;
      const auto found = std::find_if(chunks->begin(), chunks->end(), [&](const Range& range) {
        return range.first == first && range.world->name == world;
      });
      if (found == chunks->end() || !Decode(text, &chunk)) continue;
      chunks->erase(found);
      tally->Add(chunk);
    }
  }

  void Append(const Range& chunk, const Tally& tally) const {
    if (path_.empty()) return;
    std::ofstream file(path_, std::ios::app);
    file << "chunk " << chunk.first << " " << chunk.world->name << "\n"
         << Encode(tally) << "end\n"
         << std::flush;
    if (!file) absl::FPrintF(stderr, "cannot write %s\n", path_);
  }

 private:
  const std::string path_;
};

// A chunk of the seeds in a process of its own: a crash is a violation like any other.
struct Child {
  pid_t pid = -1;
  Range chunk;
  std::FILE* results = nullptr;
};

std::optional<Child> StartChild(const Range& chunk) {
  Child child{.chunk = chunk, .results = std::tmpfile()};
  std::fflush(stdout);
  child.pid = child.results == nullptr ? -1 : fork();
  if (child.pid == 0) {
    const std::string text = Encode(SimulateRange(chunk));
    const bool is_written =
        std::fwrite(text.data(), 1, text.size(), child.results) == text.size() &&
        std::fflush(child.results) == 0;
    _exit(is_written ? 0 : 1);
  }
  if (child.pid > 0) return child;
  absl::PrintF("no process for seeds %d-%d: %s\n", chunk.first, chunk.last, std::strerror(errno));
  if (child.results != nullptr) std::fclose(child.results);
  return std::nullopt;
}

// nullopt: it crashed, or could not tell its results.
std::optional<Tally> ResultsOf(const Child& child, int status) {
  std::rewind(child.results);
  std::string text;
  char buffer[4096];
  for (size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), child.results)) > 0;) {
    text.append(buffer, got);
  }
  std::fclose(child.results);
  Tally tally;
  if (status == 0 && Decode(text, &tally)) return tally;
  absl::PrintF("seeds %d-%d crashed (status %d); run them with --jobs 1\n", child.chunk.first,
               child.chunk.last, status);
  return std::nullopt;
}

// Runs chunks, the first ones first, `jobs` at a time. After `deadline` no other one is begun:
// `chunks` is what is left then.
void RunChunks(int jobs, std::chrono::steady_clock::time_point deadline, const Record& record,
               std::vector<Range>* chunks, Tally* tally) {
  std::vector<Child> children;
  auto next = chunks->begin();
  for (;;) {
    while (next != chunks->end() && static_cast<int>(children.size()) < jobs &&
           std::chrono::steady_clock::now() < deadline) {
      const std::optional<Child> child = StartChild(*next++);
      if (child) children.push_back(*child);
      if (!child) ++tally->failed;
    }
    if (children.empty()) break;
    int status = 0;
    const pid_t ended = wait(&status);
    const auto child = std::find_if(children.begin(), children.end(),
                                    [ended](const Child& c) { return c.pid == ended; });
    if (child == children.end()) continue;  // EINTR
    const std::optional<Tally> results = ResultsOf(*child, status);
    if (results) {
      record.Append(child->chunk, *results);
      tally->Add(*results);
    } else {
      ++tally->failed;
    }
    children.erase(child);
  }
  chunks->erase(chunks->begin(), next);
}

std::vector<Range> ChunksOf(const Range& range, uint64_t size) {
  std::vector<Range> chunks;
  for (uint64_t first = range.first; first <= range.last; first += size) {
    Range& chunk = chunks.emplace_back(range);
    chunk.first = first;
    chunk.last = std::min(range.last, first + size - 1);
  }
  return chunks;
}

int RunSeeds(const Arguments& arguments, const Range& range,
             std::chrono::steady_clock::time_point deadline) {
  int jobs = arguments.jobs;
  if (jobs <= 0) jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const auto start = std::chrono::steady_clock::now();
  Tally tally;
  if (jobs == 1 && arguments.record.empty()) {
    tally = SimulateRange(range);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return Tell(range, tally, took.count(), jobs, tally.runs);
  }
  // Small enough that no core is idle at the end for long.
  const uint64_t seeds = range.last - range.first + 1;
  const uint64_t size = arguments.record.empty()
                            ? std::clamp<uint64_t>(seeds / (uint64_t{8} * jobs), 1, kChunk)
                            : kChunk;
  std::vector<Range> chunks = ChunksOf(range, size);
  const Record record(arguments.record);
  record.Resume(&chunks, &tally);
  const int64_t before = tally.runs;
  RunChunks(jobs, deadline, record, &chunks, &tally);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (before > 0) absl::PrintF("%d of the runs are from before\n", before);
  const int code = Tell(range, tally, took.count(), jobs, tally.runs - before);
  if (chunks.empty()) return code;
  absl::PrintF("NOT DONE: seeds from %d on; the same command goes on with them\n",
               chunks.front().first);
  return code != 0 ? code : kNotDone;
}

// One world after the other. The exit code says the worst.
int RunWorlds(const Arguments& arguments, const std::vector<const WorldKind*>& worlds,
              Range range) {
  const auto deadline = arguments.seconds > 0 ? std::chrono::steady_clock::now() +
                                                    std::chrono::seconds(arguments.seconds)
                                              : std::chrono::steady_clock::time_point::max();
  int worst = 0;
  for (const WorldKind* const world : worlds) {
    range.world = world;
    const int code = RunSeeds(arguments, range, deadline);
    if (worst == 0 || code == 1) worst = code;
  }
  return worst;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Simulates recoveries, copies, elections, membership and moves, from seeds");
  std::vector<std::string> names = {"all"};
  for (const WorldKind* const world : AllWorlds()) names.emplace_back(world->name);
  app.add_option("--world", arguments.world, "what is simulated")
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  app.add_option("--seeds", arguments.seeds, "A-B: run these")->type_name("RANGE");
  app.add_option("--jobs", arguments.jobs, "processes; default: one a core");
  app.add_option("--twice_every", arguments.twice_every,
                 "every so many seeds one is run twice, which must give the same trace; 0: none");
  app.add_option("--record", arguments.record,
                 "keep the results of what is done in this file, and leave out what is done there")
      ->type_name("FILE");
  app.add_option("--seconds", arguments.seconds,
                 "begin nothing more after so long; exit code 3 if something is left then");
  app.add_option("--replay", arguments.replay, "run this seed and print what happens");
  app.add_option("--shrink", arguments.shrink, "cut down the case of this seed, which fails");
  app.add_option("--drop", arguments.drop, "items of the case to leave out, by number: 3,7,12");
  app.add_option("--plant", arguments.plant,
                 "switch on a fault of the program under test, which must be found: "
                 "docs/simulation.md names them");
  CLI11_PARSE(app, argc, argv);
  std::set<size_t> dropped;
  if (!ParseDrop(arguments.drop, &dropped)) {
    absl::FPrintF(stderr, "--drop takes numbers: 3,7,12\n");
    return 2;
  }
  RunOptions options;
  options.dropped = dropped;
  options.planted = arguments.plant;
  const WorldKind* const world = FindWorld(arguments.world);
  if (world == nullptr && (arguments.replay || arguments.shrink)) {
    absl::FPrintF(stderr, "name the world of the seed with --world\n");
    return 2;
  }
  if (arguments.replay) return Replay(*world, *arguments.replay, options);
  if (arguments.shrink) return ShrinkAndTell(*world, *arguments.shrink, options);
  Range range;
  range.twice_every = arguments.twice_every;
  range.planted = arguments.plant;
  if (!ParseRange(arguments.seeds, &range)) {
    absl::FPrintF(stderr, "give --seeds A-B, --replay SEED or --shrink SEED\n");
    return 2;
  }
  return RunWorlds(arguments, world == nullptr ? AllWorlds() : std::vector{world}, range);
}

}  // namespace
}  // namespace metarec::simulation

int main(int argc, char** argv) { return metarec::simulation::Main(argc, argv); }
