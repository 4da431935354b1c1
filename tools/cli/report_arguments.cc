#include "tools/cli/report_arguments.h"

#include <absl/strings/str_cat.h>

#include "base/text/printable.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/report.h"

namespace metarec::tools {

namespace {

// kNotFound with what the plan has instead.
absl::Status ThereIs(const TableOrPartition& subject, const RecoveryPlan& plan) {
  return Explain(plan, subject.partition_index < 0
                           ? absl::StrCat(subject.app_id)
                           : absl::StrCat(subject.app_id, ".", subject.partition_index))
      .status();
}

}  // namespace

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
