#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// Says in sentences, with the numbers, why the plan is what it is for one subject: a partition
// ("3.17"), a table ("3"), or a node by name, address or as listed ("rs1:34801").
//
// kNotFound for a subject that the plan does not have, naming what it has; kInvalidArgument for a
// text that is no subject.
absl::StatusOr<std::string> Explain(const RecoveryPlan& plan, absl::string_view subject);

}  // namespace metarec
