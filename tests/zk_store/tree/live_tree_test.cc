// Walking a tree that somebody may change: order, bounds, and what is never taken for empty.

#include "zk_store/tree/live_tree.h"

#include <optional>
#include <set>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "tests/zk_store/tree/tree_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::StoreCall;
using testing::StoreFault;

class LiveTreeTest : public StoreWorld {
 protected:
  absl::StatusOr<std::vector<TreeNode>> Walk(MetaStore* store, const std::string& root = "/",
                                             const LiveTreeOptions& options = {}) {
    LiveTree tree(store, &clock_, root, options);
    auto nodes = RunAlone(&io_, ReadWholeTree(&tree));
    head_ = tree.head();
    vanished_ = tree.vanished();
    left_zookeeper_out_ = tree.left_zookeeper_out();
    return nodes;
  }
  std::vector<std::string> Paths(MetaStore* store, const std::string& root = "/",
                                 const LiveTreeOptions& options = {}) {
    const auto nodes = Walk(store, root, options);
    EXPECT_TRUE(nodes.ok()) << nodes.status();
    return nodes.ok() ? PathsOf(*nodes) : std::vector<std::string>();
  }

  // `per_level` children below each node, `levels` deep; returns all paths, in order.
  void PutBush(const std::string& path, int levels, int per_level,
               std::vector<std::string>* paths) {
    for (int i = 0; i < per_level && levels > 0; ++i) {
      const std::string child = absl::StrCat(path, "/", i, "x");
      Put(child, absl::StrCat("data of ", child));
      paths->push_back(child);
      PutBush(child, levels - 1, per_level, paths);
    }
  }

  // Within a question of another session, which is answered after it.
  void DeleteInside(const std::string& path) {
    asio::co_spawn(io_, stranger_->Delete(path), asio::detached);
  }
  void CreateInside(const std::string& path, const std::string& data) {
    asio::co_spawn(io_, stranger_->Create(path, data), asio::detached);
  }

  TreeHead head_;
  int64_t vanished_ = 0;
  bool left_zookeeper_out_ = false;
  std::unique_ptr<testing::InMemoryMetaStore> store_ = Open();
};

TEST_F(LiveTreeTest, ComesInPathOrder) {
  for (const char* path : {"/a", "/a/b", "/a-b", "/a b", "/a/b/c", "/B", "/\xc3\xa9"}) {
    Put(path, absl::StrCat("data of ", path));
  }
  const auto nodes = Walk(store_.get());
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_THAT(PathsOf(*nodes),
              ElementsAre("", "/B", "/a", "/a/b", "/a/b/c", "/a b", "/a-b", "/\xc3\xa9"));
  EXPECT_EQ((*nodes)[3].data, "data of /a/b");
  EXPECT_EQ((*nodes)[3].acl, OpenAcl());
  EXPECT_EQ((*nodes)[3].stat.num_children, 1);
  EXPECT_TRUE(left_zookeeper_out_);
  EXPECT_EQ(vanished_, 0);
}

TEST_F(LiveTreeTest, PathsAreRelativeToTheRoot) {
  Put("/pegasus", "");
  Put("/pegasus/demo", "root");
  Put("/pegasus/demo/apps", "unlock");
  Put("/pegasus/demo2", "");
  LiveTreeOptions options;
  options.source = "zk1:2181";
  const auto nodes = Walk(store_.get(), "/pegasus/demo", options);
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_THAT(PathsOf(*nodes), ElementsAre("", "/apps"));
  EXPECT_EQ((*nodes)[0].data, "root");
  EXPECT_EQ(head_.source, "zk1:2181");
  EXPECT_EQ(head_.root, "/pegasus/demo");
  EXPECT_EQ(head_.zxid, (*nodes)[0].stat.pzxid);
  EXPECT_EQ(head_.time_ms, absl::ToUnixMillis(clock_.Now()));
  EXPECT_FALSE(left_zookeeper_out_);
}

TEST_F(LiveTreeTest, ARootThatIsNotThereHasNoZnodes) {
  EXPECT_THAT(Paths(store_.get(), "/nowhere"), ElementsAre());
  EXPECT_EQ(vanished_, 0);
}

TEST_F(LiveTreeTest, ZooKeepersOwnZnodesAreReadWhenAskedFor) {
  LiveTreeOptions options;
  options.include_zookeeper = true;
  EXPECT_THAT(Paths(store_.get(), "/", options), ::testing::Contains("/zookeeper"));
  EXPECT_FALSE(left_zookeeper_out_);
  EXPECT_THAT(Paths(store_.get(), "/zookeeper"), ::testing::Contains(""));
  // Another one of this name is nobody's but its owner's.
  Put("/a", "");
  Put("/a/zookeeper", "");
  EXPECT_THAT(Paths(store_.get(), "/a"), ElementsAre("", "/zookeeper"));
}

TEST_F(LiveTreeTest, EveryShapeComesCompleteHoweverNarrowTheBounds) {
  std::vector<std::string> paths = {""};
  PutBush("", 4, 5, &paths);
  struct Bounds {
    size_t in_flight, ahead, bytes;
  };
  for (const Bounds& bounds : {Bounds{1, 1, 1}, Bounds{3, 2, 1 << 20}, Bounds{64, 10, 1 << 20},
                               Bounds{64, 1000, 300}, Bounds{512, 16384, 16 << 20}}) {
    LiveTreeOptions options;
    options.in_flight_max = bounds.in_flight;
    options.ahead_max = bounds.ahead;
    options.ahead_bytes_max = bounds.bytes;
    EXPECT_EQ(Paths(store_.get(), "/", options), paths) << bounds.in_flight;
  }
}

// The answers of the in-memory store come one after the other, so what was asked and not given yet
// can be counted at each question.
TEST_F(LiveTreeTest, ReadsNoFurtherAheadThanItMay) {
  std::vector<std::string> paths = {""};
  PutBush("", 2, 40, &paths);
  int64_t begun = 0;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "get") ++begun;
    return std::nullopt;
  });
  LiveTreeOptions options;
  options.in_flight_max = 16;
  options.ahead_max = 50;
  LiveTree tree(store.get(), &clock_, "/", options);
  int64_t given = 0;
  int64_t most = 0;
  for (;;) {
    const auto nodes = RunAlone(&io_, tree.Next());
    ASSERT_TRUE(nodes.ok()) << nodes.status();
    if (nodes->empty()) break;
    given += static_cast<int64_t>(nodes->size());
    most = std::max(most, begun - given);
  }
  EXPECT_EQ(given, 1641);
  EXPECT_GT(most, 16);
  // One more for each level, which comes next whatever the bounds say.
  EXPECT_LE(most, 50 + 3);
}

TEST_F(LiveTreeTest, OneParentOfAHundredThousandChildren) {
  Put("/many", "");
  std::vector<StoreOp> ops;
  for (int i = 0; i < 100'000; ++i) {
    ops.push_back(CreateOp{.path = absl::StrFormat("/many/%06d", i), .data = "x"});
    if (ops.size() < 1000) continue;
    const auto created = RunAlone(&io_, stranger_->Multi(std::move(ops)));
    ASSERT_TRUE(created.ok()) << created.status();
    ops.clear();
  }
  const std::vector<std::string> paths = Paths(store_.get(), "/many");
  ASSERT_EQ(paths.size(), 100'001u);
  EXPECT_TRUE(std::is_sorted(paths.begin(), paths.end()));
}

TEST_F(LiveTreeTest, TwoHundredLevelsDeep) {
  std::string path;
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&path, "/level");
    Put(path, absl::StrCat(i));
  }
  EXPECT_EQ(Paths(store_.get()).back(), path);
}

TEST_F(LiveTreeTest, WhatVanishesWhileItIsReadIsLeftOutAndCounted) {
  for (const char* path : {"/a", "/b", "/b/x", "/c", "/d"}) Put(path, "");
  std::set<std::string> gone;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    // /c goes before its data are read, /b/x and /b before the children of /b are.
    if (call.kind == "get" && call.path == "/c" && gone.insert("/c").second) DeleteInside("/c");
    if (call.kind == "children" && call.path == "/b" && gone.insert("/b").second) {
      DeleteInside("/b/x");
      DeleteInside("/b");
    }
    return std::nullopt;
  });
  EXPECT_THAT(Paths(store.get()), ElementsAre("", "/a", "/d"));
  EXPECT_EQ(vanished_, 2);
}

TEST_F(LiveTreeTest, AZnodeThatIsMadeAnewWhileItIsReadIsReadAgain) {
  Put("/a", "old");
  bool done = false;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "get the ACL of" && call.path == "/a" && !done) {
      done = true;
      DeleteInside("/a");
      CreateInside("/a", "new");
    }
    return std::nullopt;
  });
  const auto nodes = Walk(store.get());
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_TRUE(done);
  EXPECT_EQ(nodes->back().data, "new");
}

TEST_F(LiveTreeTest, AZnodeThatIsAlwaysMadeAnewIsAnError) {
  Put("/a", "old");
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "get the ACL of" && call.path == "/a") {
      DeleteInside("/a");
      CreateInside("/a", "new");
    }
    return std::nullopt;
  });
  const auto nodes = Walk(store.get());
  EXPECT_EQ(nodes.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(nodes.status().message(), HasSubstr("/a is deleted and created again"));
}

// What is looked at again later (NodeStat) must not be newer than what was read.
TEST_F(LiveTreeTest, AChildThatComesMeanwhileIsReadOrItsParentLooksOlder) {
  Put("/a", "");
  Put("/a/x", "");
  bool done = false;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "children" && call.path == "/a" && !done) {
      done = true;
      CreateInside("/a/y", "");
    }
    return std::nullopt;
  });
  const auto nodes = Walk(store.get());
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_THAT(PathsOf(*nodes), ElementsAre("", "/a", "/a/x", "/a/y"));
  EXPECT_EQ((*nodes)[1].stat.child_version, 1);
}

TEST_F(LiveTreeTest, AZnodeThatMayNotBeReadIsAnErrorAndNeverTakenForEmpty) {
  Put("/a", "");
  testing::InMemoryMetaStoreOptions secret;
  secret.auth = StoreAuth{"digest", "ann:secret"};
  secret.acl = CreatorOnlyAcl();
  testing::InMemoryMetaStore ann(zookeeper_, secret);
  ASSERT_TRUE(RunAlone(&io_, ann.Create("/a/hers", "")).ok());
  const auto nodes = Walk(store_.get());
  EXPECT_EQ(StoreErrorOf(nodes.status()), StoreError::kNoAuth);
  EXPECT_THAT(nodes.status().message(), HasSubstr("/a/hers"));
  EXPECT_TRUE(Walk(&ann).ok());
}

// A server shows the passwords only to who may administer the znode.
TEST_F(LiveTreeTest, AnAclWithAHiddenPasswordIsNotTakenForTheAcl) {
  CreateOp readable{.path = "/a", .data = "x"};
  readable.acl = Acl{{"world", "anyone", 1}, {"digest", "ann:hash=", 31}};
  ASSERT_TRUE(RunAlone(&io_, stranger_->Create(readable)).ok());
  const auto nodes = Walk(store_.get());
  EXPECT_EQ(nodes.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(nodes.status().message(),
              AllOf(HasSubstr("hides the ACL of /a"), HasSubstr("credentials")));
  LiveTreeOptions options;
  options.read_acls = false;
  const auto without = Walk(store_.get(), "/", options);
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(without->back().data, "x");
  EXPECT_FALSE(head_.has_acls);
}

TEST_F(LiveTreeTest, ALostConnectionIsRepeated) {
  std::vector<std::string> paths = {""};
  PutBush("", 3, 6, &paths);
  for (const auto moment : {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter}) {
    const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
      if (call.index % 97 != 5) return std::nullopt;
      return StoreFault{.moment = moment};
    });
    EXPECT_EQ(Paths(store.get()), paths);
    EXPECT_EQ(vanished_, 0);
  }
}

TEST_F(LiveTreeTest, ALostSessionEndsWithAnErrorAtWhateverMoment) {
  std::vector<std::string> paths = {""};
  PutBush("", 2, 8, &paths);
  for (int64_t at = 0; at < 200; at += 7) {
    const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
      if (call.index < at) return std::nullopt;
      return StoreFault{StoreFault::Moment::kBefore, StoreError::kSessionExpired, true};
    });
    const auto nodes = Walk(store.get());
    // The walk takes 73 data, 73 ACLs, 10 lists and a sync.
    if (at >= 157) {
      EXPECT_TRUE(nodes.ok()) << nodes.status();
    } else {
      EXPECT_EQ(StoreErrorOf(nodes.status()), StoreError::kSessionExpired) << at;
    }
  }
}

TEST_F(LiveTreeTest, ATreeThatIsGivenUpHalfwayLeavesNothingBehind) {
  std::vector<std::string> paths = {""};
  PutBush("", 3, 10, &paths);
  for (int batches = 0; batches < 4; ++batches) {
    auto store = Open();
    {
      LiveTreeOptions options;
      options.in_flight_max = 20;
      options.ahead_max = 30;
      LiveTree tree(store.get(), &clock_, "/", options);
      for (int i = 0; i < batches; ++i) ASSERT_TRUE(RunAlone(&io_, tree.Next()).ok());
    }
    store = nullptr;
    io_.restart();
    io_.run();
  }
}

TEST_F(LiveTreeTest, ACancelledReaderGetsCancelled) {
  std::vector<std::string> paths = {""};
  PutBush("", 2, 10, &paths);
  asio::cancellation_signal cancel;
  const auto store = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.index == 20) asio::post(io_, [&] { cancel.emit(asio::cancellation_type::terminal); });
    return std::nullopt;
  });
  LiveTree tree(store.get(), &clock_, "/");
  const auto nodes = RunAlone(&io_, ReadWholeTree(&tree), &cancel);
  EXPECT_EQ(nodes.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace metarec
