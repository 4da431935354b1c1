// Where one znode is as seen from another.

#pragma once

#include <string>

#include <absl/strings/string_view.h>

namespace metarec {

// True if `path` is `ancestor` or lies below it. Both are absolute, or both are relative to one
// root, which is "" then. Everything lies below the root.
bool IsWithin(absl::string_view path, absl::string_view ancestor);

// The znode at `below` ("" or "/b") as seen from `root`: "/a" and "/b" make "/a/b"; "/" and "/b"
// make "/b"; "/a" and "" make "/a".
std::string JoinPaths(absl::string_view root, absl::string_view below);

}  // namespace metarec
