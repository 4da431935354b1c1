#include "tools/progress_printer.h"

#include <algorithm>
#include <ostream>

#include <absl/strings/str_cat.h>
#include <unistd.h>

namespace metarec::tools {
namespace {

constexpr absl::Duration kSilenceOfQuickPhases = absl::Seconds(1);
constexpr absl::Duration kBarInterval = absl::Milliseconds(100);
constexpr absl::Duration kLineInterval = absl::Seconds(5);
constexpr int64_t kBarWidth = 30;
constexpr absl::string_view kEraseLine = "\r\033[K";

struct PhaseWords {
  absl::string_view doing;
  absl::string_view units;
};

PhaseWords WordsOf(Phase phase) {
  switch (phase) {
    case Phase::kCollect:
      return {"collecting", "nodes"};
    case Phase::kAwaitInactive:
      return {"waiting for leases to run out", "replicas inactive"};
    case Phase::kPlan:
      return {"planning", "partitions"};
    case Phase::kWrite:
      return {"writing", "znodes"};
    case Phase::kVerify:
      return {"verifying", "znodes"};
    case Phase::kRead:
      return {"reading", "znodes"};
  }
  return {"working", "steps"};
}

bool IsAskingOrWaiting(Phase phase) {
  return phase == Phase::kCollect || phase == Phase::kAwaitInactive;
}

std::string Bar(const Progress& progress) {
  if (progress.total <= 0) return "";
  const int64_t filled =
      std::clamp<int64_t>(progress.done * kBarWidth / progress.total, 0, kBarWidth);
  return absl::StrCat("[", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), "] ");
}

}  // namespace

std::string DescribeProgress(const Progress& progress) {
  const PhaseWords words = WordsOf(progress.phase);
  std::string text = absl::StrCat(words.doing, ": ", progress.done);
  if (progress.total > 0) absl::StrAppend(&text, " of ", progress.total);
  absl::StrAppend(&text, " ", words.units);
  if (progress.failed > 0) absl::StrAppend(&text, " (", progress.failed, " failed)");
  if (!progress.note.empty()) absl::StrAppend(&text, ", ", progress.note);
  return text;
}

ProgressPrinter::Style ProgressPrinter::StyleOfStderr() {
  return isatty(STDERR_FILENO) ? Style::kBar : Style::kLines;
}

ProgressPrinter::ProgressPrinter(Clock& clock, std::ostream& out, Style style)
    : clock_(clock), out_(out), style_(style) {}

ProgressPrinter::~ProgressPrinter() { Clear(); }

void ProgressPrinter::OnProgress(const Progress& progress) {
  const absl::Time now = clock_.Now();
  job_began_ = std::min(job_began_, now);
  if (progress.phase == Phase::kWrite) writing_began_ = true;
  if (!latest_.has_value() || latest_->phase != progress.phase) {
    if (latest_.has_value() && IsAskingOrWaiting(latest_->phase) &&
        IsAskingOrWaiting(progress.phase)) {
      alternates_ = true;
    } else {
      EraseBar();
      phase_began_ = now;
      alternates_ = false;
      last_shown_of_phase_ = absl::InfinitePast();
    }
  }
  latest_ = progress;
  if (now - phase_began_ < kSilenceOfQuickPhases) return;
  const bool last = !alternates_ && progress.total > 0 && progress.done >= progress.total;
  const absl::Duration interval = style_ == Style::kBar ? kBarInterval : kLineInterval;
  if (last || now - last_shown_of_phase_ >= interval) Show(now);
}

void ProgressPrinter::Tick() {
  const absl::Time now = clock_.Now();
  if (!latest_.has_value() || now - job_began_ < kSilenceOfQuickPhases) return;
  if (style_ == Style::kBar || now - std::max(job_began_, last_shown_) >= kLineInterval) Show(now);
}

void ProgressPrinter::Show(absl::Time now) {
  last_shown_ = last_shown_of_phase_ = now;
  if (style_ == Style::kBar) {
    out_ << kEraseLine << Bar(*latest_) << DescribeProgress(*latest_) << std::flush;
    bar_visible_ = true;
  } else {
    out_ << DescribeProgress(*latest_) << std::endl;
  }
}

void ProgressPrinter::Clear() {
  EraseBar();
  latest_.reset();
}

void ProgressPrinter::EraseBar() {
  if (!bar_visible_) return;
  out_ << kEraseLine << std::flush;
  bar_visible_ = false;
}

}  // namespace metarec::tools
