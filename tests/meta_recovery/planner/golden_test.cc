// Every captured recovery, three ways: the simple model of the original gives the captured tree;
// the same model with the listed differences gives what MakePlan plans; the hints are the captured
// ones.

#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "meta_recovery/planner/planner.h"
#include "meta_recovery/report/finding_text.h"
#include "tests/meta_recovery/planner/golden_evidence.h"
#include "tests/meta_recovery/planner/plan_matchers.h"
#include "zk_store/topology/znode_json.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;

struct Recovery {
  std::string name;
  std::string folder;
  std::string tree;
  std::string root;
  std::vector<std::string> node_list;
  bool skip = false;
  // Znodes of that tree that no meta server had changed yet.
  size_t tables = 0;
  size_t partitions = 0;
};

const std::vector<std::string> kThree = {"localhost:34801", "localhost:34802", "localhost:34803"};

const Recovery kRecoveries[] = {
    {"scenario_b", ".", "zk_after.jsonl", "/pegasus/recovered", kThree, false, 12, 53},
    {"one_node_down", "variants/a_one_node_down", "zk_after.jsonl", "/pegasus/va", kThree, true, 12,
     53},
    {"one_node_hung", "variants/a2_one_node_hangs", "zk_after.jsonl", "/pegasus/va2", kThree, false,
     12, 53},
    {"name_conflicts", "variants/c2_name_conflicts", "zk_after.jsonl", "/pegasus/vc2", kThree,
     false, 16, 47},
    {"another_list_order",
     "variants/e_node_list_errors",
     "zk_after.jsonl",
     "/pegasus/ve",
     {"localhost:34802", "localhost:34801", "localhost:34803"},
     false,
     12,
     53},
    {"listed_by_ip",
     "variants/f_ip_node_list",
     "zk_after.jsonl",
     "/pegasus/vf",
     {"127.0.0.1:34801", "127.0.0.1:34802", "127.0.0.1:34803"},
     false,
     16,
     63},
    {"listed_twice",
     "variants/f2_ip_and_name_node_list",
     "zk_after.jsonl",
     "/pegasus/vf2",
     {"localhost:34801", "localhost:34802", "localhost:34803", "127.0.0.1:34801", "127.0.0.1:34802",
      "127.0.0.1:34803"},
     false,
     16,
     60},
    {"lease_not_expired", "variants/g_lease_not_expired", "zk_after.jsonl", "/pegasus/recovered",
     kThree, false, 12, 53},
    {"four_nodes_one_stale",
     "variants/k_four_nodes_one_stale",
     "zk_after.jsonl",
     "/pegasus/vk",
     {"localhost:34801", "localhost:34802", "localhost:34803", "localhost:34804"},
     false,
     16,
     63},
};

int64_t PlaceholderExpiry(const std::map<std::string, GoldenZnode>& apps) {
  rapidjson::Document json;
  json.Parse(apps.at("6").data);
  return json["expire_second"].GetInt64();
}

std::map<std::string, std::string> PlannedZnodes(const RecoveryPlan& plan) {
  std::map<std::string, std::string> znodes;
  for (const TopologyTable& table : plan.topology.tables) {
    EncodeApp(table, &znodes[absl::StrCat(table.app_id)]);
    for (const TopologyPartition& partition : plan.topology.PartitionsOf(table)) {
      PartitionZnode znode;
      znode.app_id = table.app_id;
      znode.index = partition.index;
      znode.ballot = partition.ballot;
      znode.max_replica_count = table.max_replica_count;
      znode.last_committed_decree = partition.last_committed_decree;
      znode.partition_flags = partition.partition_flags;
      if (partition.primary != kNoNode) {
        znode.primary = plan.topology.nodes[partition.primary].address.ToString();
        znode.hp_primary = plan.topology.nodes[partition.primary].name;
      }
      for (const NodeIndex node : plan.topology.LastDropsOf(partition)) {
        znode.last_drops.push_back(plan.topology.nodes[node].address.ToString());
        znode.hp_last_drops.push_back(plan.topology.nodes[node].name);
      }
      for (const NodeIndex node : plan.topology.SecondariesOf(partition)) {
        znode.secondaries.push_back(plan.topology.nodes[node].address.ToString());
        znode.hp_secondaries.push_back(plan.topology.nodes[node].name);
      }
      EncodePartition(znode, &znodes[absl::StrCat(table.app_id, "/", partition.index)]);
    }
  }
  return znodes;
}

class GoldenRecoveryTest : public ::testing::TestWithParam<Recovery> {
 protected:
  const Evidence evidence_ = LoadGoldenEvidence(GetParam().folder, GetParam().node_list);
  const std::map<std::string, GoldenZnode> captured_ =
      LoadGoldenApps(absl::StrCat(GetParam().folder, "/", GetParam().tree), GetParam().root);
  const OriginalInput input_ = {.node_list = GetParam().node_list,
                                .evidence = evidence_,
                                .now = PlaceholderExpiry(captured_)};
};

TEST_P(GoldenRecoveryTest, TheModelOfTheOriginalGivesTheCapturedTree) {
  const std::map<std::string, std::string> model = OriginalRecovery(input_, {});
  size_t tables = 0;
  size_t partitions = 0;
  for (const auto& [path, znode] : captured_) {
    if (znode.version > 0) continue;
    ++(path.find('/') == std::string::npos ? tables : partitions);
    ASSERT_TRUE(model.contains(path)) << path;
    EXPECT_EQ(model.at(path), znode.data) << path;
  }
  EXPECT_EQ(model.size(), captured_.size());
  EXPECT_EQ(tables, GetParam().tables);
  EXPECT_EQ(partitions, GetParam().partitions);
}

TEST_P(GoldenRecoveryTest, ThePlanIsTheModelWithTheListedDifferencesOnly) {
  PlanOptions options;
  options.skip_bad_nodes = GetParam().skip;
  options.skip_lost_partitions = GetParam().skip;
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence_, options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->outcome, PlanOutcome::kReady);
  EXPECT_EQ(PlannedZnodes(*plan), OriginalRecovery(input_, Differences::All()));
  EXPECT_EQ(plan->HasAcceptedLosses(), GetParam().skip);
}

TEST_P(GoldenRecoveryTest, WithTheOriginalsSeparatorTheNamesAreTheCapturedOnes) {
  PlanOptions options;
  options.skip_bad_nodes = GetParam().skip;
  options.skip_lost_partitions = GetParam().skip;
  options.rename_separator = "__";
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence_, options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  for (const TopologyTable& table : plan->topology.tables) {
    rapidjson::Document json;
    json.Parse(captured_.at(absl::StrCat(table.app_id)).data);
    EXPECT_EQ(table.app_name, json["app_name"].GetString());
  }
}

INSTANTIATE_TEST_SUITE_P(Captured, GoldenRecoveryTest, ::testing::ValuesIn(kRecoveries),
                         [](const auto& info) { return info.param.name; });

std::vector<std::string> HintsOf(const std::string& folder,
                                 const std::vector<std::string>& node_list,
                                 const PlanOptions& options,
                                 const std::string& bad_node_error = "ERR_NETWORK_FAILURE") {
  Evidence evidence = LoadGoldenEvidence(folder, node_list);
  for (NodeEvidence& node : evidence.nodes) {
    if (!node.complete()) node.error = bad_node_error;
  }
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return HintLines(*plan, node_list);
}

// What the shell printed as hints of the `nth` recovery (from 0) of a transcript, with the line
// break that the original forgets after a bad node (INTEROP.md, section 5).
std::vector<std::string> CapturedHints(const std::string& folder, int nth) {
  std::ifstream file(absl::StrCat(METAREC_GOLDEN_DIR, "/", folder, "/transcript.txt"));
  std::vector<std::string> hints;
  int recovery = -1;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("Recover result:", 0) == 0) ++recovery;
    if (recovery != nth) continue;
    constexpr absl::string_view kSkip = ", skip the bad node";
    const size_t skip = line.find(std::string(kSkip));
    if (skip != std::string::npos && skip + kSkip.size() < line.size()) {
      hints.push_back(line.substr(0, skip + kSkip.size()));
      line = line.substr(skip + kSkip.size());
    }
    if (line.rfind("WARNING: ", 0) == 0 || line.rfind("ERROR: ", 0) == 0) hints.push_back(line);
  }
  return hints;
}

TEST(GoldenHints, OfScenarioBAreTheCapturedLineButForTheSeparator) {
  EXPECT_THAT(
      HintsOf(".", kThree, {}),
      ElementsAre("WARNING: app(4)'s old name(dupname) is conflict with others, rename it to "
                  "(dupname-4)"));
  EXPECT_THAT(
      HintsOf(".", kThree, {.rename_separator = "__"}),
      ElementsAre("WARNING: app(4)'s old name(dupname) is conflict with others, rename it to "
                  "(dupname__4)"));
}

TEST(GoldenHints, OfNameConflictsAreTheCapturedLines) {
  EXPECT_THAT(
      HintsOf("variants/c2_name_conflicts", kThree, {.rename_separator = "__"}),
      ElementsAre("WARNING: app(15)'s old name(newname) is conflict with others, rename it to "
                  "(newname__15)",
                  "WARNING: app(12)'s old name(dupname) is conflict with others, rename it to "
                  "(dupname__12__12)",
                  "WARNING: app(5)'s old name(newname) is conflict with others, rename it to "
                  "(newname__5)"));
}

TEST(GoldenHints, OfANodeThatIsDownAreTheCapturedLinesOnePerLine) {
  const std::string folder = "variants/a_one_node_down";
  EXPECT_THAT(
      HintsOf(folder, kThree, {}),
      ElementsAre("ERROR: collect app and replica info from node(localhost:34803) failed with "
                  "err(ERR_NETWORK_FAILURE), you can skip it by set skip_bad_nodes option"));
  EXPECT_EQ(HintsOf(folder, kThree, {.skip_bad_nodes = true}), CapturedHints(folder, 1));
  const std::vector<std::string> all = CapturedHints(folder, 2);
  EXPECT_EQ(HintsOf(folder, kThree, {.skip_bad_nodes = true, .skip_lost_partitions = true},
                    "ERR_TIMEOUT"),
            all);
  EXPECT_GT(all.size(), 40u);
}

TEST(GoldenConflict, ANodeThatMissedARenameIsOutvotedWhereTheOriginalAborts) {
  const absl::StatusOr<RecoveryPlan> plan =
      MakePlan(LoadGoldenEvidence("variants/j_conflicting_app_record", kThree), {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->outcome, PlanOutcome::kReady);
  EXPECT_EQ(plan->topology.tables[9].app_name, "idem2");
}

TEST(GoldenConflict, AnInterruptedSplitIsLeftForTheBootingMetaWhereTheOriginalAborts) {
  std::vector<std::string> four = kThree;
  four.push_back("localhost:34804");
  const absl::StatusOr<RecoveryPlan> plan =
      MakePlan(LoadGoldenEvidence("variants/m_split_interrupted", four), {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->outcome, PlanOutcome::kReady);
  const TopologyTable& table = plan->topology.tables[18];
  EXPECT_EQ(table.app_name, "half3");
  EXPECT_EQ(table.partition_count, 8);
  EXPECT_EQ(table.init_partition_count, 4);
  EXPECT_EQ(table.partitions_count, 5u);
  EXPECT_EQ(plan->topology.PartitionsOf(table).back().index, 4);
  EXPECT_EQ(plan->topology.PartitionsOf(table).back().ballot, 4);
}

TEST(GoldenFindings, LeasesThatHaveNotRunOutAreAHazardWithNumbers) {
  const absl::StatusOr<RecoveryPlan> plan =
      MakePlan(LoadGoldenEvidence("variants/g_lease_not_expired", kThree), {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const auto it = std::find_if(
      plan->findings.begin(), plan->findings.end(),
      [](const Finding& finding) { return finding.kind() == FindingKind::kStillServed; });
  ASSERT_NE(it, plan->findings.end());
  EXPECT_EQ(it->severity, Severity::kHazard);
  EXPECT_NE(FactOf(*plan, *it, "primaries"), "0");
  EXPECT_EQ(FactOf(*plan, *it, "nodes"), "localhost:34801,localhost:34802,localhost:34803");
}

TEST(GoldenFindings, SoftDroppedTablesOfScenarioBAreNamed) {
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(LoadGoldenEvidence(".", kThree), {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  std::vector<int32_t> dropped;
  for (const Finding& finding : plan->findings) {
    if (finding.kind() == FindingKind::kTableProbablyDropped) dropped.push_back(finding.app_id);
    EXPECT_NE(finding.kind(), FindingKind::kPrimaryIncomplete);
  }
  EXPECT_THAT(dropped, ElementsAre(7, 4));
}

}  // namespace
}  // namespace metarec
