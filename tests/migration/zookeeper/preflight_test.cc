// What a plan makes of a cluster of which some parts cannot be seen.

#include "migration/zookeeper/preflight.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/in_memory_meta_store.h"
#include "tests/zk_store/client/store_world.h"

namespace metarec {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::InMemoryMetaStore;
using testing::InMemoryZooKeeper;
using ::testing::IsEmpty;

// Nobody listens there.
constexpr char kOldHosts[] = "127.0.0.1:1";
constexpr char kNewHosts[] = "127.0.0.1:2";
constexpr char kMeta[] = "127.0.0.1:34601";

class WorldInMemory final : public MoveWorld {
 public:
  WorldInMemory(MoveSide from, MoveSide to, Surroundings surroundings)
      : MoveWorld(std::move(from), std::move(to), std::move(surroundings)) {}

  std::shared_ptr<InMemoryZooKeeper> old_zookeeper;
  std::shared_ptr<InMemoryZooKeeper> new_zookeeper;
  std::vector<NodeView> nodes;
  absl::StatusOr<PortState> port = PortState::kOpen;

  asio::awaitable<absl::StatusOr<ClusterInfo>> AskCluster(std::vector<std::string>) override {
    ClusterInfo info;
    info.leader = kMeta;
    info.meta_servers = {kMeta};
    info.zookeeper_hosts = kOldHosts;
    info.zookeeper_root = "/old";
    info.level = "steady";
    co_return info;
  }
  asio::awaitable<absl::StatusOr<std::vector<TableView>>> AskTables(
      std::vector<std::string>) override {
    co_return std::vector<TableView>();
  }
  asio::awaitable<absl::StatusOr<std::vector<NodeView>>> AskNodes(
      std::vector<std::string>) override {
    co_return nodes;
  }
  asio::awaitable<absl::Status> SetLevel(std::vector<std::string>, std::string) override {
    co_return absl::UnimplementedError("a plan changes nothing");
  }
  asio::awaitable<absl::StatusOr<PortState>> LookAtPort(std::string) override { co_return port; }
  asio::awaitable<absl::Status> RunCommand(OperatorCommand) override {
    co_return absl::UnimplementedError("a plan changes nothing");
  }

 private:
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Connect(MoveEnd end) override {
    std::unique_ptr<MetaStore> store =
        std::make_unique<InMemoryMetaStore>(end == MoveEnd::kFrom ? old_zookeeper : new_zookeeper);
    co_return store;
  }
};

class PreflightTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto put = [&](const std::string& path, const std::string& data, CreateMode mode) {
      ASSERT_TRUE(RunAlone(&io_, leader_.Create(path, data, mode)).ok()) << path;
    };
    put("/old", "", CreateMode::kPersistent);
    put("/old/apps", "unlock", CreateMode::kPersistent);
    put("/old/lock", "", CreateMode::kPersistent);
    put("/old/lock/dsn.meta.server.leader", "", CreateMode::kPersistent);
    put("/old/lock/dsn.meta.server.leader/LOCKNODE", kMeta, CreateMode::kEphemeralSequential);
  }

  absl::StatusOr<Preflight> Plan(const std::string& way, const std::string& node,
                                 const absl::StatusOr<PortState>& port = PortState::kOpen) {
    const MoveSide from = {kOldHosts, "/old", "/old/lock", ""};
    const MoveSide to = {kNewHosts, "/new", "/new/lock", ""};
    Surroundings surroundings;
    surroundings.clock = &clock_;
    WorldInMemory world(from, to, surroundings);
    world.old_zookeeper = old_;
    world.new_zookeeper = new_;
    world.nodes = {{node, NodeLiveness::kAlive}};
    world.port = port;
    MoveWishes wishes;
    wishes.metas = {kMeta};
    wishes.way = way;
    return RunAlone(&io_, LookBeforeMove(wishes, &world));
  }

  asio::io_context io_;
  SystemClock clock_;
  std::shared_ptr<InMemoryZooKeeper> old_ = std::make_shared<InMemoryZooKeeper>(&clock_);
  std::shared_ptr<InMemoryZooKeeper> new_ = std::make_shared<InMemoryZooKeeper>(&clock_);
  InMemoryMetaStore leader_{old_};
};

// A name without a port cannot be asked.
constexpr char kNoNode[] = "somewhere";

TEST_F(PreflightTest, ARecoveryThatCannotBeLookedAtIsAWarningForACopyAndNoEndOfThePlan) {
  const auto copy = Plan("copy", kNoNode);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_THAT(copy->refusals, IsEmpty());
  EXPECT_THAT(copy->warnings,
              Contains(HasSubstr("it cannot be seen what a recovery would come to")));
  const auto recovery = Plan("recovery", kNoNode);
  ASSERT_TRUE(recovery.ok()) << recovery.status();
  EXPECT_THAT(recovery->refusals,
              Contains(HasSubstr("it cannot be seen what a recovery would come to")));
}

TEST_F(PreflightTest, AMetaServerWhoseNameIsNotKnownHereIsAWarningAndNoEndOfThePlan) {
  const auto planned = Plan("copy", kNoNode, absl::NotFoundError("m1 has no address"));
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_THAT(planned->warnings, Contains(HasSubstr("m1 has no address")));
}

}  // namespace
}  // namespace metarec
