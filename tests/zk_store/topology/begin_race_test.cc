// Another process begins a run of the same plan just before ours would.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/journal.h"
#include "zk_store/topology/refusal.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StoreCall;
using testing::StoreFault;

class BeginRaceTest : public StoreWorld {
 protected:
  // What another process has begun is there before the first write of this store.
  std::unique_ptr<testing::InMemoryMetaStore> OpenBehindAnother(std::string first_table) {
    return Open([this, first_table,
                 done = false](const StoreCall& call) mutable -> std::optional<StoreFault> {
      if (call.is_write() && !std::exchange(done, true)) BeginAsAnother(first_table);
      return std::nullopt;
    });
  }

  void BeginAsAnother(const std::string& first_table) {
    asio::io_context io;
    Journal journal;
    journal.plan_digest = kDigest;
    journal.tables = static_cast<int64_t>(topology_.tables.size());
    journal.partitions = static_cast<int64_t>(topology_.partitions.size());
    journal.started_at = JournalTime(clock_.Now());
    journal.tool_version = "1.2.3";
    std::vector<StoreOp> ops;
    ops.push_back(CreateOp{"/pegasus", ""});
    ops.push_back(CreateOp{kRoot, ""});
    ops.push_back(CreateOp{paths_.journal(), EncodeJournal(journal)});
    ops.push_back(CreateOp{paths_.apps(), std::string(kAppsLocked)});
    ops.push_back(CreateOp{paths_.App(1), first_table});
    const auto begun = RunAlone(&io, stranger_->Multi(std::move(ops)));
    ASSERT_TRUE(begun.ok()) << begun.status();
  }

  const Topology topology_ = SampleTopology();
  const ClusterPaths paths_{kRoot};
};

TEST_F(BeginRaceTest, ItsRunIsResumed) {
  const auto store = OpenBehindAnother(AppsTree(topology_, kRoot).at(paths_.App(1)));
  const auto result = Write(store.get(), topology_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->resumed);
  EXPECT_EQ(DataOf(paths_.apps()), kAppsUnlocked);
}

TEST_F(BeginRaceTest, WhatItsRunHasBecomeIsNotTakenForOurs) {
  const auto store = OpenBehindAnother("{}");
  const auto result = Write(store.get(), topology_);
  EXPECT_TRUE(IsRefused(result.status())) << result.status();
  EXPECT_THAT(
      std::string(result.status().message()),
      AllOf(HasSubstr("Nothing was written by this run"), Not(HasSubstr("had begun there"))));
}

// Nothing to check is not an empty transaction, which ZooKeeper refuses.
TEST_F(BeginRaceTest, NoChecksHoldWithoutBeingSent) {
  const auto store = Open();
  RetryBudget budget(&clock_, RetryLimits());
  StoreReader reader(store.get(), &budget);
  RequestSize size(0);
  const absl::Status checked = RunAlone(&io_, reader.Check({}, &size));
  EXPECT_TRUE(checked.ok()) << checked;
  EXPECT_EQ(store->operation_count(), 0);
}

}  // namespace
}  // namespace metarec
