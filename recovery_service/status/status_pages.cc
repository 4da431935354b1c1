#include "recovery_service/status/status_pages.h"

#include <initializer_list>
#include <map>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "recovery_service/status/status_json.h"
#include "recovery_service/status/status_page_html.h"
#include "recovery_service/status/status_rows.h"

namespace metarec {
namespace {

// Made for one answer: the numbers are kept elsewhere.
class Metrics {
 public:
  void Gauge(const char* name, const char* help, int64_t value) {
    prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add({}).Set(
        static_cast<double>(value));
  }

  // A gauge that is always 1: its labels say what there is to say.
  void Info(const char* name, const char* help, const std::map<std::string, std::string>& labels) {
    prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels).Set(1);
  }

  void Counter(const char* name, const char* help, int64_t value) {
    prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add({}).Increment(
        static_cast<double>(value));
  }

  // One counter for each value of the label.
  void Counters(const char* name, const char* help, const char* label,
                std::initializer_list<std::pair<const char*, int64_t>> values) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
    for (const auto& [value, count] : values) {
      family.Add({{label, value}}).Increment(static_cast<double>(count));
    }
  }

  void State(RecoveryState current) {
    auto& states = prometheus::BuildGauge()
                       .Name("metarec_recovery_state")
                       .Help("1 for the state that the recovery is in")
                       .Register(registry_);
    for (const RecoveryState state : {RecoveryState::kWaiting, RecoveryState::kRecovering,
                                      RecoveryState::kRecovered, RecoveryState::kFailed}) {
      states.Add({{"state", std::string(RecoveryStateName(state))}}).Set(state == current ? 1 : 0);
    }
  }

  std::string Text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

 private:
  prometheus::Registry registry_;
};

void AddZooKeeper(const RecoveryServiceStatus& status, Metrics* metrics) {
  if (!status.zookeeper_trouble) return;  // nobody tells
  metrics->Gauge("metarec_zookeeper_connected",
                 "1 while there is a ZooKeeper session with a connection that can be written to",
                 status.zookeeper_trouble->empty() ? 1 : 0);
}

// Of the last run: what it has found so far, and how it ended.
void AddRun(const RecoveryServiceStatus& status, Metrics* metrics) {
  metrics->Gauge("metarec_progress_done", "units of the current phase that are done",
                 status.progress.done);
  metrics->Gauge("metarec_progress_expected", "units of the current phase", status.progress.total);
  const TableRows tables = TablesWorstFirst(status);
  metrics->Gauge("metarec_tables", "tables that are served or were planned",
                 static_cast<int64_t>(tables.tables));
  metrics->Gauge("metarec_partitions", "partitions of these tables", tables.partitions);
  metrics->Gauge("metarec_partitions_lost",
                 "of these, those without any replica: they are empty, or would be created so",
                 tables.lost);
  metrics->Gauge("metarec_partitions_thin", "of these, those with fewer replicas than wanted",
                 tables.thin);
  if (status.result == nullptr) return;
  metrics->Info("metarec_last_run_result", "1 for the error name with which the last run ended",
                {{"error", status.result->error_name}});
  metrics->Gauge("metarec_last_run_succeeded", "1 if the last run ended with ERR_OK",
                 status.result->outcome == RecoveryOutcome::kRecovered ? 1 : 0);
  if (!status.run_ended) return;
  metrics->Gauge("metarec_last_run_end_timestamp_seconds", "when the last run ended, in Unix time",
                 absl::ToUnixSeconds(*status.run_ended));
}

void AddService(const RecoveryServiceStatus& status, Metrics* metrics) {
  metrics->Info("metarec_build_info", "1, with what this program is",
                {{"version", status.build.version}, {"commit", status.build.commit}});
  const RequestCounts& requests = status.requests;
  metrics->Counters("metarec_requests_total",
                    "RPCs by what the gate and their handlers did with them", "verdict",
                    {{"served", requests.served},
                     {"refused", requests.refused},
                     {"forwarded", requests.forwarded},
                     {"denied", requests.denied},
                     {"undecodable", requests.undecodable}});
  metrics->State(status.state);
  int64_t granted = 0;
  for (const BeaconNode& node : status.nodes) granted += node.is_granted ? 1 : 0;
  metrics->Gauge("metarec_is_leader", "1 while this server leads", status.leadership.is_us ? 1 : 0);
  metrics->Gauge("metarec_beacon_nodes", "replica servers that sent beacons",
                 static_cast<int64_t>(status.nodes.size()));
  metrics->Gauge("metarec_granted_nodes",
                 "of those, the ones that have this server as their master", granted);
  AddZooKeeper(status, metrics);
  AddRun(status, metrics);
}

void AddPorts(const PortCounts& ports, Metrics* metrics) {
  const rpc::ServerCounts& tcp = ports.tcp;
  metrics->Gauge("metarec_rpc_connections_open", "connections that are there now", tcp.open);
  metrics->Counter("metarec_rpc_connections_accepted_total", "connections that were served",
                   tcp.accepted);
  metrics->Counter("metarec_rpc_connections_refused_total",
                   "connections closed at once because there were too many", tcp.refused);
  metrics->Counter("metarec_rpc_accept_errors_total",
                   "failures to accept a connection, such as too many open files",
                   tcp.accept_errors);
  metrics->Counters("metarec_rpc_connections_timed_out_total",
                    "connections closed because nothing was said for long, or a message took long",
                    "reason", {{"idle", tcp.idle}, {"stalled", tcp.stalled}});
  metrics->Gauge("metarec_rpc_queued_bytes",
                 "of requests that are not answered yet, and of answers that nobody has read yet",
                 tcp.bytes);
  metrics->Counter("metarec_rpc_connections_shed_total",
                   "connections closed because they held the most queued bytes when there were "
                   "too many",
                   tcp.shed);
  metrics->Counters("metarec_rpc_bad_messages_total",
                    "messages by TCP that ended their connection, by what was wrong with them",
                    "reason",
                    {{"malformed", tcp.malformed},
                     {"wrong_crc", tcp.wrong_crc},
                     {"oversized", tcp.oversized},
                     {"truncated", tcp.truncated}});
  const rpc::UdpServerCounts& udp = ports.udp;
  metrics->Counter("metarec_rpc_datagrams_received_total", "UDP datagrams", udp.received);
  metrics->Counter("metarec_rpc_datagrams_answered_total", "UDP datagrams that were answered",
                   udp.answered);
  metrics->Counters("metarec_rpc_datagrams_ignored_total",
                    "UDP datagrams that nobody served, by the reason", "reason",
                    {{"malformed", udp.malformed},
                     {"wrong_crc", udp.wrong_crc},
                     {"without_handler", udp.without_handler},
                     {"dropped", udp.dropped}});
}

}  // namespace

std::string MetricsText(const RecoveryServiceStatus& status) {
  Metrics metrics;
  AddService(status, &metrics);
  if (status.ports) AddPorts(*status.ports, &metrics);
  return metrics.Text();
}

rpc::HttpResponse ServeStatusPages(const RecoveryService& service, const rpc::HttpRequest& request,
                                   absl::Time now) {
  rpc::HttpResponse response;
  if (request.method != "GET") {
    response.status = 405;
    response.allow = std::string(rpc::AllowedMethods(rpc::HttpMethods::kReading));
    response.body = "These pages are only read: GET and HEAD.\n";
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
