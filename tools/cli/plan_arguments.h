#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>

#include "meta_recovery/planner/plan_options.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec::tools {

// What the operator accepts and decides.
class PlanArguments {
 public:
  void AddTo(CLI::App& verb);
  absl::StatusOr<PlanOptions> ToOptions() const;
  // As typed, with a space in front of each; without what has its default.
  std::string AsTyped() const;

 private:
  PlanOptions options_;
  std::vector<std::string> settlements_;
};

// A plan file; a signal ends the reading (interrupt_signals.h).
absl::StatusOr<RecoveryPlan> ReadPlan(const std::string& path);

}  // namespace metarec::tools
