#include <algorithm>
#include <map>
#include <utility>

#include <absl/strings/str_cat.h>

#include "case.h"

namespace metarec::simulation {
namespace {

constexpr int64_t kTakenMs = int64_t{1'795'200'000} * 1000;
constexpr int64_t kMinuteMs = 60'000;

void ChangeTable(OldTable* table, Random* random) {
  TableDescription& old = table->description;
  for (int64_t changes = random->Pick(0, 3); changes > 0; --changes) {
    switch (random->Pick(0, 9)) {
      case 0:
        old.app_name = random->OneIn(2) ? "was" : "t";
        break;
      case 1:
        old.max_replica_count = static_cast<int32_t>(random->Pick(1, 4));
        break;
      case 2:
        old.duplicating = !old.duplicating;
        break;
      case 3:
        old.init_partition_count = static_cast<int32_t>(random->Pick(-1, 3));
        break;
      case 4:
        old.envs["replica.deny_client_request"] = "1";
        break;
      case 5:
        old.partition_count += static_cast<int32_t>(random->Pick(0, 1));
        break;
      default:
        old.envs[absl::StrCat("k", random->Pick(0, 2))] = absl::StrCat(random->Pick(0, 3));
    }
  }
}

// Some time ago, or now; of which the servers may know nothing, too.
OldTable MakeTable(int32_t app_id, const TableRecord* described,
                   const std::map<std::pair<int32_t, int32_t>, int64_t>& ballots, Random* random) {
  OldTable table;
  TableDescription& old = table.description;
  if (described != nullptr) {
    old = *described;
  } else {
    old.app_type = "pegasus";
    old.app_name = absl::StrCat("only", app_id);
    old.partition_count = static_cast<int32_t>(random->Pick(1, 3));
    old.create_second = 17;
  }
  old.app_id = app_id;
  old.status = TableStatus::kAvailable;
  if (random->OneIn(40)) ++old.create_second;
  if (random->OneIn(40)) old.create_second = 0;
  ChangeTable(&table, random);
  table.changed_zxid = random->Pick(1, 30);
  table.changed_ms = kTakenMs - random->Pick(0, 3) * 5 * kMinuteMs;
  const int64_t age = random->OneIn(3) ? random->Pick(-1, 2) : 0;
  for (int32_t index = 0; index < std::min(old.partition_count, 1000); ++index) {
    const auto known = ballots.find({app_id, index});
    const int64_t ballot = known == ballots.end() ? 3 : std::clamp<int64_t>(known->second, 0, 99);
    table.ballots.push_back(random->OneIn(40) ? -1 : std::max<int64_t>(ballot - age, 0));
  }
  if (random->OneIn(4)) {
    old.status = TableStatus::kDropped;
    old.drop_second = 5;
    old.expire_second = 9;
    for (int64_t& ballot : table.ballots) ++ballot;
  }
  if (random->OneIn(3)) {
    const std::string path = absl::StrCat("/apps/", app_id, "/duplication");
    table.duplications = {{path, ""}, {path + "/7", "{}"}};
  }
  return table;
}

}  // namespace

OldTree MakeOldTree(const std::vector<CaseNode>& nodes, const Item& item) {
  Random random(static_cast<uint64_t>(item.b));
  std::map<int32_t, const TableRecord*> described;
  std::map<std::pair<int32_t, int32_t>, int64_t> ballots;
  for (const CaseNode& node : nodes) {
    for (const TableRecord& table : node.tables) described.emplace(table.app_id, &table);
    for (const ReplicaRecord& replica : node.replicas) {
      int64_t& ballot = ballots[{replica.app_id, replica.partition_index}];
      ballot = std::max(ballot, replica.ballot);
    }
  }
  OldTree tree;
  tree.source = absl::StrCat("tree", item.a);
  tree.root = "/old";
  tree.zxid = random.Pick(30, 40);
  tree.time_ms = tree.known_until_ms = kTakenMs + random.Pick(0, 2) * 5 * kMinuteMs;
  const auto highest = static_cast<int32_t>(random.Pick(4, 9));
  for (int32_t app_id = 1; app_id <= highest; ++app_id) {
    const auto found = described.find(app_id);
    if (random.OneIn(8) || (found == described.end() && random.OneIn(2))) continue;
    tree.tables.push_back(
        MakeTable(app_id, found == described.end() ? nullptr : found->second, ballots, &random));
  }
  if (random.OneIn(2)) tree.beside = {{"/backup", ""}, {"/backup/daily", "{}"}};
  if (random.OneIn(3)) {
    const std::string load = absl::StrCat("/bulk_load/", random.Pick(1, 4));
    tree.beside.insert(tree.beside.end(), {{"/bulk_load", ""}, {load, "{}"}});
  }
  return tree;
}

}  // namespace metarec::simulation
