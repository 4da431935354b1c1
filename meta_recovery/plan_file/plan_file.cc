#include "meta_recovery/plan_file/plan_file.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <glog/logging.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "meta_recovery/plan_file/plan_lines.h"

namespace metarec {

absl::Status WritePlanFile(const RecoveryPlan& plan, const std::string& path,
                           const PlanFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(
      LineWriter file,
      LineWriter::Create(path, {.overwrite = options.overwrite,
                                .line_bytes_max = options.line_bytes_max,
                                .interrupt_descriptor = options.interrupt_descriptor}));
  METAREC_RETURN_IF_ERROR(
      EncodePlanLines(plan, [&](absl::string_view line) { return file.Append(line); }));
  return file.Finish();
}

absl::StatusOr<RecoveryPlan> ReadPlanFile(const std::string& path, const PlanFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(PlanExcerpt whole,
                           ReadPlanExcerpt(path, PlanSelection::Everything(), options));
  return std::move(whole.plan);
}

absl::StatusOr<PlanExcerpt> ReadPlanExcerpt(const std::string& path, PlanSelection selection,
                                            const PlanFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(
      LineReader file,
      LineReader::Open(path, {.line_bytes_max = options.line_bytes_max,
                              .interrupt_descriptor = options.interrupt_descriptor}));
  PlanLineDecoder decoder(path, std::move(selection));
  std::string line;
  while (true) {
    METAREC_ASSIGN_OR_RETURN(const bool more, file.Next(&line));
    if (!more) break;
    METAREC_RETURN_IF_ERROR(decoder.Add(line, file.line_was_terminated()));
  }
  return decoder.Finish();
}

std::string EncodePlan(const RecoveryPlan& plan) {
  std::string text;
  const absl::Status status = EncodePlanLines(plan, [&](absl::string_view line) {
    absl::StrAppend(&text, line, "\n");
    return absl::OkStatus();
  });
  CHECK(status.ok()) << status;
  return text;
}

absl::StatusOr<RecoveryPlan> DecodePlan(absl::string_view text, absl::string_view name) {
  METAREC_ASSIGN_OR_RETURN(PlanExcerpt whole,
                           DecodePlanExcerpt(text, name, PlanSelection::Everything()));
  return std::move(whole.plan);
}

absl::StatusOr<PlanExcerpt> DecodePlanExcerpt(absl::string_view text, absl::string_view name,
                                              PlanSelection selection) {
  PlanLineDecoder decoder(name, std::move(selection));
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const bool terminated = end != absl::string_view::npos;
    METAREC_RETURN_IF_ERROR(decoder.Add(text.substr(0, end), terminated));
    text.remove_prefix(terminated ? end + 1 : text.size());
  }
  return decoder.Finish();
}

}  // namespace metarec
