#include <absl/strings/str_cat.h>

#include "base/text/wording.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/finding_sentences.h"

namespace metarec {
namespace {

// As the list has it, since the operator looks for it there.
std::string ListedNode(const RecoveryPlan& plan, const Finding& finding) {
  const absl::string_view listed_as = finding.Fact("listed_as");
  return listed_as.empty() ? NodeLabel(plan, finding.node) : std::string(listed_as);
}

absl::string_view SourceInWords(absl::string_view source) {
  if (source == "override") return "--node_name says so";
  if (source == "beacon") return "its beacon says so";
  if (source == "reverse_lookup") return "its address resolves back to that";
  return "as the node list says";
}

std::string Error(const Finding& finding) {
  const absl::string_view detail = finding.Fact("detail");
  const absl::string_view attempts = finding.Fact("attempts");
  return absl::StrCat(
      FactOr(finding, "err"), detail.empty() ? "" : absl::StrCat(" (", detail, ")"),
      attempts.empty() || attempts == "1" ? "" : absl::StrCat(" after ", attempts, " attempts"));
}

}  // namespace

std::string BadNodeSentence(const RecoveryPlan& plan, const Finding& finding) {
  const std::string what = absl::StrCat("node ", ListedNode(plan, finding), " ");
  if (finding.severity == Severity::kWarning) {
    return absl::StrCat(what, "is left out, and nothing that it holds is used: ", Error(finding));
  }
  if (plan.options.skip_bad_nodes) {
    return absl::StrCat(what, "did not answer completely: ", Error(finding),
                        "; nor did any other node, so there is nothing to recover from");
  }
  return absl::StrCat(what, "did not answer completely: ", Error(finding),
                      "; bring it back and collect again, or leave it out with --skip_bad_nodes");
}

std::string SkippedNodeReturnsSentence(const RecoveryPlan& plan, const Finding& finding) {
  return absl::StrCat(
      "node ", ListedNode(plan, finding),
      " was left out; if it comes back, a stock meta server aborts on a replica of a table or "
      "partition that it does not know, and newer data on the node may be ignored or deleted; keep "
      "the node down, or collect and plan again with it, or move its data directories away first");
}

std::string NodeNameDiffersSentence(const RecoveryPlan& plan, const Finding& finding) {
  const std::string address = finding.node < plan.topology.nodes.size()
                                  ? plan.topology.nodes[finding.node].address.ToString()
                                  : "ADDRESS";
  return absl::StrCat("node ", ListedNode(plan, finding), " calls itself ", FactOr(finding, "name"),
                      " (", SourceInWords(finding.Fact("source")),
                      "), and that gets written; if it is wrong, plan again with --node_name ",
                      address, "=NAME");
}

std::string NodeListedTwiceSentence(const RecoveryPlan& plan, const Finding& finding) {
  return absl::StrCat(
      "node ", FactOr(finding, "name", NodeLabel(plan, finding.node)),
      " is in the list more than once and counts once: ", CutFact(finding, "listed_as"));
}

std::string StillServedSentence(const RecoveryPlan&, const Finding& finding) {
  const std::string what = absl::StrCat(
      "replicas are still served on ", CutFact(finding, "nodes"), " (",
      FactOr(finding, "primaries", "0"), " PS_PRIMARY, ", FactOr(finding, "secondaries", "0"),
      " PS_SECONDARY): these nodes hold a lease of a meta server");
  if (finding.severity != Severity::kHazard) {
    return absl::StrCat(what,
                        "; accepted by --still_served, although stock replica servers abort when "
                        "they are recovered in this state");
  }
  return absl::StrCat(
      what,
      ", and stock replica servers abort when they are recovered in this state; stop "
      "every meta server and wait until the leases have run out (recover and apply "
      "wait for that)");
}

std::string NodeReportInvalidSentence(const RecoveryPlan& plan, const Finding& finding) {
  return absl::StrCat("node ", NodeLabel(plan, finding.node), " reported what makes no sense",
                      finding.app_id > 0 ? absl::StrCat(" about ", TableLabel(plan, finding.app_id))
                                         : std::string(),
                      ", and it was left out: ", FactOr(finding, "problems"));
}

}  // namespace metarec
