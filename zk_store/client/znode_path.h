// Where one znode is as seen from another.

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec {

// ZooKeeper's own: quotas, the configuration of the ensemble. In a chroot it is a path like others.
inline constexpr absl::string_view kSystemPath = "/zookeeper";

// True if `path` is `ancestor` or lies below it. Both are absolute, or both are relative to one
// root, which is "" then. Everything lies below the root.
bool IsWithin(absl::string_view path, absl::string_view ancestor);

// Whether `path`, relative to a root, is one of these children of the root, or below one of them.
bool IsBelowChildren(absl::string_view path, const std::vector<std::string>& names);

// The znode at `below` ("" or "/b") as seen from `root`: "/a" and "/b" make "/a/b"; "/" and "/b"
// make "/b"; "/a" and "" make "/a".
std::string JoinPaths(absl::string_view root, absl::string_view below);

}  // namespace metarec
