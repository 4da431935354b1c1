#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include <absl/time/time.h>

#include "runtime/clock.h"
#include "runtime/progress.h"

namespace metarec::tools {

// Shows progress to a person: a bar that is redrawn in place on a terminal, a line every few
// seconds elsewhere. Nothing at all of phases that end within a second.
class ProgressPrinter final : public ProgressListener {
 public:
  enum class Style { kBar, kLines };

  // Bars if `stderr` is a terminal.
  static Style StyleOfStderr();

  ProgressPrinter(Clock& clock, std::ostream& out, Style style);
  // Removes the bar.
  ~ProgressPrinter() override;

  void OnProgress(const Progress& progress) override;

  // Removes the bar, so that something else can be printed.
  void Clear();

 private:
  Clock& clock_;
  std::ostream& out_;
  const Style style_;
  std::optional<Phase> phase_;
  absl::Time phase_began_;
  absl::Time last_shown_ = absl::InfinitePast();
  bool bar_visible_ = false;
};

// "collecting: 3 of 5 nodes (1 failed), rs3:34801", without a newline.
std::string DescribeProgress(const Progress& progress);

}  // namespace metarec::tools
