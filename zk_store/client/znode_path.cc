#include "zk_store/client/znode_path.h"

#include <algorithm>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

namespace metarec {

bool IsWithin(absl::string_view path, absl::string_view ancestor) {
  if (ancestor == "/") return true;
  return absl::StartsWith(path, ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

bool IsBelowChildren(absl::string_view path, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [path](const std::string& name) {
    return IsWithin(path, absl::StrCat("/", name));
  });
}

std::string JoinPaths(absl::string_view root, absl::string_view below) {
  if (root != "/") return absl::StrCat(root, below);
  return below.empty() ? "/" : std::string(below);
}

}  // namespace metarec
