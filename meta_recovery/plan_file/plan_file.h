// Plans as files of JSON lines, so that what was reviewed is what is applied. docs/file-formats.md
// describes the format. One line is held in memory at a time.

#pragma once

#include <cstddef>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

struct PlanFileOptions {
  bool overwrite = false;            // when writing
  size_t line_bytes_max = 16 << 20;  // both ways
  int interrupt_descriptor = -1;     // both ways; as in LineReaderOptions
};

// The file is there completely or not at all; compressed when its name ends in ".zst". Equal plans
// give equal bytes. kAlreadyExists unless the options allow to overwrite.
absl::Status WritePlanFile(const RecoveryPlan& plan, const std::string& path,
                           const PlanFileOptions& options = {});

// Gives exactly what was written. kNotFound or another open error; kInvalidArgument for what is no
// plan file or one of another version; kDataLoss when it is truncated or was edited. The message
// says where (file:line) and what to do.
absl::StatusOr<RecoveryPlan> ReadPlanFile(const std::string& path,
                                          const PlanFileOptions& options = {});

// What is selected of it. The whole file is read and checked, but only the selection is held in
// memory.
absl::StatusOr<PlanExcerpt> ReadPlanExcerpt(const std::string& path, PlanSelection selection,
                                            const PlanFileOptions& options = {});

// The same in memory. `name` is for messages.
std::string EncodePlan(const RecoveryPlan& plan);
absl::StatusOr<RecoveryPlan> DecodePlan(absl::string_view text, absl::string_view name);
absl::StatusOr<PlanExcerpt> DecodePlanExcerpt(absl::string_view text, absl::string_view name,
                                              PlanSelection selection);

}  // namespace metarec
