// The report about one table or one partition.

#include <algorithm>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/findings_by_kind.h"
#include "meta_recovery/report/report_text.h"
#include "meta_recovery/report/table_report.h"

namespace metarec {
namespace {

absl::Status WriteFindings(const RecoveryPlan& plan, const TableOrPartition& subject,
                           TextSink sink) {
  std::vector<const Finding*> found;
  for (const Finding& finding : plan.findings) {
    if (IsAbout(finding, subject)) found.push_back(&finding);
  }
  if (found.empty()) return absl::OkStatus();
  std::stable_sort(found.begin(), found.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  METAREC_RETURN_IF_ERROR(
      sink(absl::StrCat("\nFINDINGS about it, the worst first (", found.size(), ")\n")));
  for (const Finding* finding : found) {
    const std::string text =
        absl::StrCat(SeverityName(finding->severity), ": ", FindingSentence(plan, *finding));
    METAREC_RETURN_IF_ERROR(sink(absl::StrCat("  - ", Wrapped(text, 4, 4), "\n")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteDetails(const RecoveryPlan& plan, const PlanNumbers& numbers,
                          const ReportOptions& options, TextSink sink) {
  const TableOrPartition subject = *options.only;
  const std::string verdict = absl::StrCat(Verdict(plan, numbers), "\n\n");
  const size_t table = FindTable(plan, subject.app_id);
  if (subject.partition_index >= 0 || table >= plan.tables.size()) {
    const std::string name = subject.partition_index < 0
                                 ? absl::StrCat(subject.app_id)
                                 : absl::StrCat(subject.app_id, ".", subject.partition_index);
    METAREC_ASSIGN_OR_RETURN(const std::string explanation, Explain(plan, name));
    METAREC_RETURN_IF_ERROR(sink(verdict));
    return sink(explanation);
  }
  METAREC_RETURN_IF_ERROR(sink(verdict));
  std::vector<const Finding*> of_partitions;
  for (const Finding& finding : plan.findings) {
    if (IsAbout(finding, subject) && finding.partition_index >= 0) {
      of_partitions.push_back(&finding);
    }
  }
  METAREC_RETURN_IF_ERROR(sink(RenderTable(plan, table, of_partitions, options)));
  return WriteFindings(plan, subject, sink);
}

}  // namespace metarec
