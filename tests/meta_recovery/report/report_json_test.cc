
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using testing::HealthyPlan;
using testing::PlanBuilder;

rapidjson::Document Render(const RecoveryPlan& plan) {
  ReportOptions options;
  options.plan_path = "p";
  options.store_flags = "--zk z:1 --root /r";
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(RenderReportJson(plan, options).c_str());
  EXPECT_FALSE(document.HasParseError());
  return document;
}

TEST(ReportJsonTest, HasTheVerdictTheNumbersAndTheNextCommand) {
  const auto json = Render(HealthyPlan().plan());
  EXPECT_EQ(json["schema"].GetInt(), 1);
  EXPECT_STREQ(json["outcome"].GetString(), "ready");
  EXPECT_EQ(json["exit_code"].GetInt(), 0);
  EXPECT_EQ(json["evidence_collected_at"].GetInt64(), 1795221132);
  EXPECT_EQ(json["numbers"]["nodes_answered"].GetInt(), 3);
  EXPECT_EQ(json["numbers"]["tables"].GetInt(), 2);
  EXPECT_EQ(json["numbers"]["znodes"].GetInt(), 14);
  EXPECT_EQ(json["numbers"]["partitions_full"].GetInt(), 12);
  EXPECT_EQ(json["numbers"]["replicas_found"].GetInt(), 36);
  EXPECT_STREQ(json["next_command"].GetString(), "metarec apply --plan p --zk z:1 --root /r");
  EXPECT_EQ(json["next_commands"].Size(), 2u);
}

TEST(ReportJsonTest, ListsNodesAndTables) {
  PlanBuilder builder = HealthyPlan();
  builder.BadNode("rs4:34801", "ERR_TIMEOUT");
  const auto json = Render(builder.plan());
  ASSERT_EQ(json["nodes"].Size(), 4u);
  EXPECT_STREQ(json["nodes"][0]["address"].GetString(), "10.0.0.1:34801");
  EXPECT_STREQ(json["nodes"][0]["name_source"].GetString(), "node_list");
  EXPECT_EQ(json["nodes"][0]["primaries"].GetInt(), 12);
  EXPECT_EQ(json["nodes"][1]["primaries"].GetInt(), 0);
  EXPECT_STREQ(json["nodes"][3]["error"].GetString(), "ERR_TIMEOUT");
  const auto& table = json["tables"][1];
  EXPECT_EQ(table["app_id"].GetInt(), 2);
  EXPECT_STREQ(table["name"].GetString(), "temp");
  EXPECT_STREQ(table["status"].GetString(), "available");
  EXPECT_FALSE(table["placeholder"].GetBool());
  EXPECT_EQ(table["described_by"].Size(), 3u);
  EXPECT_EQ(table["replicas"]["found"].GetInt(), 24);
  EXPECT_EQ(table["replicas"]["by_node"]["rs2:34801"].GetInt(), 8);
  EXPECT_EQ(table["primaries"]["all_agree"].Size(), 8u);
}

TEST(ReportJsonTest, ListsEveryFindingWithItsFactsTextAndChoices) {
  PlanBuilder builder = HealthyPlan();
  builder.Outcome(PlanOutcome::kConflict);
  builder.plan().nodes[1].error = "ERR_TIMEOUT";
  builder.Finding(found::BadNode{}, Severity::kWarning, 0, -1, /*node=*/1);
  builder.Finding(
      found::RecordsConflict{.field = "app_type", .values = {{"a", 1, {0}}, {"b", 1, {1}}}},
      Severity::kConflict, 2);
  builder.Finding(found::PartitionLost{}, Severity::kError, 2, 0);
  const auto json = Render(builder.plan());
  EXPECT_EQ(json["exit_code"].GetInt(), 3);
  ASSERT_EQ(json["findings"].Size(), 3u);
  const auto& bad_node = json["findings"][0];
  EXPECT_STREQ(bad_node["kind"].GetString(), "bad_node");
  EXPECT_STREQ(bad_node["severity"].GetString(), "warning");
  EXPECT_STREQ(bad_node["node"].GetString(), "rs2:34801");
  EXPECT_FALSE(bad_node.HasMember("app_id"));
  EXPECT_FALSE(bad_node.HasMember("choices"));
  EXPECT_STREQ(bad_node["facts"]["err"].GetString(), "ERR_TIMEOUT");
  const auto& conflict = json["findings"][1];
  EXPECT_EQ(conflict["app_id"].GetInt(), 2);
  EXPECT_FALSE(conflict.HasMember("partition_index"));
  EXPECT_STREQ(conflict["choices"][1].GetString(), "--settle 2.app_type=b");
  EXPECT_THAT(conflict["text"].GetString(), ::testing::HasSubstr("no rule can decide"));
  EXPECT_EQ(json["findings"][2]["partition_index"].GetInt(), 0);
}

// It said 0 while the process ended with 2, as the tree differs from what was recovered.
TEST(ReportJsonTest, TheExitCodeIsThatOfTheProcess) {
  ReportOptions options;
  options.moment = HeadlineMoment::kDiffers;
  options.exit_code = 2;
  EXPECT_THAT(RenderReportJson(HealthyPlan().plan(), options),
              ::testing::HasSubstr("\"exit_code\": 2,"));
}

TEST(ReportJsonTest, CountsFindingsByKindTheWorstFirst) {
  PlanBuilder builder = HealthyPlan();
  for (int32_t index = 0; index < 3; ++index) {
    builder.Finding(found::ReplicasMissing{}, Severity::kWarning, 1, index);
  }
  builder.Finding(found::PartitionLost{}, Severity::kError, 2, 0);
  const auto json = Render(builder.plan());
  ASSERT_EQ(json["groups"].Size(), 2u);
  EXPECT_STREQ(json["groups"][0]["kind"].GetString(), "partition_lost");
  EXPECT_STREQ(json["groups"][0]["severity"].GetString(), "error");
  EXPECT_EQ(json["groups"][1]["count"].GetInt(), 3);
  EXPECT_STREQ(json["groups"][1]["title"].GetString(),
               "partitions with fewer replicas than they should have");
}

TEST(ReportJsonTest, TellsOfOneTableOrPartition) {
  PlanBuilder builder = HealthyPlan();
  builder.Finding(found::ReplicasMissing{}, Severity::kWarning, 1, 0);
  builder.Finding(found::ReplicasMissing{}, Severity::kWarning, 1, 1);
  builder.Finding(found::ReplicasMissing{}, Severity::kWarning, 2, 1);
  ReportOptions options;
  options.only = TableOrPartition{.app_id = 1, .partition_index = 1};
  rapidjson::Document json;
  json.Parse(RenderReportJson(builder.plan(), options).c_str());
  ASSERT_TRUE(json.IsObject());
  EXPECT_EQ(json["numbers"]["warnings"].GetInt(), 3);
  EXPECT_EQ(json["tables"].Size(), 1u);
  ASSERT_EQ(json["findings"].Size(), 1u);
  EXPECT_EQ(json["findings"][0]["partition_index"].GetInt(), 1);
  EXPECT_EQ(json["groups"][0]["count"].GetInt(), 1);
  EXPECT_FALSE(json.HasMember("advice"));
}

TEST(ReportJsonTest, IsValidWhateverServersCallTheirTables) {
  PlanBuilder builder = HealthyPlan();
  builder.table().app_name = "\xff\x1b\"\\";
  const auto json = Render(builder.plan());
  EXPECT_STREQ(json["tables"][1]["name"].GetString(), "\\xff\\x1b\"\\");
}

TEST(ReportJsonTest, IsValidForAnEmptyPlan) {
  const auto json = Render(RecoveryPlan());
  EXPECT_TRUE(json["findings"].Empty());
  EXPECT_TRUE(json["tables"].Empty());
}

}  // namespace
}  // namespace metarec
