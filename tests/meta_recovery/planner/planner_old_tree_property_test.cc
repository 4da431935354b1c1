// What holds for every plan with old trees, whatever they say.

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/report/report.h"
#include "testing/slow_build.h"
#include "tests/meta_recovery/planner/evidence_builder.h"
#include "tests/meta_recovery/planner/old_tree_builder.h"

namespace metarec {
namespace {

// Of the rounds, and of what they must come upon at least.
constexpr int kShare = testing::InSlowBuild(4, 1);

const PlanOptions kAcceptLosses = {.skip_bad_nodes = true, .skip_lost_partitions = true};

using Ballots = std::map<std::pair<int32_t, int32_t>, int64_t>;

Ballots HighestBallots(const Evidence& evidence) {
  Ballots highest;
  for (const NodeEvidence& node : evidence.nodes) {
    if (!node.complete()) continue;
    for (const ReplicaRecord& replica : node.replicas) {
      if (replica.ballot < 0 || replica.last_committed_decree < -1 ||
          replica.last_prepared_decree < -1) {
        continue;
      }
      int64_t& ballot = highest[{replica.app_id, replica.partition_index}];
      ballot = std::max(ballot, replica.ballot);
    }
  }
  return highest;
}

// Whether no server knows more of the table than this tree does.
bool IsUpToDate(const OldTable& table, const Ballots& highest) {
  for (const auto& [gpid, ballot] : highest) {
    if (gpid.first != table.description.app_id) continue;
    const auto index = static_cast<size_t>(gpid.second);
    if (index >= table.ballots.size() || table.ballots[index] < ballot) return false;
  }
  return true;
}

const OldTable* TableIn(const OldTree& tree, int32_t app_id) {
  for (const OldTable& table : tree.tables) {
    if (table.description.app_id == app_id) return &table;
  }
  return nullptr;
}

// Env by env: who says so.
std::set<std::pair<std::string, std::string>> EnvsAnywhere(const Evidence& evidence,
                                                           const std::vector<OldTree>& trees,
                                                           int32_t app_id) {
  std::set<std::pair<std::string, std::string>> envs;
  for (const NodeEvidence& node : evidence.nodes) {
    for (const TableRecord& record : node.tables) {
      if (record.app_id == app_id) envs.insert(record.envs.begin(), record.envs.end());
    }
  }
  for (const OldTree& tree : trees) {
    if (const OldTable* table = TableIn(tree, app_id)) {
      envs.insert(table->description.envs.begin(), table->description.envs.end());
    }
  }
  return envs;
}

void CheckTable(const RecoveryPlan& plan, const RecoveryPlan& without, size_t at,
                const Evidence& evidence, const std::vector<OldTree>& trees,
                const Ballots& highest) {
  const TopologyTable& table = plan.topology.tables[at];
  const auto anywhere = EnvsAnywhere(evidence, trees, table.app_id);
  for (const auto& env : table.envs) {
    EXPECT_TRUE(anywhere.contains(env)) << "the env " << env.first << " is invented";
  }
  const bool is_dropped = table.status == TableStatus::kDropped && !plan.tables[at].placeholder;
  bool may_be_dropped = false;
  bool must_be_dropped = !trees.empty();
  for (const OldTree& tree : trees) {
    const OldTable* const there = TableIn(tree, table.app_id);
    const bool proves = there != nullptr && there->description.status == TableStatus::kDropped &&
                        IsUpToDate(*there, highest);
    may_be_dropped |= proves;
    must_be_dropped &= proves && there->description.create_second == table.create_second &&
                       table.create_second != 0;
  }
  EXPECT_LE(is_dropped, may_be_dropped) << "a table that was alive is dropped";
  const bool is_described = !plan.tables[at].described_by.empty();
  if (must_be_dropped && is_described) {
    EXPECT_TRUE(is_dropped) << "a dropped table comes back";
  }
  if (at >= without.topology.tables.size()) return;
  // What exists, and its ballots, are as without any tree.
  const TopologyTable& other = without.topology.tables[at];
  EXPECT_EQ(plan.tables[at].described_by, without.tables[at].described_by);
  if (other.partitions_count != table.partitions_count) {
    EXPECT_TRUE(is_dropped || plan.tables[at].placeholder);
    return;
  }
  for (uint32_t i = 0; i < table.partitions_count; ++i) {
    EXPECT_EQ(plan.topology.partitions[table.partitions_begin + i].ballot,
              without.topology.partitions[other.partitions_begin + i].ballot);
  }
}

TEST(OldTreeProperties, NoEnvIsInventedNoLivingTableDroppedAndNoDroppedOneComesBack) {
  std::mt19937 random(20261130);
  int used = 0;
  int refused = 0;
  std::map<OldTreeUse, int> uses;
  for (int round = 0; round < 600 / kShare; ++round) {
    SCOPED_TRACE(round);
    const Evidence evidence = RandomEvidence(random);
    std::vector<OldTree> trees;
    for (int64_t count = Pick(random, 1, 3); count > 0; --count) {
      trees.push_back(RandomOldTree(evidence, random));
      trees.back().source = absl::StrCat("tree", count);
    }
    PlanOptions options = kAcceptLosses;
    options.carry_duplications = Pick(random, 0, 1) > 0;
    const auto without = MakePlan(evidence, options);
    ASSERT_TRUE(without.ok()) << without.status();
    const auto plan = MakePlan(evidence, options, trees);
    if (!plan.ok()) {
      EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument) << plan.status();
      ++refused;
      continue;
    }
    ++used;
    const auto decoded = DecodePlan(EncodePlan(*plan), "plan");
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ASSERT_TRUE(*decoded == *plan);
    EXPECT_FALSE(RenderReport(*plan, {}).empty());
    EXPECT_FALSE(RenderReportJson(*plan, {}).empty());
    const Ballots highest = HighestBallots(evidence);
    for (size_t i = 0; i < plan->tables.size(); ++i) {
      SCOPED_TRACE(i + 1);
      ++uses[plan->tables[i].old_tree];
      CheckTable(*plan, *without, i, evidence, trees, highest);
    }
    Evidence shuffled = evidence;
    Shuffle(shuffled, random);
    std::reverse(trees.begin(), trees.end());
    const auto again = MakePlan(shuffled, options, trees);
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_TRUE(again->topology == plan->topology);
  }
  EXPECT_GT(used, 300 / kShare);
  EXPECT_GT(refused, 5 / kShare);
  for (const OldTreeUse use : {OldTreeUse::kNone, OldTreeUse::kCurrent, OldTreeUse::kOlder,
                               OldTreeUse::kStaysDropped, OldTreeUse::kOnlyThere}) {
    EXPECT_GT(uses[use], 20 / kShare) << OldTreeUseName(use);
  }
}

// Where the tree is as new as the servers, the table is as the tree says, field by field.
TEST(OldTreeProperties, ACurrentTreeIsFollowed) {
  std::mt19937 random(4);
  int followed = 0;
  for (int round = 0; round < 300 / kShare; ++round) {
    SCOPED_TRACE(round);
    const Evidence evidence = RandomEvidence(random);
    const OldTree tree = RandomOldTree(evidence, random);
    const auto plan = MakePlan(evidence, kAcceptLosses, {&tree, 1});
    if (!plan.ok()) continue;
    for (size_t i = 0; i < plan->tables.size(); ++i) {
      if (plan->tables[i].old_tree != OldTreeUse::kCurrent) continue;
      SCOPED_TRACE(i + 1);
      ++followed;
      const TopologyTable& table = plan->topology.tables[i];
      const OldTable* const there = TableIn(tree, table.app_id);
      ASSERT_NE(there, nullptr);
      EXPECT_EQ(table.envs, there->description.envs);
      EXPECT_EQ(table.drop_second, there->description.drop_second);
      EXPECT_EQ(table.expire_second, there->description.expire_second);
      EXPECT_EQ(table.duplicating, there->description.duplicating);
    }
  }
  EXPECT_GT(followed, 200 / kShare);
}

}  // namespace
}  // namespace metarec
