#include "migration/zookeeper/recovery_outlook.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/report/finding_text.h"

namespace metarec {
namespace {

// Of one kind.
constexpr size_t kFindingsShownMax = 5;

void AppendFindings(const RecoveryPlan& plan, Severity severity, std::vector<std::string>* lines) {
  for (const FindingGroup& group : GroupFindings(plan, severity)) {
    for (size_t i = 0; i < group.findings.size(); ++i) {
      if (i == kFindingsShownMax) {
        lines->push_back(absl::StrCat("and ", group.findings.size() - i, " more like this"));
        break;
      }
      lines->push_back(FindingStatement(plan, *group.findings[i]));
    }
  }
}

void AppendLosses(const RecoveryPlan& plan, RecoveryOutlook* outlook) {
  const PlanNumbers numbers = CountPlan(plan);
  if (numbers.partitions_lost > 0) {
    std::vector<std::string> lost;
    for (const TopologyTable& table : plan.topology.tables) {
      for (uint32_t i = 0; i < table.partitions_count; ++i) {
        const uint32_t at = table.partitions_begin + i;
        if (!plan.partitions[at].lost) continue;
        lost.push_back(absl::StrCat(table.app_name, ".", plan.topology.partitions[at].index));
      }
    }
    outlook->losses.push_back(absl::StrCat(Counted(numbers.partitions_lost, "partition"),
                                           " created EMPTY, as accepted: ", CutList(lost)));
  }
  std::vector<std::string> left_out;
  for (const NodeDecision& node : plan.nodes) {
    if (node.error != "ERR_OK") {
      left_out.push_back(absl::StrCat(node.listed_as.front(), " (", node.error, ")"));
    }
  }
  if (left_out.empty()) return;
  outlook->losses.push_back(absl::StrCat(
      "what only these replica servers hold, which do not answer and are left out as accepted: ",
      CutList(left_out)));
}

}  // namespace

void AddDeadServers(const std::vector<std::string>& dead, RecoveryAccepts accepts,
                    RecoveryOutlook* outlook) {
  if (dead.empty()) return;
  if (accepts.skip_bad_nodes) {
    outlook->losses.push_back(absl::StrCat(
        "what only these replica servers hold, which are not alive and are left out as "
        "accepted: ",
        CutList(dead)));
  } else {
    outlook->obstacles.push_back(
        absl::StrCat("not alive: ", CutList(dead),
                     ". Bring them back, or leave out what only they hold, with --skip_bad_nodes"));
  }
}

asio::awaitable<absl::StatusOr<RecoveryOutlook>> LookAtRecovery(std::vector<std::string> nodes,
                                                                RecoveryAccepts accepts,
                                                                MoveWorld* world) {
  RecoveryOutlook outlook;
  if (nodes.empty()) {
    outlook.obstacles.push_back("no replica server is alive");
    co_return outlook;
  }
  METAREC_CO_ASSIGN_OR_RETURN(Evidence evidence, co_await world->Collect(std::move(nodes)));
  PlanOptions options;
  options.skip_bad_nodes = accepts.skip_bad_nodes;
  options.skip_lost_partitions = accepts.skip_lost_partitions;
  options.accept_still_served = true;
  METAREC_CO_ASSIGN_OR_RETURN(const RecoveryPlan plan, MakePlan(std::move(evidence), options));
  if (plan.outcome != PlanOutcome::kReady) {
    AppendFindings(plan, Severity::kConflict, &outlook.obstacles);
    AppendFindings(plan, Severity::kError, &outlook.obstacles);
    co_return outlook;
  }
  AppendLosses(plan, &outlook);
  AppendFindings(plan, Severity::kHazard, &outlook.hazards);
  co_return outlook;
}

}  // namespace metarec
