#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/time.h>

#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"
#include "zk_store/tree/data_directory/data_directory.h"

namespace metarec {
namespace {

std::string TimeOrUnknown(int64_t time_ms) {
  if (time_ms == 0) return "an unknown time";
  return UtcTextWithMs(absl::FromUnixMillis(time_ms));
}

absl::string_view ProofText(DataProof proof) {
  switch (proof) {
    case DataProof::kProved:
      return "The tree is the one that the server had: its digest is the one that the server "
             "logged.";
    case DataProof::kNoDigests:
      return "The server logged no digest of this tree, so that nothing proves it but the "
             "checksums.";
    case DataProof::kInconsistent:
      return "THE TREE IS NOT THAT OF ONE MOMENT: some of it is older than the rest.";
  }
  return "";
}

}  // namespace

absl::string_view DataProofName(DataProof proof) {
  switch (proof) {
    case DataProof::kProved:
      return "proved";
    case DataProof::kNoDigests:
      return "no_digests";
    case DataProof::kInconsistent:
      return "inconsistent";
  }
  return "unknown";
}

std::string WhyIncomplete(const DataDirectoryReport& report) {
  for (const DataFinding& finding : report.findings) {
    if (SeverityOf(finding.kind) == DataFindingSeverity::kWarning) return DataFindingText(finding);
  }
  return "The findings do not fit into the report.";
}

std::string DataDirectoryReportText(const DataDirectoryReport& report) {
  std::string text =
      absl::StrCat(Printable(report.path), ": ", Counted(report.znodes, "znode"), " as of zxid ",
                   ZxidText(report.last_zxid), ", ", TimeOrUnknown(report.last_time_ms), ".\n");
  absl::StrAppend(&text, "  Read from ",
                  report.snapshot.empty() ? "the first transaction on" : Printable(report.snapshot),
                  " and ", Counted(report.transactions, "transaction"), " in ",
                  Counted(static_cast<int64_t>(report.logs.size()), "log"), "; ",
                  Counted(report.digests_compared, "digest"), " compared.\n");
  absl::StrAppend(&text, "  ", ProofText(report.proof), "\n");
  if (!report.is_complete) {
    absl::StrAppend(&text, "  The files hold more, which cannot be used; see below.\n");
  }
  for (const DataFinding& finding : report.findings) {
    const bool is_warning = SeverityOf(finding.kind) == DataFindingSeverity::kWarning;
    absl::StrAppend(&text, "  ",
                    is_warning ? "warning: " : "note: ", Wrapped(DataFindingText(finding), 11, 4),
                    "\n");
  }
  if (report.findings_left_out > 0) {
    absl::StrAppend(&text, "  and ", report.findings_left_out, " more of these.\n");
  }
  if (report.ephemerals_count > 0) {
    constexpr size_t kShown = 10;
    std::vector<std::string> shown;
    for (const DataDirectoryEphemeral& ephemeral : report.ephemerals) {
      if (shown.size() == kShown) break;
      shown.push_back(
          absl::StrCat(Printable(ephemeral.path), " (session ", ZxidText(ephemeral.session), ")"));
    }
    const std::string rest =
        report.ephemerals_count > static_cast<int64_t>(shown.size())
            ? absl::StrCat(" and ", report.ephemerals_count - static_cast<int64_t>(shown.size()),
                           " more")
            : "";
    absl::StrAppend(
        &text, "  ", Counted(report.ephemerals_count, "ephemeral znode"),
        ", whose sessions had not ended when the server did. They say nothing about who "
        "is alive:\n");
    for (const std::string& line : shown) absl::StrAppend(&text, "    ", line, "\n");
    if (!rest.empty()) absl::StrAppend(&text, "   ", rest, "\n");
  }
  return text;
}

}  // namespace metarec
