#include "recovery_service/status_pages.h"

#include <algorithm>
#include <map>
#include <utility>

#include <absl/strings/str_cat.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "idl/error_names.h"
#include "meta_recovery/finding_text.h"
#include "recovery_service/metrics_text.h"
#include "recovery_service/status_page_html.h"
#include "text/printable.h"
#include "text/wording.h"

namespace metarec {
namespace {

// So that the answer stays small whatever the cluster's size.
constexpr size_t kTablesMax = 200;
constexpr size_t kCellsMax = 1000;
constexpr size_t kFindingsMax = 200;
constexpr size_t kNodesMax = 1000;

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

void Text(Json* json, const char* key, absl::string_view text) {
  const std::string printable = Printable(text);
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
      return "List the replica servers in a file and send them:\n\n  metarec recover -f "
             "recover_node_list --meta THIS_SERVER\n\nor the same recover command in Pegasus's "
             "shell.";
    case RecoveryState::kRecovering:
      return "Wait. The command may be sent again; it then waits for this run.";
    case RecoveryState::kFailed:
      return status.result == nullptr
                 ? "Send recover again."
                 : absl::StrCat(status.result->error_name, ": ", status.result->status.message(),
                                "\n", status.result->hints, "\nThen send recover again.");
    case RecoveryState::kRecovered:
      return "Set [meta_server] recover_from_replica_server = false, stop this server, and start "
             "the meta server.";
  }
  return "";
}

std::string Summary(const RecoveryServiceStatus& status) {
  const RecoveryResult* const result = status.result;
  if (result == nullptr || !result->plan) return "";
  const RecoveryPlan& plan = *result->plan;
  const auto tables = std::count_if(plan.tables.begin(), plan.tables.end(),
                                    [](const TableDecision& table) { return !table.placeholder; });
  return absl::StrCat(Counted(tables, "table"), ", ",
                      Counted(static_cast<int64_t>(plan.partitions.size()), "partition"));
}

// Nodes by address: those that sent beacons, and those that were asked.
struct NodeRow {
  std::string name;
  std::string state;
  int64_t tables = -1;
  int64_t replicas = -1;
};

std::string BeaconState(const BeaconNode& node, absl::Time now) {
  const std::string age =
      absl::StrCat("beacon ", absl::ToInt64Seconds(now - node.last_beacon), " s ago");
  if (!node.replicas_serving) return absl::StrCat(age, ", its replicas are not known yet");
  if (*node.replicas_serving == 0) return absl::StrCat(age, ", all replicas inactive");
  return absl::StrCat(age, ", ", Counted(*node.replicas_serving, "replica"),
                      " still served from an earlier lease");
}

std::map<Ipv4Endpoint, NodeRow> NodeRows(const RecoveryServiceStatus& status, absl::Time now) {
  std::map<Ipv4Endpoint, NodeRow> rows;
  for (const BeaconNode& node : status.nodes) {
    NodeRow& row = rows[node.address];
    row.name = node.name.empty() ? node.address.ToString() : node.name;
    row.state = BeaconState(node, now);
  }
  if (status.result == nullptr || !status.result->plan) return rows;
  const RecoveryPlan& plan = *status.result->plan;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const NodeDecision& decision = plan.nodes[i];
    NodeRow& row = rows[plan.topology.nodes[i].address];
    row.name = plan.topology.nodes[i].name;
    row.tables = decision.tables;
    row.replicas = decision.replicas;
    const std::string answered =
        decision.error == idl::kErrOk ? "answered" : absl::StrCat("failed: ", decision.error);
    row.state = row.state.empty() ? answered : absl::StrCat(answered, "; ", row.state);
  }
  return rows;
}

void WriteNodes(const RecoveryServiceStatus& status, absl::Time now, Json* json) {
  json->Key("nodes");
  json->StartArray();
  size_t count = 0;
  for (const auto& [address, row] : NodeRows(status, now)) {
    if (++count > kNodesMax) break;
    json->StartObject();
    Text(json, "address", address.ToString());
    Text(json, "name", row.name);
    Text(json, "state", row.state);
    if (row.tables >= 0) Number(json, "tables", row.tables);
    if (row.replicas >= 0) Number(json, "replicas", row.replicas);
    json->EndObject();
  }
  json->EndArray();
}

// A character a partition: '+' all replicas were found, '-' some, '0' none.
std::string HeatOf(const RecoveryPlan& plan, const TopologyTable& table) {
  std::string heat;
  const size_t cells = std::min<size_t>(table.partitions_count, kCellsMax);
  for (size_t i = 0; i < cells; ++i) {
    const PartitionDecision& decision = plan.partitions[table.partitions_begin + i];
    const bool all = static_cast<int64_t>(decision.replicas_count) >= table.max_replica_count;
    heat += decision.replicas_count == 0 ? '0' : all ? '+' : '-';
  }
  return heat;
}

void WriteTables(const RecoveryPlan* plan, Json* json) {
  json->Key("tables");
  json->StartArray();
  size_t count = 0;
  for (size_t i = 0; plan != nullptr && i < plan->tables.size() && count < kTablesMax; ++i) {
    if (plan->tables[i].placeholder) continue;
    const TopologyTable& table = plan->topology.tables[i];
    ++count;
    json->StartObject();
    Number(json, "app_id", table.app_id);
    Text(json, "name", table.app_name);
    Number(json, "partitions", table.partitions_count);
    Text(json, "heat", HeatOf(*plan, table));
    json->EndObject();
  }
  json->EndArray();
}

void WriteFindings(const RecoveryPlan* plan, Json* json) {
  json->Key("findings");
  json->StartArray();
  for (size_t i = 0; plan != nullptr && i < std::min(plan->findings.size(), kFindingsMax); ++i) {
    const Finding& finding = plan->findings[i];
    json->StartObject();
    Text(json, "severity", SeverityName(finding.severity));
    Text(json, "text", FindingSentence(*plan, finding));
    json->EndObject();
  }
  json->EndArray();
  Number(json, "findings_count", plan == nullptr ? 0 : static_cast<int64_t>(plan->findings.size()));
}

}  // namespace

std::string StatusJson(const RecoveryServiceStatus& status, absl::Time now) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  const RecoveryPlan* const plan =
      status.result != nullptr && status.result->plan ? &*status.result->plan : nullptr;
  json.StartObject();
  Number(&json, "schema", 1);
  Text(&json, "state", RecoveryStateName(status.state));
  json.Key("is_leader");
  json.Bool(status.leadership.is_us);
  Text(&json, "leader", status.leadership.leader ? status.leadership.leader->name : "");
  Text(&json, "summary", Summary(status));
  if (status.state == RecoveryState::kRecovering) {
    json.Key("progress");
    json.StartObject();
    Text(&json, "phase", PhaseName(status.progress.phase));
    Number(&json, "done", status.progress.done);
    Number(&json, "total", status.progress.total);
    Text(&json, "note", status.progress.note);
    json.EndObject();
  }
  if (status.result != nullptr) {
    Text(&json, "error", status.result->error_name);
    Text(&json, "message", status.result->status.message());
  }
  json.Key("next");
  const std::string next = NextStep(status);
  json.String(next.data(), static_cast<rapidjson::SizeType>(next.size()));
  WriteNodes(status, now, &json);
  WriteTables(plan, &json);
  WriteFindings(plan, &json);
  json.EndObject();
  return absl::StrCat(buffer.GetString(), "\n");
}

rpc::HttpResponse ServeStatusPages(const RecoveryService& service, const rpc::HttpRequest& request,
                                   absl::Time now) {
  rpc::HttpResponse response;
  if (request.method != "GET") {
    response.status = 405;
    response.body = "only GET is answered here\n";
  } else if (request.path == "/") {
    response.content_type = "text/html; charset=utf-8";
    response.body = kStatusPageHtml;
  } else if (request.path == "/status.json") {
    response.content_type = "application/json";
    response.body = StatusJson(service.status(), now);
  } else if (request.path == "/metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = MetricsText(service.status());
  } else if (request.path == "/healthz") {
    response.body = "ok\n";
  } else {
    response.status = 404;
    response.body = "there are /, /status.json, /metrics and /healthz\n";
  }
  return response;
}

}  // namespace metarec
