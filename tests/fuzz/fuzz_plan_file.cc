#include <algorithm>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <glog/logging.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/report.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/line_digests.h"
#include "tests/fuzz/plan_renderings.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::fuzz {
namespace {

constexpr size_t kTablesAskedForMax = 4;

// What `report` shows of one table or partition, as text and as JSON.
std::string DetailsOf(const RecoveryPlan& plan, const PlanNumbers& numbers,
                      const TableOrPartition& subject) {
  ReportOptions options;
  options.only = subject;
  std::string details;
  const auto append = [&](absl::string_view text) {
    absl::StrAppend(&details, text);
    return absl::OkStatus();
  };
  const absl::Status text = WriteDetails(plan, numbers, options, append);
  const absl::Status json = WriteDetailsJson(plan, numbers, options, append);
  CHECK(text == json) << text << " but " << json;
  return absl::StrCat(details, text.ToString());
}

// An excerpt shows of its subject what the whole shows.
void CheckExcerpt(absl::string_view text, const RecoveryPlan& whole, PlanSelection selection,
                  const TableOrPartition& subject) {
  const auto excerpt = DecodePlanExcerpt(text, "plan", std::move(selection));
  CHECK(excerpt.ok()) << excerpt.status();
  const PlanNumbers numbers = CountPlan(whole);
  CHECK(excerpt->numbers == numbers);
  const std::string of_excerpt = DetailsOf(excerpt->plan, excerpt->numbers, subject);
  const std::string of_whole = DetailsOf(whole, numbers, subject);
  CHECK(of_excerpt == of_whole) << of_excerpt << "\nbut\n" << of_whole;
}

void CheckNodeExcerpt(absl::string_view text, const RecoveryPlan& whole, const std::string& node) {
  const auto excerpt = DecodePlanExcerpt(text, "plan", PlanSelection::Subject(node));
  CHECK(excerpt.ok()) << excerpt.status();
  const auto of_excerpt = Explain(excerpt->plan, node);
  const auto of_whole = Explain(whole, node);
  CHECK(of_excerpt == of_whole) << of_excerpt.status() << " but " << of_whole.status();
}

void CheckExcerpts(absl::string_view text, const RecoveryPlan& whole) {
  for (size_t i = 0; i < std::min(whole.tables.size(), kTablesAskedForMax); ++i) {
    // From both ends.
    const size_t position = i % 2 == 0 ? i / 2 : whole.tables.size() - 1 - i / 2;
    const TopologyTable& table = whole.topology.tables[position];
    const std::string id = absl::StrCat(table.app_id);
    CheckExcerpt(text, whole, PlanSelection::Table(id), {.app_id = table.app_id});
    const size_t named = FindTableNamed(whole, table.app_name);
    TableOrPartition numbers;
    if (named != SIZE_MAX && !ParseTableOrPartition(table.app_name, &numbers)) {
      CheckExcerpt(text, whole, PlanSelection::Table(table.app_name),
                   {.app_id = whole.topology.tables[named].app_id});
    }
    const int32_t last = table.partition_count - 1;
    CheckExcerpt(text, whole, PlanSelection::Subject(absl::StrCat(id, ".", last)),
                 {.app_id = table.app_id, .partition_index = last});
  }
  if (!whole.topology.nodes.empty()) {
    CheckNodeExcerpt(text, whole, whole.topology.nodes.back().address.ToString());
    CheckNodeExcerpt(text, whole, whole.topology.nodes.front().name);
  }
}

void Check(absl::string_view text) {
  const auto plan = DecodePlan(text, "plan");
  if (!plan.ok()) {
    // Whatever is asked for, every line is checked.
    const auto excerpt = DecodePlanExcerpt(text, "plan", PlanSelection::Subject("1.0"));
    CHECK(excerpt.status() == plan.status()) << excerpt.status() << " but " << plan.status();
    return;
  }
  CheckExcerpts(text, *plan);
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
