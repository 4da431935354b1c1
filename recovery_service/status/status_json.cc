#include "recovery_service/status/status_json.h"

#include <algorithm>
#include <array>
#include <vector>

#include <absl/strings/str_cat.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "meta_recovery/report/finding_text.h"
#include "recovery_service/status/status_nodes.h"
#include "recovery_service/status/status_tables.h"

namespace metarec {
namespace {

// So that the answer stays small whatever the cluster's size. What is cut off is what is least
// worth seeing, and is counted.
constexpr size_t kTablesMax = 200;
constexpr size_t kCellsMax = 1000;
constexpr size_t kFindingsMax = 200;
constexpr size_t kNodesMax = 1000;

constexpr std::array kWorstFirst = {Severity::kConflict, Severity::kError, Severity::kHazard,
                                    Severity::kWarning, Severity::kNote};

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

void Text(Json* json, const char* key, absl::string_view text) {
  const std::string printable = PrintableLines(text);
  json->Key(key);
  json->String(printable.data(), static_cast<rapidjson::SizeType>(printable.size()));
}

void Number(Json* json, const char* key, int64_t number) {
  json->Key(key);
  json->Int64(number);
}

std::string NextStep(const RecoveryServiceStatus& status) {
  if (!status.leadership.is_us) {
    return status.leadership.leader
               ? absl::StrCat("Nothing here: ", status.leadership.leader->name, " leads.")
               : "Wait until this server, or another one, leads.";
  }
  switch (status.state) {
    case RecoveryState::kWaiting:
      return absl::StrCat(
          "List the replica servers in a file, one host:port a line, and send them:\n\n  metarec "
          "recover -f recover_node_list --meta ",
          status.leadership.leader ? status.leadership.leader->name : "THIS_SERVER",
          "\n\nor the same recover command in Pegasus's shell.");
    case RecoveryState::kRecovering:
      return "Wait. The command may be sent again; it then waits for this run.";
    case RecoveryState::kFailed:
      return status.result == nullptr
                 ? "Send recover again."
                 : absl::StrCat(status.result->error_name, ": ", status.result->status.message(),
                                "\n", status.result->hints, "\nThen send recover again.");
    case RecoveryState::kRecovered:
      // Who refuses to recover again runs with the flag false already.
      if (status.retries == Retries::kRefused) {
        return "Stop this server, and start the meta server on this root.";
      }
      return "Set [meta_server] recover_from_replica_server = false, stop this server, and start "
             "the meta server.";
  }
  return "";
}

std::string Summary(const TableRows& tables) {
  if (tables.tables == 0) return "";
  return absl::StrCat(Counted(static_cast<int64_t>(tables.tables), "table"), ", ",
                      Counted(tables.partitions, "partition"));
}

void WriteProgress(const char* key, const Progress& progress, absl::string_view state, Json* json) {
  if (key != nullptr) json->Key(key);
  json->StartObject();
  Text(json, "phase", PhaseName(progress.phase));
  if (!state.empty()) Text(json, "state", state);
  Number(json, "done", progress.done);
  Number(json, "total", progress.total);
  Text(json, "note", progress.note);
  json->EndObject();
}

// All that a run goes through, whether it came there or not. Who need not wait does not.
void WritePhases(const RecoveryServiceStatus& status, Json* json) {
  json->Key("phases");
  json->StartArray();
  const bool was_run = status.run != nullptr && !status.run->phases().empty();
  bool is_past = true;
  // Planning, which is over before anybody sees it, counts to what it follows.
  const Phase at = status.progress.phase == Phase::kPlan ? Phase::kCollect : status.progress.phase;
  for (const Phase phase :
       {Phase::kCollect, Phase::kAwaitInactive, Phase::kWrite, Phase::kVerify}) {
    if (!was_run) break;
    const std::vector<Progress>& known = status.run->phases();
    const auto found = std::find_if(known.begin(), known.end(), [phase](const Progress& progress) {
      return progress.phase == phase;
    });
    if (found == known.end() && phase == Phase::kAwaitInactive) continue;
    Progress progress;
    progress.phase = phase;
    if (found != known.end()) progress = *found;
    const bool is_current = status.run_state != RecoveryState::kRecovered && phase == at;
    if (is_current) is_past = false;
    const bool has_failed = status.run_state == RecoveryState::kFailed;
    WriteProgress(nullptr, progress,
                  is_current ? (has_failed ? "failed" : "running") : (is_past ? "done" : "waiting"),
                  json);
  }
  json->EndArray();
}

void WriteNodes(const RecoveryServiceStatus& status, absl::Time now, Json* json) {
  const std::vector<NodeRow> rows = NodeRows(status, now);
  json->Key("nodes");
  json->StartArray();
  for (size_t i = 0; i < std::min(rows.size(), kNodesMax); ++i) {
    const NodeRow& row = rows[i];
    json->StartObject();
    Text(json, "address", row.address);
    Text(json, "name", row.name);
    Text(json, "answer", row.answer);
    Text(json, "state", row.state);
    if (row.tables) Number(json, "tables", *row.tables);
    if (row.replicas) Number(json, "replicas", *row.replicas);
    json->EndObject();
  }
  json->EndArray();
  Number(json, "nodes_count", static_cast<int64_t>(rows.size()));
}

void WriteTables(const TableRows& tables, Json* json) {
  json->Key("tables");
  json->StartArray();
  for (const TableRow& row : tables.rows) {
    json->StartObject();
    Number(json, "app_id", row.app_id);
    Text(json, "name", row.name);
    Number(json, "partitions", row.partitions);
    Number(json, "thin", row.thin);
    Number(json, "lost", row.lost);
    Text(json, "heat", row.heat);
    json->EndObject();
  }
  json->EndArray();
  Number(json, "tables_count", static_cast<int64_t>(tables.tables));
}

// The first ones of a severity: of those about lost partitions, or of the others.
void WriteSome(const RecoveryPlan& plan, Severity severity, bool lost, size_t* left, Json* json) {
  for (size_t i = 0; i < plan.findings.size() && *left > 0; ++i) {
    const Finding& finding = plan.findings[i];
    if (finding.severity != severity || (finding.kind() == FindingKind::kPartitionLost) != lost) {
      continue;
    }
    --*left;
    json->StartObject();
    Text(json, "severity", SeverityName(severity));
    Text(json, "text", FindingSentence(plan, finding));
    json->EndObject();
  }
}

void WriteFindings(const RecoveryPlan* plan, Json* json) {
  static const std::vector<Finding> kNone;
  const std::vector<Finding>& findings = plan == nullptr ? kNone : plan->findings;
  size_t left = kFindingsMax;
  json->Key("findings");
  json->StartArray();
  for (const Severity severity : kWorstFirst) {
    if (plan == nullptr) break;
    WriteSome(*plan, severity, true, &left, json);
    WriteSome(*plan, severity, false, &left, json);
  }
  json->EndArray();
  Number(json, "findings_count", static_cast<int64_t>(findings.size()));
  json->Key("findings_by_severity");
  json->StartObject();
  for (const Severity severity : kWorstFirst) {
    const auto count =
        std::count_if(findings.begin(), findings.end(),
                      [severity](const Finding& finding) { return finding.severity == severity; });
    if (count > 0) Number(json, std::string(SeverityName(severity)).c_str(), count);
  }
  json->EndObject();
}

}  // namespace

std::string StatusJson(const RecoveryServiceStatus& status, absl::Time now) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  const RecoveryPlan* const plan =
      status.result != nullptr && status.result->plan ? &*status.result->plan : nullptr;
  const TableRows tables = TablesWorstFirst(status, kTablesMax, kCellsMax);
  json.StartObject();
  Number(&json, "schema", 1);
  Text(&json, "state", RecoveryStateName(status.state));
  Number(&json, "state_seconds", absl::ToInt64Seconds(now - status.state_since));
  json.Key("is_leader");
  json.Bool(status.leadership.is_us);
  Text(&json, "leader", status.leadership.leader ? status.leadership.leader->name : "");
  Text(&json, "summary", Summary(tables));
  if (status.run_state == RecoveryState::kRecovering) {
    WriteProgress("progress", status.progress, "", &json);
  }
  WritePhases(status, &json);
  if (status.result != nullptr) {
    Text(&json, "error", status.result->error_name);
    Text(&json, "message", status.result->status.message());
  }
  Text(&json, "next", NextStep(status));
  WriteNodes(status, now, &json);
  WriteTables(tables, &json);
  WriteFindings(plan, &json);
  json.EndObject();
  return absl::StrCat(buffer.GetString(), "\n");
}

}  // namespace metarec
