#include "base/runtime/rare_branch.h"

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace metarec {
namespace {

struct Registry {
  absl::Mutex mutex;
  // Counters stay where they are.
  std::map<std::string, std::atomic<int64_t>> counters ABSL_GUARDED_BY(mutex);
};

// Made by the first who needs it, which is before main; never destroyed.
Registry& TheRegistry() {
  static Registry& registry = *new Registry();
  return registry;
}

}  // namespace

std::map<std::string, int64_t> RareBranchCounts() {
  Registry& registry = TheRegistry();
  absl::MutexLock lock(&registry.mutex);
  std::map<std::string, int64_t> counts;
  for (const auto& [text, counter] : registry.counters) counts.emplace(text, counter.load());
  return counts;
}

std::atomic<int64_t>* internal::RegisterRareBranch(const char* text) {
  Registry& registry = TheRegistry();
  absl::MutexLock lock(&registry.mutex);
  return &registry.counters[text];
}

}  // namespace metarec
