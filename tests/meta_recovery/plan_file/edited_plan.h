// A sound plan, and what a reader says of it after an edit that its digest fits.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {

// Something of everything: equal and unequal replicas, a placeholder (2), a lost partition (4.0), a
// node that was skipped.
inline RecoveryPlan SoundPlan() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n1").Table(3, "orders", 1).Replica("3.0", {.ballot = 5});
  cluster.Node("n2").Table(3, "orders", 1).Replica("3.0", {.ballot = 4});
  cluster.Node("n3")
      .Table(3, "orders", 1)
      .Replica("3.0", {.ballot = 7, .status = ReplicaStatus::kError});
  cluster.Node("n1").Table(4, "gone", 1);
  cluster.BadNode("n4");
  return Plan(cluster, {.skip_bad_nodes = true, .skip_lost_partitions = true});
}

inline std::string ErrorOfPlan(const RecoveryPlan& plan) {
  const absl::Status status = DecodePlan(EncodePlan(plan), "my.plan").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(status.message(), ::testing::AllOf(::testing::HasSubstr("my.plan:"),
                                                 ::testing::HasSubstr("make the plan again")));
  return std::string(status.message());
}

inline std::string ErrorAfter(const std::function<void(RecoveryPlan&)>& edit) {
  RecoveryPlan plan = SoundPlan();
  edit(plan);
  return ErrorOfPlan(plan);
}

struct Edit {
  std::function<void(RecoveryPlan&)> make;
  const char* error;
};

inline void ExpectRefused(const std::vector<Edit>& edits) {
  for (const Edit& edit : edits) {
    SCOPED_TRACE(edit.error);
    EXPECT_THAT(ErrorAfter(edit.make), ::testing::HasSubstr(edit.error));
  }
}

}  // namespace metarec
