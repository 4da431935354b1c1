// Which version a program is, and of which commit.

#pragma once

#include <string>

#include <absl/strings/string_view.h>

namespace metarec::tools {

extern const char kVersion[];  // "0.1.0"

// The commit that this was built from: "d47e6a4c12ab", with "-dirty" if tracked files differed from
// it; "unknown" if the sources came without it (cmake/SourceCommit.cmake).
extern const char kCommit[];

// What --version prints: "metarec 0.1.0 (commit d47e6a4c12ab)".
std::string VersionLine(absl::string_view program);

}  // namespace metarec::tools
