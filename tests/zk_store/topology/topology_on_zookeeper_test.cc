// The writer, the verifier and the reader against a real ZooKeeper.

#include <absl/strings/escaping.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/zookeeper_server.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/topology/topology_reader.h"
#include "zk_store/topology/topology_verifier.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TopologyOnZooKeeperTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server = testing::ZooKeeperServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  std::unique_ptr<ZooKeeperMetaStore> Connect() {
    ZooKeeperOptions options;
    options.hosts = server_->hosts();
    auto store = RunAlone(&io_, ZooKeeperMetaStore::Connect(options, &clock_));
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  absl::StatusOr<WriteResult> Write(MetaStore* store, const Topology& topology,
                                    const std::string& root, TopologyWriterOptions options = {}) {
    TopologyWriter writer(std::move(options), store, &clock_, &progress_);
    return RunAlone(&io_, writer.Write(topology, root, kDigest));
  }

  VerifyResult Verify(MetaStore* store, const Topology& topology, const std::string& root) {
    RetryBudget budget(&clock_);
    StoreReader reader(store, &budget);
    TopologyVerifier verifier({}, &reader, &progress_);
    auto result = RunAlone(&io_, verifier.Verify(topology, root));
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }

  static testing::ZooKeeperServer* server_;
  asio::io_context io_;
  SystemClock clock_;
  SilentProgress progress_;
};

testing::ZooKeeperServer* TopologyOnZooKeeperTest::server_ = nullptr;

TEST_F(TopologyOnZooKeeperTest, WritesVerifiesReadsAndFindsATamperedByte) {
  const Topology topology = SampleTopology();
  const ClusterPaths paths("/pegasus/written");
  const auto store = Connect();
  const auto written = Write(store.get(), topology, paths.root());
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->znodes_created, 11);
  EXPECT_TRUE(Verify(store.get(), topology, paths.root()).clean());
  for (const auto& [path, data] : AppsTree(topology, paths.root())) {
    const auto node = RunAlone(&io_, store->Get(path));
    ASSERT_TRUE(node.ok()) << node.status();
    EXPECT_EQ(node->data, data);
    EXPECT_EQ(node->stat.version, 0);
  }

  std::string data = AppsTree(topology, paths.root())[paths.Partition(1, 2)];
  data[data.find("\"ballot\":5") + 9] = '4';
  ASSERT_TRUE(RunAlone(&io_, store->Set(paths.Partition(1, 2), data)).ok());
  const VerifyResult result = Verify(store.get(), topology, paths.root());
  ASSERT_EQ(result.differences.size(), 1u);
  EXPECT_EQ(DescribeDifference(result.differences[0]),
            "ballot_too_low /pegasus/written/apps/1/2: ballot is 4, expected 5");

  RetryBudget budget(&clock_);
  StoreReader reader(store.get(), &budget);
  const auto contents = RunAlone(&io_, ReadTopology(&reader, paths.root(), {}, &progress_));
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_EQ(contents->tables.size(), 3u);
  EXPECT_EQ(contents->tables[0].partitions[2].ballot, 4);
}

TEST_F(TopologyOnZooKeeperTest, TenThousandPartitionsTakeFewTransactions) {
  Topology topology = SampleTopology();
  AddTable(MakeTable(4, "large", 10'000), 10'000, &topology);
  const auto store = Connect();
  const auto written = Write(store.get(), topology, "/pegasus/large");
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->znodes_created, 10'012);
  EXPECT_LT(written->transactions, 20);
  EXPECT_TRUE(Verify(store.get(), topology, "/pegasus/large").clean());
}

TEST_F(TopologyOnZooKeeperTest, RefusesAStrangersRootAndWritesNothing) {
  const auto store = Connect();
  for (const std::string path : {"/stranger", "/stranger/file"}) {
    ASSERT_TRUE(RunAlone(&io_, store->Create(path, path == "/stranger" ? "" : "mine")).ok());
  }
  const auto result = Write(store.get(), SampleTopology(), "/stranger");
  EXPECT_TRUE(HasMark(result.status(), ErrorMark::kRefused)) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("it holds /stranger/file"));
  const auto root = RunAlone(&io_, store->Get("/stranger"));
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(root->stat.version, 0);
  EXPECT_EQ(root->stat.child_version, 1);
}

TEST_F(TopologyOnZooKeeperTest, AServerThatIsRestartedDuringTheRunIsOutlasted) {
  Topology topology = SampleTopology();
  AddTable(MakeTable(4, "large", 3'000), 3'000, &topology);
  struct RestartOnce final : ProgressListener {
    void OnProgress(const Progress& progress) override {
      if (progress.phase != Phase::kWrite || progress.done < 1'000 || restarted) return;
      restarted = true;
      server->Kill();
      EXPECT_TRUE(server->Restart().ok());
    }
    testing::ZooKeeperServer* server = server_;
    bool restarted = false;
  } listener;
  const auto store = Connect();
  TopologyWriterOptions options;
  options.limits.ops_max = 100;
  TopologyWriter writer(options, store.get(), &clock_, &listener);
  const auto written = RunAlone(&io_, writer.Write(topology, "/pegasus/restarted", kDigest));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_TRUE(listener.restarted);
  EXPECT_EQ(written->znodes_created + written->znodes_found, 3'012);
  EXPECT_TRUE(Verify(store.get(), topology, "/pegasus/restarted").clean());
}

// Whether ZooKeeper takes them is known before it is asked.
TEST_F(TopologyOnZooKeeperTest, TakesTheRootPathsThatAreValid) {
  const auto store = Connect();
  for (const std::string name :
       {"my cluster", "\"quoted\"", "\xc2\xa1", "\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac",
        "\xed\x9f\xbf", "\xef\xa4\x80", "\xef\xbf\xaf"}) {
    EXPECT_TRUE(ValidateRootPath("/" + name).ok()) << name;
    const auto written = Write(store.get(), SampleTopology(), "/" + name);
    EXPECT_TRUE(written.ok()) << name << ": " << written.status();
  }
  for (const std::string name :
       {"\x01", "\x1f", "\x7f", "\xc2\x80", "\xc2\x9f", "\xff", "\xed\xa0\x80", "\xee\x80\x80",
        "\xef\xa3\xbf", "\xef\xbf\xb0", "\xef\xbf\xbf", "\xf0\x9f\x98\x80"}) {
    EXPECT_FALSE(ValidateRootPath("/" + name).ok()) << name;
    EXPECT_FALSE(RunAlone(&io_, store->Create("/" + name, "")).ok()) << absl::CHexEscape(name);
  }
}

TEST_F(TopologyOnZooKeeperTest, AServerThatHangsEndsTheRunAndIsToldMeanwhile) {
  struct PauseOnce final : ProgressListener {
    void OnProgress(const Progress& progress) override {
      if (progress.phase == Phase::kWrite && progress.done > 0 && !paused) {
        paused = true;
        server_->Pause();
      }
      told |= progress.note == "no connection to ZooKeeper, retrying";
    }
    bool paused = false;
    bool told = false;
  } listener;
  ZooKeeperOptions session;
  session.hosts = server_->hosts();
  session.session_timeout = absl::Seconds(2);
  const auto store = RunAlone(&io_, ZooKeeperMetaStore::Connect(session, &clock_));
  ASSERT_TRUE(store.ok()) << store.status();
  TopologyWriterOptions options;
  options.limits.ops_max = 1;
  options.retry.outage_max = absl::Seconds(3);
  options.retry.incidents_max = 1000;
  TopologyWriter writer(options, store->get(), &clock_, &listener);
  const absl::Time start = clock_.Now();
  const auto written = RunAlone(&io_, writer.Write(SampleTopology(), "/pegasus/hung", kDigest));
  const absl::Duration took = clock_.Now() - start;
  server_->Resume();
  EXPECT_TRUE(listener.told);
  EXPECT_LT(took, absl::Seconds(50));  // without a bound of its own it is a minute
  EXPECT_THAT(std::string(written.status().message()),
              AllOf(HasSubstr("without an answer of ZooKeeper"),
                    HasSubstr("run the same plan again to resume")));
}

}  // namespace
}  // namespace metarec
