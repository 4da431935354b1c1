#include "recovery_service/status/status_commands.h"

#include <optional>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/json/json_writer.h"
#include "base/text/wording.h"
#include "recovery_service/status/status_rows.h"

namespace metarec {
namespace {

std::string ServerInfo(const BuildInfo& build, absl::Time started) {
  std::string text;
  JsonWriter(&text)
      .StartObject()
      .String("build_type", "metarec")
      .String("git_SHA", build.commit.empty() ? "unknown" : build.commit)
      .String("start_time", absl::FormatTime("%Y-%m-%d %H:%M:%S", started, absl::LocalTimeZone()))
      .String("version", build.version)
      .EndObject();
  return text;
}

std::string ServerStat(const RecoveryServiceStatus& status) {
  std::string text = StatusLine(status);
  if (status.ports) absl::StrAppend(&text, "\n", PortLine(*status.ports));
  return text;
}

}  // namespace

std::string StatusLine(const RecoveryServiceStatus& status) {
  std::string line = absl::StrCat("recovery: ", RecoveryStateName(status.state));
  if (status.state == RecoveryState::kRecovering) {
    absl::StrAppend(&line, ", ", PhaseName(status.progress.phase), " ", status.progress.done, "/",
                    status.progress.total);
  }
  if (status.state == RecoveryState::kRecovered) {
    const std::optional<Headline> headline = StatusHeadline(status, TablesWorstFirst(status));
    if (headline.has_value()) absl::StrAppend(&line, ": ", headline->text);
  }
  if (status.state == RecoveryState::kFailed && status.result != nullptr) {
    absl::StrAppend(&line, ": ", status.result->error_name, ": ", status.result->status.message());
    if (status.plan != nullptr && !status.plan->decisions.empty()) {
      absl::StrAppend(&line, "; decide each conflict, for example by ",
                      absl::StrJoin(status.plan->decisions, " "),
                      ": the page and the log say where");
    }
  }
  if (status.is_past_run) {
    absl::StrAppend(
        &line, ", and before this server stopped leading: ", RecoveryStateName(status.run_state));
  }
  if (status.zookeeper_trouble && !status.zookeeper_trouble->empty()) {
    absl::StrAppend(&line, "; trouble with ZooKeeper: ", *status.zookeeper_trouble);
  }
  return line;
}

std::string PortLine(const PortCounts& ports) {
  const rpc::ServerCounts& tcp = ports.tcp;
  const rpc::UdpServerCounts& udp = ports.udp;
  return absl::StrCat(
      "port: ", Counted(tcp.open, "connection"), " open, ", tcp.accepted, " accepted, ",
      tcp.refused, " refused, ", tcp.idle, " closed as idle, ", tcp.stalled, " as too slow, ",
      tcp.malformed + tcp.wrong_crc + tcp.oversized + tcp.truncated, " for bad messages, ",
      tcp.shed, " for holding too much; ", tcp.bytes, " bytes queued; UDP: ", udp.received,
      " received, ", udp.malformed + udp.wrong_crc, " bad, ", udp.dropped, " dropped");
}

void AddStatusCommands(absl::Time started, RecoveryService* service) {
  using Arguments = std::vector<std::string>;
  RemoteCommands& commands = service->commands();
  commands.Add("server-info", "- query server information", [service, started](const Arguments&) {
    return ServerInfo(service->status().build, started);
  });
  commands.Add("server-stat", "- query the state of the recovery and of the port",
               [service](const Arguments&) { return ServerStat(service->status()); });
  commands.Add("recovery-status", "- query the state of the recovery",
               [service](const Arguments&) { return StatusLine(service->status()); });
}

}  // namespace metarec
