#include "tests/scenarios/output_mask.h"

#include <regex>

#include <absl/strings/str_replace.h>

namespace metarec::scenarios {

void OutputMask::Replace(std::string found, std::string shown) {
  replacements_.emplace_back(std::move(found), std::move(shown));
}

std::string OutputMask::Apply(absl::string_view text) const {
  static const auto* const patterns = new std::vector<std::pair<std::regex, std::string>>{
      {std::regex("\\b(sha256:)?[0-9a-f]{64}\\b"), "sha256:DIGEST"},
      {std::regex("\\b(?!2023-11-14)20[2-9][0-9]-[0-9]{2}-[0-9]{2}[T _][0-9]{2}:[0-9]{2}:[0-9]{2}"
                  "(\\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2}| UTC)?"),
       "TIME"},
      {std::regex("\\b[0-9]+\\.[0-9]+ ?(s|ms|us|seconds)\\b"), "N s"},
      {std::regex("\\b[0-9]+ ?(ms|us)\\b"), "N s"},
      // What is printed when something takes longer than a second.
      {std::regex("\n(! )?(collecting|waiting for leases to run out|planning|writing|verifying): "
                  "[^\n]*(?=\n)"),
       ""},
      {std::regex("\n! \\{\"progress\":[^\n]*(?=\n)"), ""},
      {std::regex("\nWait recovery for [0-9]+ seconds(?=\n)"), ""},
  };
  std::string masked = absl::StrReplaceAll(text, replacements_);
  for (const auto& [pattern, shown] : *patterns) {
    masked = std::regex_replace(masked, pattern, shown);
  }
  return masked;
}

}  // namespace metarec::scenarios
