#include "tests/scenarios/scenario_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec::scenarios {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace metarec::scenarios
