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

// Writes the whole file or none, compressed if its name ends in ".zst". Equal plans give equal
// bytes. kAlreadyExists if the file exists, unless the options allow to overwrite it.
absl::Status WritePlanFile(const RecoveryPlan& plan, const std::string& path,
                           const PlanFileOptions& options = {});

// Whether WritePlanFile can write it, as far as that is the plan's matter: kResourceExhausted if a
// line would be longer than the bound.
absl::Status CheckPlanFits(const RecoveryPlan& plan, const PlanFileOptions& options = {});

// Returns the plan that was written. kNotFound or another error of opening; kInvalidArgument for a
// file that is no plan or one of another version; kDataLoss for one that is truncated or was
// edited. The message says where (file:line) and what to do.
absl::StatusOr<RecoveryPlan> ReadPlanFile(const std::string& path,
                                          const PlanFileOptions& options = {});

// Returns what is selected of it. Reads and checks the whole file, but keeps only the selection in
// memory.
absl::StatusOr<PlanExcerpt> ReadPlanExcerpt(const std::string& path, PlanSelection selection,
                                            const PlanFileOptions& options = {});

// The same in memory. `name` is for messages.
std::string EncodePlan(const RecoveryPlan& plan);
absl::StatusOr<RecoveryPlan> DecodePlan(absl::string_view text, absl::string_view name);
absl::StatusOr<PlanExcerpt> DecodePlanExcerpt(absl::string_view text, absl::string_view name,
                                              PlanSelection selection);

}  // namespace metarec
