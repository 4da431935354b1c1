#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include <absl/time/time.h>

#include "runtime/clock.h"
#include "runtime/progress.h"

namespace metarec::tools {

// Shows progress to a person: a bar that is redrawn in place on a terminal, a line every few
// seconds elsewhere. Nothing at all of phases that end within a second. Asking nodes and waiting
// for leases to run out, which alternate, are one phase here.
class ProgressPrinter final : public ProgressListener {
 public:
  enum class Style { kBar, kLines };

  // Bars if `stderr` is a terminal.
  static Style StyleOfStderr();

  ProgressPrinter(Clock& clock, std::ostream& out, Style style);
  // Removes the bar.
  ~ProgressPrinter() override;

  void OnProgress(const Progress& progress) override;

  // Shows the latest progress again if nothing was shown for too long: to be called every
  // kTickInterval, so that a job is seen to be alive while it has nothing to tell.
  static constexpr absl::Duration kTickInterval = absl::Seconds(1);
  void Tick();

  // Removes the bar, so that something else can be printed. Ticks show nothing until there is
  // further progress.
  void Clear();

  // Whether there was progress of writing.
  bool writing_began() const { return writing_began_; }

 private:
  void Show(absl::Time now);
  void EraseBar();

  Clock& clock_;
  std::ostream& out_;
  const Style style_;
  std::optional<Progress> latest_;
  absl::Time job_began_ = absl::InfiniteFuture();
  absl::Time phase_began_;
  bool alternates_ = false;                       // the phase has come to its second round
  absl::Time last_shown_ = absl::InfinitePast();  // anything
  absl::Time last_shown_of_phase_ = absl::InfinitePast();
  bool writing_began_ = false;
  bool bar_visible_ = false;
};

// "collecting: 3 of 5 nodes (1 failed), rs3:34801", without a newline.
std::string DescribeProgress(const Progress& progress);

}  // namespace metarec::tools
