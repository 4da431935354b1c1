// What the planner decided, beside what the reference model says.

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/rare_branch.h"
#include "meta_recovery/planner/settlements.h"
#include "reference_model.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::simulation {

ModelPlan ModelOf(const RecoveryPlan& plan) {
  ModelPlan model;
  model.outcome = plan.outcome;
  for (const Finding& finding : plan.findings) {
    const auto address = [&] { return plan.topology.nodes[finding.node].address.ToString(); };
    if (const auto* differs = finding.facts.As<found::RecordsDiffer>()) {
      if (differs->rule == RecordRule::kOperation) {
        model.said.insert(
            absl::StrCat(finding.app_id, ".", differs->field, " belongs to an operation"));
      }
    }
    switch (finding.kind()) {
      case FindingKind::kNodeAddressDiffers:
        model.said.insert(address() + " gives another address");
        break;
      case FindingKind::kNodeNameAmbiguous:
        model.said.insert(address() + " is one of several");
        break;
      case FindingKind::kTableProbablyDropped:
        model.said.insert(absl::StrCat(finding.app_id, " was probably dropped"));
        break;
      case FindingKind::kBeaconNotBelieved:
        model.doubtful.insert(address());
        break;
      default:
        break;
    }
    if (const auto* unlisted = finding.facts.As<found::UnlistedServer>()) {
      if (finding.severity == Severity::kError) model.unlisted.insert(unlisted->address);
    } else if (finding.severity == Severity::kConflict) {
      model.conflicts.insert(absl::StrJoin(SettlementKeysOf(finding), ","));
    } else if (finding.severity == Severity::kError) {
      model.errors.insert(finding.node != kNoNode ? plan.topology.nodes[finding.node].name
                          : finding.partition_index < 0
                              ? absl::StrCat(finding.app_id)
                              : absl::StrCat(finding.app_id, ".", finding.partition_index));
    }
  }
  if (plan.outcome != PlanOutcome::kReady) return model;
  const ClusterPaths paths("/x");
  TopologyZnodes znodes(plan.topology, paths);
  for (size_t i = 0; i < znodes.size(); ++i) {
    const std::string path = znodes.Path(i);
    const bool is_of_table = absl::StartsWith(path, paths.apps() + "/");
    model.znodes[path.substr(is_of_table ? paths.apps().size() + 1 : paths.root().size())] =
        znodes.Data(i);
  }
  return model;
}

std::string Difference(const ModelPlan& expected, const ModelPlan& actual) {
  if (expected.wrong_settlements != actual.wrong_settlements) {
    return absl::StrCat("a decision that cannot be is taken: ",
                        absl::StrJoin(expected.wrong_settlements, " "));
  }
  for (const std::string& address : actual.unlisted) {
    if (!expected.unlisted.contains(address)) return address + " sends no beacons";
  }
  for (const std::string& address : actual.doubtful) {
    if (!expected.doubtful.contains(address)) return address + " sends beacons that are true";
  }
  const bool stops = !actual.unlisted.empty() && actual.outcome == PlanOutcome::kTryAgain;
  if (stops) METAREC_RARE_BRANCH("a recovery stops for a server that the list lacks");
  if (expected.outcome != actual.outcome && !(stops && expected.outcome == PlanOutcome::kReady)) {
    return absl::StrCat("the outcome should be ", PlanOutcomeName(expected.outcome), ", is ",
                        PlanOutcomeName(actual.outcome));
  }
  const auto differ = [](const std::set<std::string>& a, const std::set<std::string>& b) {
    std::string text;
    for (const std::string& item : a) absl::StrAppend(&text, b.contains(item) ? "" : " -" + item);
    for (const std::string& item : b) absl::StrAppend(&text, a.contains(item) ? "" : " +" + item);
    return text;
  };
  if (expected.conflicts != actual.conflicts) {
    return absl::StrCat("conflicts differ:", differ(expected.conflicts, actual.conflicts));
  }
  if (expected.errors != actual.errors) {
    return absl::StrCat("errors differ:", differ(expected.errors, actual.errors));
  }
  if (expected.said != actual.said) {
    return absl::StrCat("what is said differs:", differ(expected.said, actual.said));
  }
  if (stops) return "";
  for (const auto& [path, data] : expected.znodes) {
    const auto found = actual.znodes.find(path);
    if (found == actual.znodes.end()) return absl::StrCat(path, " is missing");
    if (found->second != data) {
      return absl::StrCat(path, " should be ", data, ", is ", found->second);
    }
  }
  for (const auto& [path, data] : actual.znodes) {
    if (!expected.znodes.contains(path)) return absl::StrCat(path, " should not be there");
  }
  return "";
}

}  // namespace metarec::simulation
