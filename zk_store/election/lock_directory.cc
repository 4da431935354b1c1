#include "zk_store/election/lock_directory.h"

#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

namespace metarec {
std::string LockDirectoryPath(absl::string_view lock_root) {
  return absl::StrCat(lock_root, "/dsn.meta.server.leader");
}

std::optional<uint64_t> CandidateNumber(absl::string_view name, absl::string_view prefix) {
  uint64_t sequence = 0;
  if (!absl::ConsumePrefix(&name, prefix) ||
      !absl::c_all_of(name, [](char c) { return absl::ascii_isdigit(c); }) ||
      !absl::SimpleAtoi(name, &sequence)) {
    return std::nullopt;
  }
  return sequence;
}

std::vector<std::string> CandidatesInOrder(const std::vector<std::string>& names,
                                           absl::string_view prefix) {
  std::vector<std::pair<uint64_t, std::string>> ordered;
  for (const std::string& name : names) {
    const auto sequence = CandidateNumber(name, prefix);
    if (sequence.has_value()) ordered.emplace_back(*sequence, name);
  }
  absl::c_sort(ordered);
  std::vector<std::string> candidates;
  for (auto& [sequence, name] : ordered) candidates.push_back(std::move(name));
  return candidates;
}

}  // namespace metarec
