#include "tools/cli/progress_printer.h"

#include <algorithm>
#include <optional>
#include <ostream>

#include <sys/ioctl.h>
#include <unistd.h>

namespace metarec::tools {
namespace {

constexpr absl::Duration kSilenceOfQuickPhases = absl::Seconds(1);
constexpr absl::Duration kBarInterval = absl::Milliseconds(100);
constexpr absl::Duration kJsonInterval = absl::Milliseconds(250);
constexpr absl::Duration kLineInterval = absl::Seconds(5);
constexpr absl::string_view kEraseLine = "\r\033[K";
constexpr size_t kUsualColumns = 80;

bool IsAskingOrWaiting(Phase phase) {
  return phase == Phase::kCollect || phase == Phase::kAwaitInactive;
}

// Asked anew each time: windows are resized.
size_t ColumnsOfStderr() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

}  // namespace

ProgressPrinter::Style ProgressPrinter::StyleOfStderr(bool json) {
  if (json) return Style::kJson;
  return isatty(STDERR_FILENO) ? Style::kBar : Style::kLines;
}

ProgressPrinter::ProgressPrinter(Clock& clock, std::ostream& out, Style style)
    : clock_(clock), out_(out), style_(style) {}

ProgressPrinter::~ProgressPrinter() { Clear(); }

void ProgressPrinter::OnProgress(const Progress& progress) {
  const absl::Time now = clock_.Now();
  job_began_ = std::min(job_began_, now);
  if (progress.phase == Phase::kWrite) writing_began_ = true;
  Shown& shown = ShownOf(progress, now);
  shown.latest = progress;
  shown.rate.Add(now, progress.done);
  if (IsDue(progress, now)) Show(now);
}

ProgressPrinter::Shown& ProgressPrinter::ShownOf(const Progress& progress, absl::Time now) {
  const auto same = std::find_if(shown_.begin(), shown_.end(), [&](const Shown& shown) {
    return shown.latest.phase == progress.phase;
  });
  const bool goes_on =
      !shown_.empty() && (same != shown_.end() || (IsAskingOrWaiting(shown_.front().latest.phase) &&
                                                   IsAskingOrWaiting(progress.phase)));
  if (!goes_on) {
    EndPhases();
    phase_began_ = now;
    alternates_ = false;
    last_shown_of_phase_ = absl::InfinitePast();
  } else if (shown_[latest_].latest.phase != progress.phase) {
    alternates_ = true;
  }
  if (goes_on && same != shown_.end()) {
    latest_ = static_cast<size_t>(same - shown_.begin());
  } else {
    latest_ = shown_.size();
    shown_.push_back({.latest = progress, .began = now, .rate = {}});
  }
  return shown_[latest_];
}

bool ProgressPrinter::IsDue(const Progress& progress, absl::Time now) const {
  const absl::Duration since = now - last_shown_of_phase_;
  switch (style_) {
    case Style::kJson:
      return now - last_shown_ >= kJsonInterval;
    case Style::kBar:
      return now - job_began_ >= kSilenceOfQuickPhases && since >= kBarInterval;
    case Style::kLines:
      break;
  }
  if (now - phase_began_ < kSilenceOfQuickPhases) return false;
  const bool last = !alternates_ && progress.total > 0 && progress.done >= progress.total;
  return last || since >= kLineInterval;
}

void ProgressPrinter::Tick() {
  const absl::Time now = clock_.Now();
  if (shown_.empty() || now - job_began_ < kSilenceOfQuickPhases) return;
  Shown& shown = shown_[latest_];
  shown.rate.Add(now, shown.latest.done);
  if (style_ == Style::kJson && now - last_shown_ < kJsonInterval) return;
  if (style_ != Style::kLines || now - std::max(job_began_, last_shown_) >= kLineInterval) {
    Show(now);
  }
}

ProgressView ProgressPrinter::ViewOf(const Shown& shown, absl::Time now) const {
  // The rate may not have heard of the latest yet.
  const bool is_all_done = shown.latest.done >= shown.latest.total;
  return {.progress = shown.latest,
          .elapsed = now - shown.began,
          .per_second = shown.rate.per_second(),
          .left = is_all_done ? std::nullopt : shown.rate.TimeLeft(shown.latest.total),
          .final = false};
}

void ProgressPrinter::Show(absl::Time now) {
  last_shown_ = last_shown_of_phase_ = now;
  const ProgressView view = ViewOf(shown_[latest_], now);
  switch (style_) {
    case Style::kBar:
      out_ << kEraseLine << ProgressBar(view, ColumnsOfStderr()) << std::flush;
      bar_visible_ = true;
      return;
    case Style::kLines:
      out_ << ProgressLine(view) << std::endl;
      return;
    case Style::kJson:
      out_ << ProgressJson(view) << std::endl;
      return;
  }
}

void ProgressPrinter::Clear() { EndPhases(); }

void ProgressPrinter::EndPhases() {
  EraseBar();
  const absl::Time now = clock_.Now();
  for (const Shown& shown : shown_) {
    if (style_ != Style::kJson) break;
    ProgressView view = ViewOf(shown, now);
    view.left.reset();
    view.final = true;
    out_ << ProgressJson(view) << std::endl;
  }
  shown_.clear();
}

void ProgressPrinter::EraseBar() {
  if (!bar_visible_) return;
  out_ << kEraseLine << std::flush;
  bar_visible_ = false;
}

}  // namespace metarec::tools
