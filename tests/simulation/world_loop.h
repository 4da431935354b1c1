// What every simulated world is made of: one thread, time that jumps from event to event, one
// source of randomness, a trace, and what comes out in the end.

#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/io_context.hpp>

#include "seeded_run.h"
#include "testing/virtual_clock.h"

namespace metarec::simulation {

struct Outcome {
  uint64_t hash = 0;
  int64_t steps = 0;     // events and requests
  int64_t requests = 0;  // to ZooKeeper
  int64_t messages = 0;  // to others
  absl::Duration lasted;
  std::map<std::string, int64_t> faults;  // that happened, by kind
  std::map<std::string, int64_t> ends;    // of commands and requests: their outcomes
  std::vector<std::string> violations;
};

// How a case is run.
struct RunOptions {
  std::set<size_t> dropped = {};  // items that are left out, by number
  std::FILE* trace = nullptr;     // where readable lines go; null: nowhere
  // A fault of the program under test that is switched on, by name; empty: none.
  std::string planted = {};
};

class WorldLoop {
 public:
  WorldLoop(uint64_t seed, std::FILE* trace_out)
      : random(seed), trace(trace_out), start_(queue.now()) {}
  WorldLoop(const WorldLoop&) = delete;
  WorldLoop& operator=(const WorldLoop&) = delete;

  asio::io_context context{1};
  testing::EventQueue queue;
  testing::VirtualClock clock{&queue};
  Random random;
  Trace trace;

  void Violate(std::string what);
  void Count(const std::string& end) { ++outcome_.ends[end]; }
  void CountFault(absl::string_view kind) { ++outcome_.faults[std::string(kind)]; }
  int NewNumber() { return ++last_number_; }
  absl::Time start() const { return start_; }

 protected:
  ~WorldLoop() = default;

  // Lets time pass until `done`. To reach `horizon` first is a violation.
  void Pass(const std::function<bool()>& done, absl::Time horizon);
  void Pass(absl::Duration duration);

  Outcome outcome_;

 private:
  const absl::Time start_;
  int last_number_ = 0;
};

}  // namespace metarec::simulation
