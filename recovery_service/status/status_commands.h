// The remote commands of a stock meta server that tell what it does, and one for the recovery.

#pragma once

#include <string>

#include <absl/time/time.h>

#include "recovery_service/recovery_service.h"

namespace metarec {

// Adds to the service's commands:
// server-info      JSON with the keys that a stock server's server-info has
// server-stat      a line on the recovery, and one on the port
// recovery-status  a line on the recovery
void AddStatusCommands(absl::Time started, RecoveryService* service);

// One line for people each. `status` must be of this moment: made on the service's executor, with
// no co_await since.
std::string StatusLine(const RecoveryServiceStatus& status);
std::string PortLine(const PortCounts& ports);

}  // namespace metarec
