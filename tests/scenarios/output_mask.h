#pragma once

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec::scenarios {

// Makes the output of two runs comparable: what the kernel or the clock chose is replaced by fixed
// text.
class OutputMask {
 public:
  // Every `found` becomes `shown`.
  void Replace(std::string found, std::string shown);

  // The replacements, then digests become sha256:DIGEST, points in time TIME (but for
  // 2023-11-14, the day on which the tables of scenarios are created), and durations with a
  // fraction ("0.053 s") N.
  std::string Apply(absl::string_view text) const;

 private:
  std::vector<std::pair<std::string, std::string>> replacements_;
};

}  // namespace metarec::scenarios
