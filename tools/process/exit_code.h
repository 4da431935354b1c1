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

}  // namespace metarec::tools
