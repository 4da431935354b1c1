#include "rpc/resolver.h"

#include <algorithm>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <asio/ip/tcp.hpp>

#include "base/runtime/blocking_call.h"
#include "base/runtime/status_macros.h"

namespace metarec::rpc {

using asio::ip::tcp;

asio::awaitable<absl::StatusOr<Ipv4Endpoint>> ResolveIpv4(Clock* clock, std::string host,
                                                          uint16_t port, absl::Time deadline) {
  if (const absl::StatusOr<uint32_t> ip = ParseIpv4(host); ip.ok()) {
    co_return Ipv4Endpoint{*ip, port};
  }
  const ResolverQuestion question = [host](tcp::resolver& resolver, asio::error_code& error) {
    return resolver.resolve(tcp::v4(), host, "", tcp::resolver::flags(), error);
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const ResolverResults results,
      co_await AskResolver(clock, deadline, absl::StrCat("the host '", host, "'"), question));
  std::vector<uint32_t> ips;
  for (const auto& result : results) {
    ips.push_back(result.endpoint().address().to_v4().to_uint());
  }
  if (ips.empty()) co_return absl::NotFoundError(absl::StrCat("'", host, "' has no IPv4 address"));
  co_return Ipv4Endpoint{*std::min_element(ips.begin(), ips.end()), port};
}

asio::awaitable<absl::StatusOr<std::string>> ReverseResolve(Clock* clock, uint32_t ip,
                                                            absl::Time deadline) {
  const ResolverQuestion question = [ip](tcp::resolver& resolver, asio::error_code& error) {
    return resolver.resolve(tcp::endpoint(asio::ip::address_v4(ip), 0), error);
  };
  const std::string text = Ipv4ToString(ip);
  METAREC_CO_ASSIGN_OR_RETURN(
      const ResolverResults results,
      co_await AskResolver(clock, deadline, absl::StrCat("the address ", text), question));
  // The system answers with the address itself when it knows no name.
  if (results.empty() || results.begin()->host_name() == text) {
    co_return absl::NotFoundError(
        absl::StrCat("the address ", text, " has no name (PTR record or hosts entry)"));
  }
  co_return results.begin()->host_name();
}

}  // namespace metarec::rpc
