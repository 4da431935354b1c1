#include "rpc/open_files.h"

#include <algorithm>

#include <sys/resource.h>

namespace metarec::rpc {
namespace {

// More than a meta server ever meets; at some kilobytes each that is a bound on memory.
constexpr size_t kConnectionsMax = 50'000;
constexpr size_t kOtherFilesMax = 2048;
// If the system does not say.
constexpr size_t kOpenFilesUnknown = 1024;

}  // namespace

size_t RaiseOpenFilesLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kOpenFilesUnknown;
  rlimit raised = limit;
  raised.rlim_cur = raised.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

size_t ConnectionsWithin(size_t open_files_max) {
  const size_t others = std::min(kOtherFilesMax, open_files_max / 2);
  return std::clamp<size_t>(open_files_max - others, 1, kConnectionsMax);
}

}  // namespace metarec::rpc
