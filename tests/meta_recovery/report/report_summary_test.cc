// What applying a plan does, on one line.

#include <string>

#include <absl/time/time.h>
#include <gtest/gtest.h>

#include "meta_recovery/report/report.h"
#include "tests/meta_recovery/report/plan_builder.h"

namespace metarec {
namespace {

using testing::HealthyPlan;
using testing::PlanBuilder;

TEST(WhatIsWrittenTest, NamesTheGravestBesideTheSize) {
  PlanBuilder builder = HealthyPlan();
  builder.BadNode("rs4:34801", "ERR_TIMEOUT");
  builder.plan().partitions[0].lost = builder.plan().partitions[1].lost = true;
  const RecoveryPlan& plan = builder.plan();
  PlanNumbers numbers = CountPlan(plan);
  numbers.partitions_lost = 2;
  const auto after = [&](absl::Duration age) {
    ReportOptions options;
    options.now = plan.evidence_collected_at + age;
    return WhatIsWritten(plan, numbers, options);
  };
  const std::string what = "writes 14 znodes; 2 partitions EMPTY; 1 node left out";
  EXPECT_EQ(WhatIsWritten(plan, numbers, {}), what);
  EXPECT_EQ(after(absl::Seconds(59)), what + "; evidence less than a minute old");
  EXPECT_EQ(after(absl::Minutes(59)), what + "; evidence 59 min old");
  EXPECT_EQ(after(absl::Hours(47)), what + "; evidence 47 h old");
  EXPECT_EQ(after(absl::Hours(48)), what + "; evidence 2 days old");
  EXPECT_EQ(after(absl::Seconds(-1)), what + "; evidence dated in the future");
}

// "writes 14 znodes" was said of a tree that is there already.
TEST(WhatIsWrittenTest, DoesNotSayThatItWritesWhatAnEarlierRunWrote) {
  const RecoveryPlan plan = HealthyPlan().plan();
  PlanNumbers numbers = CountPlan(plan);
  numbers.znodes = 14;
  ReportOptions options;
  options.written_before = ReportOptions::Before::kSome;
  EXPECT_EQ(WhatIsWritten(plan, numbers, options),
            "writes what an earlier run has left of 14 znodes");
  options.written_before = ReportOptions::Before::kAll;
  EXPECT_EQ(WhatIsWritten(plan, numbers, options),
            "writes nothing, as an earlier run wrote all 14 znodes");
}

}  // namespace
}  // namespace metarec
