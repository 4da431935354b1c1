#pragma once

#include <string>

#include "recovery_service/recovery_service.h"

namespace metarec {

// What the service and its ports did and do, in Prometheus's text format.
std::string MetricsText(const RecoveryServiceStatus& status);

}  // namespace metarec
