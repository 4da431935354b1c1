#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <iosfwd>
#include <vector>

#include <absl/time/time.h>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "tools/cli/progress_rate.h"
#include "tools/cli/progress_text.h"

namespace metarec::tools {

// Shows progress: to a person a bar that is redrawn in place on a terminal, a line every few
// seconds elsewhere, and nothing at all of what ends within a second; to a program a JSON object a
// line, at most four a second and one more for each phase when it has ended. Asking nodes and
// waiting for leases to run out, which alternate, are one phase here.
class ProgressPrinter final : public ProgressListener {
 public:
  enum class Style { kBar, kLines, kJson };

  // For programs kJson, else a bar if `stderr` is a terminal.
  static Style StyleOfStderr(bool json = false);

  ProgressPrinter(Clock& clock, std::ostream& out, Style style);
  // Ends the phase, and removes the bar.
  ~ProgressPrinter() override;

  void OnProgress(const Progress& progress) override;

  // Shows the latest progress again if nothing was shown for too long: to be called every
  // kTickInterval, so that a job is seen to be alive while it has nothing to tell.
  static constexpr absl::Duration kTickInterval = absl::Seconds(1);
  void Tick();

  // Ends the phase and removes the bar, so that something else can be printed. Ticks show nothing
  // until there is further progress.
  void Clear();

  // Whether there was progress of writing. Thread-safe.
  bool writing_began() const { return writing_began_; }

 private:
  // One phase, or one of the two that alternate.
  struct Shown {
    Progress latest;
    absl::Time began;
    ProgressRate rate;
  };

  Shown& ShownOf(const Progress& progress, absl::Time now);
  ProgressView ViewOf(const Shown& shown, absl::Time now) const;
  bool IsDue(const Progress& progress, absl::Time now) const;
  void Show(absl::Time now);
  void EndPhases();
  void EraseBar();

  Clock& clock_;
  std::ostream& out_;
  const Style style_;
  std::vector<Shown> shown_;  // none: nothing is going on
  size_t latest_ = 0;         // of these
  absl::Time job_began_ = absl::InfiniteFuture();
  absl::Time phase_began_;                        // of two that alternate, the first time
  bool alternates_ = false;                       // the phase has come to its second round
  absl::Time last_shown_ = absl::InfinitePast();  // anything
  absl::Time last_shown_of_phase_ = absl::InfinitePast();
  std::atomic<bool> writing_began_ = false;
  bool bar_visible_ = false;
};

}  // namespace metarec::tools
