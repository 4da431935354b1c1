#include "meta_recovery/planner/sane_values.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <absl/strings/str_cat.h>

#include "zk_store/topology/znode_json.h"

namespace metarec {
namespace {

constexpr size_t kBytesOfNumbers = 1000;  // everything in an app znode but texts; generous
constexpr size_t kBytesEscapedMax = 6;    // \u001b
constexpr size_t kBytesOfPunctuation = 6;

// At least as much as its texts make of an app znode.
size_t TextBytes(absl::string_view app_name, absl::string_view app_type,
                 const std::map<std::string, std::string>& envs) {
  size_t bytes = app_name.size() + app_type.size();
  for (const auto& [key, value] : envs) bytes += key.size() + value.size() + kBytesOfPunctuation;
  return bytes;
}

size_t EncodedBytes(const AppZnode& znode) {
  std::string json;
  EncodeApp(znode, &json);
  return json.size();
}

bool IsTooLong(const TableRecord& record) {
  const size_t bytes = TextBytes(record.app_name, record.app_type, record.envs);
  if (kBytesOfNumbers + kBytesEscapedMax * bytes <= kAppZnodeBytesMax) return false;
  AppZnode znode;
  znode.app_name = record.app_name;
  znode.app_type = record.app_type;
  znode.envs = record.envs;
  return EncodedBytes(znode) > kAppZnodeBytesMax;
}

// Of a number with bounds.
template <typename Field>
std::string ProblemOfNumber(const Field& field, const TableRecord& record,
                            const PlanOptions& options) {
  const NumberBounds& bounds = field.bounds;
  const int64_t value = field.of(record);
  if (value < bounds.least) return absl::StrCat(bounds.in_words, " below ", bounds.least);
  if (field.kRule == TableFieldRule::kPartitionCount && value > options.max_partition_count) {
    return absl::StrCat(bounds.in_words, " above max_partition_count");
  }
  if (value > bounds.most) return absl::StrCat(bounds.in_words, " above ", bounds.most);
  return "";
}

}  // namespace

std::string ProblemOf(const TableRecord& record, const PlanOptions& options) {
  std::string problem;
  bool has_strange_time = false;
  VisitTableFields([&](auto field) {
    if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(field.of(record))>>) {
      if (IsTime(field.bounds)) {
        has_strange_time |= !ProblemOfNumber(field, record, options).empty();
      } else if (problem.empty()) {
        problem = ProblemOfNumber(field, record, options);
      }
    }
  });
  if (!problem.empty()) return absl::StrCat("a table record with ", problem);
  if (record.app_name.empty()) return "a table record without a name";
  if (has_strange_time) return "a table record with a time before 1970 or after 9999";
  if (IsTooLong(record)) return "a table record with more text than ZooKeeper takes (1 MiB)";
  return "";
}

std::vector<std::string> RemoveEnvsBeyondBound(TopologyTable* table) {
  std::vector<std::string> removed;
  if (kBytesOfNumbers +
          kBytesEscapedMax * TextBytes(table->app_name, table->app_type, table->envs) <=
      kAppZnodeBytesMax) {
    return removed;
  }
  size_t bytes = EncodedBytes(*table);
  const size_t bytes_of_none = EncodedBytes(AppZnode{});
  std::vector<std::pair<size_t, std::string>> by_length;
  for (const auto& [key, value] : table->envs) {
    AppZnode one;
    one.envs.emplace(key, value);
    by_length.emplace_back(EncodedBytes(one) - bytes_of_none, key);
  }
  std::sort(by_length.rbegin(), by_length.rend());
  for (auto& [length, key] : by_length) {
    if (bytes <= kAppZnodeBytesMax) break;
    bytes -= length;
    table->envs.erase(key);
    removed.push_back(std::move(key));
  }
  return removed;
}

}  // namespace metarec
