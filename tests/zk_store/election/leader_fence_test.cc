// Who has lost leadership writes nothing any more.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/election/contender.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::StoreCall;
using testing::StoreFault;

class LeaderFenceTest : public ElectionWorld {
 protected:
  absl::StatusOr<WriteResult> WriteAs(Contender* leader,
                                      TopologyWriterOptions options = SmallBatches()) {
    options.fence = leader->lock().Fence();
    EXPECT_EQ(options.fence.size(), 1u);
    return WriteWith(leader->store(), options);
  }
  absl::StatusOr<WriteResult> WriteWith(MetaStore* store, const TopologyWriterOptions& options) {
    TopologyWriter writer(options, store, &clock_, &progress_);
    return RunAmongOthers(writer.Write(topology_, kRoot, kDigest));
  }

  // What the plan writes; not the lock.
  Tree Written() const {
    Tree tree = Dump();
    std::erase_if(tree,
                  [](const auto& node) { return node.first.find("/lock") != std::string::npos; });
    return tree;
  }

  const Topology topology_ = SampleTopology();
  const ClusterPaths paths_{kRoot};
};

TEST_F(LeaderFenceTest, ALeaderWritesWhileOthersWaitBehindIt) {
  Contender& a = Enter("a:1");
  Enter("b:1");
  const auto result = WriteAs(&a);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(DataOf(paths_.apps()), "unlock");
}

TEST_F(LeaderFenceTest, WhoeverLosesItInTheMiddleWritesNothingMoreAndTheNextOneFinishes) {
  bool finished = false;
  for (int lost_at = 1; !finished; ++lost_at) {
    SCOPED_TRACE(absl::StrCat("lost at transaction ", lost_at));
    ASSERT_LT(lost_at, 50);
    zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
    stranger_ = Open();
    bool leads = false;
    int transactions = 0;
    std::optional<Tree> at_loss;
    Contender& a = Enter("a:1", [&](const StoreCall& call) -> std::optional<StoreFault> {
      if (leads && call.is_write() && ++transactions == lost_at) {
        Remove(absl::StrCat(kLockDirectory, "/LOCKNODE0000000000"));
        at_loss = Written();
      }
      return std::nullopt;
    });
    Contender& b = Enter("b:1");
    leads = a.leads();
    ASSERT_TRUE(leads);

    const auto result = WriteAs(&a);
    finished = !at_loss.has_value();
    EXPECT_EQ(result.ok(), finished) << result.status();
    if (finished) break;
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kFenced)) << result.status();
    EXPECT_EQ(Written(), *at_loss);
    EXPECT_THAT(std::string(result.status().message()),
                HasSubstr("nothing was written by this run since"));

    ASSERT_TRUE(b.leads());
    const auto taken_over = WriteAs(&b);
    ASSERT_TRUE(taken_over.ok()) << taken_over.status();
    EXPECT_EQ(DataOf(paths_.apps()), "unlock");
    EXPECT_EQ(taken_over->resumed, lost_at > 1);
  }
}

TEST_F(LeaderFenceTest, ALostAnswerAndThenLostLeadershipIsNotTriedAgain) {
  constexpr int kTransactions = 6;
  for (int lost_at = 1; lost_at <= kTransactions; ++lost_at) {
    SCOPED_TRACE(absl::StrCat("lost at transaction ", lost_at));
    zookeeper_ = std::make_shared<testing::InMemoryZooKeeper>();
    stranger_ = Open();
    bool leads = false;
    int transactions = 0;
    std::optional<Tree> at_loss;
    Contender& a = Enter("a:1", [&](const StoreCall& call) -> std::optional<StoreFault> {
      if (!leads || !call.is_write() || ++transactions != lost_at) return std::nullopt;
      Remove(absl::StrCat(kLockDirectory, "/LOCKNODE0000000000"));
      at_loss = Written();
      return StoreFault();  // connection lost, nothing executed
    });
    leads = a.leads();
    const auto result = WriteAs(&a);
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kFenced)) << result.status();
    ASSERT_TRUE(at_loss.has_value());
    EXPECT_EQ(Written(), *at_loss);
  }
}

TEST_F(LeaderFenceTest, AStrangerWhoWroteIntoTheLockZnodeFencesToo) {
  Contender& a = Enter("a:1");
  const auto fence = a.lock().Fence();
  Overwrite(a.lock().znode_path(), "impostor:1");
  TopologyWriterOptions options = SmallBatches();
  options.fence = fence;
  const auto result = WriteWith(a.store(), options);
  EXPECT_TRUE(HasMark(result.status(), ErrorMark::kFenced)) << result.status();
  EXPECT_EQ(DataOf(paths_.apps()), "(absent)");
}

TEST_F(LeaderFenceTest, AnotherCandidatesZnodeIsNeverTakenForOurs) {
  Contender& a = Enter("a:1");
  const auto fence = a.lock().Fence();
  const std::string path = a.lock().znode_path();
  Remove(path);
  Contender& b = Enter("b:1");
  ASSERT_TRUE(b.leads());
  EXPECT_NE(b.lock().znode_path(), path);
  const auto multi = RunAmongOthers(a.store()->Multi(fence));
  EXPECT_EQ(StoreErrorOf(multi.status()), StoreError::kNoNode);
}

TEST_F(LeaderFenceTest, TheFenceCountsAgainstTheBytesOfATransaction) {
  constexpr size_t kBytesMax = 900;
  bool leads = false;
  std::vector<size_t> sizes;
  Contender& a = Enter("a:1", [&](const StoreCall& call) -> std::optional<StoreFault> {
    if (!leads || !call.is_write()) return std::nullopt;
    size_t bytes = MetaStore::kMultiOverheadBytes;
    for (const StoreOp& op : *call.ops) bytes += stranger_->OpBytes(op);
    sizes.push_back(bytes);
    return std::nullopt;
  });
  leads = a.leads();
  TopologyWriterOptions options = SmallBatches();
  options.limits.ops_max = 1000;
  options.limits.request_bytes_max = kBytesMax;
  const auto result = WriteAs(&a, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(sizes.size(), 5u);
  EXPECT_THAT(sizes, Each(::testing::Le(kBytesMax)));
}

}  // namespace
}  // namespace metarec
