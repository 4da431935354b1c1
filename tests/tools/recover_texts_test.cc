// Character for character what the captured shell printed (tests/golden/text/B_recover.txt and the
// transcripts below tests/golden/variants).

#include "tools/cli/recover_texts.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec::tools {
namespace {

using ::testing::HasSubstr;

std::string Golden(const std::string& name) {
  std::ifstream file(METAREC_GOLDEN_DIR "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

NodeList List(const std::string& text) {
  const auto list = ParseNodeListString(text);
  EXPECT_TRUE(list.ok()) << list.status();
  return *list;
}

TEST(RecoverTextsTest, ASuccessfulRecoveryReadsAsCaptured) {
  const std::string printed =
      RecoverHeader(100, false, false, List("localhost:34801,localhost:34802,localhost:34803")) +
      RecoverResultText("ERR_OK",
                        "WARNING: app(4)'s old name(dupname) is conflict with others, rename it to "
                        "(dupname__4)\n");
  EXPECT_THAT(Golden("text/B_recover.txt"), HasSubstr("\n" + printed + "dsn exit"));
}

TEST(RecoverTextsTest, WithoutHintsNothingFollowsTheResult) {
  EXPECT_EQ(RecoverResultText("ERR_OK", ""), "Recover result: ERR_OK\n");
}

TEST(RecoverTextsTest, DuplicatesReadAsCaptured) {
  const NodeList list = List("localhost:34802,localhost:34802,localhost:34801,localhost:34801");
  EXPECT_THAT(Golden("variants/e_node_list_errors/transcript.txt"),
              HasSubstr("\n" + DuplicateNodesText(list) + "Wait seconds: 100\n"));
}

TEST(RecoverTextsTest, UsageReadsAsCaptured) {
  EXPECT_THAT(Golden("variants/e_node_list_errors/transcript.txt"),
              HasSubstr("\n" + std::string(kRecoverUsage) + "dsn exit"));
}

TEST(RecoverTextsTest, WaitingReadsAsCaptured) {
  const std::string transcript = Golden("variants/m_split_interrupted/transcript.txt");
  EXPECT_THAT(transcript, HasSubstr("\n" + WaitLine(10) + WaitLine(11) +
                                    std::string(kWaitFailedLine) + "dsn exit"));
}

TEST(RecoverTextsTest, WaitSecondsAreCheckedInTheShellsWords) {
  EXPECT_EQ(*ParseWaitSeconds("7"), 7);
  EXPECT_EQ(ParseWaitSeconds("0").status().message(),
            "invalid wait_seconds 0, should be positive number");
  EXPECT_EQ(ParseWaitSeconds("soon").status().message(), "parse soon as wait_seconds failed");
}

}  // namespace
}  // namespace metarec::tools
