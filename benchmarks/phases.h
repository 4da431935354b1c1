// The main job at one size, phase by phase, and what each phase takes at best on this machine.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "benchmarks/sized_cluster.h"

namespace metarec::benchmarks {

struct PhaseResult {
  std::string name;  // "collect", "plan", ...
  absl::Duration took;
  int64_t units = 0;  // replicas or znodes, by the phase
  int64_t bytes = 0;  // 0: not measured
  // The same work done as barely as possible, in the same run; zero: there is no such thing.
  std::string ceiling_name;
  absl::Duration ceiling;
};

struct SizeResult {
  ClusterSize size;
  int64_t replicas = 0;
  int64_t znodes = 0;
  int64_t znode_bytes = 0;  // paths and data
  std::vector<PhaseResult> phases;
  absl::Duration one_by_one;      // writing as Pegasus's meta server does
  absl::Duration whole_job;       // of the `metarec recover` process
  int64_t peak_memory_bytes = 0;  // of that process
  // The same with an old tree of as many partitions.
  absl::Duration whole_job_with_old_tree;
  int64_t peak_memory_with_old_tree_bytes = 0;
};

struct PhasesOptions {
  ClusterSize size;
  std::string zookeeper_hosts;
  std::string node_list_file;  // of the simulated servers, which hold MakeEvidence(size)
  std::string metarec;         // the program
  std::string folder;          // for its output
  int repetitions = 1;         // of each measurement; the best counts
};

absl::StatusOr<SizeResult> MeasurePhases(const PhasesOptions& options);

}  // namespace metarec::benchmarks
