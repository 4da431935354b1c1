#include "meta_recovery/planner/sane_values.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <type_traits>
#include <utility>

#include <absl/strings/str_cat.h>

#include "zk_store/topology/znode_json.h"

namespace metarec {
namespace {

constexpr size_t kBytesOfNumbers = 1000;  // everything in an app znode but texts; generous
constexpr size_t kBytesEscapedMax = 6;    // \u001b
constexpr size_t kBytesOfPunctuation = 6;

// Calls `visit` with each field that is text or a map of texts.
template <typename Visitor>
void VisitTexts(Visitor visit) {
  VisitTableFields([&visit](auto field) {
    using Value = std::remove_cvref_t<decltype(field.of(std::declval<TableDescription&>()))>;
    if constexpr (!std::is_arithmetic_v<Value> && !std::is_enum_v<Value>) visit(field);
  });
}

size_t BytesOf(const std::string& text) { return text.size(); }
size_t BytesOf(const std::map<std::string, std::string>& texts) {
  size_t bytes = 0;
  for (const auto& [key, value] : texts) bytes += key.size() + value.size() + kBytesOfPunctuation;
  return bytes;
}

// Whether the app znode is short enough, however its texts are escaped.
bool IsShort(const TableDescription& table) {
  size_t bytes = 0;
  VisitTexts([&](auto field) { bytes += BytesOf(field.of(table)); });
  return kBytesOfNumbers + kBytesEscapedMax * bytes <= kAppZnodeBytesMax;
}

size_t EncodedBytes(const AppZnode& znode) {
  std::string json;
  EncodeApp(znode, &json);
  return json.size();
}

bool IsTooLong(const TableRecord& record) {
  if (IsShort(record)) return false;
  AppZnode znode;
  VisitTexts([&](auto field) { field.of(znode) = field.of(record); });
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

bool BelongsToOperation(absl::string_view key, absl::string_view value) {
  static constexpr absl::string_view kKeys[] = {
      "max_replica_count.update",         // a change of the replica count
      "replica.deny_client_request",      // a migration, or an operator's emergency
      "duplication.follower_app_status",  // the beginning of a duplication, on the follower
      "duplication.master_app_name",      //
      "duplication.master_cluster",       //
      "duplication.master_metas",         //
      "restore.app_id",                   // a restore from a backup
      "restore.app_name",                 //
      "restore.backup_id",                //
      "restore.block_service_provider",   //
      "restore.cluster_name",             //
      "restore.policy_name",              //
      "restore.restore_path",             //
      "restore.skip_bad_partition",       //
  };
  if (std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys)) return true;
  return key == "rocksdb.usage_scenario" && value == "bulk_load";
}

std::vector<std::string> RemoveEnvsBeyondBound(TableDescription* table) {
  std::vector<std::string> removed;
  if (IsShort(*table)) return removed;
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
