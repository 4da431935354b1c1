#include "meta_recovery/planner/report_problems.h"

#include <algorithm>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

namespace metarec {

void ReportProblems::Add(NodeIndex node, int32_t app_id, absl::string_view problem) {
  ++problems_[{node, std::max(app_id, 0)}][std::string(problem)];
}

void ReportProblems::MoveTo(FindingsList& findings) {
  for (const auto& [subject, counts] : problems_) {
    std::vector<std::string> texts;
    for (const auto& [problem, count] : counts) {
      texts.push_back(count == 1 ? problem : absl::StrCat(problem, " (", count, " times)"));
    }
    findings.Add(FindingKind::kNodeReportInvalid, Severity::kWarning,
                 FindingSubject::NodeAndApp(subject.first, subject.second),
                 {{"problems", absl::StrJoin(texts, "; ")}});
  }
  problems_.clear();
}

}  // namespace metarec
