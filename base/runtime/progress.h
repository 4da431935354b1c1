// What a long-running job tells its owner while it runs.

#pragma once

#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>

namespace metarec {

enum class Phase {
  kCollect,        // units: nodes answered
  kAwaitInactive,  // waiting for leases to run out; units: replicas that are inactive
  kPlan,           // units: partitions planned
  kWrite,          // units: znodes written
  kVerify,         // units: znodes read back
  kRead,           // of a root as it is; units: znodes read
};

// "collect", "await_inactive", "plan", "write", "verify", "read".
inline absl::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kCollect:
      return "collect";
    case Phase::kAwaitInactive:
      return "await_inactive";
    case Phase::kPlan:
      return "plan";
    case Phase::kWrite:
      return "write";
    case Phase::kVerify:
      return "verify";
    case Phase::kRead:
      return "read";
  }
  return "unknown";
}

// A value: cheap to copy, complete in itself.
struct Progress {
  Phase phase = Phase::kCollect;
  int64_t done = 0;
  int64_t total = 0;   // 0: not known yet
  int64_t failed = 0;  // kCollect: nodes of `done`; kVerify: differences; kRead: problems; else 0
  std::string note;    // one short line, e.g. the node that answered last; may be empty
  // kCollect: what the nodes that have answered reported.
  int64_t replicas = 0;
};

// Called on the executor of the job, from one coroutine at a time. Must return quickly and must not
// throw.
class ProgressListener {
 public:
  virtual ~ProgressListener() = default;
  virtual void OnProgress(const Progress& progress) = 0;
};

// For callers that do not want to hear anything.
class SilentProgress final : public ProgressListener {
 public:
  void OnProgress(const Progress&) override {}
};

}  // namespace metarec
