// Copies and removals between real ZooKeepers.

#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "testing/faulty_proxy.h"
#include "testing/zookeeper_server.h"
#include "tests/zk_store/client/store_world.h"
#include "tests/zk_store/tree/tree_on_zookeeper.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_removal.h"

namespace metarec {
namespace {

using testing::FaultyProxy;
using ::testing::HasSubstr;
using testing::ZooKeeperServer;

class CopyOnZooKeeperTest : public TreeOnZooKeeper {
 protected:
  static void SetUpTestSuite() {
    for (ZooKeeperServer** server : {&from_, &into_}) {
      testing::ZooKeeperServerOptions options;
      // That of the target makes the large znodes of the source impossible there.
      if (server == &into_) options.jute_max_buffer_bytes = 300'000;
      auto started = ZooKeeperServer::Start(options);
      ASSERT_TRUE(started.ok()) << started.status();
      *server = started->release();
    }
  }
  static void TearDownTestSuite() {
    delete from_;
    delete into_;
  }

  std::unique_ptr<ZooKeeperMetaStore> Connect(const std::string& hosts,
                                              const std::string& user = "admin:secret") {
    return ConnectTo(hosts, user);
  }

  CopyFrom From(MetaStore* store, const std::string& root) {
    CopyFrom from;
    from.store = store;
    from.root = root;
    from.name = "source";
    from.open = [this, store,
                 root](bool acls) -> asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>> {
      LiveTreeOptions options;
      options.read_acls = acls;
      co_return std::make_unique<LiveTree>(store, &clock_, root, options);
    };
    return from;
  }
  static CopyFrom FromFile(const std::string& file) {
    CopyFrom from;
    from.name = file;
    from.open = [file](bool) -> asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>> {
      auto tree = TreeFileReader::Open(file);
      if (!tree.ok()) co_return tree.status();
      co_return *std::move(tree);
    };
    return from;
  }
  absl::StatusOr<TreeCopyResult> Copy(CopyFrom from, MetaStore* into, const std::string& root,
                                      const TreeCopyOptions& options = {}) {
    const CopyInto place{into, root, absl::StrCat("target", root)};
    return RunAlone(&io_, CopyTree(std::move(from), place, options, CopyEvents(), &clock_));
  }

  // Both as the servers have them, ACLs included.
  void ExpectEqual(MetaStore* a, const std::string& a_root, MetaStore* b,
                   const std::string& b_root) {
    LiveTree left(a, &clock_, a_root);
    LiveTree right(b, &clock_, b_root);
    const auto diff = ExpectNoDifference(&left, &right);
    ASSERT_TRUE(diff.ok()) << diff.status();
    EXPECT_GT(diff->a.znodes, 1);
  }

  static ZooKeeperServer* from_;
  static ZooKeeperServer* into_;
};

ZooKeeperServer* CopyOnZooKeeperTest::from_ = nullptr;
ZooKeeperServer* CopyOnZooKeeperTest::into_ = nullptr;

// The captured tree of a real cluster (tests/golden), with ACLs of its own.
TEST_F(CopyOnZooKeeperTest, ACapturedClusterIsImportedCopiedAndExportedAsItWas) {
  const auto source = Connect(from_->hosts());
  const auto target = Connect(into_->hosts());
  Acl narrow = {AclEntry{"digest", "carol:hash", 31}};
  const Acl ours = RunAlone(&io_, [](MetaStore* store) -> asio::awaitable<Acl> {
    CreateOp op;
    op.path = "/who";
    op.acl = CreatorOnlyAcl();
    (void)co_await store->Create(op);
    auto acl = co_await store->GetAcl("/who");
    co_return acl.ok() ? acl->acl : Acl();
  }(source.get()));
  ASSERT_EQ(ours.size(), 1u);
  narrow.push_back({ours[0].scheme, ours[0].id, 1 | 16});
  Put(source.get(), "/captured");
  std::ifstream in(std::string(METAREC_GOLDEN_DIR) + "/zk_before.jsonl");
  int64_t znodes = 1;
  for (std::string line; std::getline(in, line);) {
    rapidjson::Document znode;
    znode.Parse(line.data(), line.size());
    const std::string path = znode["path"].GetString();
    if (path == "/") continue;
    CreateOp op;
    op.path = absl::StrCat("/captured", path);
    op.data = znode["data"].GetString();
    if (znode["ephemeral"].GetBool()) op.mode = CreateMode::kEphemeral;
    znodes += op.mode == CreateMode::kPersistent ? 1 : 0;
    Put(source.get(), std::move(op));
  }
  ASSERT_GT(znodes, 70);
  for (const char* path : {"/captured/pegasus/onebox/apps/1", "/captured/pegasus/onebox"}) {
    const absl::Status set = RunAlone(&io_, source->SetAcl(path, narrow, 0));
    ASSERT_TRUE(set.ok()) << set;
  }

  const auto exported = Export(source.get(), "/captured", "one.jsonl");
  ASSERT_TRUE(exported.ok()) << exported.status();
  const auto imported = Copy(FromFile(folder_.Path("one.jsonl")), target.get(), "/imported");
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->znodes, znodes);
  EXPECT_GT(imported->ephemerals, 0);
  const auto copied = Copy(From(target.get(), "/imported"), source.get(), "/copied");
  ASSERT_TRUE(copied.ok()) << copied.status();
  const auto again = Export(source.get(), "/copied", "two.jsonl");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->digest, exported->digest);
  EXPECT_EQ(copied->digest, exported->digest);
  ExpectEqual(source.get(), "/captured", target.get(), "/imported");
}

TEST_F(CopyOnZooKeeperTest, OneServerUnderTwoNamesIsSeenToBeOne) {
  const auto source = Connect(from_->hosts());
  const auto same = Connect(absl::StrCat("localhost:", from_->port()));
  Put(source.get(), "/alias");
  Put(source.get(), "/alias/a", "a");
  const auto inside = Copy(From(source.get(), "/alias"), same.get(), "/alias/a/copy");
  EXPECT_TRUE(HasMark(inside.status(), ErrorMark::kRefused)) << inside.status();
  TreeCopyOptions update;
  update.update = true;
  const auto reverse = Copy(From(source.get(), "/alias/a"), same.get(), "/alias", update);
  EXPECT_TRUE(HasMark(reverse.status(), ErrorMark::kRefused)) << reverse.status();
  EXPECT_EQ(RunAlone(&io_, source->Exists("/alias/a"))->value().child_version, 0);
}

TEST_F(CopyOnZooKeeperTest, AZnodeBeyondTheTargetsJuteMaxbufferIsNamed) {
  const auto source = Connect(from_->hosts());
  const auto target = Connect(into_->hosts());
  Put(source.get(), "/large");
  Put(source.get(), "/large/fits", std::string(290'000, 'x'));
  for (int i = 0; i < 10; ++i) {
    Put(source.get(), absl::StrCat("/large/", i), std::string(80'000, 'x'));
  }
  const auto fits = Copy(From(source.get(), "/large"), target.get(), "/fits");
  ASSERT_TRUE(fits.ok()) << fits.status();
  Put(source.get(), "/large/too_large", std::string(310'000, 'x'));
  const auto result = Copy(From(source.get(), "/large"), target.get(), "/large");
  EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/large/too_large"));
}

TEST_F(CopyOnZooKeeperTest, AConnectionThatBreaksAgainAndAgainChangesNothing) {
  const auto source = Connect(from_->hosts());
  Put(source.get(), "/breaks");
  for (int i = 0; i < 200; ++i) {
    Put(source.get(), absl::StrCat("/breaks/", i), std::string(1000, 'x'));
  }
  testing::FaultyProxyOptions options;
  options.server_port = into_->port();
  for (int i = 1; i <= 6; ++i) {
    options.faults.push_back(
        {i % 2 == 0 ? testing::ProxyDirection::kToServer : testing::ProxyDirection::kToClient,
         i % 2 == 0 ? i * 20'000 : i * 1'000, testing::ProxyFault::Action::kReset,
         absl::ZeroDuration()});
  }
  const auto proxy = FaultyProxy::Start(options);
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  const auto target = Connect((*proxy)->hosts());
  TreeCopyOptions small;
  small.writer.ops_max = 20;
  const auto result = Copy(From(source.get(), "/breaks"), target.get(), "/breaks", small);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT((*proxy)->faults_done(), 0);
  ExpectEqual(source.get(), "/breaks", target.get(), "/breaks");
}

TEST_F(CopyOnZooKeeperTest, ASessionThatEndsIsTheErrorAndTheNextRunGoesOn) {
  const auto source = Connect(from_->hosts());
  auto target = Connect(into_->hosts());
  Put(source.get(), "/expires");
  for (int i = 0; i < 50; ++i) Put(source.get(), absl::StrCat("/expires/", i), "x");
  bool expired = false;
  CopyEvents events;
  events.on_step = [&](const CopyStep& step) {
    if (step.path != "/25" || expired) return;
    expired = true;
    EXPECT_TRUE(into_->ExpireSession(target->credentials()).ok());
  };
  TreeCopyOptions small;
  small.writer.ops_max = 5;
  const CopyInto place{target.get(), "/expires", "target"};
  const auto result =
      RunAlone(&io_, CopyTree(From(source.get(), "/expires"), place, small, events, &clock_));
  EXPECT_EQ(StoreErrorOf(result.status()), StoreError::kSessionExpired) << result.status();
  target = Connect(into_->hosts());
  const auto again = Copy(From(source.get(), "/expires"), target.get(), "/expires", small);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->resumed);
  ExpectEqual(source.get(), "/expires", target.get(), "/expires");
}

// What of the target is the killed copy's own shows in the transactions that its znodes name.
TEST_F(CopyOnZooKeeperTest, AKilledCopyFollowsItsSourceAndLeavesWhatAStrangerDid) {
  const auto source = Connect(from_->hosts());
  const auto stranger = Connect(into_->hosts());
  TreeCopyOptions small;
  small.writer.ops_max = 5;
  for (const bool disturbed : {false, true}) {
    const std::string root = absl::StrCat("/killed", disturbed);
    Put(source.get(), root);
    for (int i = 10; i < 60; ++i) Put(source.get(), absl::StrCat(root, "/", i), "x");
    {
      const auto target = Connect(into_->hosts());
      CopyEvents events;
      events.on_step = [&](const CopyStep& step) {
        if (step.path != "/55") return;
        EXPECT_TRUE(into_->ExpireSession(target->credentials()).ok());
      };
      const CopyInto place{target.get(), root, absl::StrCat("target", root)};
      const auto killed =
          RunAlone(&io_, CopyTree(From(source.get(), root), place, small, events, &clock_));
      EXPECT_EQ(StoreErrorOf(killed.status()), StoreError::kSessionExpired) << killed.status();
    }
    EXPECT_TRUE(RunAlone(&io_, source->Set(root + "/13", "moved")).ok());
    EXPECT_TRUE(RunAlone(&io_, source->Delete(root + "/14")).ok());
    if (disturbed) Put(stranger.get(), root + "/15/theirs", "theirs");
    const auto again = Copy(From(source.get(), root), stranger.get(), root, small);
    if (!disturbed) {
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(again->written.set, 1);
      EXPECT_EQ(again->written.deleted, 1);
      ExpectEqual(source.get(), root, stranger.get(), root);
    } else {
      EXPECT_TRUE(HasMark(again.status(), ErrorMark::kDisturbed)) << again.status();
      EXPECT_THAT(std::string(again.status().message()), HasSubstr("/15/theirs is there with 6"));
      EXPECT_EQ(RunAlone(&io_, stranger->Get(root + "/15/theirs"))->data, "theirs");
    }
  }
}

TEST_F(CopyOnZooKeeperTest, APathThatTheTargetsAclForbidsIsNamed) {
  const auto source = Connect(from_->hosts());
  const auto target = Connect(into_->hosts());
  const auto stranger = Connect(into_->hosts(), "mallory:x");
  Put(source.get(), "/forbidden");
  Put(source.get(), "/forbidden/a", "x");
  CreateOp closed;
  closed.path = "/closed";
  closed.acl = CreatorOnlyAcl();
  Put(target.get(), std::move(closed));
  const auto result = Copy(From(source.get(), "/forbidden"), stranger.get(), "/closed/copy");
  EXPECT_EQ(StoreErrorOf(result.status()), StoreError::kNoAuth) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/closed"));
}

TEST_F(CopyOnZooKeeperTest, ATreeIsRemovedAsItWasSeen) {
  const auto store = Connect(from_->hosts());
  Put(store.get(), "/gone");
  for (int i = 0; i < 300; ++i) {
    Put(store.get(), absl::StrCat("/gone/", i));
    Put(store.get(), absl::StrCat("/gone/", i, "/below"), "x");
  }
  TreeRemovalOptions options;
  options.root = "/gone";
  options.name = "zk/gone";
  const auto seen = RunAlone(&io_, RemoveTree(store.get(), &clock_, options, TreeRemovalEvents()));
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->survey.znodes, 601);
  options.digest = seen->survey.digest;
  const auto removed =
      RunAlone(&io_, RemoveTree(store.get(), &clock_, options, TreeRemovalEvents()));
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->deleted, 601);
  EXPECT_FALSE(RunAlone(&io_, store->Exists("/gone"))->has_value());
}

}  // namespace
}  // namespace metarec
