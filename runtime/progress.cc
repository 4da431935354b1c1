#include "runtime/progress.h"

namespace metarec {

absl::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kCollect:
      return "collect";
    case Phase::kAwaitInactive:
      return "await inactive replicas";
    case Phase::kPlan:
      return "plan";
    case Phase::kWrite:
      return "write";
    case Phase::kVerify:
      return "verify";
  }
  return "unknown";
}

}  // namespace metarec
