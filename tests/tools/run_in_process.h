// The command line, run in the test's own process.

#pragma once

#include <string>
#include <vector>

#include <absl/types/span.h>
#include <gtest/gtest.h>

#include "tests/tools/ended.h"
#include "tools/cli/verb_parser.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {

inline Ended RunInProcess(const std::vector<std::string>& arguments,
                          absl::Span<const VerbRow> table = VerbTable(),
                          absl::Span<const VerbGroupRow> groups = VerbGroups()) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Ended ended;
  ended.exit_code = static_cast<int>(RunCommandLine(table, groups, arguments));
  ended.out = ::testing::internal::GetCapturedStdout();
  ended.err = ::testing::internal::GetCapturedStderr();
  return ended;
}

}  // namespace metarec::tools
