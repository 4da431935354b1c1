#include "recovery_service/leadership.h"

#include <absl/status/statusor.h>

namespace metarec {

idl::host_port HostPortOf(const LeaderIdentity& leader) {
  const size_t colon = leader.name.rfind(':');
  if (colon == std::string::npos) return idl::host_port();
  const absl::StatusOr<uint16_t> port = ParsePort(leader.name.substr(colon + 1));
  return port.ok() ? idl::host_port(leader.name.substr(0, colon), *port) : idl::host_port();
}

}  // namespace metarec
