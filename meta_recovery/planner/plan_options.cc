#include "meta_recovery/planner/plan_options.h"

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "base/text/shell_word.h"

namespace metarec {

std::string PlanOptionWords(const PlanOptions& options) {
  const PlanOptions defaults;
  std::string words;
  if (options.skip_bad_nodes) absl::StrAppend(&words, " --skip_bad_nodes");
  if (options.skip_lost_partitions) absl::StrAppend(&words, " --skip_lost_partitions");
  if (options.accept_still_served) absl::StrAppend(&words, " --still_served");
  if (options.rename_separator != defaults.rename_separator) {
    absl::StrAppend(&words, " --rename_separator ", ShellWord(options.rename_separator));
  }
  if (options.max_app_id != defaults.max_app_id) {
    absl::StrAppend(&words, " --max_app_id ", options.max_app_id);
  }
  if (options.max_partition_count != defaults.max_partition_count) {
    absl::StrAppend(&words, " --max_partition_count ", options.max_partition_count);
  }
  for (const auto& [key, value] : options.settlements) {
    absl::StrAppend(&words, " --settle ", ShellWord(absl::StrCat(key, "=", value)));
  }
  return Printable(words);
}

}  // namespace metarec
