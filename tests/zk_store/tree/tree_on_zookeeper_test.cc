// Live trees of a real ZooKeeper: what it shows, hides and refuses.

#include "tests/zk_store/tree/tree_on_zookeeper.h"

#include <fstream>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "testing/zookeeper_server.h"
#include "tests/zk_store/tree/tree_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TreeOnZooKeeperTest : public TreeOnZooKeeper {
 protected:
  static void SetUpTestSuite() {
    testing::ZooKeeperServerOptions options;
    options.properties = {"zookeeper.extendedTypesEnabled=true"};
    auto server = testing::ZooKeeperServer::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  std::unique_ptr<ZooKeeperMetaStore> Connect(const std::string& user = "") {
    return ConnectTo(server_->hosts(), user);
  }
  static CreateOp Creation(const std::string& path, const std::string& data = "",
                           CreateMode mode = CreateMode::kPersistent) {
    return {.path = path, .data = data, .mode = mode};
  }
  static CreateOp WithAcl(CreateOp op, Acl acl) {
    op.acl = std::move(acl);
    return op;
  }

  absl::StatusOr<std::vector<TreeNode>> Walk(MetaStore* store, const std::string& root,
                                             const LiveTreeOptions& options = {}) {
    LiveTree tree(store, &clock_, root, options);
    return RunAlone(&io_, ReadWholeTree(&tree));
  }

  // Exports the tree of `root`, and compares the file with it.
  void ExpectSameAsItsFile(MetaStore* store, const std::string& root, int64_t znodes) {
    const std::string name = absl::StrCat("tree", ++files_, ".jsonl.zst");
    const auto written = Export(store, root, name);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(written->znodes, znodes);
    auto file = TreeFileReader::Open(folder_.Path(name));
    ASSERT_TRUE(file.ok()) << file.status();
    LiveTree again(store, &clock_, root);
    const auto diff = ExpectNoDifference(file->get(), &again, {.ephemerals = true});
    ASSERT_TRUE(diff.ok()) << diff.status();
    EXPECT_EQ(diff->a.znodes, znodes);
    EXPECT_EQ(diff->a.digest, written->digest);
  }

  static testing::ZooKeeperServer* server_;
  int files_ = 0;
};

testing::ZooKeeperServer* TreeOnZooKeeperTest::server_ = nullptr;

// Containers and TTL znodes look like any others to clients.
TEST_F(TreeOnZooKeeperTest, EveryKindOfZnodeComesAsTheServerShowsIt) {
  const auto store = Connect("ann:secret");
  Put(store.get(), "/kinds", "root");
  Put(store.get(), Creation("/kinds/container", "", CreateMode::kContainer));
  Put(store.get(), "/kinds/container/child");
  Put(store.get(), Creation("/kinds/ephemeral", "e", CreateMode::kEphemeral));
  CreateOp null = Creation("/kinds/null");
  null.null_data = true;
  Put(store.get(), null);
  Put(store.get(), WithAcl(Creation("/kinds/ours", "o"), CreatorOnlyAcl()));
  CreateOp ttl = Creation("/kinds/ttl", "", CreateMode::kTtl);
  ttl.ttl_ms = 3'600'000;
  Put(store.get(), ttl);
  const auto nodes = Walk(store.get(), "/kinds");
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  ASSERT_THAT(PathsOf(*nodes), ElementsAre("", "/container", "/container/child", "/ephemeral",
                                           "/null", "/ours", "/ttl"));
  EXPECT_EQ((*nodes)[0].kind(), NodeKind::kPersistent);
  EXPECT_EQ((*nodes)[1].stat.ephemeral_owner, 0);
  EXPECT_EQ((*nodes)[3].kind(), NodeKind::kEphemeral);
  EXPECT_EQ((*nodes)[3].stat.ephemeral_owner, store->session_id());
  EXPECT_TRUE((*nodes)[4].null_data);
  EXPECT_FALSE((*nodes)[2].null_data);
  EXPECT_EQ((*nodes)[5].acl[0].scheme, "digest");
  EXPECT_EQ((*nodes)[6].stat.ephemeral_owner, 0);
  ExpectSameAsItsFile(store.get(), "/kinds", 7);
}

TEST_F(TreeOnZooKeeperTest, NamesWithBlanksAndLettersOfAnyLanguageAreNames) {
  const auto store = Connect();
  Put(store.get(), "/names");
  const std::vector<std::string> names = {"/ a b ", "/a",     "/a/\xc3\xa9\xe4\xb8\xad\xe6\x96\x87",
                                          "/a b",   "/a\"\\", "/\xd0\xb6"};
  for (const std::string& name : names) Put(store.get(), absl::StrCat("/names", name), name);
  const auto nodes = Walk(store.get(), "/names");
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_THAT(PathsOf(*nodes),
              ElementsAre("", "/ a b ", "/a", "/a/\xc3\xa9\xe4\xb8\xad\xe6\x96\x87", "/a b",
                          "/a\"\\", "/\xd0\xb6"));
  ExpectSameAsItsFile(store.get(), "/names", 7);
}

TEST_F(TreeOnZooKeeperTest, QuotasAreZooKeepersOwnAndReadWhenAskedFor) {
  const auto store = Connect("ann:secret");
  Put(store.get(), "/limited");
  Put(store.get(), "/zookeeper/quota/limited");
  Put(store.get(), "/zookeeper/quota/limited/zookeeper_limits", "count=10,bytes=-1");
  LiveTree all(store.get(), &clock_, "/");
  const auto nodes = RunAlone(&io_, ReadWholeTree(&all));
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_THAT(PathsOf(*nodes), ::testing::Contains("/limited"));
  EXPECT_THAT(PathsOf(*nodes), ::testing::Each(::testing::Not(HasSubstr("zookeeper"))));
  EXPECT_TRUE(all.left_zookeeper_out());
  const auto quotas = Walk(store.get(), "/zookeeper/quota");
  ASSERT_TRUE(quotas.ok()) << quotas.status();
  EXPECT_EQ(quotas->back().data, "count=10,bytes=-1");
}

TEST_F(TreeOnZooKeeperTest, WhatMayNotBeReadIsAnErrorThatNamesIt) {
  const auto ann = Connect("ann:secret");
  Put(ann.get(), "/secrets");
  Put(ann.get(), "/secrets/open");
  Put(ann.get(), WithAcl(Creation("/secrets/hers", "x"), CreatorOnlyAcl()));
  const auto nodes = Walk(Connect().get(), "/secrets");
  EXPECT_EQ(StoreErrorOf(nodes.status()), StoreError::kNoAuth);
  EXPECT_THAT(nodes.status().message(), HasSubstr("/secrets/hers"));
  EXPECT_TRUE(Walk(ann.get(), "/secrets").ok());
}

TEST_F(TreeOnZooKeeperTest, AnAclThatTheServerHidesIsNotTakenForTheAcl) {
  const auto ann = Connect("ann:secret");
  Acl readable = CreatorOnlyAcl();
  readable.push_back({"world", "anyone", 1});
  Put(ann.get(), WithAcl(Creation("/hidden", "x"), readable));
  const auto nodes = Walk(Connect().get(), "/hidden");
  EXPECT_EQ(nodes.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(nodes.status().message(), HasSubstr("hides the ACL of /hidden"));
  LiveTreeOptions without;
  without.read_acls = false;
  EXPECT_EQ(Walk(Connect().get(), "/hidden", without)->front().data, "x");
  EXPECT_TRUE(Walk(ann.get(), "/hidden").ok());
}

TEST_F(TreeOnZooKeeperTest, TwoHundredLevelsDeepAndManyWide) {
  const auto store = Connect();
  Put(store.get(), "/deep");
  std::vector<StoreOp> ops;
  std::string path = "/deep";
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&path, "/l");
    ops.push_back(Creation(path));
  }
  for (int i = 0; i < 1000; ++i) {
    ops.push_back(Creation(absl::StrFormat("%s/%04d", path, i), "x"));
  }
  const auto created = RunAlone(&io_, store->Multi(std::move(ops)));
  ASSERT_TRUE(created.ok()) << created.status();
  ExpectSameAsItsFile(store.get(), "/deep", 1201);
}

TEST_F(TreeOnZooKeeperTest, ASessionThatEndsMeanwhileIsAnError) {
  const auto store = Connect();
  Put(store.get(), "/long");
  std::vector<StoreOp> ops;
  for (int i = 0; i < 5000; ++i) ops.push_back(Creation(absl::StrCat("/long/", i)));
  ASSERT_TRUE(RunAlone(&io_, store->Multi(std::move(ops))).ok());
  const auto doomed = Connect();
  LiveTreeOptions options;
  options.ahead_max = 50;
  LiveTree tree(doomed.get(), &clock_, "/long", options);
  ASSERT_TRUE(RunAlone(&io_, tree.Next()).ok());
  ASSERT_TRUE(server_->ExpireSession(doomed->credentials()).ok());
  const auto rest = RunAlone(&io_, ReadWholeTree(&tree));
  EXPECT_EQ(StoreErrorOf(rest.status()), StoreError::kSessionExpired) << rest.status();
}

// The captured tree of a real cluster (tests/golden), put into this server.
TEST_F(TreeOnZooKeeperTest, ACapturedClusterIsReadAsItWasCaptured) {
  const auto store = Connect();
  std::vector<StoreOp> ops = {Creation("/captured")};
  std::ifstream in(std::string(METAREC_GOLDEN_DIR) + "/zk_before.jsonl");
  int64_t znodes = 1;
  for (std::string line; std::getline(in, line);) {
    rapidjson::Document znode;
    znode.Parse(line.data(), line.size());
    const std::string path = znode["path"].GetString();
    if (path == "/" || znode["ephemeral"].GetBool()) continue;
    ops.push_back(Creation(absl::StrCat("/captured", path), znode["data"].GetString()));
    ++znodes;
  }
  EXPECT_GT(znodes, 70);
  const auto created = RunAlone(&io_, store->Multi(std::move(ops)));
  ASSERT_TRUE(created.ok()) << created.status();
  ExpectSameAsItsFile(store.get(), "/captured", znodes);
}

}  // namespace
}  // namespace metarec
