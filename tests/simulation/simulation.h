// Runs seeds, and makes failing cases smaller.

#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "world_loop.h"

namespace metarec::simulation {

// A kind of simulation.
struct WorldKind {
  absl::string_view name;  // "recovery"
  // Runs the case of a seed.
  Outcome (*run)(uint64_t seed, const RunOptions& options);
  // Its items, in words.
  std::vector<std::string> (*items)(uint64_t seed);
};

// Disasters and recoveries: case.h, world.h.
extern const WorldKind kRecoveryWorld;
// Copies of a tree: copy_case.h, copy_world.h.
extern const WorldKind kCopyWorld;
// Elections that move between two ensembles: election_case.h, election_world.h.
extern const WorldKind kElectionWorld;
// Recoveries with secondaries: replica_group.h.
extern const WorldKind kMembershipWorld;
// Moves of a cluster to another ZooKeeper: move_case.h, moving_world.h.
extern const WorldKind kMoveWorld;
// All of them.
const std::vector<const WorldKind*>& AllWorlds();
// Null: there is none of this name.
const WorldKind* FindWorld(absl::string_view name);

struct Range {
  const WorldKind* world = &kRecoveryWorld;
  uint64_t first = 0;
  uint64_t last = 0;
  // Every so many seeds one is run twice; 1: every one; 0: none.
  uint64_t twice_every = 1;
  std::string planted = {};  // RunOptions::planted
};

struct Failure {
  uint64_t seed = 0;
  std::vector<std::string> violations;
};

// The results of many simulations.
struct Tally {
  int64_t runs = 0;  // the second ones of a seed do not count
  int64_t runs_twice = 0;
  int64_t steps = 0;
  int64_t requests = 0;
  int64_t messages = 0;
  absl::Duration virtual_time;
  std::map<std::string, int64_t> faults;
  std::map<std::string, int64_t> ends;
  std::map<std::string, int64_t> branches;  // marked ones: how often each was reached
  int64_t failed = 0;
  std::vector<Failure> failures;  // the first ones

  void Add(uint64_t seed, const Outcome& outcome);
  void Add(const Tally& other);
  // How often something ended like that.
  int64_t Ended(const std::string& how) const {
    const auto found = ends.find(how);
    return found == ends.end() ? 0 : found->second;
  }
};

// Ends early after `failures_max` seeds that failed.
Tally SimulateRange(const Range& range, int64_t failures_max = 20);

// A tally as text, to pass it between processes and to keep it in a file.
std::string Encode(const Tally& tally);
bool Decode(const std::string& text, Tally* tally);

// The items that the case of this seed can do without and still violate the same rule; nothing if
// it violates none. At most `runs_max` simulations.
std::set<size_t> Shrink(const WorldKind& world, uint64_t seed, RunOptions options,
                        int64_t runs_max);

// The command that replays a case with a readable trace.
std::string ReplayCommand(const WorldKind& world, uint64_t seed, const RunOptions& options);

}  // namespace metarec::simulation
