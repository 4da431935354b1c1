#include "tools/cli/recover_texts.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

namespace metarec::tools {
namespace {

constexpr absl::string_view kRule = "=============================\n";

}  // namespace

const absl::string_view kRecoverUsage =
    "USAGE: \trecover                    [-f|--node_list_file file_name] [-s|--node_list_str str]\n"
    "\t                           [-w|--wait_seconds num] [-b|--skip_bad_nodes]\n"
    "\t                           [-l|--skip_lost_partitions] [-o|--output file_name]\n";

const absl::string_view kWaitFailedLine =
    "Wait recovery failed, administrator should check the meta for progress\n";

std::string DuplicateNodesText(const NodeList& nodes) {
  std::string text;
  for (const NodeListDuplicate& duplicate : nodes.duplicates) {
    absl::StrAppend(&text, PegasusTextOf(duplicate), "\n");
  }
  return text;
}

std::string RecoverHeader(int32_t wait_seconds, bool skip_bad_nodes, bool skip_lost_partitions,
                          const NodeList& nodes) {
  std::string text = absl::StrCat(
      "Wait seconds: ", wait_seconds, "\nSkip bad nodes: ", skip_bad_nodes ? "true" : "false",
      "\nSkip lost partitions: ", skip_lost_partitions ? "true" : "false", "\nNode list:\n", kRule);
  for (const NodeListEntry& entry : nodes.entries) absl::StrAppend(&text, entry.text, "\n");
  absl::StrAppend(&text, kRule);
  return text;
}

std::string WaitLine(int64_t seconds) {
  return absl::StrCat("Wait recovery for ", seconds, " seconds\n");
}

std::string RecoverResultText(absl::string_view error, absl::string_view hints) {
  std::string text = absl::StrCat("Recover result: ", error, "\n");
  if (!hints.empty()) absl::StrAppend(&text, kRule, hints, kRule);
  return text;
}

absl::StatusOr<int32_t> ParseWaitSeconds(absl::string_view text) {
  int32_t seconds = 0;
  if (!absl::SimpleAtoi(text, &seconds)) {
    return absl::InvalidArgumentError(absl::StrCat("parse ", text, " as wait_seconds failed"));
  }
  if (seconds <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("invalid wait_seconds ", seconds, ", should be positive number"));
  }
  return seconds;
}

}  // namespace metarec::tools
