#include "zk_store/topology/refusal.h"

#include <gtest/gtest.h>

#include "zk_store/client/store_error.h"

namespace metarec {
namespace {

TEST(RefusedErrorTest, IsToldFromOtherFailedPreconditions) {
  EXPECT_TRUE(IsRefused(RefusedError("no")));
  EXPECT_FALSE(IsRefused(DisturbedError("no")));
  EXPECT_FALSE(IsRefused(absl::FailedPreconditionError("no")));
  EXPECT_FALSE(IsRefused(absl::OkStatus()));
}

TEST(DisturbedErrorTest, IsToldFromOtherAborts) {
  EXPECT_TRUE(IsDisturbed(DisturbedError("no")));
  EXPECT_FALSE(IsDisturbed(RefusedError("no")));
  EXPECT_FALSE(IsDisturbed(absl::AbortedError("no")));
}

TEST(MayBeFinishedErrorTest, KeepsWhatTheErrorIsOtherwise) {
  EXPECT_FALSE(MayBeFinished(absl::CancelledError("no")));
  const absl::Status status = MayBeFinishedError(DisturbedError("no"));
  EXPECT_TRUE(MayBeFinished(status));
  EXPECT_TRUE(IsDisturbed(status));
  EXPECT_EQ(status.message(), "no");
}

TEST(Annotate, KeepsWhatIsAttached) {
  const absl::Status refused = Annotate(RefusedError("no"), "; never");
  EXPECT_EQ(refused.message(), "no; never");
  EXPECT_TRUE(IsRefused(refused));
  const absl::Status lost = MakeMultiError(StoreError::kNoNode, 3, 5, "set", "/a");
  EXPECT_EQ(StoreErrorOf(Annotate(lost, "!")), StoreError::kNoNode);
  EXPECT_EQ(FailedOpOf(Annotate(lost, "!")), 3u);
}

}  // namespace
}  // namespace metarec
