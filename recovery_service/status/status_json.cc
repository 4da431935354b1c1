#include "recovery_service/status/status_json.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <absl/strings/str_cat.h>

#include "base/json/json_writer.h"
#include "base/text/wording.h"
#include "recovery_service/status/status_advice.h"
#include "recovery_service/status/status_rows.h"

namespace metarec {
namespace {

// What is cut off is the least worth seeing, and is counted.
constexpr size_t kNodesMax = 1000;

std::string Summary(const TableRows& tables) {
  if (tables.tables == 0) return "";
  return absl::StrCat(Counted(static_cast<int64_t>(tables.tables), "table"), ", ",
                      Counted(tables.partitions, "partition"));
}

// `state` of a phase; empty for the progress as such.
void WriteProgress(const WatchedPhase& phase, absl::string_view state, absl::Time now,
                   JsonWriter* json) {
  json->StartObject();
  json->String("phase", PhaseName(phase.latest.phase));
  if (!state.empty()) json->String("state", state);
  json->Int("done", phase.latest.done);
  json->Int("total", phase.latest.total);
  json->String("note", phase.latest.note);
  const std::optional<absl::Duration> left = phase.TimeLeft(now);
  if (left && (state.empty() || state == "running")) {
    json->Int("seconds_left", absl::ToInt64Seconds(absl::Ceil(*left, absl::Seconds(1))));
  }
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
void WritePhases(const RecoveryServiceStatus& status, absl::Time now, JsonWriter* json) {
  json->StartArray("phases");
  const std::vector<WatchedPhase> known =
      status.run == nullptr ? std::vector<WatchedPhase>() : status.run->phases();
  bool is_past = true;
  // Planning is over before anybody sees it. It counts as the end of collecting.
  const Phase at = status.progress.phase == Phase::kPlan ? Phase::kCollect : status.progress.phase;
  for (const Phase phase :
       {Phase::kCollect, Phase::kAwaitInactive, Phase::kWrite, Phase::kVerify}) {
    if (known.empty()) break;
    const auto found = std::find_if(
        known.begin(), known.end(),
        [phase](const WatchedPhase& watched) { return watched.latest.phase == phase; });
    if (found == known.end() && phase == Phase::kAwaitInactive) continue;
    WatchedPhase watched;
    watched.latest.phase = phase;
    if (found != known.end()) watched = *found;
    if (status.run_state != RecoveryState::kRecovered && phase == at) is_past = false;
    WriteProgress(watched, PhaseState(status, watched.latest, at, is_past), now, json);
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

void WriteFindings(const PlanGlance& plan, JsonWriter* json) {
  json->StartArray("findings");
  for (const FindingRow& finding : plan.findings) {
    json->StartObject();
    json->String("severity", SeverityName(finding.severity));
    json->String("text", finding.text);
    json->EndObject();
  }
  json->EndArray();
  json->Int("findings_count", plan.findings_count);
  json->StartObject("findings_by_severity");
  for (const Severity severity : kWorstFirst) {
    const auto count = plan.by_severity.find(severity);
    if (count != plan.by_severity.end()) json->Int(SeverityName(severity), count->second);
  }
  json->EndObject();
  if (plan.decisions.empty()) return;
  json->StartArray("decisions");
  for (const std::string& decision : plan.decisions) json->String(decision);
  json->EndArray();
}

// The server, its cluster and its ZooKeeper.
void WriteSurroundings(const RecoveryServiceStatus& status, absl::Time now, JsonWriter* json) {
  json->Bool("is_leader", status.leadership.is_us);
  json->String("leader", status.leadership.leader ? status.leadership.leader->name : "");
  json->String("cluster", status.cluster.name);
  json->String("root", status.cluster.zookeeper_root);
  json->String("version", status.build.version);
  if (!status.build.commit.empty()) json->String("commit", status.build.commit);
  if (status.zookeeper_trouble) {
    if (!status.zookeeper_trouble->empty()) json->String("zookeeper", *status.zookeeper_trouble);
    json->Bool("zookeeper_connected", status.zookeeper_trouble->empty());
    json->Int("zookeeper_seconds", absl::ToInt64Seconds(now - status.zookeeper_since));
  }
  json->String("zookeeper_hosts", status.cluster.zookeeper_hosts);
  if (!status.unfinished_run.empty()) json->String("unfinished_run", status.unfinished_run);
}

// The run that runs or ran last.
void WriteRun(const RecoveryServiceStatus& status, absl::Time now, JsonWriter* json) {
  if (status.run_state == RecoveryState::kRecovering) {
    WatchedPhase current;
    const std::vector<WatchedPhase> known =
        status.run == nullptr ? std::vector<WatchedPhase>() : status.run->phases();
    for (const WatchedPhase& phase : known) {
      if (phase.latest.phase == status.progress.phase) current = phase;
    }
    current.latest = status.progress;
    json->Key("progress");
    WriteProgress(current, "", now, json);
    const Phase phase = status.progress.phase;
    if (phase != Phase::kWrite && phase != Phase::kVerify) {
      const absl::Duration left = std::max(status.run_deadline - now, absl::ZeroDuration());
      json->Int("gives_up_in_seconds", absl::ToInt64Seconds(left));
    }
  }
  WritePhases(status, now, json);
  if (status.result == nullptr) return;
  json->String("error", status.result->error_name);
  json->String("message", status.result->status.message());
  json->Bool("is_past_run", status.is_past_run);
  if (status.run_ended) {
    json->Int("run_ended_seconds_ago", absl::ToInt64Seconds(now - *status.run_ended));
  }
}

}  // namespace

std::string StatusJson(const RecoveryServiceStatus& status, absl::Time now) {
  static const PlanGlance kNone;
  std::string text;
  JsonWriter json(&text, {.text = JsonText::kPrintableLines});
  const TableRows tables = TablesWorstFirst(status);
  json.StartObject();
  json.Int("schema", 1);
  json.String("state", RecoveryStateName(status.state));
  json.Int("state_seconds", absl::ToInt64Seconds(now - status.state_since));
  WriteSurroundings(status, now, &json);
  json.String("summary", Summary(tables));
  if (const std::optional<Headline> headline = StatusHeadline(status, tables)) {
    json.String("headline", headline->text);
    json.String("headline_tone", HeadlineToneName(headline->tone));
  }
  json.Int("lost_partitions", tables.lost);
  const std::string loss = LossText(status, tables);
  if (!loss.empty()) json.String("loss", loss);
  json.Bool("lost_are_empty", AreLostEmpty(status));
  WriteRun(status, now, &json);
  json.String("next", NextStep(status));
  WriteNodes(status, now, &json);
  WriteTables(tables, &json);
  WriteFindings(status.plan == nullptr ? kNone : *status.plan, &json);
  json.EndObject().Newline();
  return text;
}

}  // namespace metarec
