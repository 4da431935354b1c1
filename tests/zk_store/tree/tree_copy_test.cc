#include "zk_store/tree/tree_copy.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copy_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing::StoreCall;
using testing::StoreFault;

class TreeCopyTest : public CopyWorld {
 protected:
  void SetUp() override { FillSource(); }
};

TEST_F(TreeCopyTest, EverythingButEphemeralZnodesIsCopiedWithItsAclAndKind) {
  const auto before = from_->Dump();
  const int64_t zxid = from_->last_zxid();
  const auto result = Copy();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Differences(), "");
  EXPECT_EQ(result->znodes, 16);
  EXPECT_EQ(result->ephemerals, 1);
  EXPECT_EQ(result->passes, 1);
  EXPECT_FALSE(result->resumed);
  EXPECT_EQ(ephemerals_.at("/a/e"), owner_->session_id());
  EXPECT_EQ(DataAt(into_, "/way/target/metarec_tree_journal"), "(absent)");
  EXPECT_EQ(from_->Dump(), before);
  EXPECT_EQ(from_->last_zxid(), zxid + 4) << "sessions that come and go, and nothing else";
}

TEST_F(TreeCopyTest, ATargetThatIsNotEmptyIsRefused) {
  Put(into_, "/way");
  Put(into_, kInto);
  Put(into_, In(kInto, "/theirs"), "x");
  const auto before = into_->Dump();
  ExpectRefused(Copy(), "is not empty, it has theirs");
  EXPECT_EQ(into_->Dump(), before);
}

TEST_F(TreeCopyTest, ATargetWithOtherDataIsRefused) {
  Put(into_, "/way");
  Put(into_, kInto, "theirs");
  ExpectRefused(Copy(), "has data that are not the source's");
}

TEST_F(TreeCopyTest, AnUpdateBlamedNobodyForTheDataOfARootWithoutChildren) {
  Put(into_, "/way");
  Put(into_, kInto, "other");
  TreeCopyOptions options = SmallSteps();
  options.update = true;
  const auto copied = Copy(options);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(Differences(), "");
}

TEST_F(TreeCopyTest, AnUpdateWritesWhatHasChangedAndDeletesOnlyWhenTold) {
  ASSERT_TRUE(Copy().ok());
  Set(from_, In(kFrom, "/a/1"), "new");
  Put(from_, In(kFrom, "/a/3"), "3");
  Delete(from_, In(kFrom, "/a/2/x"));
  Delete(from_, In(kFrom, "/a/2"));
  TreeCopyOptions options = SmallSteps();
  options.update = true;
  options.dry_run = true;
  const auto before = into_->Dump();
  const auto listed = Copy(options);
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_THAT(steps_, ElementsAre("set /a/1", "create /a/3"));
  EXPECT_THAT(listed->extra.first, ElementsAre("/a/2", "/a/2/x"));
  EXPECT_EQ(into_->Dump(), before);

  options.dry_run = false;
  const auto updated = Copy(options);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_THAT(steps_, ElementsAre("set /a/1", "create /a/3"));
  EXPECT_EQ(updated->extra.count, 2);
  EXPECT_EQ(Differences(), "/a/2 extra; /a/2/x extra; ");

  options.delete_extra = true;
  const auto deleted = Copy(options);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_THAT(steps_, ElementsAre("delete /a/2/x", "delete /a/2"));
  EXPECT_EQ(deleted->written.deleted, 2);
  EXPECT_EQ(Differences(), "");
}

// It is made before the first pass.
TEST_F(TreeCopyTest, TheRootWasCountedByADryRunAndNotByTheCopy) {
  TreeCopyOptions options = SmallSteps();
  options.dry_run = true;
  const auto listed = Copy(options);
  ASSERT_TRUE(listed.ok()) << listed.status();
  options.dry_run = false;
  const auto copied = Copy(options);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(listed->written.created, 16);
  EXPECT_EQ(copied->written.created, 16);
}

TEST_F(TreeCopyTest, AnUpdateOfWhatIsEqualWritesOnlyItsMark) {
  ASSERT_TRUE(Copy().ok());
  TreeCopyOptions options = SmallSteps();
  options.update = true;
  const auto result = Copy(options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(steps_, IsEmpty());
}

TEST_F(TreeCopyTest, WhatMovesIsCopiedAgainUntilTheTreeIsStill) {
  const Store from = Open(from_, {.injector = OnceCopied([this] {
                                    Set(from_, In(kFrom, "/a"), "moved");
                                    Put(from_, In(kFrom, "/a/0"), "new");
                                    Delete(from_, In(kFrom, "/a-b"));
                                  })});
  const Store into = Open(into_);
  const auto result = Copy(from.get(), into.get());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->passes, 2);
  EXPECT_EQ(Differences(), "");
}

// The znode was set to what it was, so that no comparison of the data shows it.
TEST_F(TreeCopyTest, WhatMovesAndLooksTheSameIsNoSingleMoment) {
  const Store from =
      Open(from_, {.injector = OnceCopied([this] { Set(from_, In(kFrom, "/a"), "data of /a"); })});
  const Store into = Open(into_);
  const auto result = Copy(from.get(), into.get());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->passes, 2);
}

// All of the target was taken for surplus then.
TEST_F(TreeCopyTest, ASourceThatVanishesMeanwhileLeavesTheTargetAsItIs) {
  const Store admin = Open(from_);
  for (const char* path : {"/source/narrow", "/source/narrow/in"}) {
    ASSERT_TRUE(RunAlone(&io_, admin->SetAcl(path, OpenAcl(), kAnyVersion)).ok());
  }
  const Store from = Open(from_, {.injector = OnceCopied([this] {
                                    std::vector<std::string> paths;
                                    for (const auto& node : from_->Dump()) {
                                      if (absl::StartsWith(node.path, kFrom))
                                        paths.push_back(node.path);
                                    }
                                    std::sort(paths.rbegin(), paths.rend());
                                    for (const std::string& path : paths) Delete(from_, path);
                                  })});
  const Store into = Open(into_);
  const auto result = Copy(from.get(), into.get());
  EXPECT_TRUE(absl::IsNotFound(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("not there any more"));
  EXPECT_NE(DataAt(into_, In(kInto, "/a")), "(absent)");
}

TEST_F(TreeCopyTest, ASourceThatChangesAllTheTimeEndsItWithWhatMoves) {
  int changes = 0;
  const auto change = [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (call.kind == "get" && call.path == In(kFrom, "/a/1")) {
      Set(from_, In(kFrom, "/a/1"), absl::StrCat(++changes));
    }
    return std::nullopt;
  };
  const Store from = Open(from_, {.injector = change});
  const Store into = Open(into_);
  TreeCopyOptions options = SmallSteps();
  options.passes_max = 3;
  const auto result = Copy(from.get(), into.get(), options);
  EXPECT_TRUE(absl::IsAborted(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("keeps changing: after 3 passes"), HasSubstr("again: /a/1.")));
  // It stays marked, and can be gone on with.
  const auto again = Copy();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->resumed);
  EXPECT_EQ(Differences(), "");
}

TEST_F(TreeCopyTest, TheUnfinishedWorkOfAnotherRunIsRefused) {
  const Store from = Open(from_);
  const Store dying =
      Open(into_, {.injector = [](const StoreCall& call) -> std::optional<StoreFault> {
             if (call.kind != "multi") return std::nullopt;
             return StoreFault{StoreFault::Moment::kAfter, StoreError::kSessionExpired, true};
           }});
  EXPECT_FALSE(Copy(from.get(), dying.get()).ok());
  EXPECT_NE(DataAt(into_, In(kInto, "/metarec_tree_journal")), "(absent)");

  TreeCopyOptions other = SmallSteps();
  other.acl = CopiedAcl::kOpen;
  ExpectRefused(Copy(other), "the unfinished work of another run");
  other = SmallSteps();
  other.update = true;
  ExpectRefused(Copy(other), "ACLs: keep, update");
  // Nor is it a source.
  const Store source = Open(into_);
  CopyFrom unfinished = From(source.get(), kInto);
  const Store elsewhere = Open(from_);
  const CopyInto place{elsewhere.get(), "/elsewhere", "elsewhere"};
  ExpectRefused(RunAlone(&io_, CopyTree(unfinished, place, SmallSteps(), {}, &clock_)),
                "the source is itself unfinished");
  const auto same = Copy();
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_TRUE(same->resumed);
}

// The path is the same, and the tree another one since.
TEST_F(TreeCopyTest, AnUnfinishedCopyOfATreeThatWasMadeAnewIsRefused) {
  const Store from = Open(from_);
  const Store dying =
      Open(into_, {.injector = [](const StoreCall& call) -> std::optional<StoreFault> {
             if (call.kind != "multi") return std::nullopt;
             return StoreFault{StoreFault::Moment::kAfter, StoreError::kSessionExpired, true};
           }});
  EXPECT_FALSE(Copy(from.get(), dying.get()).ok());
  from_ = std::make_shared<testing::InMemoryZooKeeper>(&clock_);
  Put(from_, "/before");
  FillSource();
  ExpectRefused(Copy(), "made anew");
}

TEST_F(TreeCopyTest, TreesThatLieInOneAnotherAreRefusedWhateverTheServersAreCalled) {
  const Store from = Open(from_);
  const Store same_server = Open(from_);
  const auto before = from_->Dump();
  ExpectRefused(Copy(from.get(), same_server.get(), SmallSteps(), kFrom), "are the same tree");
  ExpectRefused(Copy(from.get(), same_server.get(), SmallSteps(), In(kFrom, "/a/copy")),
                "the target lies in the source");
  TreeCopyOptions update = SmallSteps();
  update.update = true;
  ExpectRefused(Copy(from.get(), same_server.get(), update, "/"), "the source lies in the target");
  EXPECT_EQ(from_->Dump(), before);
  // Beside each other they may be.
  const auto beside = Copy(from.get(), same_server.get(), SmallSteps(), "/source-2");
  EXPECT_TRUE(beside.ok()) << beside.status();
}

// An empty "/" has no znode that could tell, and the journal stayed in the source.
TEST_F(TreeCopyTest, ACopyOfAnEmptyZooKeeperIntoItselfLeavesNothingBehind) {
  for (const char* into : {"/", "/copy", "/way/to/copy"}) {
    SCOPED_TRACE(into);
    const Server empty = std::make_shared<testing::InMemoryZooKeeper>(&clock_);
    const Store source = Open(empty);
    const Store target = Open(empty);
    const auto before = empty->Dump();
    const CopyInto place{target.get(), into, "another name"};
    ExpectRefused(
        RunAlone(&io_, CopyTree(From(source.get(), "/"), place, SmallSteps(), {}, &clock_)),
        "are in one ZooKeeper");
    EXPECT_EQ(empty->Dump(), before);
    // Into another one it may be copied.
    StartTargetAfresh();
    const Store other = Open(into_);
    const CopyInto elsewhere{other.get(), into, "another"};
    const auto copied =
        RunAlone(&io_, CopyTree(From(source.get(), "/"), elsewhere, SmallSteps(), {}, &clock_));
    EXPECT_TRUE(copied.ok()) << copied.status();
  }
}

TEST_F(TreeCopyTest, ASourceThatMayNotBeReadIsNeverTakenForEmpty) {
  const Store from = Open(from_, {.injector = nullptr, .user = "guest:pw"});
  const Store into = Open(into_);
  const auto result = Copy(from.get(), into.get());
  EXPECT_EQ(StoreErrorOf(result.status()), StoreError::kNoAuth) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/source/closed"));
}

TEST_F(TreeCopyTest, ContainersAndTtlZnodesAreKeptIfTheSourceShowsThem) {
  const auto copy = [this](const TreeCopyOptions& options) {
    const Store into = Open(into_);
    const CopyInto place{into.get(), kInto, "target"};
    return RunAlone(&io_, CopyTree(OfflineSource(), place, options, {}, &clock_));
  };
  const auto owner_at = [](const Server& server, const std::string& path) {
    for (const auto& node : server->Dump()) {
      if (node.path == path) return node.owner;
    }
    return int64_t{-1};
  };
  const auto kept = copy(SmallSteps());
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->ephemerals, 1);
  for (const char* path : {"/box", "/ttl"}) {
    EXPECT_NE(owner_at(into_, In(kInto, path)), 0);
    EXPECT_EQ(owner_at(into_, In(kInto, path)), owner_at(from_, In(kFrom, path))) << path;
  }
  EXPECT_EQ(Differences(), "");

  into_ = std::make_shared<testing::InMemoryZooKeeper>(&clock_);
  const auto refused = copy(SmallSteps());
  EXPECT_EQ(StoreErrorOf(refused.status()), StoreError::kUnsupported) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("/way/target/ttl"), HasSubstr("extendedTypesEnabled")));

  into_ = std::make_shared<testing::InMemoryZooKeeper>(&clock_);
  TreeCopyOptions options = SmallSteps();
  options.plain_kinds = true;
  const auto plain = copy(options);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->made_plain, 2);
  EXPECT_EQ(owner_at(into_, In(kInto, "/ttl")), 0);
  EXPECT_EQ(Differences(), "");
}

TEST_F(TreeCopyTest, AServerThatTakesLessGetsShorterTransactions) {
  for (int i = 0; i < 40; ++i) {
    Put(from_, absl::StrCat(kFrom, "/a/long", i), std::string(300, 'x'));
  }
  const Store from = Open(from_);
  const Store into =
      Open(into_, {.injector = nullptr, .user = "admin:secret", .server_request_bytes_max = 1500});
  TreeCopyOptions options;
  const auto result = Copy(from.get(), into.get(), options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Differences(), "");
}

TEST_F(TreeCopyTest, AZnodeThatIsTooLargeForTheTargetIsNamed) {
  Put(from_, In(kFrom, "/a/large"), std::string(5000, 'x'));
  const Store from = Open(from_);
  const Store into =
      Open(into_, {.injector = nullptr, .user = "admin:secret", .server_request_bytes_max = 3000});
  const auto result = Copy(from.get(), into.get());
  EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(StartsWith("/way/target/a/large"), HasSubstr("jute.maxbuffer")));
}

TEST_F(TreeCopyTest, ADeepTreeAndAWideOneAreCopied) {
  std::string path = kFrom;
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&path, "/d");
    Put(from_, path, absl::StrCat(i));
  }
  for (int i = 0; i < 3000; ++i) Put(from_, absl::StrCat(kFrom, "/a/w", i));
  const auto result = Copy(TreeCopyOptions());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Differences(), "");
}

TEST_F(TreeCopyTest, AnEphemeralZnodeInTheTargetIsNeverReplacedOrDeleted) {
  const Store theirs = Open(into_);
  Put(into_, "/way");
  Put(into_, kInto);
  Put(into_, In(kInto, "/a"));
  Put(theirs.get(), CreateOp{In(kInto, "/a/lock"), "", CreateMode::kEphemeral});
  TreeCopyOptions options = SmallSteps();
  options.update = true;
  options.delete_extra = true;
  const auto result = Copy(options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->target_ephemerals, 1);
  Put(theirs.get(), CreateOp{In(kInto, "/way"), "", CreateMode::kEphemeral});
  Put(from_, In(kFrom, "/way"));
  const auto in_the_way = Copy(options);
  EXPECT_TRUE(absl::IsFailedPrecondition(in_the_way.status())) << in_the_way.status();
}

// It was created below, and failed where ZooKeeper's own are, in the middle of the copy.
TEST_F(TreeCopyTest, ASourceThatHasZooKeepersOwnZnodesIsCopiedIntoTheRootWithoutThem) {
  Put(from_, In(kFrom, "/zookeeper"));
  Put(from_, In(kFrom, "/zookeeper/quota"), "q");
  const Store from = Open(from_);
  const Store into = Open(into_);
  const auto result = Copy(from.get(), into.get(), SmallSteps(), "/");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->system_znodes, 2);
  EXPECT_EQ(result->znodes, 16);
  EXPECT_EQ(RunAlone(&io_, into->Get("/zookeeper/quota"))->data, "");
  EXPECT_EQ(DataAt(into_, "/a/1"), "data of /a/1");
  EXPECT_EQ(DataAt(into_, "/metarec_tree_journal"), "(absent)");
}

TEST_F(TreeCopyTest, FilesThatChangeWhileTheyAreCopiedAreNoStillSource) {
  CopyFrom source = OfflineSource();
  source.check_unchanged = [] { return absl::AbortedError("log.5 is another one now"); };
  const Store into = Open(into_);
  const CopyInto place{into.get(), kInto, "target"};
  const auto result = RunAlone(&io_, CopyTree(source, place, SmallSteps(), {}, &clock_));
  EXPECT_TRUE(absl::IsAborted(result.status())) << result.status();
  EXPECT_NE(DataAt(into_, In(kInto, "/metarec_tree_journal")), "(absent)");
}

TEST_F(TreeCopyTest, ProgressHasATotalFromTheFirstCheckOn) {
  for (int i = 0; i < 1000; ++i) Put(from_, absl::StrCat(kFrom, "/a/w", i));
  std::vector<std::string> heard;
  CopyEvents events;
  events.on_progress = [&](const CopyProgress& progress) {
    heard.push_back(absl::StrCat(progress.activity, " ", progress.znodes, "/", progress.total));
  };
  const Store from = Open(from_);
  const Store into = Open(into_);
  const CopyInto place{into.get(), kInto, "target"};
  const auto result =
      RunAlone(&io_, CopyTree(From(from.get()), place, TreeCopyOptions(), events, &clock_));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(heard, ElementsAre("copy 1000/0", "check 1000/1016"));
}

TEST_F(TreeCopyTest, AJournalThatIsKeptLetsTheSameCopyFollowTheSource) {
  TreeCopyOptions options = SmallSteps();
  options.keep_journal = true;
  ASSERT_TRUE(Copy(options).ok());
  EXPECT_NE(DataAt(into_, In(kInto, "/metarec_tree_journal")), "(absent)");
  Set(from_, In(kFrom, "/a"), "moved");
  Delete(from_, In(kFrom, "/a/1"));
  const auto last = Copy();
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->written.deleted, 1);
  EXPECT_EQ(Differences(), "");
}

TEST_F(TreeCopyTest, WhatMayBeInTheTargetIsLeftAlone) {
  Put(into_, "/way");
  Put(into_, kInto);
  Put(into_, In(kInto, "/lock"), "theirs");
  Put(into_, In(kInto, "/lock/leader"));
  TreeCopyOptions options = SmallSteps();
  options.left_alone = {"lock"};
  const auto result = Copy(options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->extra.count, 0);
  EXPECT_EQ(Differences(), "/lock extra; /lock/leader extra; ");
}

// A candidate in it was taken for somebody who disturbs the copy.
TEST_F(TreeCopyTest, CopiesIntoARootThatHasOnlyALockDirectory) {
  for (const Server& server : {from_, into_}) {
    const std::string root = server == from_ ? kFrom : kInto;
    if (server == into_) Put(into_, "/way");
    if (server == into_) Put(into_, kInto);
    Put(server, root + "/lock");
    Put(server, root + "/lock/leader");
  }
  const Store old_meta = Open(from_);
  const Store new_meta = Open(into_);
  Put(old_meta.get(), CreateOp{In(kFrom, "/lock/leader/1"), "", CreateMode::kEphemeral});
  Put(new_meta.get(), CreateOp{In(kInto, "/lock/leader/2"), "", CreateMode::kEphemeral});
  TreeCopyOptions options = SmallSteps();
  ExpectRefused(Copy(options), "is not empty, it has lock");
  options.left_alone = {"lock"};
  const auto result = Copy(options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->target_ephemerals, 0);
  EXPECT_EQ(result->ephemerals, 2);
  EXPECT_EQ(Differences(), "");
  EXPECT_EQ(DataAt(into_, In(kInto, "/lock/leader/2")), "");
}

}  // namespace
}  // namespace metarec
