#include "rpc/resolver.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "base/runtime/blocking_call.h"
#include "base/runtime/status_macros.h"

namespace metarec::rpc {
namespace {

using asio::ip::tcp;

struct Answer {
  asio::error_code error;
  tcp::resolver::results_type results;
};

using Ask = std::function<tcp::resolver::results_type(tcp::resolver*, asio::error_code*)>;

asio::awaitable<absl::StatusOr<tcp::resolver::results_type>> LookUp(Clock* clock,
                                                                    absl::Time deadline,
                                                                    std::string what, Ask ask) {
  const auto answer = std::make_shared<Answer>();
  const std::function<void()> call = [answer, ask] {
    asio::io_context unused;
    tcp::resolver resolver(unused);
    answer->results = ask(&resolver, &answer->error);
  };
  const absl::Status answered = co_await AwaitBlockingCall(clock, deadline, call);
  if (absl::IsDeadlineExceeded(answered)) {
    co_return absl::DeadlineExceededError(
        absl::StrCat("the resolver did not answer in time for ", what));
  }
  METAREC_CO_RETURN_IF_ERROR(answered);
  if (answer->error) {
    co_return absl::NotFoundError(absl::StrCat(what, ": ", answer->error.message()));
  }
  co_return std::move(answer->results);
}

}  // namespace

asio::awaitable<absl::StatusOr<Ipv4Endpoint>> ResolveIpv4(Clock* clock, std::string host,
                                                          uint16_t port, absl::Time deadline) {
  if (const absl::StatusOr<uint32_t> ip = ParseIpv4(host); ip.ok()) {
    co_return Ipv4Endpoint{*ip, port};
  }
  const Ask ask = [host](tcp::resolver* resolver, asio::error_code* error) {
    return resolver->resolve(tcp::v4(), host, "", tcp::resolver::flags(), *error);
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const tcp::resolver::results_type results,
      co_await LookUp(clock, deadline, absl::StrCat("the host '", host, "'"), ask));
  std::vector<uint32_t> ips;
  for (const auto& result : results) {
    ips.push_back(result.endpoint().address().to_v4().to_uint());
  }
  if (ips.empty()) co_return absl::NotFoundError(absl::StrCat("'", host, "' has no IPv4 address"));
  co_return Ipv4Endpoint{*std::min_element(ips.begin(), ips.end()), port};
}

asio::awaitable<absl::StatusOr<std::string>> ReverseResolve(Clock* clock, uint32_t ip,
                                                            absl::Time deadline) {
  const Ask ask = [ip](tcp::resolver* resolver, asio::error_code* error) {
    return resolver->resolve(tcp::endpoint(asio::ip::address_v4(ip), 0), *error);
  };
  const std::string text = Ipv4ToString(ip);
  METAREC_CO_ASSIGN_OR_RETURN(
      const tcp::resolver::results_type results,
      co_await LookUp(clock, deadline, absl::StrCat("the address ", text), ask));
  // The system answers with the address itself when it knows no name.
  if (results.empty() || results.begin()->host_name() == text) {
    co_return absl::NotFoundError(
        absl::StrCat("the address ", text, " has no name (PTR record or hosts entry)"));
  }
  co_return results.begin()->host_name();
}

}  // namespace metarec::rpc
