#include "zk_store/topology/tree_difference.h"

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>

namespace metarec {

absl::string_view DifferenceKindName(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::kAppsState:
      return "apps_state";
    case DifferenceKind::kMissing:
      return "missing";
    case DifferenceKind::kUnexpected:
      return "unexpected";
    case DifferenceKind::kDiffers:
      return "differs";
    case DifferenceKind::kBallotTooLow:
      return "ballot_too_low";
    case DifferenceKind::kProgress:
      return "progress";
  }
  return "unknown";
}

std::string DescribeDifference(const Difference& difference) {
  std::string text = absl::StrCat(DifferenceKindName(difference.kind), " ", difference.path);
  absl::string_view separator = ": ";
  for (const FieldDifference& field : difference.fields) {
    if (field.field == "(json)") {
      // Begins with the path, as decoders' errors do.
      absl::string_view why = field.found;
      absl::ConsumePrefix(&why, absl::StrCat(difference.path, ": "));
      absl::StrAppend(&text, separator, why);
    } else if (field.field == "(data)" && field.found == kNoSuchZnode) {
      absl::StrAppend(&text, separator, field.found, ", expected one that says \"", field.expected,
                      "\"");
    } else if (field.field == "(data)") {
      absl::StrAppend(&text, separator, "says \"", field.found, "\" instead of \"", field.expected,
                      "\"");
    } else {
      absl::StrAppend(
          &text, separator, field.field, " is ", field.found.empty() ? "missing" : field.found,
          field.expected.empty() ? " and should not be there" : ", expected ", field.expected);
    }
    separator = "; ";
  }
  return text;
}

bool VerifyResult::clean() const {
  return absl::c_all_of(counts, [](int64_t count) { return count == 0; });
}

std::string Summarize(const VerifyResult& result, size_t shown_max) {
  std::vector<std::string> lines;
  int64_t count = 0;
  for (const int64_t of_kind : result.counts) count += of_kind;
  for (const Difference& difference : result.differences) {
    if (lines.size() < shown_max) lines.push_back(DescribeDifference(difference));
  }
  return absl::StrCat(count,
                      count == 1 ? " difference: " : " differences: ", absl::StrJoin(lines, " | "),
                      static_cast<size_t>(count) > lines.size() ? " | ..." : "");
}

}  // namespace metarec
