// What the service does, over HTTP: for people, for programs, for Prometheus.

#pragma once

#include <string>

#include <absl/time/time.h>

#include "recovery_service/recovery_service.h"
#include "rpc/http_message.h"

namespace metarec {

// GET /            a page that updates itself
// GET /status.json the same as JSON (docs/service.md)
// GET /metrics     in Prometheus's text format
// GET /healthz     200 as long as the service runs, whoever leads
// Anything else is 404, any other method 405.
rpc::HttpResponse ServeStatusPages(const RecoveryService& service, const rpc::HttpRequest& request,
                                   absl::Time now);

// What the service and its ports did and do, in Prometheus's text format. `status` must be of this
// moment: made on the service's executor, with no co_await since.
std::string MetricsText(const RecoveryServiceStatus& status);

}  // namespace metarec
