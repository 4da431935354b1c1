// `metarec apply` as a process of its own against a real ZooKeeper: killed, interrupted, or left
// without its server at several moments of its run, and then run again. The moments are counted in
// bytes, so that a machine of any speed hits them.

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

#include "base/runtime/system_clock.h"
#include "base/runtime/task_group.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "testing/faulty_proxy.h"
#include "testing/scratch_folder.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarecd_world.h"
#include "zk_store/client/zookeeper_meta_store.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kTables = 10;
constexpr int kPartitions = 300;  // of each table
constexpr int64_t kZnodes = int64_t{kTables} * (1 + kPartitions);
constexpr size_t kReadsInFlight = 256;
constexpr absl::Duration kPollInterval = absl::Milliseconds(1);
using Tree = std::map<std::string, std::string>;

// Of a command that was interrupted. One that has not ended in half a second says less.
auto SaysHowToGoOn() {
  return AnyOf(HasSubstr("interrupted; no meta server starts from what was written so far. Run the "
                         "same command again, and it goes on where it was"),
               HasSubstr("interrupted while writing. Run the same command again, and it goes on "
                         "where it was"));
}

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
        replica.last_committed_decree = replica.last_prepared_decree = int64_t{10} * index;
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
    folder_ = new testing::ScratchFolder;
    const absl::StatusOr<RecoveryPlan> plan = MakePlan(LargeCluster(), {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_EQ(WritePlanFile(*plan, PlanPath()), absl::OkStatus());
    undisturbed_ = new Tree;
  }

  static void TearDownTestSuite() {
    delete server_;
    delete folder_;
    delete undisturbed_;
  }

  void SetUp() override {
    ASSERT_NE(undisturbed_, nullptr);
    Connect();
    if (!undisturbed_->empty()) return;
    testing::FaultyProxyOptions options;
    options.server_port = server_->port();
    auto apply = StartApply("/undisturbed", Proxy(std::move(options)));
    ASSERT_EQ(apply->Wait(), 0) << apply->Errors();
    bytes_sent_ = proxy_->bytes(testing::ProxyDirection::kToServer);
    *undisturbed_ = ReadApps("/undisturbed");
    ASSERT_EQ(undisturbed_->size(), static_cast<size_t>(1 + kZnodes));
    ASSERT_EQ(undisturbed_->at(""), "unlock");
  }

  static std::string PlanPath() { return folder_->Path("plan.jsonl"); }

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

  // `timeout`: how many seconds it waits for a connection.
  static std::unique_ptr<MetarecProcess> StartApply(const std::string& root,
                                                    const std::string& hosts,
                                                    const std::string& timeout = "60") {
    auto apply = StartProgram(
        {"apply", "--plan", PlanPath(), "--zk", hosts, "--root", root, "--zk_timeout", timeout},
        folder_->Path(absl::StrCat("apply", processes_++)));
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

  // Starts applying, and returns in the middle: when this part of the bytes that a whole run sends
  // has passed. Then nothing passes for some time.
  std::unique_ptr<MetarecProcess> StartAndCatch(double part, const std::string& root,
                                                absl::Duration stalled_for = absl::Minutes(10)) {
    testing::FaultyProxyOptions options;
    options.server_port = server_->port();
    options.faults = {{testing::ProxyDirection::kToServer,
                       static_cast<int64_t>(part * static_cast<double>(bytes_sent_)),
                       testing::ProxyFault::Action::kStall, stalled_for}};
    auto apply = StartApply(root, Proxy(std::move(options)));
    const absl::Time deadline = absl::Now() + absl::Minutes(2);
    while (proxy_->faults_done() == 0 && absl::Now() < deadline) absl::SleepFor(kPollInterval);
    EXPECT_EQ(proxy_->faults_done(), 1);
    return apply;
  }

  // Where it listens, until the next one is made.
  std::string Proxy(testing::FaultyProxyOptions options) {
    auto proxy = testing::FaultyProxy::Start(std::move(options));
    EXPECT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    return proxy_->hosts();
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
      for (const std::string& name : children->names) {
        paths.push_back(absl::StrCat(parent, "/", name));
      }
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
    auto again = StartApply(root, server_->hosts());
    EXPECT_EQ(again->Wait(), 0) << again->Errors();
    EXPECT_THAT(again->Output(), HasSubstr(absl::StrCat("applied ", PlanPath(), " to ", root)));
    // Not by EXPECT_EQ, which would print thousands of znodes.
    EXPECT_TRUE(ReadApps(root) == *undisturbed_);
    const std::optional<NodeData> journal = Get(root + "/metarec_journal");
    ASSERT_TRUE(journal.has_value());
    EXPECT_THAT(journal->data, HasSubstr(R"("state":"finished")"));
  }

  static testing::ZooKeeperServer* server_;
  static testing::ScratchFolder* folder_;
  static Tree* undisturbed_;
  static int processes_;
  static int64_t bytes_sent_;  // to the server, by an undisturbed run

  asio::io_context context_;
  SystemClock clock_;
  std::unique_ptr<ZooKeeperMetaStore> store_;
  std::unique_ptr<testing::FaultyProxy> proxy_;
};

testing::ZooKeeperServer* KilledApplyTest::server_ = nullptr;
testing::ScratchFolder* KilledApplyTest::folder_ = nullptr;
Tree* KilledApplyTest::undisturbed_ = nullptr;
int KilledApplyTest::processes_ = 0;
int64_t KilledApplyTest::bytes_sent_ = 0;

TEST_F(KilledApplyTest, KilledAtAnyMomentItIsResumedAndEndsWithTheSameTree) {
  for (const double part : {0.0, 0.01, 0.3, 0.9}) {
    SCOPED_TRACE(absl::StrCat("killed when ", part, " of all bytes were sent"));
    const std::string root = absl::StrCat("/killed", part);
    const auto apply = StartAndCatch(part, root);
    apply->Signal(SIGKILL);
    EXPECT_EQ(apply->Wait(), 128 + SIGKILL);
    ExpectAbsentOrLocked(root);
    ExpectSecondRunCompletes(root);
  }
}

TEST_F(KilledApplyTest, KilledAgainAndAgainItStillEnds) {
  for (int round = 0; round < 3; ++round) {
    const auto apply = StartAndCatch(0.2, "/again");
    apply->Signal(SIGKILL);
    EXPECT_EQ(apply->Wait(), 128 + SIGKILL);
    ExpectAbsentOrLocked("/again");
  }
  ExpectSecondRunCompletes("/again");
}

TEST_F(KilledApplyTest, InterruptedItSaysHowToGoOn) {
  for (const int signal : {SIGTERM, SIGINT}) {
    SCOPED_TRACE(signal);
    const std::string root = absl::StrCat("/interrupted", signal);
    const auto apply = StartAndCatch(0.3, root);
    apply->Signal(signal);
    EXPECT_EQ(apply->Wait(), 1);
    EXPECT_THAT(apply->Errors(), SaysHowToGoOn());
    ExpectAbsentOrLocked(root);
    ExpectSecondRunCompletes(root);
  }
}

TEST_F(KilledApplyTest, AServerThatIsRestartedMeanwhileIsSurvived) {
  const auto apply = StartAndCatch(0.3, "/restarted", absl::Milliseconds(300));
  server_->Kill();
  ASSERT_EQ(server_->Restart(), absl::OkStatus());
  EXPECT_EQ(apply->Wait(), 0) << apply->Errors();
  Connect();
  EXPECT_TRUE(ReadApps("/restarted") == *undisturbed_);
}

TEST_F(KilledApplyTest, AServerThatIsGoneForGoodEndsTheRunAndTheNextOneGoesOn) {
  const auto apply = StartAndCatch(0.3, "/gone", absl::Milliseconds(300));
  server_->Kill();
  apply->Signal(SIGTERM);  // an operator who does not wait until all retries are used up
  EXPECT_EQ(apply->Wait(absl::Seconds(60)), 1);
  EXPECT_THAT(apply->Errors(), SaysHowToGoOn());
  const auto refused = StartApply("/gone", server_->hosts(), "3");
  EXPECT_EQ(refused->Wait(), 1);
  EXPECT_THAT(refused->Errors(), AllOf(HasSubstr("ZooKeeper: no server of"),
                                       HasSubstr("check that addresses and ports are right")));
  ASSERT_EQ(server_->Restart(), absl::OkStatus());
  Connect();
  ExpectAbsentOrLocked("/gone");
  ExpectSecondRunCompletes("/gone");
}

TEST_F(KilledApplyTest, AStderrThatNobodyReadsDoesNotStopTheWriting) {
  const FullPipe pipe(folder_->Path("unread.err"));
  auto apply = StartProgram({"apply", "--plan", PlanPath(), "--zk", server_->hosts(), "--root",
                             "/unread", "--format", "json"},
                            folder_->Path("unread"));
  ASSERT_TRUE(apply.ok()) << apply.status();
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  const auto is_written = [&] {
    const std::optional<NodeData> apps = Get("/unread/apps");
    return apps.has_value() && apps->data == "unlock";
  };
  while (!is_written() && absl::Now() < deadline) absl::SleepFor(kPollInterval);
  EXPECT_TRUE(is_written()) << "it waits for a reader of its progress";
  // Only in the end it waits, for its last lines to be taken.
  std::string read = pipe.Drain();
  EXPECT_EQ((*apply)->Wait(), 0);
  read += pipe.Drain();
  EXPECT_EQ(read.find_first_not_of('.'), read.find("Plan: writes ")) << "something else came first";
  EXPECT_THAT(read, HasSubstr(R"({"progress":"write")"));
}

TEST(ReadOnlyServerTest, AServerWithoutQuorumIsRefusedForWriting) {
  testing::ZooKeeperServerOptions options;
  options.read_only = true;
  const auto server = testing::ZooKeeperServer::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  const testing::ScratchFolder folder;
  Evidence evidence = LargeCluster();
  for (NodeEvidence& node : evidence.nodes) {
    node.tables.erase(node.tables.begin() + 1, node.tables.end());
    node.replicas.resize(kPartitions);
  }
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(WritePlanFile(*plan, folder.Path("plan")), absl::OkStatus());
  auto apply = StartProgram({"apply", "--plan", folder.Path("plan"), "--zk", (*server)->hosts(),
                             "--root", "/r", "--zk_timeout", "6"},
                            folder.Path("apply"));
  ASSERT_TRUE(apply.ok()) << apply.status();
  EXPECT_EQ((*apply)->Wait(), 1);
  EXPECT_THAT((*apply)->Errors(), AllOf(HasSubstr("read-only"), HasSubstr("quorum")));
}

}  // namespace
}  // namespace metarec::tools
