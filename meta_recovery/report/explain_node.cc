#include <string>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/explanations.h"

namespace metarec {
namespace {

absl::string_view SourceInWords(NodeNameSource source) {
  switch (source) {
    case NodeNameSource::kOverride:
      return "given with --node_name";
    case NodeNameSource::kBeacon:
      return "from its beacon";
    case NodeNameSource::kReverseLookup:
      return "what its address resolves back to";
    case NodeNameSource::kNodeList:
      break;
  }
  return "from the node list";
}

}  // namespace

std::string ExplainNode(const RecoveryPlan& plan, NodeIndex node) {
  const TopologyNode& entry = plan.topology.nodes[node];
  const NodeDecision& decision = plan.nodes[node];
  std::string text =
      absl::StrCat("Node ", NodeLabel(plan, node), ", address ", entry.address.ToString(),
                   ". Its name is ", SourceInWords(decision.name_source), "; listed as ",
                   Printable(absl::StrJoin(decision.listed_as, ", ")), ".\n");
  if (decision.error != "ERR_OK") {
    absl::StrAppend(&text, "It did not answer completely: ", Printable(decision.error),
                    decision.error_detail.empty()
                        ? ""
                        : absl::StrCat(" (", Printable(decision.error_detail), ")"),
                    ". Nothing that it holds is used.\n");
  } else {
    int64_t roles[3] = {0, 0, 0};  // by ReplicaRole
    for (const RankedReplica& replica : plan.replicas) {
      if (replica.node == node) ++roles[static_cast<size_t>(replica.role)];
    }
    absl::StrAppend(&text, "It reported ", Counted(decision.tables, "table"), " and ",
                    Counted(decision.replicas, "replica"), ". Of these become primary: ", roles[0],
                    "; candidate for secondary: ", roles[1], "; overruled: ", roles[2], ".\n");
  }
  return text + FindingLines(plan, [node](const Finding& finding) { return finding.node == node; });
}

}  // namespace metarec
