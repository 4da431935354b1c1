#include "tests/meta_recovery/planner/golden_evidence.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <glog/logging.h>
#include <rapidjson/document.h>

#include "zk_store/topology/znode_json.h"

namespace metarec {
namespace {

using Json = rapidjson::Value;

std::optional<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// "PS_INACTIVE(1)"
int32_t EnumValue(const Json& json) {
  const absl::string_view text = json.GetString();
  const size_t open = text.find('(');
  int32_t value = 0;
  CHECK(open != absl::string_view::npos &&
        absl::SimpleAtoi(text.substr(open + 1, text.size() - open - 2), &value))
      << text;
  return value;
}

template <typename Value>
void ParseField(const Json& json, Value& value) {
  if constexpr (std::is_enum_v<Value>) {
    value = static_cast<Value>(EnumValue(json));
  } else if constexpr (std::is_same_v<Value, std::map<std::string, std::string>>) {
    for (const auto& env : json.GetObject()) value[env.name.GetString()] = env.value.GetString();
  } else if constexpr (std::is_same_v<Value, std::string>) {
    value = json.GetString();
  } else {
    value = json.Get<Value>();
  }
}

TableRecord ParseTable(const Json& json) {
  TableRecord table;
  VisitTableFields([&](auto field) { ParseField(json[field.name], field.of(table)); });
  return table;
}

ReplicaRecord ParseReplica(const Json& json) {
  ReplicaRecord replica;
  const std::pair<std::string, std::string> pid = absl::StrSplit(json["pid"].GetString(), '.');
  CHECK(absl::SimpleAtoi(pid.first, &replica.app_id) &&
        absl::SimpleAtoi(pid.second, &replica.partition_index));
  replica.ballot = json["ballot"].GetInt64();
  replica.last_committed_decree = json["last_committed_decree"].GetInt64();
  replica.last_prepared_decree = json["last_prepared_decree"].GetInt64();
  replica.last_durable_decree = json["last_durable_decree"].GetInt64();
  replica.status = static_cast<ReplicaStatus>(EnumValue(json["status"]));
  return replica;
}

NodeEvidence LoadNode(const std::string& folder, uint16_t port) {
  NodeEvidence node;
  node.address = {.ip = 0x7F000001, .port = port};
  node.name = absl::StrCat("localhost:", port);
  node.name_source = NodeNameSource::kReverseLookup;
  const std::string prefix =
      absl::StrCat(METAREC_GOLDEN_DIR, "/", folder, "/evidence/127.0.0.1_", port);
  const auto apps_text = ReadWhole(prefix + ".apps.json");
  const auto replicas_text = ReadWhole(prefix + ".replicas.json");
  if (!apps_text.has_value() || !replicas_text.has_value()) {
    node.error = "ERR_NETWORK_FAILURE";
    return node;
  }
  rapidjson::Document apps;
  rapidjson::Document replicas;
  apps.Parse(*apps_text);
  replicas.Parse(*replicas_text);
  for (const Json& app : apps["apps"].GetArray()) node.tables.push_back(ParseTable(app));
  for (const Json& replica : replicas["replicas"].GetArray()) {
    node.replicas.push_back(ParseReplica(replica));
  }
  return node;
}

}  // namespace

Evidence LoadGoldenEvidence(const std::string& folder, const std::vector<std::string>& node_list) {
  Evidence evidence;
  evidence.collected_at = absl::FromUnixSeconds(1'795'221'132);
  std::map<uint16_t, size_t> position_of;
  for (const std::string& entry : node_list) {
    uint32_t port = 0;
    CHECK(absl::SimpleAtoi(entry.substr(entry.find(':') + 1), &port)) << entry;
    const auto [it, is_new] = position_of.emplace(port, evidence.nodes.size());
    if (is_new) evidence.nodes.push_back(LoadNode(folder, static_cast<uint16_t>(port)));
    evidence.nodes[it->second].listed_as.push_back(entry);
  }
  return evidence;
}

std::map<std::string, GoldenZnode> LoadGoldenApps(const std::string& file, absl::string_view root) {
  std::ifstream lines(absl::StrCat(METAREC_GOLDEN_DIR, "/", file));
  CHECK(lines) << file;
  std::map<std::string, GoldenZnode> apps;
  const std::string prefix = absl::StrCat(root, "/apps/");
  for (std::string line; std::getline(lines, line);) {
    rapidjson::Document json;
    json.Parse(line);
    absl::string_view path = json["path"].GetString();
    if (!absl::ConsumePrefix(&path, prefix)) continue;
    if (path.find("duplication") != absl::string_view::npos) continue;
    apps[std::string(path)] = {json["data"].GetString(), json["version"].GetInt()};
  }
  return apps;
}

namespace {

struct Entry {
  std::string name;  // as it goes into the tree
  const NodeEvidence* node;
};

struct Found {
  const Entry* entry;
  ReplicaRecord replica;
};

class Original {
 public:
  Original(const OriginalInput& input, const Differences& differences)
      : input_(input), differences_(differences) {}

  std::map<std::string, std::string> Run() {
    ReadNodeList();
    ReadTables();
    Rename();
    ReadReplicas();
    for (auto& [app_id, table] : tables_) WriteTable(table);
    return std::move(znodes_);
  }

 private:
  void ReadNodeList() {
    std::set<const NodeEvidence*> seen;
    for (const std::string& text : input_.node_list) {
      const NodeEvidence* server = nullptr;
      for (const NodeEvidence& node : input_.evidence.nodes) {
        const auto& names = node.listed_as;
        if (std::find(names.begin(), names.end(), text) != names.end()) server = &node;
      }
      CHECK(server != nullptr) << text;
      const bool is_new = seen.insert(server).second;
      if (!server->complete() || (differences_.servers_by_own_name && !is_new)) continue;
      entries_.push_back({differences_.servers_by_own_name ? server->name : text, server});
    }
  }

  // The first record of an id counts.
  void ReadTables() {
    for (const Entry& entry : entries_) {
      for (const TableRecord& record : entry.node->tables) {
        AppZnode& table = tables_[record.app_id];
        if (table.app_id != 0) {
          if (differences_.duplicating_anywhere) table.duplicating |= record.duplicating;
          continue;
        }
        table.app_type = record.app_type;
        table.app_name = record.app_name;
        table.app_id = record.app_id;
        table.partition_count = record.partition_count;
        table.envs = record.envs;
        table.is_stateful = record.is_stateful;
        table.max_replica_count = record.max_replica_count;
        table.expire_second = record.expire_second;
        table.create_second = record.create_second;
        table.drop_second = record.drop_second;
        table.duplicating = record.duplicating;
        table.init_partition_count =
            differences_.init_count_is_count ? record.partition_count : record.init_partition_count;
        table.is_bulk_loading = record.is_bulk_loading;
        table.atomic_idempotent = record.atomic_idempotent;
      }
    }
    for (int32_t app_id = 1; app_id < tables_.rbegin()->first; ++app_id) {
      AppZnode& table = tables_[app_id];
      if (table.app_id != 0) continue;
      table.status = TableStatus::kDropped;
      table.app_type = "pegasus";
      table.app_name = absl::StrCat("__drop_holder__", app_id);
      table.app_id = app_id;
      table.partition_count = 1;
      table.init_partition_count = differences_.init_count_is_count ? 1 : -1;
      table.expire_second = differences_.placeholders_never_expire ? 0 : input_.now;
    }
  }

  void Rename() {
    std::set<std::string> all;
    std::set<std::string> higher;
    for (const auto& [app_id, table] : tables_) all.insert(table.app_name);
    for (auto it = tables_.rbegin(); it != tables_.rend(); ++it) {
      std::string& name = it->second.app_name;
      std::set<std::string>& taken = differences_.unique_against_all_names ? all : higher;
      if (higher.insert(name).second) continue;
      do {
        absl::StrAppend(&name, differences_.rename_separator, it->first);
      } while (taken.contains(name));
      higher.insert(name);
      all.insert(name);
    }
  }

  void ReadReplicas() {
    for (const Entry& entry : entries_) {
      for (const ReplicaRecord& replica : entry.node->replicas) {
        found_[{replica.app_id, replica.partition_index}].push_back({&entry, replica});
      }
    }
    for (auto& [gpid, replicas] : found_) {
      std::stable_sort(replicas.begin(), replicas.end(), [&](const Found& a, const Found& b) {
        return Rank(a.replica) > Rank(b.replica);
      });
    }
  }

  std::tuple<bool, int64_t, bool, int64_t, int64_t> Rank(const ReplicaRecord& replica) const {
    const bool complete = replica.status != ReplicaStatus::kError &&
                          replica.status != ReplicaStatus::kPotentialSecondary &&
                          replica.status != ReplicaStatus::kPartitionSplit;
    return {!differences_.incomplete_last || complete, replica.ballot,
            differences_.primary_status_counts && replica.status == ReplicaStatus::kPrimary,
            replica.last_committed_decree, replica.last_prepared_decree};
  }

  // Of equal ones, that of the node with the fewest primaries of the table, then of all, comes
  // first, then that of the lower address.
  void Spread(int32_t app_id, std::vector<Found>* replicas) {
    const auto load = [&](const Found& found) {
      const NodeEvidence* const node = found.entry->node;
      return std::make_tuple(primaries_[{app_id, node}], primaries_[{0, node}], node->address);
    };
    std::stable_sort(replicas->begin(), replicas->end(), [&](const Found& a, const Found& b) {
      return Rank(a.replica) != Rank(b.replica) ? Rank(a.replica) > Rank(b.replica)
                                                : load(a) < load(b);
    });
    if (replicas->empty()) return;
    ++primaries_[{app_id, replicas->front().entry->node}];
    ++primaries_[{0, replicas->front().entry->node}];
  }

  void WriteTable(const AppZnode& table) {
    std::string& json = znodes_[absl::StrCat(table.app_id)];
    EncodeApp(table, &json);
    for (int32_t index = 0; index < table.partition_count; ++index) WritePartition(table, index);
  }

  void WritePartition(const AppZnode& table, int32_t index) {
    PartitionZnode partition;
    partition.app_id = table.app_id;
    partition.index = index;
    partition.max_replica_count = table.max_replica_count;
    std::vector<Found>& replicas = found_[{table.app_id, index}];
    if (differences_.primaries_are_spread) Spread(table.app_id, &replicas);
    if (table.status == TableStatus::kDropped) {
      partition.partition_flags = differences_.placeholders_never_expire ? 1 : 0;
    } else if (!replicas.empty()) {
      const Found& best = replicas.front();
      partition.ballot = best.replica.ballot;
      for (const Found& found : replicas) {
        if (differences_.highest_ballot) {
          partition.ballot = std::max(partition.ballot, found.replica.ballot);
        }
      }
      if (differences_.writes_committed_decree) {
        partition.last_committed_decree = best.replica.last_committed_decree;
      }
      partition.primary = best.entry->node->address.ToString();
      partition.hp_primary = best.entry->name;
      const size_t members = std::min<size_t>(replicas.size(), table.max_replica_count);
      for (size_t i = members; i-- > 1;) {
        partition.last_drops.push_back(replicas[i].entry->node->address.ToString());
        partition.hp_last_drops.push_back(replicas[i].entry->name);
      }
    }
    std::string& json = znodes_[absl::StrCat(table.app_id, "/", index)];
    EncodePartition(partition, &json);
  }

  const OriginalInput& input_;
  const Differences& differences_;
  std::vector<Entry> entries_;
  std::map<int32_t, AppZnode> tables_;
  std::map<std::pair<int32_t, int32_t>, std::vector<Found>> found_;
  std::map<std::pair<int32_t, const NodeEvidence*>, int64_t> primaries_;  // of app 0: of all
  std::map<std::string, std::string> znodes_;
};

}  // namespace

std::map<std::string, std::string> OriginalRecovery(const OriginalInput& input,
                                                    const Differences& differences) {
  return Original(input, differences).Run();
}

}  // namespace metarec
