#include "meta_recovery/planner/plan_options.h"

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/wording.h"

namespace metarec {

std::string PlanOptionWords(const PlanOptions& options) {
  // Names every option, so that a new one does not compile before it has a word.
  const auto& [skip_bad_nodes, skip_lost_partitions, still_served, rename_separator, max_app_id,
               max_partition_count, settlements] = options;
  const PlanOptions defaults;
  std::string words;
  if (skip_bad_nodes) absl::StrAppend(&words, " --skip_bad_nodes");
  if (skip_lost_partitions) absl::StrAppend(&words, " --skip_lost_partitions");
  if (still_served) absl::StrAppend(&words, " --still_served");
  if (rename_separator != defaults.rename_separator) {
    absl::StrAppend(&words, " --rename_separator ", ShellWord(rename_separator));
  }
  if (max_app_id != defaults.max_app_id) absl::StrAppend(&words, " --max_app_id ", max_app_id);
  if (max_partition_count != defaults.max_partition_count) {
    absl::StrAppend(&words, " --max_partition_count ", max_partition_count);
  }
  for (const auto& [key, value] : settlements) {
    absl::StrAppend(&words, " --settle ", ShellWord(absl::StrCat(key, "=", value)));
  }
  return Printable(words);
}

}  // namespace metarec
