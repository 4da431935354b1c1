// Moves with the real programs, each of which is killed somewhere. METAREC_MIGRATE_RUNS and
// METAREC_MIGRATE_FIRST (scripts/campaign-migrate) set how many of them there are, and with which
// number they begin.

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <random>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migration/zookeeper/move_names.h"
#include "tests/migration/zookeeper/move_test.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using tools::Ended;

// A number in the environment.
int FromEnvironment(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  int number = otherwise;
  if (text != nullptr && (!absl::SimpleAtoi(text, &number) || number < 0 || number > 1000)) {
    ADD_FAILURE() << name << " must be a number from 0 to 1000";
    return 0;
  }
  return number;
}

constexpr const char* kCopySteps[] = {
    move_step::kCheck,        move_step::kBackup,      move_step::kStopFollowers,
    move_step::kSetBlind,     move_step::kFirstPass,   move_step::kRehearse,
    move_step::kStopLeader,   move_step::kLastPass,    move_step::kEditConfigs,
    move_step::kStartLeader,  move_step::kCheckTables, move_step::kStartFollowers,
    move_step::kRestoreLevel, move_step::kCheckNodes};
constexpr const char* kRecoverySteps[] = {
    move_step::kCheck,          move_step::kBackup,       move_step::kStopMetas,
    move_step::kAwaitInactive,  move_step::kRecover,      move_step::kCarryOver,
    move_step::kEditConfigs,    move_step::kStartLeader,  move_step::kCheckTables,
    move_step::kStartFollowers, move_step::kRestoreLevel, move_step::kCheckNodes};

class KilledMoveTest : public ZooKeeperMoveTest {
 protected:
  // Kills a run a moment after it has begun this step.
  void RunKilledAt(const std::string& step, absl::Duration after) {
    const auto run = cluster_->StartMigrate("run");
    const bool begun = tools::Await(
        [&] { return absl::StrContains(run->Errors(), absl::StrCat(step, ": ")) || !run->Runs(); });
    EXPECT_TRUE(begun) << step;
    absl::SleepFor(after);
    run->Signal(SIGKILL);
    run->Wait();
  }

  void MoveOnce(bool by_copy, const std::string& step, absl::Duration after, bool goes_on) {
    cluster_->NewState();
    std::vector<std::string> options = {"--way", by_copy ? "copy" : "recovery"};
    if (!by_copy) options.push_back("--carry_over");
    const Ended planned = cluster_->Plan(options);
    ASSERT_EQ(planned.exit_code, 0) << planned.out << planned.err;
    RunKilledAt(step, after);
    if (goes_on) {
      const Ended ran = cluster_->Migrate("run");
      ASSERT_EQ(ran.exit_code, 0) << ran.out << ran.err;
      ASSERT_EQ(WithoutJournal(cluster_->NewTree()), WithoutJournal(before_));
      ExpectServes(cluster_->new_hosts());
    }
    const Ended aborted = cluster_->Migrate("abort");
    ASSERT_EQ(aborted.exit_code, 0) << aborted.out << aborted.err;
    ExpectOldTreeUntouched();
    EXPECT_TRUE(cluster_->NewTree("/pegasus").empty()) << "something is left in the target";
    ExpectServes(cluster_->old_hosts());
  }
};

TEST_F(KilledMoveTest, AMetaServerThatRanOnTheOldOneAfterTheLastPassIsNoticedAlthoughItHasGone) {
  ASSERT_EQ(cluster_->Plan({}).exit_code, 0);
  RunKilledAt("edit_configs", absl::ZeroDuration());
  ASSERT_TRUE(cluster_->world().ConnectTo("").ok());
  using Created = absl::StatusOr<std::string>;
  const Created candidate = cluster_->world().Run<Created>([&] {
    return cluster_->world().store()->Create("/pegasus/demo/lock/dsn.meta.server.leader/LOCKNODE",
                                             cluster_->meta_addresses().front(),
                                             CreateMode::kEphemeralSequential);
  });
  ASSERT_TRUE(candidate.ok()) << candidate.status();
  ASSERT_TRUE(cluster_->world()
                  .Run<absl::Status>([&] { return cluster_->world().store()->Delete(*candidate); })
                  .ok());
  const Ended ran = cluster_->Migrate("run");
  EXPECT_EQ(ran.exit_code, 4) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("since the new tree was made"));
  EXPECT_EQ(cluster_->Migrate("abort").exit_code, 0);
  ExpectServes(cluster_->old_hosts());
}

TEST_F(KilledMoveTest, GoesOnOrIsUndoneFromEveryStep) {
  const int first = FromEnvironment("METAREC_MIGRATE_FIRST", 0);
  const int runs = FromEnvironment("METAREC_MIGRATE_RUNS", 2);
  for (int run = first; run < first + runs && !HasFailure(); ++run) {
    std::mt19937_64 random(20261129 + run);
    const bool by_copy = run % 2 == 0;
    const size_t steps = by_copy ? std::size(kCopySteps) : std::size(kRecoverySteps);
    // With few runs, those in the middle.
    const size_t index = runs <= 2 ? steps / 2 : static_cast<size_t>(run / 2) % steps;
    const std::string step = by_copy ? kCopySteps[index] : kRecoverySteps[index];
    const absl::Duration after = absl::Milliseconds(random() % 60);
    // Each step by turns, from one round to the next.
    const size_t round = static_cast<size_t>(run / 2) / steps;
    const bool goes_on = (index + round) % 2 == 0;
    SCOPED_TRACE(absl::StrCat("run ", run, ", killed at ", step));
    MoveOnce(by_copy, step, after, goes_on);
    std::cout << "run " << run << ": " << (by_copy ? "copy" : "recovery") << ", killed "
              << absl::FormatDuration(after) << " into " << step
              << (goes_on ? ", run again, aborted" : ", aborted") << std::endl;
  }
}

}  // namespace
}  // namespace metarec
