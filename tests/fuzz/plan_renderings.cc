#include "tests/fuzz/plan_renderings.h"

#include <algorithm>
#include <string>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <glog/logging.h>
#include <rapidjson/document.h>

#include "base/text/printable.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/report.h"

namespace metarec::fuzz {
namespace {

constexpr size_t kExplainedMax = 5;

void CheckIsPrintable(absl::string_view text) {
  CHECK(PrintableLines(text) == text) << "not fit for a terminal: " << absl::CHexEscape(text);
}

}  // namespace

void RenderEverything(const RecoveryPlan& plan) {
  HintLines(plan, {});
  const std::string report = RenderReport(plan, {});
  CheckIsPrintable(report);
  const std::string json = RenderReportJson(plan, {});
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
  CHECK(!document.HasParseError() && document.IsObject()) << json;
  for (size_t i = 0; i < std::min(plan.nodes.size(), kExplainedMax); ++i) {
    const TopologyNode& node = plan.topology.nodes[i];
    (void)Explain(plan, node.name);
    if (node.address != Ipv4Endpoint{}) {
      const auto text = Explain(plan, node.address.ToString());
      CHECK(text.ok()) << text.status();
      CheckIsPrintable(*text);
    }
  }
  for (size_t i = 0; i < std::min(plan.tables.size(), kExplainedMax); ++i) {
    const TopologyTable& table = plan.topology.tables[i];
    const auto text = Explain(plan, absl::StrCat(table.app_id));
    CHECK(text.ok()) << text.status();
    CheckIsPrintable(*text);
    for (const TopologyPartition& partition : plan.topology.PartitionsOf(table)) {
      const auto why = Explain(plan, absl::StrCat(table.app_id, ".", partition.index));
      CHECK(why.ok()) << why.status();
      CheckIsPrintable(*why);
      if (partition.index > static_cast<int32_t>(kExplainedMax)) break;
    }
  }
}

}  // namespace metarec::fuzz
