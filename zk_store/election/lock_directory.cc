#include "zk_store/election/lock_directory.h"

#include <cstdint>
#include <optional>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

namespace metarec {
namespace {

std::optional<uint64_t> SequenceOf(absl::string_view name) {
  uint64_t sequence = 0;
  if (!absl::ConsumePrefix(&name, kCandidatePrefix) ||
      !absl::c_all_of(name, [](char c) { return absl::ascii_isdigit(c); }) ||
      !absl::SimpleAtoi(name, &sequence)) {
    return std::nullopt;
  }
  return sequence;
}

}  // namespace

std::string LockDirectoryPath(absl::string_view lock_root) {
  return absl::StrCat(lock_root, "/dsn.meta.server.leader");
}

std::vector<std::string> CandidatesInOrder(const std::vector<std::string>& names) {
  std::vector<std::pair<uint64_t, std::string>> ordered;
  for (const std::string& name : names) {
    const auto sequence = SequenceOf(name);
    if (sequence.has_value()) ordered.emplace_back(*sequence, name);
  }
  absl::c_sort(ordered);
  std::vector<std::string> candidates;
  for (auto& [sequence, name] : ordered) candidates.push_back(std::move(name));
  return candidates;
}

}  // namespace metarec
