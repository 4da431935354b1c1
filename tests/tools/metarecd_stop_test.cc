// metarecd is told to end, is killed, or loses its ZooKeeper in the middle of the writing, and the
// next one goes on.

#include <csignal>
#include <map>
#include <memory>
#include <string>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/metarecd_world.h"
#include "zk_store/election/lock_directory.h"

namespace metarec::tools {
namespace {

using ::testing::HasSubstr;

// In which it must have ended on a busy machine: less than the session and what is tried again
// within it last.
constexpr absl::Duration kSoon = absl::Seconds(30);
// Of who ends without closing its session, so that the next one waits for that.
constexpr absl::Duration kShortSession = absl::Seconds(6);

class MetarecdStopTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    MetarecdWorldOptions options;
    options.tables = 10;
    auto world = MetarecdWorld::Make(options);
    ASSERT_TRUE(world.ok()) << world.status();
    world_ = world->release();
    apps_ = new std::map<std::string, std::string>;
  }
  static void TearDownTestSuite() {
    delete apps_;
    delete world_;
  }

  void SetUp() override {
    ASSERT_NE(world_, nullptr);
    if (apps_->empty()) {
      ASSERT_NO_FATAL_FAILURE(Start("/undisturbed"));
      EXPECT_EQ(world_->Recover({port_}).exit_code, 0);
      *apps_ = AppsIn(world_->Dump("/undisturbed"));
      ASSERT_EQ(apps_->size(), static_cast<size_t>(1 + world_->znodes()));
    }
    port_ = FreePort();
  }

  void Start(const std::string& root) { Start(root, world_->options().session_timeout); }
  void Start(const std::string& root, absl::Duration session_timeout) {
    metarecd_.reset();
    metarecd_ = world_->StartMetarecd(root, port_, {port_}, session_timeout);
    ASSERT_TRUE(metarecd_->AwaitLog("leading as "));
  }

  // Starts a recovery into `root` and returns when some of it is written.
  void BeginToWrite(const std::string& root) {
    BeginToWrite(root, world_->options().session_timeout);
  }
  void BeginToWrite(const std::string& root, absl::Duration session_timeout) {
    ASSERT_NO_FATAL_FAILURE(Start(root, session_timeout));
    recover_ = world_->StartRecover({port_});
    ASSERT_TRUE(Await([&] { return world_->CountZnodes(root) > 0; }));
  }

  void ExpectEndsSoon(int signal, int exit_code) {
    metarecd_->process->Signal(signal);
    EXPECT_EQ(metarecd_->process->Wait(kSoon), exit_code) << metarecd_->process->Errors();
  }

  // Whether the one that was to be disturbed was too quick to be caught.
  bool IsDone(const std::string& root) {
    const std::optional<NodeData> apps = world_->Get(root + "/apps");
    return apps.has_value() && apps->data == "unlock";
  }

  // No meta server starts from what is there.
  void ExpectLockedOrDone(const std::string& root) {
    const std::optional<NodeData> apps = world_->Get(root + "/apps");
    ASSERT_TRUE(apps.has_value());
    EXPECT_TRUE(apps->data == "lock" || apps->data == "unlock") << apps->data;
  }

  void ExpectTheNextOneFinishes(const std::string& root) {
    if (IsDone(root)) return;
    ASSERT_NO_FATAL_FAILURE(Start(root));
    const Ended recover = world_->Recover({port_});
    EXPECT_EQ(recover.exit_code, 0) << recover.out << recover.err;
    // Not by EXPECT_EQ, which would print thousands of znodes.
    EXPECT_TRUE(AppsIn(world_->Dump(root)) == *apps_);
  }

  static MetarecdWorld* world_;
  static std::map<std::string, std::string>* apps_;  // of an undisturbed run
  uint16_t port_ = FreePort();
  std::unique_ptr<Metarecd> metarecd_;
  std::unique_ptr<MetarecProcess> recover_;
};

MetarecdWorld* MetarecdStopTest::world_ = nullptr;
std::map<std::string, std::string>* MetarecdStopTest::apps_ = nullptr;

TEST_F(MetarecdStopTest, ToldToEndInTheMiddleItDoesSoAndTheNextOneGoesOn) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const std::string root = absl::StrCat("/told", signal);
    ASSERT_NO_FATAL_FAILURE(BeginToWrite(root));
    ExpectEndsSoon(signal, 0);
    ExpectLockedOrDone(root);
    // Whoever waits for the answer is not left waiting.
    EXPECT_EQ(recover_->Wait(kSoon), IsDone(root) ? 0 : 1) << recover_->Output();
    ExpectTheNextOneFinishes(root);
  }
}

TEST_F(MetarecdStopTest, KilledInTheMiddleTheNextOneGoesOnOnceItsSessionIsOver) {
  ASSERT_NO_FATAL_FAILURE(BeginToWrite("/killed", kShortSession));
  ExpectEndsSoon(SIGKILL, 128 + SIGKILL);
  ExpectLockedOrDone("/killed");
  ExpectTheNextOneFinishes("/killed");
}

TEST_F(MetarecdStopTest, AZooKeeperThatIsRestartedInTheMiddleIsOutlasted) {
  ASSERT_NO_FATAL_FAILURE(BeginToWrite("/restarted"));
  ASSERT_EQ(world_->zookeeper().Restart(), absl::OkStatus());
  EXPECT_EQ(recover_->Wait(), 0) << recover_->Output() << recover_->Errors()
                                 << metarecd_->process->Errors();
  ASSERT_EQ(world_->Connect(), absl::OkStatus());
  EXPECT_TRUE(AppsIn(world_->Dump("/restarted")) == *apps_);
}

TEST_F(MetarecdStopTest, ToldToEndWithoutZooKeeperItDoesSoToo) {
  ASSERT_NO_FATAL_FAILURE(BeginToWrite("/gone", kShortSession));
  world_->zookeeper().Kill();
  ExpectEndsSoon(SIGTERM, 0);
  // Neither does it need one to have been there.
  metarecd_ = world_->StartMetarecd("/gone", port_, {port_});
  ASSERT_TRUE(metarecd_->AwaitLog("listening on "));
  ExpectEndsSoon(SIGTERM, 0);
  ASSERT_EQ(world_->zookeeper().Restart(), absl::OkStatus());
  ASSERT_EQ(world_->Connect(), absl::OkStatus());
  ExpectTheNextOneFinishes("/gone");
}

TEST_F(MetarecdStopTest, ToldToEndWhileZooKeeperHangsItDoesSoToo) {
  ASSERT_NO_FATAL_FAILURE(BeginToWrite("/hangs", kShortSession));
  world_->zookeeper().Pause();
  ExpectEndsSoon(SIGTERM, 0);
  world_->zookeeper().Resume();
  ASSERT_EQ(world_->Connect(), absl::OkStatus());
  ExpectTheNextOneFinishes("/hangs");
}

TEST_F(MetarecdStopTest, WithoutThePermissionThatItNeedsItEndsWithTheReason) {
  const auto owner = world_->NewSession(StoreAuth{"digest", "somebody:secret"});
  ASSERT_TRUE(owner.ok()) << owner.status();
  const auto created = world_->Run<absl::StatusOr<std::string>>(
      [&owner] { return (*owner)->Create("/forbidden", ""); });
  ASSERT_TRUE(created.ok()) << created.status();
  metarecd_ = world_->StartMetarecd("/forbidden/recovered", port_, {port_});
  EXPECT_EQ(metarecd_->process->Wait(kSoon), 1);
  EXPECT_THAT(metarecd_->process->Errors(), HasSubstr("metarecd: ZooKeeper: create /forbidden"));
}

// The lock stayed until the session expired, and the next one waited for that.
TEST_F(MetarecdStopTest, ASecondSignalLeavesNoLockBehind) {
  ASSERT_NO_FATAL_FAILURE(BeginToWrite("/impatient"));
  metarecd_->process->Signal(SIGTERM);
  ASSERT_TRUE(metarecd_->AwaitLog("stopping on signal "));
  ExpectEndsSoon(SIGTERM, 0);
  const auto candidates = world_->Run<absl::StatusOr<NodeChildren>>(
      [] { return world_->store()->Children(LockDirectoryPath("/impatient/lock")); });
  ASSERT_TRUE(candidates.ok()) << candidates.status();
  EXPECT_THAT(candidates->names, ::testing::IsEmpty());
}

TEST_F(MetarecdStopTest, ASecondSignalEndsItAtOnce) {
  ASSERT_NO_FATAL_FAILURE(BeginToWrite("/twice", kShortSession));
  world_->zookeeper().Pause();
  metarecd_->process->Signal(SIGTERM);
  ASSERT_TRUE(metarecd_->AwaitLog("stopping on signal "));
  // Its exit code tells that it did not wait for the first one's orderly end, but for a second.
  ExpectEndsSoon(SIGTERM, 128 + SIGTERM);
  world_->zookeeper().Resume();
  ASSERT_EQ(world_->Connect(), absl::OkStatus());
}

}  // namespace
}  // namespace metarec::tools
