#pragma once

#include <string>

#include <absl/time/time.h>

#include "recovery_service/recovery_service.h"

namespace metarec {

// What the service does, for programs and for the status page; docs/service.md has the fields.
// `status` must be of this moment: made on the service's executor, with no co_await since.
std::string StatusJson(const RecoveryServiceStatus& status, absl::Time now);

}  // namespace metarec
