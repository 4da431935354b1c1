#include "testing/faulty_proxy.h"

#include <algorithm>
#include <array>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include "base/runtime/cancellation.h"

namespace metarec::testing {
namespace {

using asio::ip::tcp;

tcp::endpoint Loopback(uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

asio::awaitable<void> Sleep(absl::Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, absl::ToChronoNanoseconds(duration));
  co_await timer.async_wait(kAwaitTuple);
}

}  // namespace

struct FaultyProxy::Link {
  explicit Link(const asio::any_io_executor& executor) : client(executor), server(executor) {}

  tcp::socket& From(ProxyDirection direction) {
    return direction == ProxyDirection::kToServer ? client : server;
  }
  tcp::socket& To(ProxyDirection direction) {
    return direction == ProxyDirection::kToServer ? server : client;
  }
  void Close() {
    asio::error_code ignored;
    client.close(ignored);
    server.close(ignored);
  }
  void Reset() {
    asio::error_code ignored;
    for (tcp::socket* socket : {&client, &server}) {
      socket->set_option(asio::socket_base::linger(true, 0), ignored);
    }
    Close();
  }

  tcp::socket client;
  tcp::socket server;
};

FaultyProxy::FaultyProxy(FaultyProxyOptions options)
    : options_(std::move(options)),
      faults_(options_.faults),
      work_(context_.get_executor()),
      acceptor_(context_) {}

absl::StatusOr<std::unique_ptr<FaultyProxy>> FaultyProxy::Start(FaultyProxyOptions options) {
  std::unique_ptr<FaultyProxy> proxy(new FaultyProxy(std::move(options)));
  asio::error_code error;
  proxy->acceptor_.open(tcp::v4(), error);
  if (!error) proxy->acceptor_.bind(Loopback(0), error);
  if (!error) proxy->acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return absl::InternalError(absl::StrCat("cannot listen: ", error.message()));
  proxy->port_ = proxy->acceptor_.local_endpoint().port();
  asio::co_spawn(proxy->context_, proxy->Accept(), asio::detached);
  proxy->thread_ = std::thread([context = &proxy->context_] { context->run(); });
  return proxy;
}

FaultyProxy::~FaultyProxy() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

std::string FaultyProxy::hosts() const { return absl::StrCat("127.0.0.1:", port_); }

asio::awaitable<void> FaultyProxy::Accept() {
  for (;;) {
    auto link = std::make_shared<Link>(context_.get_executor());
    const auto [failed] = co_await acceptor_.async_accept(link->client, kAwaitTuple);
    if (failed) co_return;
    ++connections_;
    const auto [refused] =
        co_await link->server.async_connect(Loopback(options_.server_port), kAwaitTuple);
    if (refused) continue;  // which closes the client's connection as well
    asio::error_code ignored;
    for (tcp::socket* socket : {&link->client, &link->server}) {
      socket->set_option(tcp::no_delay(true), ignored);
    }
    for (const auto direction : {ProxyDirection::kToServer, ProxyDirection::kToClient}) {
      asio::co_spawn(context_, Pump(link, direction), asio::detached);
    }
  }
}

asio::awaitable<void> FaultyProxy::Pump(std::shared_ptr<Link> link, ProxyDirection direction) {
  std::array<char, 16384> buffer;
  for (;;) {
    const auto [error, size] =
        co_await link->From(direction).async_read_some(asio::buffer(buffer), kAwaitTuple);
    if (error) break;
    if (options_.delay > absl::ZeroDuration()) co_await Sleep(options_.delay);
    const bool passed = co_await Pass(link.get(), direction, buffer.data(), size);
    if (!passed) co_return;
  }
  asio::error_code ignored;
  link->To(direction).shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<bool> FaultyProxy::Pass(Link* link, ProxyDirection direction, const char* data,
                                        size_t size) {
  while (size > 0) {
    size_t part = size;
    // Taken before anything is awaited: meanwhile another link may take others.
    const std::optional<ProxyFault> fault = TakeFaultWithin(direction, &part);
    if (part > 0) {
      bytes_[static_cast<int>(direction)] += static_cast<int64_t>(part);
      const auto [error, written] =
          co_await asio::async_write(link->To(direction), asio::buffer(data, part), kAwaitTuple);
      if (error) {
        link->Close();
        co_return false;
      }
      data += part;
      size -= part;
    }
    if (!fault.has_value()) continue;
    const bool goes_on = co_await Commit(link, *fault);
    if (!goes_on) co_return false;
  }
  co_return true;
}

std::optional<ProxyFault> FaultyProxy::TakeFaultWithin(ProxyDirection direction, size_t* size) {
  auto next = faults_.end();
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (fault->direction != direction) continue;
    if (next == faults_.end() || fault->after_bytes < next->after_bytes) next = fault;
  }
  if (next == faults_.end()) return std::nullopt;
  const int64_t ahead = std::max<int64_t>(0, next->after_bytes - bytes(direction));
  if (ahead > static_cast<int64_t>(*size)) return std::nullopt;
  *size = static_cast<size_t>(ahead);
  const ProxyFault taken = *next;
  faults_.erase(next);
  return taken;
}

// Whether anything passes in this direction afterwards.
asio::awaitable<bool> FaultyProxy::Commit(Link* link, const ProxyFault& fault) {
  ++faults_done_;
  asio::error_code ignored;
  switch (fault.action) {
    case ProxyFault::Action::kClose:
      link->Close();
      co_return false;
    case ProxyFault::Action::kReset:
      link->Reset();
      co_return false;
    case ProxyFault::Action::kHalfClose:
      link->To(fault.direction).shutdown(tcp::socket::shutdown_send, ignored);
      co_return false;
    case ProxyFault::Action::kStall:
      co_await Sleep(fault.lasts);
      co_return true;
  }
  co_return true;
}

}  // namespace metarec::testing
