// The commands that a runbook gives for doing it by hand, done by hand.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <regex>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migration/procedure/procedure_file.h"
#include "migration/zookeeper/zookeeper_move.h"
#include "tests/migration/zookeeper/move_test.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using tools::Ended;

class MoveByHandTest : public ZooKeeperMoveTest {
 protected:
  // Plans, and takes the commands out of the plan.
  void Plan(const std::string& way) {
    const Ended planned = cluster_->Plan({"--way", way});
    ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
    auto state = ReadProcedureFile(cluster_->state_path());
    ASSERT_TRUE(state.ok()) << state.status();
    state_ = *std::move(state);
    auto request = DecodeMoveRequest(state_.head().request);
    ASSERT_TRUE(request.ok()) << request.status();
    move_ = std::make_unique<ZooKeeperMove>(*std::move(request), &state_, cluster_->state_path(),
                                            nullptr);
  }

  // As a person does in a shell, with metarec in the PATH.
  static Ended Do(const std::string& command) {
    Ended ended;
    ::setenv("COMMAND", absl::StrCat("PATH=" METAREC_BIN_DIR ":$PATH; ", command).c_str(), 1);
    std::FILE* const shell = ::popen("bash -c \"$COMMAND\" 2>&1", "r");
    std::array<char, 4096> buffer;
    while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), shell)) {
      ended.out.append(buffer.data(), got);
    }
    const int status = ::pclose(shell);
    ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ended;
  }

  static void DoAll(const std::vector<std::string>& commands, const std::string& step) {
    for (const std::string& command : commands) {
      SCOPED_TRACE(absl::StrCat(step, ": ", command));
      // "zk ls" shows that there is nothing.
      if (absl::StrContains(command, "zk ls")) continue;
      Ended ended = Do(command);
      std::smatch digest;
      if (absl::StrContains(command, "--yes=DIGEST") &&
          std::regex_search(ended.out, digest, std::regex("--yes=(\\S+)"))) {
        const std::string plain = command.substr(0, command.find("   #"));
        ended = Do(absl::StrCat(plain, " ", digest.str(0)));
      }
      // Until the leases are over, or the leader that was started answers.
      const bool asks = absl::StartsWith(command, "metarec ");
      if (asks && ended.exit_code != 0) {
        tools::Await(
            [&] {
              ended = Do(command);
              return ended.exit_code == 0;
            },
            absl::Seconds(60));
      }
      ASSERT_EQ(ended.exit_code, 0) << ended.out;
    }
  }

  void Run(Stage stage) {
    for (const Step& step : move_->Steps()) {
      if (step.stage == stage) DoAll(step.deed.by_hand, step.name);
      if (HasFatalFailure()) return;
    }
  }

  void GoBack() {
    const std::vector<Step> steps = move_->Steps();
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      if (step->back.kind != WayBack::Kind::kDeed) continue;
      DoAll(step->back.deed.by_hand, step->name);
      if (HasFatalFailure()) return;
    }
  }

  ProcedureState state_;
  std::unique_ptr<ZooKeeperMove> move_;
};

TEST_F(MoveByHandTest, TheCommandsOfARunbookByCopyDoWhatTheToolDoes) {
  Plan("copy");
  if (HasFatalFailure()) return;
  Run(Stage::kRun);
  if (HasFatalFailure()) return;
  ExpectOldTreeUntouched();
  EXPECT_EQ(MovingCluster::Contents(cluster_->NewTree()), MovingCluster::Contents(before_));
  ExpectServes(cluster_->new_hosts());
  GoBack();
  if (HasFatalFailure()) return;
  ExpectServes(cluster_->old_hosts());
  EXPECT_TRUE(cluster_->NewTree().empty());
  // The export overwrites no backup.
  std::filesystem::remove(absl::StrCat(cluster_->state_path(), ".", move_file::kOldTree));
  Run(Stage::kRun);
  if (HasFatalFailure()) return;
  // The mark beside the root is the tool's alone.
  for (const Step& step : move_->Steps()) {
    if (step.stage != Stage::kFinish || step.name == move_step::kRemoveMark) continue;
    DoAll(step.deed.by_hand, step.name);
    if (HasFatalFailure()) return;
  }
  const auto left = MovingCluster::Contents(cluster_->OldTree());
  EXPECT_EQ(left.size(), 2u);
  EXPECT_THAT(left.at("/apps"), HasSubstr("moved to "));
  ExpectServes(cluster_->new_hosts());
}

TEST_F(MoveByHandTest, TheCommandsOfARunbookByRecoveryDoWhatTheToolDoes) {
  Plan("recovery");
  if (HasFatalFailure()) return;
  Run(Stage::kRun);
  if (HasFatalFailure()) return;
  ExpectOldTreeUntouched();
  EXPECT_THAT(cluster_->Ask({"cluster_info"}).out,
              HasSubstr(absl::StrCat(": ", cluster_->new_hosts())));
  EXPECT_TRUE(AppsIn(cluster_->NewTree()).contains("/apps/1/0"));
  GoBack();
  if (HasFatalFailure()) return;
  // The last command only starts the meta servers.
  EXPECT_TRUE(tools::Await([&] { return cluster_->Ask({"cluster_info"}).exit_code == 0; },
                           absl::Seconds(60)));
  ExpectServes(cluster_->old_hosts());
}

}  // namespace
}  // namespace metarec
