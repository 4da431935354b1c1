// Znodes that are carried over beside the tables: written with them, by the same run.

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/topology/topology_verifier.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;
using testing::StoreCall;
using testing::StoreFault;

Topology WithCarried() {
  Topology topology = SampleTopology();
  topology.carried = {{.path = "/.app_balancer", .data = std::string("\0x", 2)},
                      {.path = "/backup", .data = ""},
                      {.path = "/backup/daily", .data = "{\"policy_name\":\"daily\"}"},
                      {.path = "/backup/weekly", .data = "{}"},
                      {.path = "/apps/1/duplication", .data = ""},
                      {.path = "/backup/daily/17", .data = "{}"},
                      {.path = "/apps/1/duplication/7", .data = "{}"},
                      {.path = "/apps/1/duplication/7/0", .data = "2"}};
  return topology;
}

class CarriedZnodesTest : public StoreWorld {
 protected:
  Tree Expected() const {
    Tree tree = AppsTree(topology_, kRoot);
    tree["/"] = tree["/pegasus"] = tree[kRoot] = "";
    tree[paths_.apps()] = "unlock";
    return tree;
  }
  Tree DumpWithoutJournal() const {
    Tree tree = Dump();
    tree.erase(paths_.journal());
    return tree;
  }

  VerifyResult Verify(TopologyVerifierOptions options = {}) {
    const auto store = Open();
    RetryBudget budget(&clock_);
    StoreReader reader(store.get(), &budget);
    TopologyVerifier verifier(std::move(options), &reader, &progress_);
    const auto result = RunAlone(&io_, verifier.Verify(topology_, kRoot));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : VerifyResult();
  }

  const Topology topology_ = WithCarried();
  const ClusterPaths paths_{kRoot};
};

TEST_F(CarriedZnodesTest, AreThereWhenTheTreeIsUnlocked) {
  const auto store = Open();
  const auto result = Write(store.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(DumpWithoutJournal(), Expected());
  EXPECT_EQ(DataOf("/pegasus/recovered/backup/daily"), "{\"policy_name\":\"daily\"}");
  EXPECT_EQ(result->znodes_created, 11 + 8);
  EXPECT_TRUE(Verify().clean());
}

TEST_F(CarriedZnodesTest, KilledAnywhereTheSamePlanGoesOn) {
  const auto counting = Open();
  ASSERT_TRUE(Write(counting.get(), topology_).ok());
  const int64_t operations = counting->operation_count();
  for (int64_t k = 0; k < operations; ++k) {
    for (const auto moment : {StoreFault::Moment::kBefore, StoreFault::Moment::kAfter}) {
      SCOPED_TRACE(k);
      zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
      const auto first = Open([&](const StoreCall& call) {
        const StoreFault death{moment, StoreError::kSessionExpired, true};
        return call.index == k ? std::optional<StoreFault>(death) : std::nullopt;
      });
      EXPECT_FALSE(Write(first.get(), topology_).ok());
      const auto second = Open();
      const auto result = Write(second.get(), topology_);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(DumpWithoutJournal(), Expected());
    }
  }
}

TEST_F(CarriedZnodesTest, AreNoStrangersOnlyInAnUnfinishedRun) {
  Put("/pegasus", "");
  Put(kRoot, "");
  Put("/pegasus/recovered/backup", "");
  const auto store = Open();
  const absl::Status status = Write(store.get(), topology_).status();
  EXPECT_TRUE(HasMark(status, ErrorMark::kRefused)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("it holds /pegasus/recovered/backup"));
}

TEST_F(CarriedZnodesTest, WhatSomebodyAddsToAnUnfinishedRunIsNoticed) {
  int writes = 0;
  const auto dies = Open([&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!call.is_write() || ++writes < 9) return std::nullopt;
    return StoreFault{StoreFault::Moment::kBefore, StoreError::kSessionExpired, true};
  });
  EXPECT_FALSE(Write(dies.get(), topology_).ok());
  ASSERT_EQ(DataOf("/pegasus/recovered/backup"), "");
  Put("/pegasus/recovered/backup/stranger", "");
  const auto store = Open();
  const absl::Status status = Write(store.get(), topology_).status();
  EXPECT_TRUE(HasMark(status, ErrorMark::kRefused)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/backup/stranger"));
}

TEST_F(CarriedZnodesTest, AMetaServerThatRunsMayGoOnWithThem) {
  const auto store = Open();
  ASSERT_TRUE(Write(store.get(), topology_).ok());
  Overwrite("/pegasus/recovered/apps/1/duplication/7/0", "9");
  DeleteOf("/pegasus/recovered/backup/daily/17");
  const VerifyResult gone_on = Verify();
  EXPECT_EQ(gone_on.Count(DifferenceKind::kProgress), 2);
  EXPECT_EQ(gone_on.Count(DifferenceKind::kDiffers), 0);
  EXPECT_TRUE(Write(store.get(), topology_).ok()) << "the run is finished, and in order";
  TopologyVerifierOptions exact;
  exact.may_have_gone_on = false;
  const VerifyResult differs = Verify(exact);
  EXPECT_EQ(differs.Count(DifferenceKind::kDiffers), 1);
  EXPECT_EQ(differs.Count(DifferenceKind::kMissing), 1);
}

TEST_F(CarriedZnodesTest, OneThatIsTooLongForZooKeeperIsNamedBeforeAnythingIsWritten) {
  Topology topology = WithCarried();
  topology.carried[3].data = std::string(2 << 20, 'x');
  const auto store = Open();
  const absl::Status status = Write(store.get(), topology).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/pegasus/recovered/backup/weekly"));
  EXPECT_EQ(DataOf(kRoot), "(absent)");
}

TEST(CarriedZnodes, NoneIsWhereAMetaServerWouldStumbleOverIt) {
  const auto check = [](std::vector<CarriedZnode> carried) {
    Topology topology = SampleTopology();
    topology.carried = std::move(carried);
    return CheckTopology(topology);
  };
  EXPECT_TRUE(check({{"/backup", ""}, {"/backup/a", ""}, {"/apps/3/duplication", ""}}).ok());
  for (const char* path :
       {"", "backup", "/", "//", "/a/", "/../a", "/apps", "/apps/1", "/apps/1/0",
        "/apps/1/0/duplication", "/apps/9/duplication", "/apps/x/duplication", "/lock",
        "/dsn.meta.server.leader", "/metarec_journal", "/apps/1/duplications", "/backup/orphan"}) {
    EXPECT_FALSE(check({{path, ""}}).ok()) << path;
  }
  EXPECT_FALSE(check({{"/b", ""}, {"/a", ""}}).ok()) << "out of order";
  EXPECT_FALSE(check({{"/a", ""}, {"/a", ""}}).ok()) << "twice";
  EXPECT_FALSE(check({{"/a", ""}, {"/b/c", ""}}).ok()) << "without its parent";
}

}  // namespace
}  // namespace metarec
