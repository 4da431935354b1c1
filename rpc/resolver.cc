#include "rpc/resolver.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <asio/ip/tcp.hpp>
#include <asio/this_coro.hpp>

#include "rpc/deadline_timer.h"
#include "runtime/event.h"
#include "runtime/status_macros.h"

namespace metarec::rpc {
namespace {

using asio::ip::tcp;

// The system's resolver cannot be interrupted: a look-up may outlive the one who asked.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}

  tcp::resolver resolver;
  Event done;
  bool timed_out = false;
  asio::error_code error;
  tcp::resolver::results_type results;
};

using Start = std::function<void(const std::shared_ptr<Lookup>&)>;

asio::awaitable<absl::StatusOr<tcp::resolver::results_type>> Run(Clock* clock, absl::Time deadline,
                                                                 std::string what, Start start) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto lookup = std::make_shared<Lookup>(executor);
  start(lookup);
  absl::Status waited;
  {
    const DeadlineTimer timer(executor, clock, deadline, [lookup] {
      lookup->timed_out = true;
      lookup->done.Set();
    });
    waited = co_await lookup->done.Wait();
  }
  METAREC_CO_RETURN_IF_ERROR(waited);
  if (lookup->timed_out) {
    co_return absl::DeadlineExceededError(
        absl::StrCat("the resolver did not answer in time for ", what));
  }
  if (lookup->error) {
    co_return absl::NotFoundError(absl::StrCat(what, ": ", lookup->error.message()));
  }
  co_return std::move(lookup->results);
}

// Keeps the look-up alive until the resolver is through with it.
auto Finish(std::shared_ptr<Lookup> lookup) {
  return [lookup](const asio::error_code& error, tcp::resolver::results_type results) {
    lookup->error = error;
    lookup->results = std::move(results);
    lookup->done.Set();
  };
}

}  // namespace

asio::awaitable<absl::StatusOr<Ipv4Endpoint>> ResolveIpv4(Clock* clock, std::string host,
                                                          uint16_t port, absl::Time deadline) {
  if (const absl::StatusOr<uint32_t> ip = ParseIpv4(host); ip.ok()) {
    co_return Ipv4Endpoint{*ip, port};
  }
  const Start start = [host](const std::shared_ptr<Lookup>& lookup) {
    lookup->resolver.async_resolve(tcp::v4(), host, "", tcp::resolver::flags(), Finish(lookup));
  };
  METAREC_CO_ASSIGN_OR_RETURN(
      const tcp::resolver::results_type results,
      co_await Run(clock, deadline, absl::StrCat("the host '", host, "'"), start));
  std::vector<uint32_t> ips;
  for (const auto& result : results) {
    ips.push_back(result.endpoint().address().to_v4().to_uint());
  }
  if (ips.empty()) co_return absl::NotFoundError(absl::StrCat("'", host, "' has no IPv4 address"));
  co_return Ipv4Endpoint{*std::min_element(ips.begin(), ips.end()), port};
}

asio::awaitable<absl::StatusOr<std::string>> ReverseResolve(Clock* clock, uint32_t ip,
                                                            absl::Time deadline) {
  const Start start = [ip](const std::shared_ptr<Lookup>& lookup) {
    lookup->resolver.async_resolve(tcp::endpoint(asio::ip::address_v4(ip), 0), Finish(lookup));
  };
  const std::string text = Ipv4ToString(ip);
  METAREC_CO_ASSIGN_OR_RETURN(
      const tcp::resolver::results_type results,
      co_await Run(clock, deadline, absl::StrCat("the address ", text), start));
  // The system answers with the address itself when it knows no name.
  if (results.empty() || results.begin()->host_name() == text) {
    co_return absl::NotFoundError(
        absl::StrCat("the address ", text, " has no name (PTR record or hosts entry)"));
  }
  co_return results.begin()->host_name();
}

}  // namespace metarec::rpc
