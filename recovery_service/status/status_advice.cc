#include "recovery_service/status/status_advice.h"

#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/wording.h"
#include "idl/error_names.h"
#include "recovery_service/status/status_rows.h"

namespace metarec {
namespace {

bool HasZooKeeperTrouble(const RecoveryServiceStatus& status) {
  return status.zookeeper_trouble && !status.zookeeper_trouble->empty();
}

std::string WhileWaiting(const RecoveryServiceStatus& status) {
  return absl::StrCat(
      status.unfinished_run.empty()
          ? ""
          : "Send the same recover command again: the recovery then goes on where it was.\n\n",
      "List the replica servers in a file, one host:port a line, and send them:\n\n  metarec "
      "recover -f recover_node_list --meta ",
      status.leadership.leader ? status.leadership.leader->name : "THIS_SERVER",
      "\n\nor the same recover command in Pegasus's shell.");
}

bool IsSkipped(const RecoveryServiceStatus& status, const std::string& name,
               const Ipv4Endpoint& address) {
  return status.plan_options != nullptr &&
         AcceptsBadNode(*status.plan_options, {name}, name, address);
}

// What fails or is missing while leases run out would fail the plan after that.
std::string WhileRecovering(const RecoveryServiceStatus& status) {
  const bool skips = status.order != nullptr && status.order->skip_bad_nodes;
  std::vector<std::string> failed;
  std::vector<std::string> unlisted;
  const bool is_planned =
      status.progress.phase == Phase::kWrite || status.progress.phase == Phase::kVerify;
  if (status.run != nullptr && !skips && !is_planned) {
    for (const AskedNode& node : status.run->nodes()) {
      if (node.is_duplicate || node.state() != AskedNode::State::kFailed) continue;
      if (IsSkipped(status, node.listed_as, node.address.value_or(Ipv4Endpoint()))) continue;
      failed.push_back(absl::StrCat(node.listed_as, " with ", node.error));
    }
    unlisted = UnlistedServers(status);
  }
  std::string text = "Wait. The command may be sent again; it then waits for this run.";
  if (failed.empty() && unlisted.empty()) return text;
  const auto first = [](const std::vector<std::string>& items) {
    return absl::StrCat(": ", items.front(), items.size() == 1 ? "" : ", ...", ". ");
  };
  absl::StrAppend(&text, "\n\n");
  if (!failed.empty()) {
    absl::StrAppend(&text, Counted(static_cast<int64_t>(failed.size()), "node"),
                    failed.size() == 1 ? " fails" : " fail", first(failed));
  }
  if (!unlisted.empty()) {
    absl::StrAppend(&text, Counted(static_cast<int64_t>(unlisted.size()), "server"),
                    unlisted.size() == 1 ? " sends beacons but is" : " send beacons but are",
                    " not in the node list", first(unlisted));
  }
  return absl::StrCat(text, "Unless this is mended, the recovery will end with ", idl::kErrTryAgain,
                      " and write nothing.");
}

// What was found stands among the findings, and is not said again here.
std::string AfterFailure(const RecoveryServiceStatus& status) {
  if (status.result == nullptr) return "Send recover again.";
  const std::string reason =
      absl::StrCat(status.result->error_name, ": ", status.result->status.message());
  if (status.plan == nullptr) return absl::StrCat(reason, "\n\nThen send recover again.");
  switch (status.plan->outcome) {
    case PlanOutcome::kConflict:
      return absl::StrCat(reason, "\n\nThe findings name the choices.\n",
                          absl::StrJoin(HowToDecide(*status.plan, status.decisions), "\n"));
    case PlanOutcome::kTryAgain:
      return absl::StrCat(reason,
                          "\n\nMend what the errors among the findings say, or accept it with the "
                          "options that they name. Then send recover again.");
    case PlanOutcome::kReady:
      return absl::StrCat(reason, "\n\nThen send recover again.");
  }
  return reason;
}

std::string OnceRecovered(const RecoveryServiceStatus& status) {
  if (status.is_damaged()) {
    return absl::StrCat(status.result->status.message(),
                        ".\n\nTo recover into another root, set [meta_server] cluster_root to one, "
                        "start this server again, and send recover.");
  }
  // A server that refuses to recover again runs with the flag false already.
  if (status.retries == Retries::kRefused && status.served != nullptr) {
    return "Stop this server, and start the meta server on this root.";
  }
  return "Set [meta_server] recover_from_replica_server = false, stop this server, and start the "
         "meta server.";
}

// Of a run that ended before this server stopped leading.
std::string PastRun(const RecoveryServiceStatus& status) {
  if (status.run_state == RecoveryState::kRecovered && !status.is_damaged()) {
    return absl::StrCat("The recovery has ended well: everything is written in ",
                        status.cluster.zookeeper_root, ". ");
  }
  return status.result == nullptr
             ? ""
             : absl::StrCat("The last recovery had failed: ", status.result->error_name, ": ",
                            status.result->status.message(), ". ");
}

std::string NextStepByState(const RecoveryServiceStatus& status) {
  if (!status.leadership.is_us) {
    const std::string past = status.is_past_run ? PastRun(status) : "";
    if (status.leadership.leader) {
      return absl::StrCat(past, "Nothing here: ", status.leadership.leader->name, " leads.");
    }
    return absl::StrCat(past, "Wait until this server, or another one, leads.");
  }
  switch (status.state) {
    case RecoveryState::kWaiting:
      return WhileWaiting(status);
    case RecoveryState::kRecovering:
      return WhileRecovering(status);
    case RecoveryState::kFailed:
      return AfterFailure(status);
    case RecoveryState::kRecovered:
      return OnceRecovered(status);
  }
  return "";
}

}  // namespace

std::string NextStep(const RecoveryServiceStatus& status) {
  std::string text;
  if (HasZooKeeperTrouble(status)) {
    absl::StrAppend(&text,
                    "Mend the trouble with ZooKeeper. This server tries again and again.\n\n");
  }
  if (!status.unfinished_run.empty()) absl::StrAppend(&text, status.unfinished_run, "\n\n");
  return absl::StrCat(text, NextStepByState(status));
}

bool AreLostEmpty(const RecoveryServiceStatus& status) {
  if (!ShowsPlan(status)) return false;
  return status.run_state == RecoveryState::kRecovered ||
         (status.run_state == RecoveryState::kRecovering &&
          status.plan->outcome == PlanOutcome::kReady);
}

std::string LossText(const RecoveryServiceStatus& status, const TableRows& tables) {
  if (tables.lost == 0) return "";
  const bool is_one = tables.lost == 1;
  std::string verb;
  if (!ShowsPlan(status)) {
    // Of a root that was there already, only what the tree names is known.
    verb = is_one ? "names no replica" : "name no replica";
  } else if (status.run_state == RecoveryState::kRecovered) {
    verb = is_one ? "was created EMPTY, because no node had a replica of it"
                  : "were created EMPTY, because no node had a replica of them";
  } else if (AreLostEmpty(status)) {
    verb = is_one ? "is created EMPTY, because no node has a replica of it"
                  : "are created EMPTY, because no node has a replica of them";
  } else {
    verb = is_one ? "has no replica on any node that answered"
                  : "have no replica on any node that answered";
  }
  return absl::StrCat(Counted(tables.lost, "partition"), " ", verb, ": ",
                      LostPartitionsText(tables));
}

}  // namespace metarec
