#include <string>

#include <glog/logging.h>

#include "meta_recovery/plan_file.h"
#include "meta_recovery/topology_digest.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/line_digests.h"
#include "tests/fuzz/plan_renderings.h"
#include "zk_store/znode_layout.h"

namespace metarec::fuzz {
namespace {

void Check(absl::string_view text) {
  const auto plan = DecodePlan(text, "plan");
  if (!plan.ok()) return;
  const std::string encoded = EncodePlan(*plan);
  const auto again = DecodePlan(encoded, "plan");
  CHECK(again.ok()) << again.status();
  CHECK(*again == *plan);
  CHECK(EncodePlan(*again) == encoded);
  // What reads as a plan can be shown, and written as far as its topology goes.
  CHECK(CheckTopology(plan->topology).ok()) << CheckTopology(plan->topology);
  CHECK(TopologyDigest(plan->topology).ok());
  RenderEverything(*plan);
}

}  // namespace

void FuzzPlanFile(absl::string_view input) {
  Check(input);
  const std::string mended = WithRightDigest(input);
  if (mended != input) Check(mended);
}

}  // namespace metarec::fuzz
