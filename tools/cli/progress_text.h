// Progress in words, as a bar, and for programs. Pure: from values, none of them touches a terminal
// or a clock.

#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <absl/time/time.h>

#include "base/runtime/progress.h"

namespace metarec::tools {

struct ProgressView {
  Progress progress;
  absl::Duration elapsed;  // since the phase began
  std::optional<double> per_second;
  std::optional<absl::Duration> left;
  bool final = false;  // the phase has ended
};

// "collecting: 3 of 5 nodes (1 failed), 120 replicas, 2.5/s, about 8 s left, rs3:34801", without a
// newline.
std::string ProgressLine(const ProgressView& view);

// "[######........] 43% writing: ..." in one line of a terminal that has so many columns: what does
// not fit is left out, the note first.
std::string ProgressBar(const ProgressView& view, size_t columns);

// A JSON object, without a newline: docs/report-schema.md, Progress.
std::string ProgressJson(const ProgressView& view);

}  // namespace metarec::tools
