#include "base/runtime/progress.h"

namespace metarec {

absl::string_view PhaseName(Phase phase) {
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

}  // namespace metarec
