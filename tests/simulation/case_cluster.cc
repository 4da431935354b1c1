#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

#include <absl/strings/str_cat.h>

#include "case.h"

namespace metarec::simulation {
namespace {

struct TablePlan {
  int32_t app_id = 0;
  std::string name;
  std::string old_name;  // of nodes that missed a renaming
  int32_t count = 0;
  int32_t max_replica_count = 3;
  bool is_dropped = false;
  bool is_leftover = false;  // was deleted long ago: a few learners are left that missed it
  bool is_splitting = false;
  bool is_odd = false;  // its records differ between nodes
};

void DistortEnv(TableRecord* table, Random* random) {
  const int64_t value = random->Pick(0, 3);
  const int64_t key = random->Pick(0, 1);
  if (value < 3) {
    table->envs[absl::StrCat("k", key)] = absl::StrCat(value);
    return;
  }
  // An operation that was under way when the replica was created.
  static constexpr std::pair<absl::string_view, absl::string_view> kOperations[] = {
      {"replica.deny_client_request", "reject*all"},
      {"duplication.follower_app_status", "creating"},
      {"max_replica_count.update", "1;3"},
      {"restore.policy_name", "daily"},
      {"duplication.master_cluster", "other"},
      {"duplication.master_metas", "meta:34601"},
      {"rocksdb.usage_scenario", "bulk_load"},
      {"rocksdb.usage_scenario", "prefer_write"},  // no operation
  };
  const auto& [name, text] = kOperations[2 * (table->app_id % 4) + key];
  table->envs[std::string(name)] = std::string(text);
}

void DistortRecord(TableRecord* table, Random* random) {
  switch (random->Pick(0, 9)) {
    case 0:
      table->max_replica_count = static_cast<int32_t>(random->Pick(1, 4));
      break;
    case 1:
    case 2:
      DistortEnv(table, random);
      break;
    case 3:
      table->duplicating = true;
      break;
    case 4:
      table->drop_second = random->Pick(0, 3);
      break;
    case 5:
      table->expire_second = random->Pick(0, 3);
      break;
    case 6:
      table->init_partition_count = static_cast<int32_t>(random->Pick(-1, 4));
      break;
    case 7:
      table->status = static_cast<TableStatus>(random->Pick(0, 9));
      break;
    case 8:
      table->atomic_idempotent = true;
      break;
    default:
      table->is_bulk_loading = true;
  }
}

// What no healthy server says.
void Lie(CaseNode* node, Random* random) {
  static constexpr int64_t kNumbers[] = {INT64_MIN, INT32_MIN, -2,      -1,        0,        1,
                                         2,         7,         1 << 20, INT32_MAX, INT64_MAX};
  const auto number = [&] { return kNumbers[random->Pick(0, std::size(kNumbers) - 1)]; };
  const auto small = [&] { return static_cast<int32_t>(number()); };
  if (!node->replicas.empty()) {
    ReplicaRecord& replica =
        node->replicas[random->Pick(0, static_cast<int64_t>(node->replicas.size()) - 1)];
    switch (random->Pick(0, 6)) {
      case 0:
        replica.app_id = small();
        break;
      case 1:
        replica.partition_index = small();
        break;
      case 2:
        replica.ballot = number();
        break;
      case 3:
        replica.last_committed_decree = number();
        break;
      case 4:
        replica.status = static_cast<ReplicaStatus>(random->Pick(0, 9));
        break;
      case 5: {
        ReplicaRecord again = replica;
        again.ballot = random->Pick(1, 9);
        node->replicas.push_back(again);
        break;
      }
      default:
        replica.app_id += 4;
    }
  }
  if (node->tables.empty() || random->OneIn(2)) return;
  TableRecord& table = node->tables[random->Pick(0, static_cast<int64_t>(node->tables.size()) - 1)];
  switch (random->Pick(0, 6)) {
    case 0:
      table.app_id = small();
      break;
    case 1:
      table.partition_count = small();
      break;
    case 2:
      table.max_replica_count = small();
      break;
    case 3:
      table.create_second += random->Pick(-1, 1);
      break;
    case 4:
      table.app_type = "other";
      break;
    case 5:
      table.app_name = random->OneIn(2) ? "" : std::string("\xff\0\"\\", 4);
      break;
    default: {
      TableRecord again = table;
      again.app_name += "?";
      node->tables.push_back(again);
    }
  }
}

TablePlan PlanTable(int32_t app_id, Random* random) {
  static constexpr absl::string_view kNames[] = {"t", "t", "t-2", "t-3", "u", "u-1", "v", "w_w"};
  TablePlan table;
  table.app_id = app_id;
  table.name = std::string(kNames[random->Pick(0, std::size(kNames) - 1)]);
  table.old_name = random->OneIn(6) ? "old" : table.name;
  table.count = static_cast<int32_t>(random->Pick(1, 4));
  table.max_replica_count = static_cast<int32_t>(random->Pick(1, 3));
  table.is_dropped = random->OneIn(8);
  table.is_leftover = random->OneIn(12);
  table.is_splitting = random->OneIn(6);
  table.is_odd = random->OneIn(4);
  return table;
}

TableRecord RecordOf(const TablePlan& table) {
  TableRecord record;
  record.app_type = "pegasus";
  record.app_name = table.name;
  record.app_id = table.app_id;
  record.partition_count = table.count;
  record.init_partition_count = table.count;
  record.is_stateful = true;
  record.max_replica_count = table.max_replica_count;
  record.create_second = 1'500'000'000 + table.app_id;
  return record;
}

// One partition's replicas, on different nodes: a group at the highest ballot, and what fell out.
void PlaceReplicas(const TablePlan& table, int32_t index, std::vector<CaseNode>* nodes,
                   Random* random) {
  const int64_t ballot = random->Pick(2, 6);
  const int64_t decree = random->Pick(5, 50);
  int64_t copies = 0;
  const auto first = static_cast<size_t>(random->Pick(0, static_cast<int64_t>(nodes->size()) - 1));
  for (size_t i = 0; i < nodes->size(); ++i) {
    CaseNode& node = (*nodes)[(first + i) % nodes->size()];
    ReplicaRecord replica;
    replica.app_id = table.app_id;
    replica.partition_index = index;
    replica.status = ReplicaStatus::kInactive;
    if (copies < table.max_replica_count) {
      if (random->OneIn(15)) continue;
      replica.ballot = ballot;
      replica.last_committed_decree = copies == 0 ? decree : decree - random->Pick(0, 2);
    } else {
      if (!random->OneIn(4)) continue;
      replica.ballot = random->Pick(1, ballot);
      replica.last_committed_decree = random->Pick(0, 60);
      if (random->OneIn(2)) replica.status = static_cast<ReplicaStatus>(random->Pick(1, 6));
    }
    if (replica.status == ReplicaStatus::kPrimary || replica.status == ReplicaStatus::kSecondary) {
      replica.status = ReplicaStatus::kInactive;  // leases are items of their own
    }
    replica.last_prepared_decree = replica.last_committed_decree + random->Pick(0, 1);
    if (table.is_dropped) replica.status = ReplicaStatus::kError;
    if (table.is_leftover && !random->OneIn(4)) continue;
    if (table.is_leftover || random->OneIn(25)) {
      replica.status = ReplicaStatus::kPotentialSecondary;
    }
    node.replicas.push_back(replica);
    ++copies;
  }
}

// Some nodes know the doubled count, some children exist.
void Split(const TablePlan& table, std::vector<CaseNode>* nodes, Random* random) {
  for (CaseNode& node : *nodes) {
    if (random->OneIn(2)) continue;
    for (TableRecord& record : node.tables) {
      if (record.app_id == table.app_id) record.partition_count = 2 * table.count;
    }
    const std::vector<ReplicaRecord> parents = node.replicas;
    for (const ReplicaRecord& parent : parents) {
      if (parent.app_id != table.app_id || random->OneIn(3)) continue;
      ReplicaRecord child = parent;
      child.partition_index += table.count;
      if (random->OneIn(3)) child.status = ReplicaStatus::kPartitionSplit;
      node.replicas.push_back(child);
    }
  }
}

// On every other node.
void ChangeRecords(int32_t app_id, std::vector<CaseNode>* nodes,
                   const std::function<void(TableRecord*)>& change) {
  for (size_t i = 1; i < nodes->size(); i += 2) {
    for (TableRecord& record : (*nodes)[i].tables) {
      if (record.app_id == app_id) change(&record);
    }
  }
}

void ChangeReplicas(int32_t app_id, std::vector<CaseNode>* nodes,
                    const std::function<void(ReplicaRecord*)>& change) {
  for (CaseNode& node : *nodes) {
    for (ReplicaRecord& replica : node.replicas) {
      if (replica.app_id == app_id) change(&replica);
    }
  }
}

}  // namespace

void Confuse(int64_t kind, size_t index, CaseNode* node) {
  const auto number = static_cast<uint32_t>(index);
  switch (kind) {
    case 0:  // a Debian 127.0.1.1 in /etc/hosts
      if (node->second_address == Ipv4Endpoint{}) {
        node->own_address = {.ip = 0x7F000101 + number, .port = node->address.port};
      }
      return;
    case 1:
      node->own_address = node->address;
      node->second_address = {.ip = 0x0A000301 + number, .port = node->address.port};
      return;
    case 2:
      node->other_addresses = {{.ip = 0x0A000401 + number, .port = node->address.port}};
      return;
    case 3:
      node->beacon_name = absl::StrCat("liar", index, ":", node->address.port + 1);
      return;
    default:
      node->beacon_name = absl::StrCat("no host:", node->address.port);
  }
}

void Contradict(int64_t kind, uint64_t seed, std::vector<CaseNode>* nodes) {
  Random random(seed);
  std::set<int32_t> app_ids;
  for (const CaseNode& node : *nodes) {
    for (const TableRecord& table : node.tables) app_ids.insert(table.app_id);
  }
  if (app_ids.empty()) return;
  auto chosen = app_ids.begin();
  std::advance(chosen, random.Pick(0, static_cast<int64_t>(app_ids.size()) - 1));
  const int32_t app_id = *chosen;
  const auto some = [&](const std::function<void(TableRecord*)>& change) {
    ChangeRecords(app_id, nodes, change);
  };
  switch (kind) {
    case 0:
      return some([](TableRecord* record) { record->app_type = "other"; });
    case 1:
      return some([](TableRecord* record) { ++record->create_second; });
    case 2:
      return some([](TableRecord* record) { record->is_stateful = false; });
    case 3:
      return some([](TableRecord* record) { record->partition_count *= 3; });
    case 4:
      return some([](TableRecord* record) { record->app_name += "2"; });
    case 5:
      return some([](TableRecord* record) {
        record->max_replica_count = record->max_replica_count % 3 + 1;
        record->atomic_idempotent = true;
      });
    case 6:  // replicas beyond the count
    case 7: {
      const auto by = static_cast<int32_t>(random.Pick(1, 3));
      return ChangeReplicas(app_id, nodes, [&](ReplicaRecord* replica) {
        if (random.OneIn(2)) replica->partition_index += by;
      });
    }
    case 8:  // replicas of a table that nobody describes
      for (CaseNode& node : *nodes) {
        std::erase_if(node.tables,
                      [&](const TableRecord& table) { return table.app_id == app_id; });
      }
      return;
    case kReportsDrop:
      return some([](TableRecord* record) { record->status = TableStatus::kDropped; });
    default: {  // ids far above the others, or above all that may be
      auto by = static_cast<int32_t>(random.Pick(1000, 100'000));
      if (by % 2 == 0) by = 20 + by % 70;
      if (random.OneIn(2)) some([by](TableRecord* record) { record->app_id += by; });
      return ChangeReplicas(app_id, nodes, [&](ReplicaRecord* replica) {
        if (random.OneIn(2)) replica->app_id += by;
      });
    }
  }
}

std::vector<CaseNode> MakeCluster(Random* random, std::vector<int32_t>* app_ids) {
  const int64_t node_count = random->Pick(1, 5);
  const int64_t table_count = random->OneIn(20) ? 0 : random->Pick(1, 4);
  std::vector<CaseNode> nodes(static_cast<size_t>(node_count));
  for (size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].address = {.ip = 0x0A000001 + static_cast<uint32_t>(i), .port = 34801};
    nodes[i].name = absl::StrCat("rs", i + 1, ":34801");
    nodes[i].is_listed_twice = random->OneIn(15);
    nodes[i].listed_as = random->OneIn(10) ? nodes[i].address.ToString() : nodes[i].name;
  }
  std::set<int32_t> ids;
  for (int64_t t = 0; t < table_count; ++t) {
    ids.insert(static_cast<int32_t>(random->Pick(1, random->OneIn(4) ? 8 : table_count + 1)));
  }
  for (const int32_t app_id : ids) {
    const TablePlan table = PlanTable(app_id, random);
    for (CaseNode& node : nodes) {
      if (random->OneIn(10)) continue;
      TableRecord record = RecordOf(table);
      if (random->OneIn(3)) record.app_name = table.old_name;
      if (table.is_odd && random->OneIn(2)) DistortRecord(&record, random);
      node.tables.push_back(std::move(record));
    }
    for (int32_t index = 0; index < table.count; ++index) {
      PlaceReplicas(table, index, &nodes, random);
    }
    if (table.is_splitting) Split(table, &nodes, random);
  }
  if (random->OneIn(8)) {
    Lie(&nodes[static_cast<size_t>(random->Pick(0, node_count - 1))], random);
  }
  app_ids->assign(ids.begin(), ids.end());
  return nodes;
}

}  // namespace metarec::simulation
