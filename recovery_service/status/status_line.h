// What the service's remote commands answer.

#pragma once

#include <string>

#include <absl/time/time.h>

#include "recovery_service/recovery_service.h"

namespace metarec {

// One line for people each. `status` must be of this moment: made on the service's executor, with
// no co_await since.
std::string StatusLine(const RecoveryServiceStatus& status);
std::string PortLine(const PortCounts& ports);

// Both of them, the latter only if the embedder tells of its ports.
std::string ServerStat(const RecoveryServiceStatus& status);

// JSON with the keys that a stock server's server-info has.
std::string ServerInfo(const std::string& version, absl::Time started);

}  // namespace metarec
