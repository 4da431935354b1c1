#include "meta_recovery/planner/plan_options.h"

#include <algorithm>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "base/text/printable.h"
#include "base/text/wording.h"

namespace metarec {
namespace {

// " --skip_bad_nodes", or " --skip_bad_nodes=n1:1,n2:1" for these only; "" for none.
std::string SkipWord(absl::string_view flag, bool all, const std::set<std::string>& some) {
  if (all) return absl::StrCat(" ", flag);
  if (some.empty()) return "";
  return absl::StrCat(" ", flag, "=", ShellWord(absl::StrJoin(some, ",")));
}

}  // namespace

absl::string_view MembershipName(Membership membership) {
  switch (membership) {
    case Membership::kCold:
      return "cold";
    case Membership::kWarm:
      return "warm";
  }
  return "unknown";
}

bool ParseMembership(absl::string_view text, Membership* membership) {
  for (const Membership one : {Membership::kCold, Membership::kWarm}) {
    if (text != MembershipName(one)) continue;
    *membership = one;
    return true;
  }
  return false;
}

bool ParseTableOrPartition(absl::string_view text, TableOrPartition* numbers) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  *numbers = {};
  if (parts.size() > 2 || !absl::SimpleAtoi(parts[0], &numbers->app_id)) return false;
  // "007" and "+7" are no numbers: tables may be called so.
  if (parts.size() == 1) return text == absl::StrCat(numbers->app_id);
  return absl::SimpleAtoi(parts[1], &numbers->partition_index) && numbers->partition_index >= 0 &&
         text == absl::StrCat(numbers->app_id, ".", numbers->partition_index);
}

absl::Status AddSkipped(absl::string_view items, std::set<std::string>* skipped) {
  for (const absl::string_view item : absl::StrSplit(items, ',')) {
    if (item.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", items, "' names nothing before or behind a comma"));
    }
    skipped->emplace(item);
  }
  return absl::OkStatus();
}

bool AcceptsBadNode(const PlanOptions& options, absl::Span<const std::string> listed_as,
                    absl::string_view name, const Ipv4Endpoint& address) {
  if (options.skip_bad_nodes || options.bad_nodes_skipped.empty()) return options.skip_bad_nodes;
  const auto is_named = [&options](const std::string& text) {
    return options.bad_nodes_skipped.contains(text);
  };
  return std::any_of(listed_as.begin(), listed_as.end(), is_named) || is_named(std::string(name)) ||
         is_named(address.ToString());
}

bool AcceptsLoss(const PlanOptions& options, int32_t app_id, int32_t partition_index) {
  if (options.skip_lost_partitions) return true;
  const std::set<std::string>& some = options.lost_partitions_skipped;
  return !some.empty() && (some.contains(absl::StrCat(app_id)) ||
                           some.contains(absl::StrCat(app_id, ".", partition_index)));
}

std::string PlanOptionWords(const PlanOptions& options) {
  // Names every option, so that a new one does not compile before it has a word.
  const auto& [skip_bad_nodes, skip_lost_partitions, still_served, carry_duplications,
               bad_nodes_skipped, lost_partitions_skipped, membership, rename_separator, max_app_id,
               max_id_gap, max_partition_count, settlements] = options;
  const PlanOptions defaults;
  std::string words = absl::StrCat(
      SkipWord("--skip_bad_nodes", skip_bad_nodes, bad_nodes_skipped),
      SkipWord("--skip_lost_partitions", skip_lost_partitions, lost_partitions_skipped));
  if (still_served) absl::StrAppend(&words, " --still_served");
  if (carry_duplications) absl::StrAppend(&words, " --carry duplications");
  if (membership != defaults.membership) {
    absl::StrAppend(&words, " --membership ", MembershipName(membership));
  }
  if (rename_separator != defaults.rename_separator) {
    absl::StrAppend(&words, " --rename_separator ", ShellWord(rename_separator));
  }
  if (max_app_id != defaults.max_app_id) absl::StrAppend(&words, " --max_app_id ", max_app_id);
  if (max_id_gap != defaults.max_id_gap) absl::StrAppend(&words, " --max_id_gap ", max_id_gap);
  if (max_partition_count != defaults.max_partition_count) {
    absl::StrAppend(&words, " --max_partition_count ", max_partition_count);
  }
  for (const auto& [key, value] : settlements) {
    absl::StrAppend(&words, " --settle ", ShellWord(absl::StrCat(key, "=", value)));
  }
  return Printable(words);
}

}  // namespace metarec
