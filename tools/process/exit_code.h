#pragma once

namespace metarec::tools {

// What the process tells its caller; documented in docs/cli.md.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,          // wrong usage included
  kDifferences = 2,     // differences found, or changes pending
  kConflict = 3,        // a conflict needs a decision (--settle)
  kRefused = 4,         // a guard refused: root not empty, digest differs, still served, ...
  kAcceptedLosses = 5,  // done, with losses that the flags accepted
};

struct ExitCodeRow {
  ExitCode code;
  const char* meaning;
};

// As the help of metarec lists them.
inline constexpr ExitCodeRow kExitCodes[] = {
    {ExitCode::kDone, "done"},
    {ExitCode::kFailed, "failed, wrong usage included"},
    {ExitCode::kDifferences, "differences"},
    {ExitCode::kConflict, "a conflict needs a decision"},
    {ExitCode::kRefused, "refused by a guard, nothing was changed"},
    {ExitCode::kAcceptedLosses, "done, with losses that the flags accepted"},
};

}  // namespace metarec::tools
