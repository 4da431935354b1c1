#include "rpc/resolver.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <asio/ip/tcp.hpp>

#include "base/runtime/blocking_call.h"
#include "base/runtime/status_macros.h"

namespace metarec::rpc {

using asio::ip::tcp;

asio::awaitable<absl::StatusOr<std::vector<uint32_t>>> ResolveAllIpv4(Clock* clock,
                                                                      std::string host,
                                                                      absl::Time deadline) {
  std::vector<uint32_t> ips;
  if (const absl::StatusOr<uint32_t> ip = ParseIpv4(host); ip.ok()) {
    ips.push_back(*ip);
    co_return ips;
  }
  const ResolverQuestion question = [host](tcp::resolver& resolver, asio::error_code& error) {
    return resolver.resolve(tcp::v4(), host, "", tcp::resolver::flags(), error);
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const ResolverResults results,
      co_await AskResolver(clock, deadline, absl::StrCat("the host '", host, "'"), question));
  absl::Status problem = absl::NotFoundError(absl::StrCat("'", host, "' has no IPv4 address"));
  for (const auto& result : results) {
    const uint32_t ip = result.endpoint().address().to_v4().to_uint();
    const absl::Status status = CheckServerAddress(ip);
    if (status.ok()) {
      ips.push_back(ip);
    } else {
      problem = absl::NotFoundError(
          absl::StrCat("'", host, "' resolves to ", Ipv4ToString(ip), ", but ", status.message()));
    }
  }
  if (ips.empty()) co_return problem;
  std::sort(ips.begin(), ips.end());
  ips.erase(std::unique(ips.begin(), ips.end()), ips.end());
  co_return ips;
}

asio::awaitable<absl::StatusOr<Ipv4Endpoint>> ResolveIpv4(Clock* clock, std::string host,
                                                          uint16_t port, absl::Time deadline) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<uint32_t> ips,
                              co_await ResolveAllIpv4(clock, std::move(host), deadline));
  co_return Ipv4Endpoint{ips.front(), port};
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
