#include "reference_values.h"

#include <cstdint>
#include <set>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

namespace metarec::simulation {
namespace {

constexpr int64_t kLargest = int64_t{1} << 53;
constexpr int64_t kYear9999 = 253'402'300'799;

bool IsNumber(const std::string& text, int32_t least) {
  int32_t number = 0;
  return absl::SimpleAtoi(text, &number) && number >= least && absl::StrCat(number) == text;
}

}  // namespace

bool IsComplete(const ReplicaRecord& replica) {
  const auto status = static_cast<int32_t>(replica.status);
  return status != 2 && status != 5 && status != 6;
}

bool MakesSense(const ReplicaRecord& r, const ModelOptions& options) {
  return r.app_id >= 1 && r.partition_index >= 0 &&
         r.partition_index < options.max_partition_count && r.ballot >= 0 && r.ballot <= kLargest &&
         r.last_committed_decree >= -1 && r.last_prepared_decree >= -1 &&
         r.last_committed_decree <= kLargest && r.last_prepared_decree <= kLargest;
}

bool MakesSense(const TableRecord& t, const ModelOptions& options) {
  const auto is_time = [](int64_t second) { return second >= 0 && second <= kYear9999; };
  return t.app_id >= 1 && !t.app_name.empty() && t.partition_count >= 1 &&
         t.partition_count <= options.max_partition_count && t.max_replica_count >= 1 &&
         t.max_replica_count <= 1000 && is_time(t.create_second) && is_time(t.drop_second) &&
         is_time(t.expire_second);
}

bool IsDescription(const std::string& text, std::string* name, int32_t* partitions,
                   int32_t* replicas) {
  const size_t last = text.rfind(':');
  if (last == 0 || last == std::string::npos) return false;
  const size_t middle = text.rfind(':', last - 1);
  if (middle == 0 || middle == std::string::npos) return false;
  *name = text.substr(0, middle);
  return absl::SimpleAtoi(text.substr(middle + 1, last - middle - 1), partitions) &&
         absl::SimpleAtoi(text.substr(last + 1), replicas) && *replicas >= 1 && *replicas <= 1000;
}

void MakeUnique(const std::map<int32_t, std::string*>& living, const std::string& separator) {
  std::set<std::string> names;
  std::set<std::string> kept;
  for (const auto& [app_id, name] : living) names.insert(*name);
  for (auto it = living.rbegin(); it != living.rend(); ++it) {
    std::string& name = *it->second;
    if (kept.insert(name).second) continue;
    do {
      absl::StrAppend(&name, separator, it->first);
    } while (names.contains(name));
    names.insert(name);
  }
}

bool IsOfOperation(const std::string& key, const std::string& value) {
  static const std::set<std::string> kKeys = {
      "duplication.follower_app_status", "duplication.master_app_name",
      "duplication.master_cluster",      "duplication.master_metas",
      "max_replica_count.update",        "replica.deny_client_request"};
  return kKeys.contains(key) || key.substr(0, 8) == "restore." ||
         (key == "rocksdb.usage_scenario" && value == "bulk_load");
}

bool IsKey(const std::string& key) {
  static const std::set<std::string> kFields = {
      "app_name",    "app_type",          "atomic_idempotent", "create_second",
      "drop_second", "duplicating",       "expire_second",     "is_bulk_loading",
      "is_stateful", "max_replica_count", "partition_count",   "status"};
  const size_t dot = key.find('.');
  if (dot == std::string::npos) return IsNumber(key, 1);
  const std::string what = key.substr(dot + 1);
  return IsNumber(key.substr(0, dot), 1) && (IsNumber(what, 0) || kFields.contains(what) ||
                                             (what.size() > 5 && what.substr(0, 5) == "envs."));
}

}  // namespace metarec::simulation
