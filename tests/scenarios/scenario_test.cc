// Runs every *.txt file of this folder, and tests their notation. With METAREC_REWRITE_SCENARIOS=1
// (or the flag --rewrite) it writes what the commands printed into the files instead of comparing.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <absl/strings/ascii.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scenarios/scenario_runner.h"
#include "tests/scenarios/world.h"

namespace metarec::scenarios {
namespace {

using ::testing::HasSubstr;

bool rewrite = false;

std::vector<std::string> ScenarioPaths() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(METAREC_TESTS_DIR "/scenarios")) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
      paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = std::filesystem::path(info.param).stem().string();
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

class ScenarioTest : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    auto runner = ScenarioRunner::Start();
    ASSERT_TRUE(runner.ok()) << runner.status();
    runner_ = runner->release();
  }
  static void TearDownTestSuite() {
    delete runner_;
    runner_ = nullptr;
  }

  static ScenarioRunner* runner_;
};

ScenarioRunner* ScenarioTest::runner_ = nullptr;

TEST_P(ScenarioTest, PrintsWhatItSays) {
  ASSERT_NE(runner_, nullptr);
  const absl::StatusOr<Scenario> scenario = ReadScenario(GetParam());
  ASSERT_TRUE(scenario.ok()) << scenario.status().message();
  const absl::StatusOr<std::string> transcript = runner_->Run(*scenario);
  ASSERT_TRUE(transcript.ok()) << transcript.status().message();
  if (rewrite) {
    if (*transcript == scenario->expected) return;
    std::ofstream file(scenario->path, std::ios::binary | std::ios::trunc);
    file << scenario->head << *transcript << std::flush;
    ASSERT_TRUE(file.good()) << "cannot write " << scenario->path;
    return;
  }
  EXPECT_EQ(scenario->expected, *transcript)
      << scenario->path << "\nIf the new transcript is right: METAREC_REWRITE_SCENARIOS=1 "
      << "scenario_test --gtest_filter='*" << scenario->name << "'";
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ScenarioTest, ::testing::ValuesIn(ScenarioPaths()), TestName);

// The notation of these files.

TEST(ScenarioFileTest, IsTakenApart) {
  const auto scenario = ParseScenario("dir/two_nodes.txt",
                                      "# Shows something.\n"
                                      "nodes n1..n2\n"
                                      "\n"
                                      "# More.\n"
                                      "table 1 temp\n"
                                      "$ metarec plan \\\n"
                                      "    $NODES\n"
                                      "$ tree\n"
                                      "----\n"
                                      "$ metarec plan\n"
                                      "----\n");
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  EXPECT_EQ(scenario->name, "two_nodes");
  ASSERT_EQ(scenario->directives.size(), 2u);
  EXPECT_EQ(scenario->directives[1].number, 5);
  EXPECT_EQ(scenario->directives[1].text, "table 1 temp");
  ASSERT_EQ(scenario->commands.size(), 2u);
  EXPECT_EQ(scenario->commands[0].text, "metarec plan     $NODES");
  EXPECT_EQ(scenario->commands[1].number, 8);
  EXPECT_EQ(scenario->expected, "$ metarec plan\n----\n");
  EXPECT_THAT(scenario->head, ::testing::EndsWith("$ tree\n----\n"));
}

TEST(ScenarioFileTest, ErrorsNameFileAndLine) {
  EXPECT_EQ(ParseScenario("a.txt", "nodes n1..n2\n").status().message(),
            "a.txt:1: a scenario begins with '# ' and a sentence on what it shows");
  EXPECT_THAT(ParseScenario("a.txt", "# A.\n$ tree\n").status().message(),
              HasSubstr("a.txt:2: the line '----' is missing"));
  EXPECT_THAT(ParseScenario("a.txt", "# A.\nnodes n1..n1\n----\n").status().message(),
              HasSubstr("a.txt:3: no command"));
  EXPECT_THAT(ParseScenario("a.txt", "# A.\n$ tree\nfault n1 refuse\n----\n").status().message(),
              HasSubstr("a.txt:3: the world is described before the first command"));
}

TEST(ScenarioFileTest, ANewScenarioNeedsNoTranscript) {
  const auto scenario = ParseScenario("a.txt", "# A.\n$ tree\n----");
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  EXPECT_EQ(scenario->head, "# A.\n$ tree\n----\n");
  EXPECT_EQ(scenario->expected, "");
}

World MakeWorld(std::initializer_list<const char*> directives) {
  World world;
  for (const char* directive : directives) {
    const absl::Status status = world.Apply(directive);
    EXPECT_TRUE(status.ok()) << directive << ": " << status;
  }
  return world;
}

TEST(WorldTest, APartitionLiesOnTheNodesFromItsIndexOn) {
  const World world = MakeWorld({"nodes n1..n4", "table 2 temp partitions=4 replicas=3 ballot=5"});
  ASSERT_EQ(world.nodes().size(), 4u);
  const WorldNode& second = world.nodes()[1];
  ASSERT_EQ(second.replicas.size(), 3u);
  EXPECT_EQ(second.replicas[0].partition_index, 0);
  EXPECT_EQ(second.replicas[1].partition_index, 1);
  EXPECT_EQ(second.replicas[2].partition_index, 3);
  EXPECT_EQ(second.replicas[0].ballot, 5);
  EXPECT_EQ(second.replicas[0].status, ReplicaStatus::kInactive);
  ASSERT_EQ(second.tables.size(), 1u);
  EXPECT_EQ(second.tables[0].app_name, "temp");
  EXPECT_EQ(second.tables[0].init_partition_count, 4);
  EXPECT_EQ(second.tables[0].status, TableStatus::kAvailable);
}

TEST(WorldTest, ReplicasAndRecordsOfOneNodeCanBeChanged) {
  const World world =
      MakeWorld({"nodes n1..n2", "table 2 temp partitions=1 replicas=1", "no replica 2.0 n1",
                 "replica 2.0 n2 ballot=7 status=PS_ERROR", "record 2 n2 name=old env.ttl=5"});
  EXPECT_TRUE(world.nodes()[0].replicas.empty());
  ASSERT_EQ(world.nodes()[1].replicas.size(), 1u);
  EXPECT_EQ(world.nodes()[1].replicas[0].ballot, 7);
  EXPECT_EQ(world.nodes()[1].replicas[0].status, ReplicaStatus::kError);
  EXPECT_EQ(world.nodes()[1].tables[0].app_name, "old");
  EXPECT_EQ(world.nodes()[1].tables[0].envs.at("ttl"), "5");
  EXPECT_EQ(world.nodes()[0].tables[0].app_name, "temp");
}

TEST(WorldTest, KeepsNodeListLinesFaultsAndZnodesAsWritten) {
  const World world = MakeWorld(
      {"nodes n1..n1", "list| # $n1 is down", "list|", "fault n1 late 200", "znode /apps un lock"});
  EXPECT_EQ(world.node_list(), "# $n1 is down\n\n");
  EXPECT_EQ(world.nodes()[0].fault, "late 200");
  ASSERT_EQ(world.znodes().size(), 1u);
  EXPECT_EQ(world.znodes()[0].path, "/apps");
  EXPECT_EQ(world.znodes()[0].data, "un lock");
}

TEST(WorldTest, WrongDirectivesSayWhatIsWrong) {
  World world = MakeWorld({"nodes n1..n2"});
  EXPECT_THAT(world.Apply("replicas 2.0 n1").message(), HasSubstr("'replicas' is no directive"));
  EXPECT_THAT(world.Apply("replica 2.0 n3").message(), HasSubstr("there is no node 'n3'"));
  EXPECT_THAT(world.Apply("replica 2 n1").message(), HasSubstr("expected <table>.<partition>"));
  EXPECT_THAT(world.Apply("replica 2.0 n1 balot=1").message(), HasSubstr("no field 'balot'"));
  EXPECT_THAT(world.Apply("table 2 temp replicas=many").message(), HasSubstr("'many'"));
  EXPECT_THAT(world.Apply("no replica 2.5 n1").message(), HasSubstr("no replica of 2.5 is there"));
  EXPECT_THAT(world.Apply("record 2 n1").message(), HasSubstr("no table 2 was declared"));
  EXPECT_THAT(world.Apply("nodes 3").message(), HasSubstr("usage: nodes"));
}

}  // namespace
}  // namespace metarec::scenarios

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const char* const variable = std::getenv("METAREC_REWRITE_SCENARIOS");
  metarec::scenarios::rewrite = variable != nullptr && std::string(variable) == "1";
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--rewrite") metarec::scenarios::rewrite = true;
  }
  return RUN_ALL_TESTS();
}
