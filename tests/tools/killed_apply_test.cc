// `metarec apply` as a process of its own against a real ZooKeeper: killed, interrupted, or left
// without its server at several moments of its run, and then run again.

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file.h"
#include "meta_recovery/planner.h"
#include "runtime/for_each_bounded.h"
#include "runtime/system_clock.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarec_process.h"
#include "zk_store/zookeeper_meta_store.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kTables = 10;
constexpr int kPartitions = 1000;  // of each table
constexpr int64_t kZnodes = kTables * (1 + kPartitions);
constexpr size_t kReadsInFlight = 256;
constexpr int kTriesToCatchIt = 10;
constexpr absl::Duration kPollInterval = absl::Milliseconds(1);
constexpr char kResumeHint[] =
    "interrupted; no meta server starts from what was written so far. Run the same command again, "
    "and it goes on where it was";

using Tree = std::map<std::string, std::string>;

Evidence LargeCluster() {
  Evidence evidence;
  evidence.collected_at = absl::FromUnixSeconds(1'700'000'000);
  for (uint16_t n = 1; n <= 3; ++n) {
    NodeEvidence& node = evidence.nodes.emplace_back();
    node.address = {0x0A000000u + n, 34801};
    node.name = absl::StrCat("rs", n, ":34801");
    node.listed_as = {node.name};
    for (int32_t app_id = 1; app_id <= kTables; ++app_id) {
      TableRecord& table = node.tables.emplace_back(TableRecord()).Mutable();
      table.status = 1;
      table.app_type = "pegasus";
      table.app_name = absl::StrCat("table_", app_id);
      table.app_id = app_id;
      table.partition_count = table.init_partition_count = kPartitions;
      table.is_stateful = true;
      table.max_replica_count = 3;
      for (int32_t index = 0; index < kPartitions; ++index) {
        ReplicaRecord& replica = node.replicas.emplace_back();
        replica.app_id = app_id;
        replica.partition_index = index;
        replica.ballot = 3 + (index + n) % 3;
        replica.last_committed_decree = replica.last_prepared_decree = 10 * index;
        replica.status = ReplicaStatus::kInactive;
      }
    }
  }
  return evidence;
}

class KilledApplyTest : public ::testing::Test {
 protected:
  // The plan and the tree of an undisturbed run, which all cases compare with.
  static void SetUpTestSuite() {
    auto server = testing::ZooKeeperServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
    std::string folder = (std::filesystem::temp_directory_path() / "killed-apply-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = new std::string(folder);
    const absl::StatusOr<RecoveryPlan> plan = MakePlan(LargeCluster(), {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_EQ(WritePlanFile(*plan, PlanPath()), absl::OkStatus());
    undisturbed_ = new Tree;
  }

  static void TearDownTestSuite() {
    delete server_;
    if (folder_ != nullptr) {
      std::error_code ignored;
      std::filesystem::remove_all(*folder_, ignored);
    }
    delete folder_;
    delete undisturbed_;
  }

  void SetUp() override {
    ASSERT_NE(undisturbed_, nullptr);
    Connect();
    if (!undisturbed_->empty()) return;
    auto apply = StartApply("/undisturbed");
    ASSERT_EQ(apply->Wait(), 0) << apply->Errors();
    *undisturbed_ = ReadApps("/undisturbed");
    ASSERT_EQ(undisturbed_->size(), static_cast<size_t>(1 + kZnodes));
    ASSERT_EQ(undisturbed_->at(""), "unlock");
  }

  static std::string PlanPath() { return *folder_ + "/plan.jsonl"; }

  void Connect() {
    store_.reset();
    using Connected = absl::StatusOr<std::unique_ptr<ZooKeeperMetaStore>>;
    Connected connected = Await<Connected>([&] {
      ZooKeeperOptions options;
      options.hosts = server_->hosts();
      return ZooKeeperMetaStore::Connect(options, &clock_);
    });
    ASSERT_TRUE(connected.ok()) << connected.status();
    store_ = *std::move(connected);
  }

  static std::unique_ptr<MetarecProcess> StartApply(const std::string& root) {
    auto apply = MetarecProcess::Start({"apply", "--plan", PlanPath(), "--zk", server_->hosts(),
                                        "--root", root, "--zk_timeout", "5"},
                                       absl::StrCat(*folder_, "/apply", processes_++));
    EXPECT_TRUE(apply.ok()) << apply.status();
    return *std::move(apply);
  }

  template <typename Result>
  Result Await(std::function<asio::awaitable<Result>()> start) {
    std::optional<Result> result;
    asio::co_spawn(context_, start, [&](const std::exception_ptr& thrown, Result value) {
      if (thrown) std::rethrow_exception(thrown);
      result = std::move(value);
    });
    context_.restart();
    context_.run();
    return *std::move(result);
  }

  std::optional<NodeData> Get(const std::string& path) {
    auto node = Await<absl::StatusOr<NodeData>>([&] { return store_->Get(path); });
    return node.ok() ? std::optional(*std::move(node)) : std::nullopt;
  }

  // How many tables and partitions are there.
  int64_t CountZnodes(const std::string& root) {
    const std::optional<NodeData> apps = Get(root + "/apps");
    if (!apps.has_value()) return 0;
    int64_t count = apps->stat.num_children;
    for (int table = 1; count >= kTables && table <= kTables; ++table) {
      const std::optional<NodeData> node = Get(absl::StrCat(root, "/apps/", table));
      if (node.has_value()) count += node->stat.num_children;
    }
    return count;
  }

  // Starts applying, and returns while it is in the middle: as soon as more than `more_than` znodes
  // are there. Tries again with another root when it was too quick to be caught.
  std::unique_ptr<MetarecProcess> StartAndCatch(int64_t more_than, std::string* root) {
    for (int attempt = 0; attempt < kTriesToCatchIt; ++attempt) {
      *root = absl::StrCat("/killed", roots_++);
      auto apply = StartApply(*root);
      while (apply->Runs()) {
        if (more_than < 0 ? Get(*root + "/metarec_journal").has_value()
                          : CountZnodes(*root) > more_than) {
          return apply;
        }
        absl::SleepFor(kPollInterval);
      }
      EXPECT_EQ(apply->Wait(), 0) << apply->Errors();
    }
    return nullptr;
  }

  // Everything at and under /apps, by its path below that.
  Tree ReadApps(const std::string& root) {
    const std::string apps = root + "/apps";
    std::vector<std::string> paths = {""};
    for (int table = 1; table <= kTables; ++table) paths.push_back(absl::StrCat("/", table));
    std::vector<std::string> parents(paths);
    for (const std::string& parent : parents) {
      const auto children =
          Await<absl::StatusOr<NodeChildren>>([&] { return store_->Children(apps + parent); });
      EXPECT_TRUE(children.ok()) << children.status();
      if (!children.ok()) return {};
      if (parent.empty()) continue;
      for (const std::string& name : children->names) paths.push_back(parent + "/" + name);
    }
    std::vector<std::string> data(paths.size());
    Await<bool>([&]() -> asio::awaitable<bool> {
      co_await ForEachBounded(paths.size(), kReadsInFlight, [&](size_t i) -> asio::awaitable<void> {
        const absl::StatusOr<NodeData> node = co_await store_->Get(apps + paths[i]);
        data[i] = node.ok() ? node->data : node.status().ToString();
      });
      co_return true;
    });
    Tree tree;
    for (size_t i = 0; i < paths.size(); ++i) tree[paths[i]] = std::move(data[i]);
    return tree;
  }

  // What a stock meta server refuses to start from.
  void ExpectAbsentOrLocked(const std::string& root) {
    const std::optional<NodeData> apps = Get(root + "/apps");
    if (!apps.has_value()) return;
    EXPECT_EQ(apps->data, "lock");
    EXPECT_TRUE(Get(root + "/metarec_journal").has_value());
  }

  void ExpectSecondRunCompletes(const std::string& root) {
    auto again = StartApply(root);
    EXPECT_EQ(again->Wait(), 0) << again->Errors();
    EXPECT_THAT(again->Output(), HasSubstr(absl::StrCat("applied ", PlanPath(), " to ", root)));
    // Not by EXPECT_EQ, which would print thousands of znodes.
    EXPECT_TRUE(ReadApps(root) == *undisturbed_);
    const std::optional<NodeData> journal = Get(root + "/metarec_journal");
    ASSERT_TRUE(journal.has_value());
    EXPECT_THAT(journal->data, HasSubstr(R"("state":"finished")"));
  }

  static testing::ZooKeeperServer* server_;
  static std::string* folder_;
  static Tree* undisturbed_;
  static int processes_;
  static int roots_;

  asio::io_context context_;
  SystemClock clock_;
  std::unique_ptr<ZooKeeperMetaStore> store_;
};

testing::ZooKeeperServer* KilledApplyTest::server_ = nullptr;
std::string* KilledApplyTest::folder_ = nullptr;
Tree* KilledApplyTest::undisturbed_ = nullptr;
int KilledApplyTest::processes_ = 0;
int KilledApplyTest::roots_ = 0;

TEST_F(KilledApplyTest, KilledAtAnyMomentItIsResumedAndEndsWithTheSameTree) {
  for (const int64_t more_than : {int64_t{-1}, int64_t{0}, kZnodes / 10, kZnodes / 2}) {
    SCOPED_TRACE(absl::StrCat("killed when more than ", more_than, " znodes were there"));
    std::string root;
    const auto apply = StartAndCatch(more_than, &root);
    ASSERT_NE(apply, nullptr) << "it always ended too early to be killed";
    apply->Signal(SIGKILL);
    if (apply->Wait() == 0) continue;  // it ended in that very moment
    EXPECT_EQ(apply->Wait(), 128 + SIGKILL);
    ExpectAbsentOrLocked(root);
    ExpectSecondRunCompletes(root);
  }
}

TEST_F(KilledApplyTest, KilledAgainAndAgainItStillEnds) {
  std::string root;
  auto apply = StartAndCatch(0, &root);
  ASSERT_NE(apply, nullptr);
  for (int round = 0; round < 2 && apply->Runs(); ++round) {
    apply->Signal(SIGKILL);
    if (apply->Wait() == 0) break;
    ExpectAbsentOrLocked(root);
    const int64_t before = CountZnodes(root);
    apply = StartApply(root);
    while (apply->Runs() && CountZnodes(root) <= before) absl::SleepFor(kPollInterval);
  }
  EXPECT_EQ(apply->Wait(), 0) << apply->Errors();
  EXPECT_TRUE(ReadApps(root) == *undisturbed_);
}

TEST_F(KilledApplyTest, InterruptedItSaysHowToGoOn) {
  for (const int signal : {SIGTERM, SIGINT}) {
    SCOPED_TRACE(signal);
    std::string root;
    const auto apply = StartAndCatch(0, &root);
    ASSERT_NE(apply, nullptr) << "it always ended too early to be interrupted";
    apply->Signal(signal);
    if (apply->Wait() == 0) continue;  // it ended in that very moment
    EXPECT_EQ(apply->Wait(), 1);
    EXPECT_THAT(apply->Errors(), HasSubstr(kResumeHint));
    ExpectAbsentOrLocked(root);
    ExpectSecondRunCompletes(root);
  }
}

TEST_F(KilledApplyTest, AServerThatIsRestartedMeanwhileIsSurvived) {
  std::string root;
  const auto apply = StartAndCatch(kZnodes / 10, &root);
  ASSERT_NE(apply, nullptr);
  server_->Kill();
  ASSERT_EQ(server_->Restart(), absl::OkStatus());
  EXPECT_EQ(apply->Wait(), 0) << apply->Errors();
  Connect();
  EXPECT_TRUE(ReadApps(root) == *undisturbed_);
}

TEST_F(KilledApplyTest, AServerThatIsGoneForGoodEndsTheRunAndTheNextOneGoesOn) {
  std::string root;
  const auto apply = StartAndCatch(kZnodes / 10, &root);
  ASSERT_NE(apply, nullptr);
  server_->Kill();
  apply->Signal(SIGTERM);  // an operator who does not wait until all retries are used up
  EXPECT_EQ(apply->Wait(absl::Seconds(30)), 1);
  EXPECT_THAT(apply->Errors(), HasSubstr(kResumeHint));
  const auto refused = StartApply(root);
  EXPECT_EQ(refused->Wait(), 1);
  EXPECT_THAT(refused->Errors(), AllOf(HasSubstr("ZooKeeper: no server of"),
                                       HasSubstr("check that addresses and ports are right")));
  ASSERT_EQ(server_->Restart(), absl::OkStatus());
  Connect();
  ExpectAbsentOrLocked(root);
  ExpectSecondRunCompletes(root);
}

TEST(ReadOnlyServerTest, AServerWithoutQuorumIsRefusedForWriting) {
  testing::ZooKeeperServerOptions options;
  options.read_only = true;
  const auto server = testing::ZooKeeperServer::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  std::string folder = (std::filesystem::temp_directory_path() / "read-only-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  Evidence evidence = LargeCluster();
  for (NodeEvidence& node : evidence.nodes) {
    node.tables.erase(node.tables.begin() + 1, node.tables.end());
    node.replicas.resize(kPartitions);
  }
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(WritePlanFile(*plan, folder + "/plan"), absl::OkStatus());
  auto apply = MetarecProcess::Start({"apply", "--plan", folder + "/plan", "--zk",
                                      (*server)->hosts(), "--root", "/r", "--zk_timeout", "2"},
                                     folder + "/apply");
  ASSERT_TRUE(apply.ok()) << apply.status();
  EXPECT_EQ((*apply)->Wait(), 1);
  EXPECT_THAT((*apply)->Errors(), AllOf(HasSubstr("read-only"), HasSubstr("quorum")));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace metarec::tools
