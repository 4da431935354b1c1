// Why a run that writes ends of its own accord, told from every other error by a mark.

#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace metarec {

// A guard's: kFailedPrecondition, and this run has written nothing. Tools choose their exit code by
// it.
absl::Status RefusedError(absl::string_view message);
bool IsRefused(const absl::Status& status);

// Somebody else writes where this run has begun to write: kAborted. It neither goes on nor unlocks
// what it wrote, and cannot be resumed before that is undone.
absl::Status DisturbedError(absl::string_view message);
bool IsDisturbed(const absl::Status& status);

// `status` of a run whose last transaction, which unlocks `/apps`, was sent and not answered: the
// run may be finished. Code and payloads stay as they are.
absl::Status MayBeFinishedError(absl::Status status);
bool MayBeFinished(const absl::Status& status);

}  // namespace metarec
