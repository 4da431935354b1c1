#include "tools/cli/plan_arguments.h"

#include <set>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/report.h"
#include "tools/cli/interrupts.h"

namespace metarec::tools {
namespace {

constexpr char kDecisions[] = "DECISIONS";

// Whether the option says nothing but how the result is shown.
bool ShowsOnly(const CommandOption& option) {
  static const auto* const kNames = new std::set<std::string>{
      "--format", "--output", "--json", "--table", "--partition", "--all", "--help"};
  return kNames->contains(option.name());
}

// kNotFound with what the plan has instead.
absl::Status ThereIs(const TableOrPartition& subject, const RecoveryPlan& plan) {
  return Explain(plan, subject.partition_index < 0
                           ? absl::StrCat(subject.app_id)
                           : absl::StrCat(subject.app_id, ".", subject.partition_index))
      .status();
}

// What a flag says that is given alone, for all, or with the names of some. Both at once contradict
// each other: who names some does not mean to accept all.
absl::Status ReadSkipFlag(absl::string_view flag, const std::vector<std::string>& values, bool* all,
                          std::set<std::string>* some) {
  for (const std::string& value : values) {
    *all |= value == "true";
    if (value == "true" || value == "false") continue;
    METAREC_RETURN_IF_ERROR(AddSkipped(value, some));
  }
  if (*all && !some->empty()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, " alone accepts all, and ", flag, "=",
                                                   absl::StrJoin(*some, ","),
                                                   " only these: give one of them"));
  }
  return absl::OkStatus();
}

}  // namespace

void PlanArguments::AddTo(Command& verb) {
  verb.AddFlag("-b,--skip_bad_nodes", &bad_nodes_,
               "go on without the nodes that did not answer completely; only without these: "
               "--skip_bad_nodes=HOST:PORT,...")
      .Group(kDecisions);
  verb.AddFlag(
          "-l,--skip_lost_partitions", &lost_partitions_,
          "create partitions without any replica as empty ones; only those of these tables, and "
          "these: --skip_lost_partitions=3,4.2")
      .Group(kDecisions);
  verb.AddFlag("--still_served", &options_.accept_still_served,
               "go on although replicas still hold a lease of a meta server")
      .Group(kDecisions);
  verb.Add("--settle", &settlements_, "decide a conflict, by the key that the report names")
      .TypeName("KEY=VALUE")
      .Repeatable()
      .Group(kDecisions);
  verb.Add("--membership", &membership_,
           "warm: replicas that can follow the primary without learning are secondaries at once; "
           "cold: none is")
      .TypeName("warm|cold")
      .ShowDefault()
      .Group(kDecisions);
  verb.Add("--rename_separator", &options_.rename_separator,
           "goes between a contested name and the id; stock shells refuse names with a "
           "dash, so consider _")
      .TypeName("TEXT")
      .ShowDefault()
      .Group(kDecisions);
  verb.Add("--max_app_id", &options_.max_app_id,
           "a table id above this is a conflict, not that many placeholders")
      .TypeName("ID")
      .ShowDefault()
      .Group(kDecisions);
  verb.Add("--max_id_gap", &options_.max_id_gap,
           "more unused ids than this below a table's, and ten times more than the other tables "
           "explain, are a conflict, not that many placeholders")
      .TypeName("COUNT")
      .ShowDefault()
      .Group(kDecisions);
  verb.Add("--max_partition_count", &options_.max_partition_count,
           "partition counts and indexes above this make no sense and are left out")
      .TypeName("COUNT")
      .ShowDefault()
      .Group(kDecisions);
}

absl::StatusOr<PlanOptions> PlanArguments::ToOptions() const {
  PlanOptions options = options_;
  METAREC_RETURN_IF_ERROR(ReadSkipFlag("--skip_bad_nodes", bad_nodes_, &options.skip_bad_nodes,
                                       &options.bad_nodes_skipped));
  METAREC_RETURN_IF_ERROR(ReadSkipFlag("--skip_lost_partitions", lost_partitions_,
                                       &options.skip_lost_partitions,
                                       &options.lost_partitions_skipped));
  if (!ParseMembership(membership_, &options.membership)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--membership is '", Printable(membership_), "': write warm or cold"));
  }
  for (const std::string& settlement : settlements_) {
    METAREC_RETURN_IF_ERROR(AddDecision(settlement, &options.settlements));
  }
  METAREC_RETURN_IF_ERROR(CheckPlanOptions(options));
  return options;
}

std::string CommandToRepeat(absl::string_view name, const Command& verb) {
  std::string command(name);
  for (const CommandOption option : verb.options()) {
    if (!option.is_given() || option.group() == kDecisions || ShowsOnly(option)) continue;
    const std::string typed = option.short_name().empty() ? option.name() : option.short_name();
    const bool is_flag = option.is_flag();
    for (const std::string& value : option.values()) {
      absl::StrAppend(&command, " ", typed, is_flag ? "" : " ", is_flag ? "" : ShellWord(value));
    }
  }
  return command;
}

std::string GivenForPlanning(const Command& verb) {
  for (const CommandOption& option : verb.options()) {
    const bool is_for_planning =
        option.group() == kDecisions || option.group() == "NODES" || option.group() == "OLD TREES";
    if (is_for_planning && option.is_given()) return option.name();
  }
  return "";
}

absl::StatusOr<RecoveryPlan> ReadPlan(const std::string& path) {
  PlanFileOptions options;
  options.interrupt_descriptor = InterruptSignals::descriptor();
  return ReadPlanFile(path, options);
}

void ReportArguments::AddTo(Command& verb) {
  constexpr auto kGroup = "REPORT";
  CommandOption table = verb.Add("--table", &table_, "report on this table alone, and on all of it")
                            .TypeName("ID|NAME")
                            .Group(kGroup);
  CommandOption partition = verb.Add("--partition", &partition_, "report on this partition alone")
                                .TypeName("ID.INDEX")
                                .Group(kGroup);
  CommandOption all =
      verb.AddFlag("--all", &all_, "show every finding and every table").Group(kGroup);
  table.Excludes(partition).Excludes(all);
  partition.Excludes(all);
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
