#include "tools/cli/progress_printer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <ostream>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/cli/output_arguments.h"

namespace metarec::tools {
namespace {

constexpr int64_t kBarWidth = 20;

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

// What Progress::failed counts, in the singular; "" for what only fails.
absl::string_view NounOfWrong(Phase phase) {
  if (phase == Phase::kVerify) return "difference";
  if (phase == Phase::kRead) return "problem";
  return "";
}

std::string Wrong(const Progress& progress) {
  const absl::string_view noun = NounOfWrong(progress.phase);
  return noun.empty() ? absl::StrCat(progress.failed, " failed") : Counted(progress.failed, noun);
}

// When the next replicas become inactive does not follow from how many are.
bool GoesOnEvenly(Phase phase) { return phase != Phase::kAwaitInactive; }

std::string Rate(double per_second) {
  return per_second < 10 ? absl::StrFormat("%.1f/s", per_second)
                         : absl::StrFormat("%.0f/s", per_second);
}

// In the precision that an estimate has.
std::string Left(absl::Duration left) {
  const int64_t seconds = std::max<int64_t>(1, std::llround(absl::ToDoubleSeconds(left)));
  if (seconds <= 10) return absl::StrCat("about ", seconds, " s left");
  if (seconds <= 90) return absl::StrCat("about ", (seconds + 2) / 5 * 5, " s left");
  const int64_t minutes = (seconds + 30) / 60;
  if (minutes < 90) return absl::StrCat("about ", minutes, " min left");
  return absl::StrCat("about ", (minutes + 30) / 60, " h left");
}

std::string WithoutNote(const ProgressView& view) {
  const Progress& progress = view.progress;
  const PhaseWords words = WordsOf(progress.phase);
  std::string text(words.doing);
  if (progress.done > 0 || progress.total > 0) {
    absl::StrAppend(&text, ": ", progress.done);
    if (progress.total > 0) absl::StrAppend(&text, " of ", progress.total);
    absl::StrAppend(&text, " ", words.units);
  }
  if (progress.failed > 0) absl::StrAppend(&text, " (", Wrong(progress), ")");
  if (progress.replicas > 0) {
    absl::StrAppend(&text, ", ", Counted(progress.replicas, "replica"));
  }
  if (!GoesOnEvenly(progress.phase)) return text;
  if (view.per_second.has_value()) absl::StrAppend(&text, ", ", Rate(*view.per_second));
  if (view.left.has_value()) absl::StrAppend(&text, ", ", Left(*view.left));
  return text;
}

// Of a character of UTF-8, the bytes that follow its first.
bool Continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// At most `bytes` of it, whole characters.
std::string Cut(std::string text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && Continues(text[bytes])) --bytes;
  text.resize(bytes);
  return text;
}

constexpr absl::Duration kSilenceOfQuickPhases = absl::Seconds(1);
constexpr absl::Duration kBarInterval = absl::Milliseconds(100);
constexpr absl::Duration kJsonInterval = absl::Milliseconds(250);
constexpr absl::Duration kLineInterval = absl::Seconds(5);
constexpr absl::string_view kEraseLine = "\r\033[K";
constexpr size_t kUsualColumns = 80;

bool IsAskingOrWaiting(Phase phase) {
  return phase == Phase::kCollect || phase == Phase::kAwaitInactive;
}

// Asked each time, since windows are resized.
size_t ColumnsOfStderr() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

}  // namespace

std::string ProgressLine(const ProgressView& view) {
  std::string text = WithoutNote(view);
  if (!view.progress.note.empty()) absl::StrAppend(&text, ", ", Printable(view.progress.note));
  return text;
}

std::string ProgressBar(const ProgressView& view, size_t columns) {
  const Progress& progress = view.progress;
  std::string bar;
  if (progress.total > 0) {
    const double part = std::clamp(
        static_cast<double>(progress.done) / static_cast<double>(progress.total), 0.0, 1.0);
    const auto filled = static_cast<size_t>(part * kBarWidth);
    // Not 100 % before it is all.
    bar = absl::StrFormat("[%s%s] %d%% ", std::string(filled, '#'),
                          std::string(kBarWidth - filled, '.'), static_cast<int>(part * 100));
  }
  const std::string whole = bar + ProgressLine(view);
  if (whole.size() < columns) return whole;  // the last column would wrap on some terminals
  return Cut(bar + WithoutNote(view), columns > 0 ? columns - 1 : 0);
}

std::string ProgressJson(const ProgressView& view) {
  const Progress& progress = view.progress;
  JsonObject json;
  json.Set("progress", PhaseName(progress.phase))
      .Set("units", WordsOf(progress.phase).units)
      .Set("done", progress.done);
  if (progress.total > 0) json.Set("total", progress.total);
  const absl::string_view wrong = NounOfWrong(progress.phase);
  json.Set("failed", progress.failed);
  if (!wrong.empty()) json.Set(absl::StrCat(wrong, "s"), progress.failed);
  if (progress.phase == Phase::kCollect) json.Set("replicas", progress.replicas);
  json.SetJson("elapsed_seconds", absl::StrFormat("%.3f", absl::ToDoubleSeconds(view.elapsed)));
  if (GoesOnEvenly(progress.phase) && view.per_second.has_value()) {
    json.SetJson("per_second", absl::StrFormat("%.1f", *view.per_second));
  }
  if (GoesOnEvenly(progress.phase) && view.left.has_value()) {
    json.SetJson("seconds_left", absl::StrFormat("%.1f", absl::ToDoubleSeconds(*view.left)));
  }
  json.Set("final", view.final);
  if (!progress.note.empty()) json.Set("note", progress.note);
  return json.ToText();
}

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
  // Who waits for leases asks again and again, which says less than the waiting.
  if (alternates_ && progress.phase == Phase::kCollect) return false;
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
      out_ << absl::StrCat(kEraseLine, ProgressBar(view, ColumnsOfStderr())) << std::flush;
      bar_visible_ = true;
      return;
    case Style::kLines:
      out_ << absl::StrCat(ProgressLine(view), "\n") << std::flush;
      return;
    case Style::kJson:
      out_ << absl::StrCat(ProgressJson(view), "\n") << std::flush;
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
    out_ << absl::StrCat(ProgressJson(view), "\n") << std::flush;
  }
  shown_.clear();
}

void ProgressPrinter::EraseBar() {
  if (!bar_visible_) return;
  out_ << kEraseLine << std::flush;
  bar_visible_ = false;
}

}  // namespace metarec::tools
