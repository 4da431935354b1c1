#include "tools/cli/progress_text.h"

#include <algorithm>
#include <cmath>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

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

// How many replicas are inactive says nothing about when the next ones will be.
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

}  // namespace metarec::tools
