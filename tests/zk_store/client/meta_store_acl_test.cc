// What every MetaStore does about permissions. The worlds are those of the other conformance tests
// (meta_store_conformance_test.cc).

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_store_worlds.h"
#include "testing/znode_tree.h"

namespace metarec {
namespace {

TEST_P(MetaStoreConformance, OtherCredentialsAreNotAllowedWhatTheAclDoesNotSay) {
  Run([this](MetaStore* store, std::string root) -> asio::awaitable<void> {
    SessionSettings settings;
    settings.acl = CreatorOnlyAcl();
    settings.auth = StoreAuth{"digest", "alice:secret"};
    auto alice = co_await Session(settings);
    auto alice_again = co_await Session(settings);
    settings.auth = StoreAuth{"digest", "alice:wrong"};
    auto mallory = co_await Session(settings);
    const std::string path = root + "/private";
    EXPECT_TRUE((co_await alice->Create(path, "mine")).ok());
    EXPECT_TRUE((co_await alice->Create(path + "/a", "")).ok());
    EXPECT_EQ((co_await alice_again->Get(path))->data, "mine");
    for (MetaStore* stranger : std::vector<MetaStore*>({store, mallory.get()})) {
      EXPECT_STORE_ERROR((co_await stranger->Get(path)).status(), StoreError::kNoAuth);
      EXPECT_STORE_ERROR((co_await stranger->Children(path)).status(), StoreError::kNoAuth);
      EXPECT_STORE_ERROR((co_await stranger->Set(path, "x")).status(), StoreError::kNoAuth);
      EXPECT_STORE_ERROR((co_await stranger->Create(path + "/b", "")).status(),
                         StoreError::kNoAuth);
      EXPECT_STORE_ERROR(co_await stranger->Delete(path + "/a"), StoreError::kNoAuth);
      EXPECT_TRUE((co_await stranger->Exists(path))->has_value());
    }
    const std::vector<StoreOp> check(1, CheckOp{path});
    EXPECT_STORE_ERROR((co_await store->Multi(check)).status(), StoreError::kNoAuth);
    // To delete a node is a matter of its parent's ACL.
    EXPECT_TRUE((co_await alice->Delete(path + "/a")).ok());
    EXPECT_TRUE((co_await store->Delete(path)).ok());
  });
}

TEST_P(MetaStoreConformance, ADigestIdentityIsWhatZooKeeperComputes) {
  Run([this](MetaStore*, std::string root) -> asio::awaitable<void> {
    SessionSettings settings;
    settings.acl = {AclEntry{"digest", testing::DigestIdentity("bob:pass:word"), 31}};
    settings.auth = StoreAuth{"digest", "bob:pass:word"};
    auto bob = co_await Session(settings);
    EXPECT_TRUE((co_await bob->Create(root + "/bobs", "b")).ok());
    EXPECT_EQ((co_await bob->Get(root + "/bobs"))->data, "b");
  });
}

TEST_P(MetaStoreConformance, AclsThatMakeNoSenseAreRefused) {
  Run([this](MetaStore*, std::string root) -> asio::awaitable<void> {
    SessionSettings settings;
    settings.acl = CreatorOnlyAcl();
    auto nobody = co_await Session(settings);
    EXPECT_STORE_ERROR((co_await nobody->Create(root + "/a", "")).status(),
                       StoreError::kInvalidAcl);
    settings.acl = {AclEntry{"nonsense", "x", 31}};
    auto nonsense = co_await Session(settings);
    EXPECT_STORE_ERROR((co_await nonsense->Create(root + "/a", "")).status(),
                       StoreError::kInvalidAcl);
  });
}

TEST_P(MetaStoreConformance, ANodeIsCreatedWithItsOwnAcl) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const Acl acl = {AclEntry{"digest", testing::DigestIdentity("bob:secret"), 31},
                     AclEntry{"world", "anyone", 1 | 16}};
    CreateOp alone{root + "/alone", ""};
    alone.acl = acl;
    EXPECT_TRUE((co_await store->Create(alone)).ok());
    CreateOp in_multi{root + "/multi", ""};
    in_multi.acl = acl;
    std::vector<StoreOp> ops;
    ops.push_back(CreateOp{root + "/store", ""});
    ops.push_back(in_multi);
    EXPECT_TRUE((co_await store->Multi(ops)).ok());
    for (const char* name : {"/alone", "/multi"}) {
      auto found = co_await store->GetAcl(root + name);
      EXPECT_TRUE(found.ok()) << found.status();
      if (!found.ok()) continue;
      EXPECT_EQ(found->acl, acl);
      EXPECT_EQ(found->stat.acl_version, 0);
      EXPECT_EQ(found->stat.czxid, (co_await store->Get(root + name))->stat.czxid);
    }
    EXPECT_EQ((co_await store->GetAcl(root + "/store"))->acl, OpenAcl());
    EXPECT_STORE_ERROR((co_await store->GetAcl(root + "/gone")).status(), StoreError::kNoNode);
  });
}

TEST_P(MetaStoreConformance, AnAclIsReplacedAtTheRightVersion) {
  Run([](MetaStore* store, std::string root) -> asio::awaitable<void> {
    const NodeStat before = **co_await store->Exists(root);
    const Acl narrow = {AclEntry{"world", "anyone", 1 | 16}};
    EXPECT_STORE_ERROR(co_await store->SetAcl(root, narrow, 1), StoreError::kBadVersion);
    EXPECT_TRUE((co_await store->SetAcl(root, narrow, 0)).ok());
    EXPECT_STORE_ERROR((co_await store->Create(root + "/a", "")).status(), StoreError::kNoAuth);
    auto found = co_await store->GetAcl(root);
    EXPECT_EQ(found->acl, narrow);
    EXPECT_EQ(found->stat.acl_version, 1);
    EXPECT_EQ(found->stat.version, 0);
    EXPECT_EQ(found->stat.mzxid, before.mzxid);
    EXPECT_EQ(found->stat.pzxid, before.pzxid);
    EXPECT_EQ((co_await store->Exists(root))->value().acl_version, 1);
    EXPECT_TRUE((co_await store->SetAcl(root, OpenAcl(), kAnyVersion)).ok());
    EXPECT_TRUE((co_await store->Create(root + "/a", "")).ok());
    EXPECT_STORE_ERROR(co_await store->SetAcl(root + "/gone", narrow, kAnyVersion),
                       StoreError::kNoNode);
    const Acl nobody;
    EXPECT_STORE_ERROR(co_await store->SetAcl(root, nobody, kAnyVersion), StoreError::kInvalidAcl);
    const Acl twice = {AclEntry(), AclEntry()};
    EXPECT_TRUE((co_await store->SetAcl(root, twice, kAnyVersion)).ok());
    EXPECT_EQ((co_await store->GetAcl(root))->acl, OpenAcl());
  });
}

TEST_P(MetaStoreConformance, WhoMayNotAdministerANodeSeesNoPasswordsInItsAcl) {
  Run([this](MetaStore* store, std::string root) -> asio::awaitable<void> {
    SessionSettings settings;
    settings.auth = StoreAuth{"digest", "bob:secret"};
    auto bob = co_await Session(settings);
    const std::string identity = testing::DigestIdentity("bob:secret");
    const Acl readable = {AclEntry{"digest", identity, 31}, AclEntry{"world", "anyone", 1}};
    CreateOp create{root + "/readable", ""};
    create.acl = readable;
    EXPECT_TRUE((co_await store->Create(create)).ok());
    create.path = root + "/closed";
    create.acl = Acl(1, AclEntry{"digest", identity, 31});
    EXPECT_TRUE((co_await store->Create(create)).ok());

    EXPECT_EQ((co_await bob->GetAcl(root + "/readable"))->acl, readable);
    const Acl masked = {AclEntry{"digest", "bob:x", 31}, AclEntry{"world", "anyone", 1}};
    EXPECT_EQ((co_await store->GetAcl(root + "/readable"))->acl, masked);
    EXPECT_STORE_ERROR((co_await store->GetAcl(root + "/closed")).status(), StoreError::kNoAuth);
    EXPECT_STORE_ERROR(co_await store->SetAcl(root + "/readable", OpenAcl(), kAnyVersion),
                       StoreError::kNoAuth);
  });
}

}  // namespace
}  // namespace metarec
