#include "tests/meta_recovery/planner/old_tree_builder.h"

#include <algorithm>
#include <map>

#include <absl/strings/str_cat.h>

#include "tests/meta_recovery/planner/evidence_builder.h"

namespace metarec {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kTakenMs = int64_t{1'795'200'000} * 1000;

}  // namespace

OldTreeOf::OldTreeOf(absl::string_view source) {
  tree_.source = std::string(source);
  tree_.root = "/pegasus/demo";
  tree_.zxid = 1000;
  tree_.time_ms = tree_.known_until_ms = kTakenMs;
}

OldTreeOf& OldTreeOf::Table(int32_t app_id, absl::string_view name, int32_t partition_count,
                            int64_t ballot) {
  Cluster cluster;
  cluster.Node("n1").Table(app_id, name, partition_count);
  OldTable table;
  table.description = *cluster.Current().tables.front();
  table.changed_zxid = 10 + app_id;
  table.changed_ms = kTakenMs - kHourMs;
  table.ballots.assign(static_cast<size_t>(partition_count), ballot);
  tree_.tables.push_back(std::move(table));
  return *this;
}

OldTreeOf& OldTreeOf::With(const std::function<void(TableDescription&)>& change) {
  change(tree_.tables.back().description);
  return *this;
}

OldTreeOf& OldTreeOf::WithTable(const std::function<void(OldTable&)>& change) {
  change(tree_.tables.back());
  return *this;
}

OldTreeOf& OldTreeOf::Dropped() {
  OldTable& table = tree_.tables.back();
  table.description.status = TableStatus::kDropped;
  table.description.drop_second = 1'795'100'000;
  table.description.expire_second = 1'795'700'000;
  for (int64_t& ballot : table.ballots) ++ballot;
  return *this;
}

OldTreeOf& OldTreeOf::Duplicated() {
  OldTable& table = tree_.tables.back();
  const std::string path = absl::StrCat("/apps/", table.description.app_id, "/duplication");
  table.duplications = {{.path = path, .data = ""},
                        {.path = absl::StrCat(path, "/17"), .data = "{\"remote\":\"other\"}"},
                        {.path = absl::StrCat(path, "/17/0"), .data = "2"}};
  return *this;
}

OldTreeOf& OldTreeOf::Beside(absl::string_view path, absl::string_view data) {
  tree_.beside.push_back({.path = std::string(path), .data = std::string(data)});
  return *this;
}

OldTreeOf& OldTreeOf::WithTree(const std::function<void(OldTree&)>& change) {
  change(tree_);
  return *this;
}

namespace {

bool ByChance(std::mt19937& random, int64_t n) { return Pick(random, 1, n) == 1; }

void ChangeTable(OldTable* table, std::mt19937& random) {
  TableDescription& description = table->description;
  for (int64_t left = Pick(random, 0, 3); left > 0; --left) {
    switch (Pick(random, 0, 9)) {
      case 0:
        description.app_name = absl::StrCat("was", Pick(random, 1, 2));
        break;
      case 1:
        description.max_replica_count = static_cast<int32_t>(Pick(random, 1, 4));
        break;
      case 2:
        description.atomic_idempotent = !description.atomic_idempotent;
        break;
      case 3:
        description.duplicating = !description.duplicating;
        break;
      case 4:
        description.init_partition_count = -1;
        break;
      case 5:
        table->changed_ms += Pick(random, 0, 2) * kHourMs / 2;
        break;
      case 6:
        description.envs["replica.deny_client_request"] = "timeout*all";
        break;
      case 7:
        description.partition_count = static_cast<int32_t>(Pick(random, 1, 8));
        break;
      default:
        description.envs[absl::StrCat("k", Pick(random, 0, 2))] = absl::StrCat(Pick(random, 0, 2));
    }
  }
}

}  // namespace

OldTree RandomOldTree(const Evidence& evidence, std::mt19937& random) {
  std::map<int32_t, TableDescription> described;
  std::map<std::pair<int32_t, int32_t>, int64_t> ballots;
  for (const NodeEvidence& node : evidence.nodes) {
    for (const TableRecord& record : node.tables) described.emplace(record.app_id, record);
    for (const ReplicaRecord& replica : node.replicas) {
      int64_t& ballot = ballots[{replica.app_id, replica.partition_index}];
      ballot = std::max(ballot, replica.ballot);
    }
  }
  OldTreeOf builder(absl::StrCat("tree", Pick(random, 1, 9)));
  OldTree tree = builder.Build();
  tree.time_ms += Pick(random, 0, 3) * kHourMs;
  tree.known_until_ms = tree.time_ms;
  const auto highest = described.empty() ? 2 : described.rbegin()->first;
  for (int32_t app_id = 1; app_id <= highest + 2 && app_id <= 12; ++app_id) {
    const auto found = described.find(app_id);
    if (ByChance(random, 6) || (found == described.end() && ByChance(random, 2))) continue;
    OldTreeOf one;
    one.Table(app_id, absl::StrCat("only", app_id), static_cast<int32_t>(Pick(random, 1, 4)));
    OldTable table = one.Build().tables.front();
    if (found != described.end()) {
      table.description = found->second;
      table.description.status = TableStatus::kAvailable;
      if (ByChance(random, 25)) table.description.create_second += 1;
      if (ByChance(random, 25)) table.description.create_second = 0;
    }
    TableDescription& description = table.description;
    if (description.partition_count < 1 || description.partition_count > 1000) continue;
    ChangeTable(&table, random);
    const bool is_dropped = ByChance(random, 4);
    const int64_t age = ByChance(random, 3) ? Pick(random, -1, 2) : 0;
    table.ballots.clear();
    for (int32_t index = 0; index < description.partition_count; ++index) {
      const auto ballot = ballots.find({app_id, index});
      const int64_t known = ballot == ballots.end() ? 3 : ballot->second;
      table.ballots.push_back(ByChance(random, 40) ? -1 : std::max<int64_t>(known - age, 0));
    }
    if (is_dropped) {
      description.status = TableStatus::kDropped;
      description.drop_second = 1'795'100'000;
      description.expire_second = 1'795'700'000;
      for (int64_t& ballot : table.ballots) ++ballot;
    }
    if (ByChance(random, 4)) {
      const std::string path = absl::StrCat("/apps/", app_id, "/duplication");
      table.duplications = {{.path = path, .data = ""}, {.path = path + "/9", .data = "{}"}};
    }
    tree.tables.push_back(std::move(table));
  }
  if (ByChance(random, 2)) tree.beside = {{"/backup", ""}, {"/backup/daily", "{}"}};
  if (ByChance(random, 3)) {
    tree.beside.push_back({"/bulk_load", ""});
    const std::string load = absl::StrCat("/bulk_load/", Pick(random, 1, 4));
    tree.beside.push_back({load, "{}"});
    tree.beside.push_back({load + "/0", "{}"});
  }
  if (ByChance(random, 5)) {
    tree.kind = OldTreeKind::kDataDirectory;
    tree.committed_zxid = Pick(random, -1, 20);
  }
  return tree;
}

}  // namespace metarec
