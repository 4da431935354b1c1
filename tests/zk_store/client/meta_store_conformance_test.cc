// What every MetaStore does: the same cases on the in-memory twin and on a real ZooKeeper, so that
// tests against the twin mean something.

#include <memory>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <asio/this_coro.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/task_group.h"
#include "meta_store_worlds.h"

namespace metarec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

INSTANTIATE_TEST_SUITE_P(Worlds, MetaStoreConformance,
                         ::testing::Values(WorldKind{"InMemory", &MakeInMemoryWorld},
                                           WorldKind{"FaultInjecting", &MakeFaultInjectingWorld},
                                           WorldKind{"ZooKeeper", &MakeZooKeeperWorld}),
                         [](const auto& info) { return info.param.name; });

TEST_P(MetaStoreConformance, ANodeIsReadBackWithItsStat) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const std::string data("a\0b", 3);
    auto created = co_await store->Create(root + "/a", data);
    EXPECT_EQ(created.value_or(""), root + "/a");
    auto node = co_await store->Get(root + "/a");
    EXPECT_TRUE(node.ok()) << node.status();
    if (!node.ok()) co_return;
    EXPECT_EQ(node->data, data);
    EXPECT_EQ(node->stat.version, 0);
    EXPECT_EQ(node->stat.ephemeral_owner, 0);
    EXPECT_EQ(node->stat.data_bytes, 3);
    EXPECT_EQ(node->stat.num_children, 0);
    EXPECT_EQ(node->stat.czxid, node->stat.mzxid);
    EXPECT_EQ(node->stat.czxid, node->stat.pzxid);
    auto parent = co_await store->Exists(root);
    EXPECT_TRUE(parent.ok() && parent->has_value());
    EXPECT_EQ((*parent)->num_children, 1);
    EXPECT_EQ((*parent)->child_version, 1);
    EXPECT_EQ((*parent)->pzxid, node->stat.czxid);
    EXPECT_EQ((*parent)->version, 0);
  });
}

TEST_P(MetaStoreConformance, EmptyDataStaysEmpty) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    auto node = co_await store->Get(root);
    EXPECT_TRUE(node.ok());
    EXPECT_EQ(node->data, "");
    EXPECT_EQ(node->stat.data_bytes, 0);
  });
}

TEST_P(MetaStoreConformance, WhatIsNotThereIsNoNode) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const std::string path = root + "/gone";
    EXPECT_STORE_ERROR((co_await store->Get(path)).status(), StoreError::kNoNode);
    EXPECT_STORE_ERROR((co_await store->Children(path)).status(), StoreError::kNoNode);
    EXPECT_STORE_ERROR((co_await store->Set(path, "x")).status(), StoreError::kNoNode);
    EXPECT_STORE_ERROR(co_await store->Delete(path), StoreError::kNoNode);
    EXPECT_STORE_ERROR((co_await store->Create(path + "/child", "")).status(), StoreError::kNoNode);
    auto exists = co_await store->Exists(path);
    EXPECT_TRUE(exists.ok());
    EXPECT_FALSE(exists->has_value());
  });
}

TEST_P(MetaStoreConformance, ErrorsNameOperationAndPath) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const absl::Status status = (co_await store->Get(root + "/gone")).status();
    EXPECT_TRUE(absl::IsNotFound(status));
    EXPECT_EQ(status.message(), absl::StrCat("ZooKeeper: get ", root, "/gone: no such node"));
    EXPECT_FALSE(OutcomeUnknown(status));
  });
}

TEST_P(MetaStoreConformance, ANodeIsCreatedOnce) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    EXPECT_STORE_ERROR((co_await store->Create(root, "again")).status(), StoreError::kNodeExists);
    EXPECT_EQ((co_await store->Get(root))->data, "");
  });
}

TEST_P(MetaStoreConformance, SetAndDeleteWantTheRightVersion) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const std::string path = root + "/a";
    (void)co_await store->Create(path, "0");
    auto set = co_await store->Set(path, "1", 0);
    EXPECT_TRUE(set.ok());
    EXPECT_EQ(set->version, 1);
    EXPECT_GT(set->mzxid, set->czxid);
    EXPECT_STORE_ERROR((co_await store->Set(path, "2", 0)).status(), StoreError::kBadVersion);
    EXPECT_EQ((co_await store->Set(path, "2"))->version, 2);
    EXPECT_STORE_ERROR(co_await store->Delete(path, 1), StoreError::kBadVersion);
    EXPECT_EQ((co_await store->Get(path))->data, "2");
    EXPECT_TRUE((co_await store->Delete(path, 2)).ok());
    auto parent = co_await store->Exists(root);
    EXPECT_EQ((*parent)->num_children, 0);
    EXPECT_EQ((*parent)->child_version, 2);
  });
}

TEST_P(MetaStoreConformance, ANodeWithChildrenIsNotDeleted) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    (void)co_await store->Create(root + "/a", "");
    (void)co_await store->Create(root + "/b", "");
    EXPECT_STORE_ERROR(co_await store->Delete(root), StoreError::kNotEmpty);
    EXPECT_THAT((co_await store->Children(root))->names, UnorderedElementsAre("a", "b"));
  });
}

TEST_P(MetaStoreConformance, MalformedPathsAreRefused) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const std::vector<std::string> malformed = {"",
                                                "relative",
                                                root + "/",
                                                root + "//a",
                                                root + "/./a",
                                                root + "/..",
                                                root + std::string("\0", 1),
                                                root + "/\n"};
    for (const std::string& path : malformed) {
      EXPECT_STORE_ERROR((co_await store->Create(path, "")).status(), StoreError::kBadArguments);
      EXPECT_STORE_ERROR((co_await store->Get(path)).status(), StoreError::kBadArguments);
    }
  });
}

TEST_P(MetaStoreConformance, SequenceNumbersCountTheChildrenEverCreated) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const auto create = [&](std::string name, CreateMode mode) -> asio::awaitable<std::string> {
      auto path = co_await store->Create(root + "/" + name, "", mode);
      co_return path.ok() ? path->substr(root.size()) : path.status().ToString();
    };
    EXPECT_EQ(co_await create("n", CreateMode::kPersistentSequential), "/n0000000000");
    EXPECT_EQ(co_await create("m", CreateMode::kEphemeralSequential), "/m0000000001");
    EXPECT_EQ(co_await create("plain", CreateMode::kPersistent), "/plain");
    EXPECT_EQ(co_await create("n", CreateMode::kPersistentSequential), "/n0000000003");
    EXPECT_TRUE((co_await store->Delete(root + "/n0000000003")).ok());
    EXPECT_EQ(co_await create("", CreateMode::kPersistentSequential), "/0000000004");
  });
}

TEST_P(MetaStoreConformance, EphemeralNodesVanishWithTheirSession) {
  Run([this](MetaStore* store, std::string root) -> asio::awaitable<void> {
    auto other = co_await Session();
    (void)co_await other->Create(root + "/e", "", CreateMode::kEphemeral);
    (void)co_await other->Create(root + "/p", "");
    EXPECT_EQ((co_await store->Get(root + "/e"))->stat.ephemeral_owner, other->session_id());
    EXPECT_STORE_ERROR((co_await other->Create(root + "/e/child", "")).status(),
                       StoreError::kNoChildrenForEphemerals);
    auto watch = std::make_shared<Watch>(co_await asio::this_coro::executor);
    EXPECT_TRUE((co_await store->Exists(root + "/e", watch))->has_value());
    other.reset();
    const auto event = co_await watch->Wait();
    EXPECT_TRUE(event.ok());
    EXPECT_EQ(event->type, WatchEventType::kDeleted);
    EXPECT_EQ(event->path, root + "/e");
    EXPECT_THAT((co_await store->Children(root))->names, ElementsAre("p"));
  });
}

TEST_P(MetaStoreConformance, AMultiIsOneTransactionWhoseOperationsSeeEachOther) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    std::vector<StoreOp> ops;
    ops.push_back(CreateOp{root + "/a", "1"});
    ops.push_back(CreateOp{root + "/a/s", "", CreateMode::kPersistentSequential});
    ops.push_back(CheckOp{root + "/a", 0});
    ops.push_back(SetOp{root + "/a", "2", 0});
    ops.push_back(CreateOp{root + "/b", ""});
    ops.push_back(DeleteOp{root + "/b", 0});
    auto results = co_await store->Multi(ops);
    EXPECT_TRUE(results.ok()) << results.status();
    if (!results.ok()) co_return;
    EXPECT_EQ(results->size(), 6u);
    EXPECT_EQ((*results)[0].created_path, root + "/a");
    EXPECT_EQ((*results)[1].created_path, root + "/a/s0000000000");
    EXPECT_EQ((*results)[3].stat.version, 1);
    EXPECT_EQ((*results)[3].stat.czxid, (*results)[3].stat.mzxid);
    EXPECT_EQ((co_await store->Get(root + "/a"))->data, "2");
    EXPECT_THAT((co_await store->Children(root))->names, ElementsAre("a"));
  });
}

TEST_P(MetaStoreConformance, AFailedMultiChangesNothingAndNamesTheOperation) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    (void)co_await store->Create(root + "/old", "0");
    const NodeStat before = **co_await store->Exists(root);
    struct Case {
      StoreOp failing;
      StoreError error;
    };
    const std::vector<Case> cases = {
        {CreateOp{root + "/old", ""}, StoreError::kNodeExists},
        {CreateOp{root + "/gone/a", ""}, StoreError::kNoNode},
        {SetOp{root + "/old", "x", 7}, StoreError::kBadVersion},
        {DeleteOp{root + "/gone"}, StoreError::kNoNode},
        {DeleteOp{root}, StoreError::kNotEmpty},
        {CheckOp{root + "/gone"}, StoreError::kNoNode},
        {CheckOp{root + "/old", 5}, StoreError::kBadVersion},
    };
    for (const Case& failing : cases) {
      std::vector<StoreOp> ops;
      ops.push_back(CreateOp{root + "/new", ""});
      ops.push_back(SetOp{root + "/old", "1", 0});
      ops.push_back(CreateOp{root + "/brief", "b"});
      ops.push_back(DeleteOp{root + "/brief"});
      ops.push_back(failing.failing);
      ops.push_back(CreateOp{root + "/later", ""});
      const absl::Status status = (co_await store->Multi(ops)).status();
      EXPECT_STORE_ERROR(status, failing.error);
      EXPECT_EQ(FailedOpOf(status).value_or(99), 4u) << status;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr(absl::StrCat(OpName(failing.failing), " ", OpPath(failing.failing))));
      EXPECT_THAT(std::string(status.message()), HasSubstr("operation 5 of 6"));
    }
    EXPECT_THAT((co_await store->Children(root))->names, ElementsAre("old"));
    EXPECT_EQ((co_await store->Get(root + "/old"))->data, "0");
    EXPECT_EQ((co_await store->Get(root + "/old"))->stat.version, 0);
    const NodeStat after = **co_await store->Exists(root);
    EXPECT_EQ(after.pzxid, before.pzxid);
    EXPECT_EQ(after.child_version, before.child_version);
  });
}

TEST_P(MetaStoreConformance, AnEmptyMultiIsRefused) {
  Run([](MetaStore* store, std::string) -> asio::awaitable<void> {
    EXPECT_STORE_ERROR((co_await store->Multi(std::vector<StoreOp>())).status(),
                       StoreError::kBadArguments);
  });
}

TEST_P(MetaStoreConformance, WatchesFireOnceForWhatTheyWatch) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    const std::string path = root + "/a";
    auto created = std::make_shared<Watch>(executor);
    auto children = std::make_shared<Watch>(executor);
    EXPECT_FALSE((co_await store->Exists(path, created))->has_value());
    EXPECT_TRUE((co_await store->Children(root, children)).ok());
    (void)co_await store->Create(path, "");
    auto event = co_await created->Wait();
    EXPECT_EQ(event->type, WatchEventType::kCreated);
    EXPECT_EQ(event->path, path);
    event = co_await children->Wait();
    EXPECT_EQ(event->type, WatchEventType::kChildrenChanged);
    EXPECT_EQ(event->path, root);

    auto data = std::make_shared<Watch>(executor);
    auto same = std::make_shared<Watch>(executor);
    auto childless = std::make_shared<Watch>(executor);
    EXPECT_TRUE((co_await store->Get(path, data)).ok());
    EXPECT_TRUE((co_await store->Exists(path, same))->has_value());
    EXPECT_TRUE((co_await store->Children(path, childless)).ok());
    (void)co_await store->Set(path, "1");
    EXPECT_EQ((co_await data->Wait())->type, WatchEventType::kDataChanged);
    EXPECT_EQ((co_await same->Wait())->type, WatchEventType::kDataChanged);
    EXPECT_FALSE(childless->fired());
    (void)co_await store->Delete(path);
    EXPECT_EQ((co_await childless->Wait())->type, WatchEventType::kDeleted);
    EXPECT_EQ((co_await data->Wait())->type, WatchEventType::kDataChanged);  // the first stays
  });
}

TEST_P(MetaStoreConformance, AWatchOnAFailedReadIsNotSet) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    auto failed = std::make_shared<Watch>(executor);
    auto set = std::make_shared<Watch>(executor);
    EXPECT_STORE_ERROR((co_await store->Get(root + "/a", failed)).status(), StoreError::kNoNode);
    EXPECT_TRUE((co_await store->Exists(root + "/a", set)).ok());
    (void)co_await store->Create(root + "/a", "");
    EXPECT_TRUE((co_await set->Wait()).ok());
    EXPECT_FALSE(failed->fired());
  });
}

TEST_P(MetaStoreConformance, AWatchSeesWhatOtherSessionsDo) {
  Run([this](MetaStore* store, std::string root) -> asio::awaitable<void> {
    auto other = co_await Session();
    auto watch = std::make_shared<Watch>(co_await asio::this_coro::executor);
    EXPECT_TRUE((co_await store->Get(root, watch)).ok());
    (void)co_await other->Set(root, "theirs");
    EXPECT_EQ((co_await watch->Wait())->type, WatchEventType::kDataChanged);
    EXPECT_TRUE((co_await store->Sync(root)).ok());
    EXPECT_EQ((co_await store->Get(root))->data, "theirs");
  });
}

TEST_P(MetaStoreConformance, AThousandOperationsInFlightAreExecutedInTheirOrder) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    constexpr int kCount = 1000;
    std::vector<std::string> created(kCount);
    co_await ForEachBounded(kCount, kCount, [&](size_t i) -> asio::awaitable<void> {
      auto path = co_await store->Create(root + "/n", "", CreateMode::kPersistentSequential);
      created[i] = path.ok() ? *path : path.status().ToString();
    });
    for (int i = 0; i < kCount; ++i) {
      EXPECT_EQ(created[i], absl::StrFormat("%s/n%010d", root, i));
    }
    EXPECT_EQ((co_await store->Children(root))->names.size(), 1000u);
  });
}

TEST_P(MetaStoreConformance, NoDataIsNotEmptyData) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    CreateOp null{root + "/null", ""};
    null.null_data = true;
    EXPECT_TRUE((co_await store->Create(null)).ok());
    EXPECT_TRUE((co_await store->Create(root + "/empty", "")).ok());
    CreateOp in_multi{root + "/multi", ""};
    in_multi.null_data = true;
    SetOp set{root + "/empty", ""};
    set.null_data = true;
    EXPECT_FALSE((co_await store->Get(root + "/empty"))->null_data);
    std::vector<StoreOp> ops;
    ops.push_back(in_multi);
    ops.push_back(set);
    EXPECT_TRUE((co_await store->Multi(ops)).ok());
    for (const char* name : {"/null", "/multi", "/empty"}) {
      auto node = co_await store->Get(root + name);
      EXPECT_TRUE(node.ok() && node->null_data) << name;
      EXPECT_EQ(node->data, "");
    }
    EXPECT_TRUE((co_await store->Set(root + "/null", "")).ok());
    EXPECT_FALSE((co_await store->Get(root + "/null"))->null_data);
    SetOp set_alone{root + "/null", ""};
    set_alone.null_data = true;
    EXPECT_TRUE((co_await store->Set(set_alone)).ok());
    EXPECT_TRUE((co_await store->Get(root + "/null"))->null_data);
  });
}

TEST_P(MetaStoreConformance, ContainersAndTtlNodesAreCreatedAndLookLikePersistentOnes) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    EXPECT_TRUE((co_await store->Create(root + "/c", "box", CreateMode::kContainer)).ok());
    CreateOp ttl{root + "/t", "brief", CreateMode::kTtl};
    ttl.ttl_ms = kTtlMaxMs;
    EXPECT_TRUE((co_await store->Create(ttl)).ok());
    for (const char* name : {"/c", "/t"}) {
      const auto stat = co_await store->Exists(root + name);
      EXPECT_TRUE(stat.ok() && stat->has_value()) << name;
      EXPECT_EQ((*stat)->ephemeral_owner, 0) << name;
    }
    EXPECT_TRUE((co_await store->Create(root + "/c/child", "")).ok());
    EXPECT_TRUE((co_await store->Create(root + "/t/child", "")).ok());
    EXPECT_EQ((co_await store->Get(root + "/c"))->data, "box");
    EXPECT_EQ((co_await store->Get(root + "/t"))->data, "brief");

    for (const int64_t nonsense : {int64_t{0}, int64_t{-1}, kTtlMaxMs + 1}) {
      ttl.path = root + "/u";
      ttl.ttl_ms = nonsense;
      EXPECT_STORE_ERROR((co_await store->Create(ttl)).status(), StoreError::kBadArguments);
    }
  });
}

TEST_P(MetaStoreConformance, WhatAMultiCannotCarryIsRefused) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    CreateOp ttl{root + "/t", "", CreateMode::kTtl};
    ttl.ttl_ms = 1000;
    const std::vector<StoreOp> refused = {CreateOp{root + "/c", "", CreateMode::kContainer}, ttl,
                                          SetAclOp{root, OpenAcl(), kAnyVersion}};
    for (const StoreOp& op : refused) {
      const std::vector<StoreOp> ops(1, op);
      EXPECT_STORE_ERROR((co_await store->Multi(ops)).status(), StoreError::kBadArguments);
    }
    EXPECT_THAT((co_await store->Children(root))->names, IsEmpty());
  });
}

}  // namespace
}  // namespace metarec
