#include "recovery_service/status/status_line.h"

#include <absl/strings/str_cat.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/text/wording.h"

namespace metarec {

std::string StatusLine(const RecoveryServiceStatus& status) {
  std::string line = absl::StrCat("recovery: ", RecoveryStateName(status.state));
  if (status.state == RecoveryState::kRecovering) {
    absl::StrAppend(&line, ", ", PhaseName(status.progress.phase), " ", status.progress.done, "/",
                    status.progress.total);
  }
  if (status.state == RecoveryState::kFailed && status.result != nullptr) {
    absl::StrAppend(&line, ": ", status.result->error_name, ": ", status.result->status.message());
  }
  return line;
}

std::string PortLine(const PortCounts& ports) {
  const rpc::ServerCounts& tcp = ports.tcp;
  const rpc::UdpServerCounts& udp = ports.udp;
  return absl::StrCat("port: ", Counted(tcp.open, "connection"), " open, ", tcp.accepted,
                      " accepted, ", tcp.refused, " refused, ", tcp.idle, " closed as idle, ",
                      tcp.stalled, " as too slow, ",
                      tcp.malformed + tcp.wrong_crc + tcp.oversized + tcp.truncated,
                      " for bad messages; UDP: ", udp.received, " received, ",
                      udp.malformed + udp.wrong_crc, " bad, ", udp.dropped, " dropped");
}

std::string ServerInfo(const std::string& version, absl::Time started) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  json.StartObject();
  json.Key("build_type");
  json.String("metarec");
  // Who reads this looks for it; the version says more about us.
  json.Key("git_SHA");
  json.String("unknown");
  json.Key("start_time");
  json.String(absl::FormatTime("%Y-%m-%d %H:%M:%S", started, absl::LocalTimeZone()));
  json.Key("version");
  json.String(version);
  json.EndObject();
  return buffer.GetString();
}

std::string ServerStat(const RecoveryServiceStatus& status) {
  std::string text = StatusLine(status);
  if (status.ports) absl::StrAppend(&text, "\n", PortLine(*status.ports));
  return text;
}

}  // namespace metarec
