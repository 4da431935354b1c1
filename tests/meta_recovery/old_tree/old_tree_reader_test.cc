#include "meta_recovery/old_tree/old_tree_reader.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/tree/tree_world.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string AppJson(int32_t app_id, absl::string_view name, int32_t count,
                    absl::string_view status = "AS_AVAILABLE") {
  return absl::StrCat("{\"status\":\"app_status::", status, "\",\"app_type\":\"pegasus\",",
                      "\"app_name\":\"", name, "\",\"app_id\":", app_id,
                      ",\"partition_count\":", count,
                      ",\"envs\":{\"k\":\"v\"},\"is_stateful\":1,\"max_replica_count\":3,",
                      "\"expire_second\":0,\"create_second\":17,\"drop_second\":0,",
                      "\"duplicating\":0,\"init_partition_count\":", count,
                      ",\"is_bulk_loading\":0,\"atomic_idempotent\":0}");
}

std::string PartitionJson(int32_t app_id, int32_t index, int64_t ballot) {
  return absl::StrCat("{\"pid\":\"", app_id, ".", index, "\",\"ballot\":", ballot,
                      ",\"max_replica_count\":3,\"primary\":\"invalid address\",\"secondaries\":[],"
                      "\"last_drops\":[],\"last_committed_decree\":0,\"partition_flags\":0}");
}

absl::StatusOr<std::vector<OldTree>> Read(std::vector<TreeNode> nodes, std::string root = "/",
                                          OldTreeReaderOptions options = {}) {
  ListedTree tree(std::move(nodes));
  tree.head_.root = std::move(root);
  tree.head_.time_ms = 5000;
  tree.head_.zxid = 99;
  options.source = "tree.jsonl";
  asio::io_context context;
  absl::StatusOr<std::vector<OldTree>> read = absl::UnknownError("did not end");
  asio::co_spawn(
      context, [&]() -> asio::awaitable<void> { read = co_await ReadOldTrees(&tree, options); },
      [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
  context.run();
  return read;
}

TreeNode Changed(TreeNode node, int64_t zxid, int64_t time_ms) {
  node.stat.mzxid = zxid;
  node.stat.mtime_ms = time_ms;
  return node;
}

std::vector<std::string> PathsBeside(const OldTree& tree) {
  std::vector<std::string> paths;
  for (const OldZnode& znode : tree.beside) paths.push_back(znode.path);
  return paths;
}

// As a stock root looks, in path order.
std::vector<TreeNode> StockRoot(const std::string& root) {
  return {NodeAt(root),
          NodeAt(root + "/.app_balancer", "early"),
          NodeAt(root + "/apps", "unlock"),
          Changed(NodeAt(root + "/apps/1", AppJson(1, "temp", 2)), 40, 1234),
          NodeAt(root + "/apps/1/0", PartitionJson(1, 0, 3)),
          NodeAt(root + "/apps/1/1", PartitionJson(1, 1, 4)),
          NodeAt(root + "/apps/1/duplication"),
          NodeAt(root + "/apps/1/duplication/7", "{}"),
          NodeAt(root + "/apps/10", AppJson(10, "ten", 1)),
          NodeAt(root + "/apps/2", AppJson(2, "two", 1, "AS_DROPPED")),
          NodeAt(root + "/apps/2/0", PartitionJson(2, 0, 5)),
          NodeAt(root + "/backup"),
          NodeAt(root + "/backup/daily", "{}"),
          NodeAt(root + "/bulk_load"),
          NodeAt(root + "/lock"),
          NodeAt(root + "/lock/dsn.meta.server.leader"),
          WithOwner(NodeAt(root + "/lock/dsn.meta.server.leader/LOCKNODE0000000000", "m:1"), 5),
          NodeAt(root + "/metarec_journal", "{}")};
}

TEST(OldTreeReader, ReadsAStockRootAtTheRootOfATree) {
  const auto read = Read(StockRoot(""), "/pegasus/demo");
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 1u);
  const OldTree& tree = read->front();
  EXPECT_EQ(tree.root, "/pegasus/demo");
  EXPECT_EQ(tree.zxid, 99);
  EXPECT_EQ(tree.time_ms, 5000);
  EXPECT_EQ(tree.known_until_ms, 5000);
  ASSERT_EQ(tree.tables.size(), 3u);
  EXPECT_EQ(tree.tables[0].description.app_name, "temp");
  EXPECT_EQ(tree.tables[0].description.envs.at("k"), "v");
  EXPECT_EQ(tree.tables[0].changed_zxid, 40);
  EXPECT_EQ(tree.tables[0].changed_ms, 1234);
  EXPECT_THAT(tree.tables[0].ballots, ElementsAre(3, 4));
  EXPECT_EQ(tree.tables[1].description.status, TableStatus::kDropped);
  EXPECT_THAT(tree.tables[2].ballots, ElementsAre(-1)) << "there is no such znode";
  ASSERT_EQ(tree.tables[0].duplications.size(), 2u);
  EXPECT_EQ(tree.tables[0].duplications[1].path, "/apps/1/duplication/7");
  EXPECT_THAT(PathsBeside(tree),
              ElementsAre("/.app_balancer", "/backup", "/backup/daily", "/bulk_load"));
  EXPECT_EQ(tree.problems_count, 0);
}

TEST(OldTreeReader, FindsTheClustersInAWholeZooKeeper) {
  std::vector<TreeNode> nodes = {NodeAt(""), NodeAt("/kafka"), NodeAt("/kafka/apps"),
                                 NodeAt("/kafka/apps/x"), NodeAt("/pegasus")};
  for (const char* root : {"/pegasus/a", "/pegasus/b"}) {
    for (TreeNode& node : StockRoot(root)) nodes.push_back(std::move(node));
  }
  nodes.push_back(NodeAt("/zookeeper"));
  nodes.push_back(NodeAt("/zookeeper/config", "server.1"));
  const auto read = Read(nodes);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].root, "/pegasus/a");
  EXPECT_EQ((*read)[1].root, "/pegasus/b");
  for (const OldTree& tree : *read) {
    EXPECT_EQ(tree.tables.size(), 3u);
    EXPECT_EQ(tree.beside.size(), 4u);
  }
}

TEST(OldTreeReader, ATreeThatWasNeverFinishedIsNone) {
  const auto read =
      Read({NodeAt(""), NodeAt("/apps", "lock"), NodeAt("/apps/1", AppJson(1, "t", 1))});
  EXPECT_EQ(read.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("/apps says lock"));
}

TEST(OldTreeReader, ATreeWithoutAClusterSaysWhatWasLookedFor) {
  EXPECT_THAT(std::string(Read({NodeAt(""), NodeAt("/a", "b")}).status().message()),
              HasSubstr("tree.jsonl holds no cluster's metadata"));
}

TEST(OldTreeReader, WhatCannotBeReadIsNamedAndTheRestCounts) {
  const auto read = Read(
      {NodeAt("/apps", "unlock"), NodeAt("/apps/1", AppJson(1, "temp", 3)),
       NodeAt("/apps/1/0", "{\"pid\":\"1.0\",\"ballot\":"),
       NodeAt("/apps/1/1", PartitionJson(1, 2, 9)), NodeAt("/apps/1/2", PartitionJson(1, 2, 9)),
       NodeAt("/apps/1/7", PartitionJson(1, 7, 9)), NodeAt("/apps/2", "{\"status\":"),
       NodeAt("/apps/2/0", "?"), NodeAt("/apps/3", AppJson(4, "moved", 1))},
      "/r");
  ASSERT_TRUE(read.ok()) << read.status();
  const OldTree& tree = read->front();
  ASSERT_EQ(tree.tables.size(), 1u);
  EXPECT_THAT(tree.tables[0].ballots, ElementsAre(-1, -1, 9));
  EXPECT_EQ(tree.problems_count, 5);
  EXPECT_THAT(tree.problems[0], HasSubstr("/r/apps/1/0"));
  EXPECT_THAT(tree.problems[3], HasSubstr("/r/apps/2"));
  EXPECT_THAT(tree.problems[4], HasSubstr("/r/apps/3: it is of another table"));
}

TEST(OldTreeReader, ACutFileIsNoEvidence) {
  ListedTree tree({NodeAt("/apps", "unlock"), NodeAt("/apps/1", AppJson(1, "t", 1))},
                  absl::DataLossError("cut"));
  asio::io_context context;
  absl::Status status;
  const OldTreeReaderOptions options;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> { status = (co_await ReadOldTrees(&tree, options)).status(); },
      [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
  context.run();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
}

TEST(OldTreeReader, OfALiveRootTheLastChangeCounts) {
  OldTreeReaderOptions options;
  options.kind = OldTreeKind::kLive;
  const auto read =
      Read({NodeAt("/apps", "unlock"), Changed(NodeAt("/apps/1", AppJson(1, "temp", 1)), 1, 700),
            Changed(NodeAt("/apps/1/0", PartitionJson(1, 0, 1)), 2, 900)},
           "/r", options);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->front().known_until_ms, 900);
}

TEST(OldTreeReader, MoreThanItsBoundIsRefused) {
  OldTreeReaderOptions options;
  options.carried_bytes_max = 100;
  const auto read = Read({NodeAt("/apps", "unlock"), NodeAt("/apps/1", AppJson(1, "temp", 1)),
                          NodeAt("/backup", std::string(200, 'x'))},
                         "/r", options);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(OldTreeReader, WhatComesBeforeTheTablesIsKeptOnlyUpToItsBound) {
  OldTreeReaderOptions options;
  options.ahead_bytes_max = 100;
  const auto read = Read({NodeAt("/.a", std::string(90, 'x')), NodeAt("/.b", std::string(90, 'x')),
                          NodeAt("/apps", "unlock"), NodeAt("/apps/1", AppJson(1, "temp", 1))},
                         "/r", options);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(PathsBeside(read->front()), ElementsAre("/.b"));
  EXPECT_EQ(read->front().problems_count, 1);
}

TEST(OldTreeReader, AnEmptyRootIsNoCluster) {
  EXPECT_FALSE(Read({NodeAt("/apps", "unlock")}, "/r").ok());
}

}  // namespace
}  // namespace metarec
