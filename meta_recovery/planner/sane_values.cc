#include "meta_recovery/planner/sane_values.h"

#include <algorithm>
#include <utility>

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

bool IsTime(int64_t unix_second) { return unix_second >= 0 && unix_second <= kUnixSecondMax; }

}  // namespace

absl::string_view ProblemOf(const TableRecord& record, const PlanOptions& options) {
  if (record.app_id <= 0) return "a table record with an app id below 1";
  if (record.partition_count <= 0) return "a table record with a partition count below 1";
  if (record.partition_count > options.max_partition_count) {
    return "a table record with a partition count above max_partition_count";
  }
  if (record.max_replica_count <= 0) return "a table record with a max_replica_count below 1";
  if (record.max_replica_count > kReplicaCountMax) {
    return "a table record with a max_replica_count above 1000";
  }
  if (record.app_name.empty()) return "a table record without a name";
  if (!IsTime(record.create_second) || !IsTime(record.drop_second) ||
      !IsTime(record.expire_second)) {
    return "a table record with a time before 1970 or after 9999";
  }
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
