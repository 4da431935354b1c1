#pragma once

#include <string>

#include "recovery_service/recovery_service.h"

namespace metarec {

// What the service and its ports did and do, in Prometheus's text format. `status` must be of
// this moment: made on the service's executor, with no co_await since.
std::string MetricsText(const RecoveryServiceStatus& status);

}  // namespace metarec
