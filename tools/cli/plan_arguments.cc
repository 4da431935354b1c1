#include "tools/cli/plan_arguments.h"

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/shell_word.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "tools/cli/interrupt_signals.h"

namespace metarec::tools {

void PlanArguments::AddTo(CLI::App& verb) {
  constexpr auto kGroup = "DECISIONS";
  verb.add_flag("-b,--skip_bad_nodes", options_.skip_bad_nodes,
                "go on without the nodes that could not be asked")
      ->group(kGroup);
  verb.add_flag("-l,--skip_lost_partitions", options_.skip_lost_partitions,
                "create partitions of which no replica was found as empty ones")
      ->group(kGroup);
  verb.add_flag("--still_served", options_.accept_still_served,
                "go on although replicas still hold a lease of a meta server")
      ->group(kGroup);
  verb.add_option("--settle", settlements_,
                  "decide a conflict, by the key that the report names; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  verb.add_option("--rename_separator", options_.rename_separator,
                  "goes between a contested name and the id; stock shells refuse names with a "
                  "dash, so consider _")
      ->type_name("TEXT")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--max_app_id", options_.max_app_id,
                  "a table id above this is a conflict, not that many placeholders")
      ->type_name("ID")
      ->capture_default_str()
      ->group(kGroup);
  verb.add_option("--max_partition_count", options_.max_partition_count,
                  "partition counts and indexes above this make no sense and are left out")
      ->type_name("COUNT")
      ->capture_default_str()
      ->group(kGroup);
}

absl::StatusOr<PlanOptions> PlanArguments::ToOptions() const {
  PlanOptions options = options_;
  for (const std::string& settlement : settlements_) {
    const size_t equals = settlement.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == settlement.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--settle ", settlement, ": expected KEY=VALUE, such as 10.app_type=pegasus"));
    }
    const std::string key = settlement.substr(0, equals);
    const auto [known, added] = options.settlements.emplace(key, settlement.substr(equals + 1));
    if (!added && known->second != settlement.substr(equals + 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--settle ", key, " is given twice with different values"));
    }
  }
  METAREC_RETURN_IF_ERROR(CheckPlanOptions(options));
  return options;
}

std::string PlanArguments::AsTyped() const {
  const PlanOptions defaults;
  std::string typed;
  if (options_.skip_bad_nodes) absl::StrAppend(&typed, " --skip_bad_nodes");
  if (options_.skip_lost_partitions) absl::StrAppend(&typed, " --skip_lost_partitions");
  if (options_.accept_still_served) absl::StrAppend(&typed, " --still_served");
  if (options_.rename_separator != defaults.rename_separator) {
    absl::StrAppend(&typed, " --rename_separator ", ShellWord(options_.rename_separator));
  }
  if (options_.max_app_id != defaults.max_app_id) {
    absl::StrAppend(&typed, " --max_app_id ", options_.max_app_id);
  }
  if (options_.max_partition_count != defaults.max_partition_count) {
    absl::StrAppend(&typed, " --max_partition_count ", options_.max_partition_count);
  }
  for (const std::string& settlement : settlements_) {
    absl::StrAppend(&typed, " --settle ", ShellWord(settlement));
  }
  return typed;
}

absl::StatusOr<RecoveryPlan> ReadPlan(const std::string& path) {
  PlanFileOptions options;
  options.interrupt_descriptor = InterruptSignals::descriptor();
  return ReadPlanFile(path, options);
}

}  // namespace metarec::tools
