#include <exception>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "migration/zookeeper/networked_move_world.h"
#include "testing/zookeeper_server.h"

namespace metarec {
namespace {

TEST(MoveWorldTest, TwoWhoNeedASessionAtTheSameTimeDoNotFreeEachOthers) {
  auto server = testing::ZooKeeperServer::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  MoveSide side;
  side.hosts = (*server)->hosts();
  side.root = "/pegasus/demo";
  asio::io_context context;
  SystemClock clock;
  Surroundings surroundings;
  surroundings.clock = &clock;
  NetworkedMoveWorld world(side, side, context.get_executor(), surroundings);
  std::vector<MetaStore*> stores;
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(context, world.Store(MoveEnd::kFrom),
                   [&](const std::exception_ptr&, absl::StatusOr<MetaStore*> store) {
                     EXPECT_TRUE(store.ok()) << store.status();
                     stores.push_back(store.value_or(nullptr));
                   });
  }
  while (stores.size() < 2) context.run_one();
  ASSERT_NE(stores.front(), nullptr);
  EXPECT_EQ(stores.front(), stores.back());
  EXPECT_FALSE(IsFinal(stores.front()->session_state()));
}

}  // namespace
}  // namespace metarec
