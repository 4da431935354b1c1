#include "recovery_service/status/status_json.h"

#include <algorithm>
#include <array>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/json/json_writer.h"
#include "base/text/wording.h"
#include "idl/error_names.h"
#include "meta_recovery/report/finding_text.h"
#include "recovery_service/status/status_rows.h"

namespace metarec {
namespace {

// They keep the answer small whatever the cluster's size. What is cut off is the least worth
// seeing, and is counted.
constexpr size_t kTablesMax = 200;
constexpr size_t kCellsMax = 1000;
constexpr size_t kFindingsMax = 200;
constexpr size_t kNodesMax = 1000;

constexpr std::array kWorstFirst = {Severity::kConflict, Severity::kError, Severity::kHazard,
                                    Severity::kWarning, Severity::kNote};

std::string WhileNobodyLeads(const RecoveryServiceStatus& status) {
  if (!status.zookeeper_trouble.empty()) {
    return "Mend that. This server tries again and again until it, or another one, leads.";
  }
  return "Wait until this server, or another one, leads.";
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

// What fails or is missing while leases run out would fail the plan after that.
std::string WhileRecovering(const RecoveryServiceStatus& status) {
  const bool skips = status.order != nullptr && status.order->skip_bad_nodes;
  std::vector<std::string> failed;
  std::vector<std::string> unlisted;
  if (status.run != nullptr && !skips) {
    for (const AskedNode& node : status.run->nodes()) {
      if (node.is_duplicate || node.state() != AskedNode::State::kFailed) continue;
      failed.push_back(absl::StrCat(node.listed_as, ": ", node.error));
    }
    unlisted = UnlistedServers(status);
  }
  std::string text = "Wait. The command may be sent again; it then waits for this run.";
  if (failed.empty() && unlisted.empty()) return text;
  const auto first = [](const std::vector<std::string>& items) {
    return absl::StrCat(" (", items.front(), items.size() == 1 ? "" : ", ...", "). ");
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

std::string NextStepByState(const RecoveryServiceStatus& status) {
  if (!status.leadership.is_us) {
    return status.leadership.leader
               ? absl::StrCat("Nothing here: ", status.leadership.leader->name, " leads.")
               : WhileNobodyLeads(status);
  }
  switch (status.state) {
    case RecoveryState::kWaiting:
      return WhileWaiting(status);
    case RecoveryState::kRecovering:
      return WhileRecovering(status);
    case RecoveryState::kFailed:
      return status.result == nullptr
                 ? "Send recover again."
                 : absl::StrCat(status.result->error_name, ": ", status.result->status.message(),
                                "\n", status.result->hints, "\nThen send recover again.");
    case RecoveryState::kRecovered:
      // A server that refuses to recover again runs with the flag false already.
      if (status.retries == Retries::kRefused) {
        return "Stop this server, and start the meta server on this root.";
      }
      return "Set [meta_server] recover_from_replica_server = false, stop this server, and start "
             "the meta server.";
  }
  return "";
}

// What keeps the server from its work comes first.
std::string NextStep(const RecoveryServiceStatus& status) {
  std::string text;
  if (!status.zookeeper_trouble.empty()) {
    absl::StrAppend(&text, "Trouble with ZooKeeper: ", status.zookeeper_trouble, "\n\n");
  }
  if (!status.unfinished_run.empty()) absl::StrAppend(&text, status.unfinished_run, "\n\n");
  return absl::StrCat(text, NextStepByState(status));
}

std::string Summary(const TableRows& tables) {
  if (tables.tables == 0) return "";
  return absl::StrCat(Counted(static_cast<int64_t>(tables.tables), "table"), ", ",
                      Counted(tables.partitions, "partition"));
}

// `state` of a phase; empty for the progress as such.
void WriteProgress(const Progress& progress, absl::string_view state, JsonWriter* json) {
  json->StartObject();
  json->String("phase", PhaseName(progress.phase));
  if (!state.empty()) json->String("state", state);
  json->Int("done", progress.done);
  json->Int("total", progress.total);
  json->String("note", progress.note);
  json->EndObject();
}

// "done", "running", "failed" or "waiting". `at` is the phase that the run is or was in; phases
// before it in order are past.
absl::string_view PhaseState(const RecoveryServiceStatus& status, const Progress& progress,
                             Phase at, bool is_past) {
  const bool has_failed = status.run_state == RecoveryState::kFailed;
  if (status.run_state == RecoveryState::kRecovered) return "done";
  if (progress.phase == at) return has_failed ? "failed" : "running";
  if (is_past) return "done";
  // The nodes are asked again after they were waited for, so that the wait can be over by then.
  const bool is_over = progress.phase == Phase::kAwaitInactive && progress.total > 0 &&
                       progress.done == progress.total;
  return is_over ? "done" : "waiting";
}

// All that a run goes through, whether it came there or not. A run that need not wait for leases
// has no phase for that.
void WritePhases(const RecoveryServiceStatus& status, JsonWriter* json) {
  json->StartArray("phases");
  const std::vector<Progress> known =
      status.run == nullptr ? std::vector<Progress>() : status.run->phases();
  bool is_past = true;
  // Planning is over before anybody sees it. It counts as the end of collecting.
  const Phase at = status.progress.phase == Phase::kPlan ? Phase::kCollect : status.progress.phase;
  for (const Phase phase :
       {Phase::kCollect, Phase::kAwaitInactive, Phase::kWrite, Phase::kVerify}) {
    if (known.empty()) break;
    const auto found = std::find_if(known.begin(), known.end(), [phase](const Progress& progress) {
      return progress.phase == phase;
    });
    if (found == known.end() && phase == Phase::kAwaitInactive) continue;
    Progress progress;
    progress.phase = phase;
    if (found != known.end()) progress = *found;
    if (status.run_state != RecoveryState::kRecovered && phase == at) is_past = false;
    WriteProgress(progress, PhaseState(status, progress, at, is_past), json);
  }
  json->EndArray();
}

void WriteNodes(const RecoveryServiceStatus& status, absl::Time now, JsonWriter* json) {
  const std::vector<NodeRow> rows = NodeRows(status, now);
  json->StartArray("nodes");
  for (size_t i = 0; i < std::min(rows.size(), kNodesMax); ++i) {
    const NodeRow& row = rows[i];
    json->StartObject();
    json->String("address", row.address);
    json->String("name", row.name);
    json->String("answer", row.answer);
    json->String("state", row.state);
    if (row.tables) json->Int("tables", *row.tables);
    if (row.replicas) json->Int("replicas", *row.replicas);
    json->EndObject();
  }
  json->EndArray();
  json->Int("nodes_count", static_cast<int64_t>(rows.size()));
}

void WriteTables(const TableRows& tables, JsonWriter* json) {
  json->StartArray("tables");
  for (const TableRow& row : tables.rows) {
    json->StartObject();
    json->Int("app_id", row.app_id);
    json->String("name", row.name);
    json->Int("partitions", row.partitions);
    json->Int("thin", row.thin);
    json->Int("lost", row.lost);
    json->String("heat", row.heat);
    json->EndObject();
  }
  json->EndArray();
  json->Int("tables_count", static_cast<int64_t>(tables.tables));
}

// The first ones of a severity: of those about lost partitions, or of the others.
void WriteSome(const RecoveryPlan& plan, Severity severity, bool lost, size_t* left,
               JsonWriter* json) {
  for (size_t i = 0; i < plan.findings.size() && *left > 0; ++i) {
    const Finding& finding = plan.findings[i];
    if (finding.severity != severity || (finding.kind() == FindingKind::kPartitionLost) != lost) {
      continue;
    }
    --*left;
    json->StartObject();
    json->String("severity", SeverityName(severity));
    json->String("text", FindingSentence(plan, finding));
    json->EndObject();
  }
}

void WriteFindings(const RecoveryPlan* plan, JsonWriter* json) {
  static const std::vector<Finding> kNone;
  const std::vector<Finding>& findings = plan == nullptr ? kNone : plan->findings;
  size_t left = kFindingsMax;
  json->StartArray("findings");
  for (const Severity severity : kWorstFirst) {
    if (plan == nullptr) break;
    WriteSome(*plan, severity, true, &left, json);
    WriteSome(*plan, severity, false, &left, json);
  }
  json->EndArray();
  json->Int("findings_count", static_cast<int64_t>(findings.size()));
  json->StartObject("findings_by_severity");
  for (const Severity severity : kWorstFirst) {
    const auto count =
        std::count_if(findings.begin(), findings.end(),
                      [severity](const Finding& finding) { return finding.severity == severity; });
    if (count > 0) json->Int(SeverityName(severity), count);
  }
  json->EndObject();
}

}  // namespace

std::string StatusJson(const RecoveryServiceStatus& status, absl::Time now) {
  std::string text;
  JsonWriter json(&text, {.text = JsonText::kPrintableLines});
  const RecoveryPlan* const plan =
      status.result != nullptr && status.result->plan ? &*status.result->plan : nullptr;
  const TableRows tables = TablesWorstFirst(status, kTablesMax, kCellsMax);
  json.StartObject();
  json.Int("schema", 1);
  json.String("state", RecoveryStateName(status.state));
  json.Int("state_seconds", absl::ToInt64Seconds(now - status.state_since));
  json.Bool("is_leader", status.leadership.is_us);
  json.String("leader", status.leadership.leader ? status.leadership.leader->name : "");
  if (!status.zookeeper_trouble.empty()) json.String("zookeeper", status.zookeeper_trouble);
  if (!status.unfinished_run.empty()) json.String("unfinished_run", status.unfinished_run);
  json.String("summary", Summary(tables));
  if (status.run_state == RecoveryState::kRecovering) {
    json.Key("progress");
    WriteProgress(status.progress, "", &json);
  }
  WritePhases(status, &json);
  if (status.result != nullptr) {
    json.String("error", status.result->error_name);
    json.String("message", status.result->status.message());
  }
  json.String("next", NextStep(status));
  WriteNodes(status, now, &json);
  WriteTables(tables, &json);
  WriteFindings(plan, &json);
  json.EndObject().Newline();
  return text;
}

}  // namespace metarec
