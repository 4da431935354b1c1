// What the page tells people in sentences: what to do next, and what is lost.

#pragma once

#include <string>

#include "recovery_service/plan_glance.h"
#include "recovery_service/recovery_service.h"

namespace metarec {

// What to do next, several lines; what keeps the server from its work comes first. `status` must be
// of this moment: made on the service's executor, with no co_await since.
std::string NextStep(const RecoveryServiceStatus& status);

// Whether partitions without a replica were or are being created empty.
bool AreLostEmpty(const RecoveryServiceStatus& status);

// Which partitions have no replica, and what that means in this state; empty: none. `tables` are
// those that the page shows.
std::string LossText(const RecoveryServiceStatus& status, const TableRows& tables);

}  // namespace metarec
