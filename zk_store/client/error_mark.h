// Marks on errors: what a caller must know about an error beyond its code, whatever text has been
// added to it meanwhile. An error can bear several.

#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace metarec {

enum class ErrorMark {
  // A guard said no before this run wrote anything. Tools choose their exit code by it.
  kRefused,
  // Somebody else writes where this run has begun to write. It neither goes on nor unlocks what it
  // wrote, and cannot be resumed before that is undone.
  kDisturbed,
  // The write's fence no longer held: the right to write, such as leadership, was lost. Nothing was
  // written since then. Win that right anew before trying again.
  kFenced,
  // The run's last transaction, which unlocks /apps, was sent and not answered: the run may be
  // finished.
  kMayBeFinished,
  // An earlier run finished the same, and it is not there any more as it was written. This run
  // wrote
  // nothing.
  kDiffers,
  // Somebody else was faster. Looking again and repeating the operation can succeed (Retry).
  kLostRace,
  // The budget for retries is spent. No caller that shares it repeats the operation.
  kGivenUp,
};

// A new error of a kind that has a code of its own: kRefused is kFailedPrecondition, kDiffers is
// kDataLoss, all others are kAborted.
absl::Status MarkedError(ErrorMark mark, absl::string_view message);

// `error` with `mark` beside those it has. Its code and its other payloads stay. OK stays OK.
absl::Status WithMark(absl::Status error, ErrorMark mark);

bool HasMark(const absl::Status& status, ErrorMark mark);

}  // namespace metarec
