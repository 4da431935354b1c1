// What recover prints: character for character what the captured shell printed
// (tests/golden/text/B_recover.txt and the transcripts below tests/golden/variants), and how it
// ends when a meta server recovers.

#include "tools/cli/recover_output.h"

#include <fstream>
#include <sstream>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/report/finding_text.h"
#include "pegasus_client/shell_failure.h"
#include "rpc/native_frame.h"
#include "tests/pegasus_client/fake_meta.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/recover_by_meta.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
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

std::string GoldenBody(const std::string& name) {
  return Golden("rpc/" + name + ".bin").substr(rpc::kNativeHeaderBytes);
}

TEST(RecoverTextsTest, ASuccessfulRecoveryReadsAsCaptured) {
  const std::string printed =
      RecoverHeader(100, {}, List("localhost:34801,localhost:34802,localhost:34803")) +
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

TEST(PrintShellFailureTest, RefusalsHaveAnExitCodeOfTheirOwn) {
  const auto code_of = [](absl::string_view error_name) {
    const absl::Status answered = AnswerStatus("meta1:34601", idl::error_code(error_name));
    return PrintShellFailure("ls", ShellFailureOf("list apps failed, error=", answered), false);
  };
  EXPECT_EQ(code_of("ERR_ACL_DENY"), ExitCode::kRefused);
  EXPECT_EQ(code_of("ERR_BUSY"), ExitCode::kRefused);
  EXPECT_EQ(code_of("ERR_UNDER_RECOVERY"), ExitCode::kFailed);
}

class RecoverByMetaTest : public FakeMetaTest {
 protected:
  RecoverByMetaTest() : meta_(AddMeta()) { ClientOf({meta_.name()}); }

  RecoveryByMeta Recover() {
    const auto list = ParseNodeListString("localhost:34801,localhost:34802,localhost:34803");
    EXPECT_TRUE(list.ok());
    std::vector<Ipv4Endpoint> addresses;
    for (const uint16_t port : {34801, 34802, 34803}) {
      addresses.push_back({.ip = rpc::kLoopback, .port = port});
    }
    const auto result = Run(
        AskToRecover(client_.get(), RecoveryRequestTo(*list, addresses, RecoveryByMetaOptions()),
                     absl::Seconds(100)));
    EXPECT_TRUE(result.ok()) << result.status();
    return *result;
  }
  RecoveryByMeta RecoverWith(absl::string_view error_name, std::string hints = "") {
    idl::configuration_recovery_response response;
    response.err = idl::error_code(error_name);
    response.hint_message = std::move(hints);
    meta_.Answer(idl::kRpcCmStartRecovery, response);
    return Recover();
  }

  FakeMeta& meta_;
};

TEST_F(RecoverByMetaTest, AsksAndPrintsAsTheShell) {
  meta_.AnswerBytes(idl::kRpcCmStartRecovery, GoldenBody("RPC_CM_START_RECOVERY.1.response"));
  const RecoveryByMeta result = Recover();
  EXPECT_EQ(meta_.last.body, GoldenBody("RPC_CM_START_RECOVERY.1.request"));
  EXPECT_GT(meta_.last.timeout, absl::Seconds(90));
  EXPECT_EQ(result.exit_code(), ExitCode::kDone);
  EXPECT_THAT(Golden("text/B_recover.txt"),
              HasSubstr("\n" + RecoverResultText(result.error_name, result.hints) + "dsn exit"));
}

TEST_F(RecoverByMetaTest, EndsWithTheExitCodesOfRecover) {
  EXPECT_EQ(RecoverWith("ERR_OK").exit_code(), ExitCode::kDone);
  EXPECT_EQ(RecoverWith("ERR_OK", absl::StrCat("WARNING: partition(1.0) has no replica collected, ",
                                               kLostPartitionHint, "\n"))
                .exit_code(),
            ExitCode::kAcceptedLosses);
  EXPECT_EQ(RecoverWith("ERR_TRY_AGAIN").exit_code(), ExitCode::kFailed);
  EXPECT_EQ(RecoverWith("ERR_INVALID_STATE").exit_code(), ExitCode::kConflict);
  EXPECT_EQ(RecoverWith("ERR_NODE_ALREADY_EXIST").exit_code(), ExitCode::kRefused);
  EXPECT_EQ(RecoverWith("ERR_SERVICE_ALREADY_RUNNING").exit_code(), ExitCode::kRefused);
  EXPECT_EQ(RecoverWith("ERR_BUSY").exit_code(), ExitCode::kRefused);
  EXPECT_EQ(RecoverWith("ERR_ACL_DENY").exit_code(), ExitCode::kRefused);
  EXPECT_EQ(RecoverWith("ERR_TIMEOUT").exit_code(), ExitCode::kFailed);
  EXPECT_EQ(RecoverWith("ERR_OF_TOMORROW").exit_code(), ExitCode::kFailed);
}

TEST_F(RecoverByMetaTest, EveryFailureHasAReason) {
  EXPECT_EQ(RecoverWith("ERR_OK").Reason(), "");
  EXPECT_THAT(RecoverWith("ERR_BUSY").Reason(), HasSubstr("another recovery"));
  EXPECT_THAT(RecoverWith("ERR_SERVICE_ALREADY_RUNNING").Reason(), HasSubstr("metarec ls"));
  EXPECT_THAT(RecoverWith("ERR_OF_TOMORROW").Reason(),
              HasSubstr(" failed with ERR_OF_TOMORROW and gave no reason"));
}

// It said "failed; its log says why".
TEST_F(RecoverByMetaTest, TheReasonThatMetarecdGivesIsSaid) {
  const RecoveryByMeta result =
      RecoverWith("ERR_ZOOKEEPER_OPERATION",
                  "WARNING: partition(1.0) only collects 2/3 of replicas, may lost data\n"
                  "ERROR: ZooKeeper: create /r: the quota is exceeded\n");
  EXPECT_EQ(result.Reason(),
            absl::StrCat(meta_.name(), " failed: ZooKeeper: create /r: the quota is exceeded"));
}

TEST(WrittenInWordsTest, TellsWhatAnEarlierRunLeft) {
  WriteResult written;
  written.znodes_created = 8;
  EXPECT_EQ(WrittenInWords(written), "8 znodes written, all checked");
  written.resumed = true;
  written.znodes_found = 6;
  EXPECT_EQ(WrittenInWords(written),
            "8 znodes written and 6 found from an earlier run, all checked");
  written.znodes_created = 0;
  EXPECT_EQ(WrittenInWords(written),
            "everything was there from an earlier run; checked and unlocked");
}

TEST_F(RecoverByMetaTest, NamesThatStockShellsRefuseAreWarnedOf) {
  const RecoveryByMeta result =
      RecoverWith("ERR_OK", absl::StrCat("WARNING: app(2)'s old name(t) is conflict with others, ",
                                         kRenamedHint, "t-2)\n"));
  EXPECT_THAT(result.Advice("again"), HasSubstr("metarec rename t-2 NEW_NAME --meta"));
}

// Success hid it.
TEST_F(RecoverByMetaTest, ANodeThatWasLeftOutIsAHazardOfARecoveryThatWentWell) {
  const RecoveryByMeta result = RecoverWith(
      "ERR_OK", absl::StrCat("WARNING: collect app and replica info from node(rs3:1) failed with "
                             "err(ERR_TIMEOUT)",
                             kSkippedNodeHint, "\n"));
  EXPECT_THAT(result.Advice("again"),
              AllOf(HasSubstr("hazard: 1 node was left out, which the hints above name. "),
                    HasSubstr("recovered by ")));
  EXPECT_TRUE(RecoverWith("ERR_OK").Hazards().empty());
}

// What the decisions of metarecd leave out was not among the hazards.
TEST_F(RecoverByMetaTest, HazardsThatMetarecdNamesAreThoseOfARecoveryThatWentWell) {
  std::string hints = "WARNING: partition(1.0) only collects 2/3 of replicas, may lost data\n";
  for (const char* hazard : {"a", "b", "c", "d", "e"}) {
    absl::StrAppend(&hints, kHazardHint, hazard, "\n");
  }
  const RecoveryByMeta result = RecoverWith("ERR_OK", hints);
  EXPECT_THAT(result.Hazards(), ElementsAre("a", "b", "c", "the hints above have 2 hazards more"));
  EXPECT_THAT(result.Advice("again"),
              AllOf(HasSubstr("hazard: a\n"), HasSubstr("\nnext: mind the hazards above, then ")));
  EXPECT_THAT(RecoverWith("ERR_OK").Advice("again"),
              HasSubstr("\nnext: set [meta_server] recover_from_replica_server"));
}

// "A recovery that has started continues" was said although nobody was reached.
TEST_F(RecoverByMetaTest, ARequestThatReachedNobodyHasStartedNothing) {
  ClientOf({NameOfNobody()});
  EXPECT_THAT(Recover().Advice("again"),
              HasSubstr("The request reached nobody, so nothing has started."));
  ClientOf({NameOfNobody(), NameOfNobody()});
  EXPECT_FALSE(Recover().may_have_begun);
  meta_.HangUp(idl::kRpcCmStartRecovery);
  ClientOf({meta_.name()});
  EXPECT_THAT(Recover().Advice("again"), HasSubstr("A recovery that has started continues"));
}

TEST_F(RecoverByMetaTest, NoAnswerSaysHowToGoOn) {
  const std::string nobody = NameOfNobody();
  ClientOf({nobody});
  const RecoveryByMeta result = Recover();
  EXPECT_FALSE(result.answered());
  EXPECT_EQ(result.error_name, "ERR_NETWORK_FAILURE");
  EXPECT_EQ(result.exit_code(), ExitCode::kFailed);
  EXPECT_THAT(result.Advice("metarec recover -s x"),
              AllOf(HasSubstr(nobody + ": cannot connect"), HasSubstr("metarec recover -s x")));
}

}  // namespace
}  // namespace metarec::tools
