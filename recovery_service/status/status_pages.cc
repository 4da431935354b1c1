#include "recovery_service/status/status_pages.h"

#include "recovery_service/status/metrics_text.h"
#include "recovery_service/status/status_json.h"
#include "recovery_service/status/status_page_html.h"

namespace metarec {

rpc::HttpResponse ServeStatusPages(const RecoveryService& service, const rpc::HttpRequest& request,
                                   absl::Time now) {
  rpc::HttpResponse response;
  if (request.method != "GET") {
    response.status = 405;
    response.body = "only GET is answered here\n";
  } else if (request.path == "/") {
    response.content_type = "text/html; charset=utf-8";
    response.body = kStatusPageHtml;
  } else if (request.path == "/status.json") {
    response.content_type = "application/json";
    response.body = StatusJson(service.status(), now);
  } else if (request.path == "/metrics") {
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = MetricsText(service.status());
  } else if (request.path == "/healthz") {
    response.body = "ok\n";
  } else {
    response.status = 404;
    response.body = "there are /, /status.json, /metrics and /healthz\n";
  }
  return response;
}

}  // namespace metarec
