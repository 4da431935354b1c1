// Progress on stderr: how fast it goes, how it is worded, and when it is shown.

#pragma once

#include <atomic>
#include <cstddef>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <absl/time/time.h>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "base/runtime/progress_rate.h"

namespace metarec::tools {

// What is shown of a phase. The three functions below are pure: they use neither a terminal nor a
// clock.
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

// "[######........] 43% writing: ..." in one line of a terminal with `columns` columns. What does
// not fit is left out, the note first.
std::string ProgressBar(const ProgressView& view, size_t columns);

// A JSON object, without a newline: docs/report-schema.md, Progress.
std::string ProgressJson(const ProgressView& view);

// Shows progress. To a person: a bar that is redrawn in place on a terminal, a line every few
// seconds elsewhere, and nothing about what ends within a second. To a program: one JSON object a
// line, at most four a second, and one more at the end of each phase. Asking nodes and waiting for
// leases to run out alternate, and are one phase here.
class ProgressPrinter final : public ProgressListener {
 public:
  enum class Style { kBar, kLines, kJson };

  // For programs kJson, else a bar if `stderr` is a terminal.
  static Style StyleOfStderr(bool json = false);

  ProgressPrinter(Clock& clock, std::ostream& out, Style style);
  // Ends the phase, and removes the bar.
  ~ProgressPrinter() override;

  void OnProgress(const Progress& progress) override;

  // Shows the latest progress again if nothing was shown for too long. To be called every
  // kTickInterval, so that people see that a job is alive while it reports nothing.
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
  absl::Time last_shown_ = absl::InfinitePast();  // of any phase
  absl::Time last_shown_of_phase_ = absl::InfinitePast();
  std::atomic<bool> writing_began_ = false;
  bool bar_visible_ = false;
};

}  // namespace metarec::tools
