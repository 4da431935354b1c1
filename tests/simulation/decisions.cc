// What operators decide, from what a run named and what nodes told.

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "process.h"
#include "reference_values.h"

namespace metarec::simulation {
namespace {

// What a record says in the words of a decision; empty: it is no field that is decided by value.
std::string FieldText(const TableRecord& record, absl::string_view field) {
  const auto word = [](bool value) { return std::string(value ? "true" : "false"); };
  if (field == "app_name") return record.app_name;
  if (field == "app_type") return record.app_type;
  if (field == "max_replica_count") return absl::StrCat(record.max_replica_count);
  if (field == "partition_count") return absl::StrCat(record.partition_count);
  if (field == "create_second") return absl::StrCat(record.create_second);
  if (field == "is_stateful") return word(record.is_stateful);
  if (field == "atomic_idempotent") return word(record.atomic_idempotent);
  return "";
}

// Decides one conflict after the other, with nothing but what the conflict names and the nodes say.
class Operator {
 public:
  Operator(const Told& told, Random* random) : told_(told), random_(random) {}

  Settlements Settle(const std::set<std::string>& conflicts) {
    for (const std::string& conflict : conflicts) {
      const std::vector<std::string> keys = absl::StrSplit(conflict, ',');
      const std::vector<std::string> parts = absl::StrSplit(keys.back(), '.');
      int32_t app_id = 0;
      if (!absl::SimpleAtoi(parts[0], &app_id)) continue;
      if (keys.size() == 2) {
        SettleBeyond(app_id, keys[0], keys[1]);
      } else if (parts.size() == 2) {
        decisions_[keys[0]] = AnyValue(app_id, parts[1]);
      } else {
        decisions_[keys[0]] = DescribeTable(app_id);
      }
    }
    return decisions_;
  }

  // Takes some tables for dropped that nodes report as such, or that have no complete replica.
  void BelieveDrops() {
    std::map<int32_t, bool> has_complete;  // of the tables that nodes describe
    for (const auto& [address, node] : told_) {
      if (!node.has_tables || !node.has_replicas) continue;
      for (const TableRecord& record : node.tables) has_complete.emplace(record.app_id, false);
    }
    for (const auto& [address, node] : told_) {
      if (!node.has_tables || !node.has_replicas) continue;
      for (const ReplicaRecord& replica : node.replicas) {
        const auto table = has_complete.find(replica.app_id);
        if (table != has_complete.end()) table->second |= IsComplete(replica);
      }
    }
    for (const auto& [app_id, is_complete] : has_complete) {
      if (!is_complete && random_->OneIn(2)) decisions_.emplace(absl::StrCat(app_id), "ignore");
    }
    for (const auto& [address, node] : told_) {
      if (!node.has_tables || !node.has_replicas) continue;
      for (const TableRecord& record : node.tables) {
        if (record.status != TableStatus::kDropped) continue;
        if (decisions_.contains(absl::StrCat(record.app_id))) continue;
        decisions_.emplace(absl::StrCat(record.app_id, ".status"),
                           random_->OneIn(5) ? "AS_AVAILABLE" : "AS_DROPPED");
      }
    }
  }

  void Err() {
    static constexpr std::pair<absl::string_view, absl::string_view> kNothing[] = {
        {"1.app_name", "t"},       {"1.nosuch", "1"},
        {"01", "ignore"},          {"999", "ignore"},
        {"2.7", "ignore"},         {"x", "ignore"},
        {"3.app_type", "none"},    {"1.partition_count", "4"},
        {"2.create_second", "0"},  {"1", "ignore"},
        {"2", "ignore"},           {"1.envs.k0", "ignore"},
        {"2.envs.k1", "1"},        {"1.drop_second", "2"},
        {"2.duplicating", "false"}};
    static constexpr absl::string_view kNoValues[] = {
        "", "0", "ignored", "t:1", "::1", "t:0:3", "t:2:0", "t:1:1", "-1", "t:2:5000"};
    if (decisions_.empty() || random_->OneIn(2)) {
      const auto& [key, value] = kNothing[random_->Pick(0, std::size(kNothing) - 1)];
      decisions_.emplace(key, value);
      return;
    }
    auto victim = decisions_.begin();
    std::advance(victim, random_->Pick(0, static_cast<int64_t>(decisions_.size()) - 1));
    if (absl::EndsWith(victim->first, ".partition_count")) {
      victim->second = absl::StrCat(random_->Pick(0, 6));
      return;
    }
    victim->second = std::string(kNoValues[random_->Pick(0, std::size(kNoValues) - 1)]);
  }

  const Settlements& decisions() const { return decisions_; }

 private:
  std::string AnyValue(int32_t app_id, absl::string_view field) {
    std::set<std::string> values;
    for (const auto& [address, node] : told_) {
      for (const TableRecord& record : node.tables) {
        if (record.app_id == app_id) values.insert(FieldText(record, field));
      }
    }
    if (values.empty()) return "";
    auto value = values.begin();
    std::advance(value, random_->Pick(0, static_cast<int64_t>(values.size()) - 1));
    return *value;
  }

  int32_t HighestIndex(int32_t app_id) const {
    int32_t highest = 0;
    for (const auto& [address, node] : told_) {
      for (const ReplicaRecord& replica : node.replicas) {
        if (replica.app_id == app_id) highest = std::max(highest, replica.partition_index);
      }
    }
    return std::min(highest, 999);
  }

  // All replicas beyond the count of one table: to be left out, or the table has more partitions.
  void SettleBeyond(int32_t app_id, const std::string& count_key, const std::string& key) {
    const auto [raised, is_first] = is_raised_.emplace(app_id, false);
    if (is_first) raised->second = random_->OneIn(2);
    if (!raised->second) {
      decisions_[key] = "ignore";
      return;
    }
    const int32_t least = HighestIndex(app_id) + 1;
    int32_t reported = 0;
    const bool is_number = absl::SimpleAtoi(AnyValue(app_id, "partition_count"), &reported);
    const int32_t doubled = is_number && reported < 500 ? 2 * reported : 0;
    const bool twice = doubled >= least && random_->OneIn(2);
    decisions_[count_key] = absl::StrCat(twice ? doubled : least + random_->Pick(0, 2));
  }

  std::string DescribeTable(int32_t app_id) {
    if (app_id > ModelOptions().max_app_id || random_->OneIn(2)) return "ignore";
    for (const auto& [address, node] : told_) {
      for (const TableRecord& record : node.tables) {
        if (record.app_id == app_id) return "keep";
      }
    }
    static constexpr absl::string_view kNames[] = {"t", "settled", "a:b", "u-1"};
    return absl::StrCat(kNames[random_->Pick(0, std::size(kNames) - 1)], ":",
                        HighestIndex(app_id) + random_->Pick(1, 3), ":", random_->Pick(1, 3));
  }

  const Told& told_;
  Random* const random_;
  Settlements decisions_;
  std::map<int32_t, bool> is_raised_;  // by table
};

}  // namespace

Settlements Decide(const std::set<std::string>& conflicts, const Told& told, bool wrongly,
                   Random* random) {
  Operator decides(told, random);
  decides.Settle(conflicts);
  if (wrongly) decides.Err();
  return decides.decisions();
}

Settlements BelieveDrops(const Told& told, Random* random) {
  Operator decides(told, random);
  decides.BelieveDrops();
  return decides.decisions();
}

}  // namespace metarec::simulation
