// The lines of a plan file, wherever they come from or go to.

#pragma once

#include <memory>
#include <string>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "meta_recovery/plan_file/plan_selection.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

inline constexpr absl::string_view kPlanFormat = "metarec-plan";
// To be raised whenever a plan that this program wrote would be refused or understood otherwise:
// when the lines change, and when what PlanConsistency checks does, which is how plans are made.
inline constexpr int32_t kPlanVersion = 1;

// Gives every line, the one with the digest last, without newlines. Stops at the first error of
// `sink` and returns it.
absl::Status EncodePlanLines(const RecoveryPlan& plan,
                             absl::FunctionRef<absl::Status(absl::string_view line)> sink);

// Builds a plan from its lines, or what is selected of it: every line is checked in any case. Not
// thread-safe.
class PlanLineDecoder {
 public:
  // `name` is for messages.
  PlanLineDecoder(absl::string_view name, PlanSelection selection);
  ~PlanLineDecoder();

  // The next line, without its newline. `terminated`: whether it had one. Nothing may follow an
  // error.
  absl::Status Add(absl::string_view line, bool terminated);

  // kDataLoss when the last line is missing.
  absl::StatusOr<PlanExcerpt> Finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace metarec
