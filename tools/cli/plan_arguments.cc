#include "tools/cli/plan_arguments.h"

#include <set>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/shell_word.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/interrupts.h"

namespace metarec::tools {
namespace {

constexpr char kDecisions[] = "DECISIONS";

// Whether the option says nothing but how the result is shown.
bool ShowsOnly(const CLI::Option& option) {
  static const auto* const kNames = new std::set<std::string>{
      "--format", "--output", "--json", "--table", "--partition", "--all", "--help"};
  return kNames->contains(option.get_name());
}

// kNotFound with what the plan has instead.
absl::Status ThereIs(const TableOrPartition& subject, const RecoveryPlan& plan) {
  return Explain(plan, subject.partition_index < 0
                           ? absl::StrCat(subject.app_id)
                           : absl::StrCat(subject.app_id, ".", subject.partition_index))
      .status();
}

}  // namespace

void PlanArguments::AddTo(CLI::App& verb) {
  verb.add_flag("-b,--skip_bad_nodes", options_.skip_bad_nodes,
                "go on without the nodes that could not be asked")
      ->group(kDecisions);
  verb.add_flag("-l,--skip_lost_partitions", options_.skip_lost_partitions,
                "create partitions of which no replica was found as empty ones")
      ->group(kDecisions);
  verb.add_flag("--still_served", options_.accept_still_served,
                "go on although replicas still hold a lease of a meta server")
      ->group(kDecisions);
  verb.add_option("--settle", settlements_,
                  "decide a conflict, by the key that the report names; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kDecisions);
  verb.add_option("--rename_separator", options_.rename_separator,
                  "goes between a contested name and the id; stock shells refuse names with a "
                  "dash, so consider _")
      ->type_name("TEXT")
      ->capture_default_str()
      ->group(kDecisions);
  verb.add_option("--max_app_id", options_.max_app_id,
                  "a table id above this is a conflict, not that many placeholders")
      ->type_name("ID")
      ->capture_default_str()
      ->group(kDecisions);
  verb.add_option("--max_partition_count", options_.max_partition_count,
                  "partition counts and indexes above this make no sense and are left out")
      ->type_name("COUNT")
      ->capture_default_str()
      ->group(kDecisions);
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

std::string CommandToRepeat(absl::string_view name, const CLI::App& verb) {
  std::string command(name);
  for (const CLI::Option* option : verb.get_options()) {
    if (option->count() == 0 || option->get_group() == kDecisions || ShowsOnly(*option)) continue;
    const std::vector<std::string>& short_names = option->get_snames();
    const std::string typed =
        short_names.empty() ? option->get_name() : absl::StrCat("-", short_names.front());
    const bool is_flag = option->get_items_expected_max() == 0;
    for (const std::string& value : option->results()) {
      absl::StrAppend(&command, " ", typed, is_flag ? "" : " ", is_flag ? "" : ShellWord(value));
    }
  }
  return command;
}

absl::StatusOr<RecoveryPlan> ReadPlan(const std::string& path) {
  PlanFileOptions options;
  options.interrupt_descriptor = InterruptSignals::descriptor();
  return ReadPlanFile(path, options);
}

void ReportArguments::AddTo(CLI::App& verb) {
  constexpr auto kGroup = "REPORT";
  CLI::Option* const table =
      verb.add_option("--table", table_, "report on this table alone, and on all of it")
          ->type_name("ID|NAME")
          ->group(kGroup);
  CLI::Option* const partition =
      verb.add_option("--partition", partition_, "report on this partition alone")
          ->type_name("ID.INDEX")
          ->group(kGroup);
  CLI::Option* const all =
      verb.add_flag("--all", all_, "show every finding and every table")->group(kGroup);
  table->excludes(partition)->excludes(all);
  partition->excludes(all);
}

absl::Status ReportArguments::Check() const {
  TableOrPartition numbers;
  if (ParseTableOrPartition(table_, &numbers) && numbers.partition_index < 0 &&
      numbers.app_id < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--table ", Printable(table_), ": a table's id is 1 or more"));
  }
  if (partition_.empty() || (ParseTableOrPartition(partition_, &numbers) &&
                             numbers.partition_index >= 0 && numbers.app_id >= 1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--partition ", Printable(partition_), ": expected a table's id and an index, such as 3.17"));
}

PlanSelection ReportArguments::selection() const {
  if (!given_subject()) return PlanSelection::Everything();
  return table_.empty() ? PlanSelection::Subject(partition_) : PlanSelection::Table(table_);
}

absl::Status ReportArguments::ApplyTo(const RecoveryPlan& plan, ReportOptions* options) const {
  options->all = all_;
  if (!given_subject()) return absl::OkStatus();
  TableOrPartition subject;
  const bool by_numbers = ParseTableOrPartition(table_.empty() ? partition_ : table_, &subject) &&
                          (table_.empty() || subject.partition_index < 0);
  if (!by_numbers) {
    const size_t table = FindTableNamed(plan, table_);
    if (table == SIZE_MAX) {
      return absl::NotFoundError(
          absl::StrCat("--table ", Printable(table_), ": the plan has no table of this name"));
    }
    subject = {.app_id = plan.topology.tables[table].app_id};
  }
  options->only = subject;
  return ThereIs(subject, plan);
}

absl::Status PrintReport(const RecoveryPlan& plan, const ReportOptions& report,
                         const OutputArguments& output) {
  return output.PrintPieces([&](TextSink sink) {
    return output.json() ? WriteReportJson(plan, report, sink) : WriteReport(plan, report, sink);
  });
}

}  // namespace metarec::tools
