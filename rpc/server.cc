#include "rpc/server.h"

#include <exception>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "rpc/listen_error.h"
#include "rpc/server_connection.h"
#include "rpc/server_state.h"

namespace metarec::rpc {
namespace {

// After an error such as "too many open files".
constexpr absl::Duration kAcceptRetryDelay = absl::Milliseconds(100);

asio::awaitable<void> Accept(std::shared_ptr<ServerState> state) {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!state->stopping) {
    auto [error, socket] =
        co_await state->acceptor.async_accept(asio::experimental::as_tuple(asio::use_awaitable));
    if (state->stopping) co_return;
    if (error) {
      ++state->counts.accept_errors;
      if (!(co_await state->clock->SleepFor(kAcceptRetryDelay)).ok()) co_return;
      continue;
    }
    if (state->connections.size() >= state->options.connections_max) {
      ++state->counts.refused;
      continue;
    }
    ++state->counts.accepted;
    std::make_shared<ServerConnection>(state, std::move(socket))->Start();
  }
}

}  // namespace

ServerState::ServerState(const asio::any_io_executor& executor_in, Clock* clock_in,
                         ServerOptions options_in)
    : executor(executor_in),
      clock(clock_in),
      options(std::move(options_in)),
      acceptor(executor_in),
      idle_timeouts(executor_in, clock_in, options.idle_timeout),
      frame_timeouts(executor_in, clock_in, options.frame_timeout),
      ended(executor_in) {}

void ServerState::Spawn(asio::awaitable<void> coroutine) {
  const auto cancel = cancels_.emplace(cancels_.end());
  // asio still looks at the slot after the completion handler has run, hence the post.
  asio::co_spawn(executor, std::move(coroutine),
                 asio::bind_cancellation_slot(
                     cancel->slot(), [self = shared_from_this(), cancel](std::exception_ptr) {
                       asio::post(self->executor, [self, cancel] {
                         self->cancels_.erase(cancel);
                         self->TellIfEnded();
                       });
                     }));
}

void ServerState::CloseSockets() {
  stopping = true;
  asio::error_code ignored;
  acceptor.close(ignored);
  for (ServerConnection* connection : connections) connection->Close();
  idle_timeouts.Stop();
  frame_timeouts.Stop();
}

void ServerState::CloseAll() {
  CloseSockets();
  for (asio::cancellation_signal& cancel : cancels_) {
    cancel.emit(asio::cancellation_type::terminal);
  }
}

void ServerState::Forget(ServerConnection* connection) {
  connections.erase(connection);
  TellIfEnded();
}

void ServerState::TellIfEnded() {
  if (has_ended()) ended.Set();
}

std::shared_ptr<const Handler> ServerState::FindHandler(absl::string_view task_code) const {
  const auto found = handlers.find(task_code);
  return found == handlers.end() ? nullptr : found->second;
}

Server::Server(asio::any_io_executor executor, Clock* clock, ServerOptions options)
    : state_(std::make_shared<ServerState>(executor, clock, std::move(options))) {}

Server::~Server() { state_->CloseSockets(); }

void Server::Register(std::string task_code, Handler handler) {
  state_->handlers[std::move(task_code)] = std::make_shared<const Handler>(std::move(handler));
}

void Server::ServeHttp(HttpHandler handler) { state_->http_handler = std::move(handler); }

absl::StatusOr<Ipv4Endpoint> Server::Listen(Ipv4Endpoint endpoint) {
  asio::ip::tcp::acceptor& acceptor = state_->acceptor;
  const asio::ip::tcp::endpoint where(asio::ip::address_v4(endpoint.ip), endpoint.port);
  asio::error_code error;
  acceptor.open(asio::ip::tcp::v4(), error);
  if (!error) acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(where, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    asio::error_code ignored;
    acceptor.close(ignored);
    return ListenError("", endpoint, error);
  }
  endpoint.port = acceptor.local_endpoint(error).port();
  state_->Spawn(Accept(state_));
  return endpoint;
}

asio::awaitable<void> Server::Stop() {
  const std::shared_ptr<ServerState> state = state_;
  state->CloseAll();
  if (!state->has_ended()) co_await state->ended.WaitRegardless();
}

ServerCounts Server::counts() const {
  ServerCounts counts = state_->counts;
  counts.open = static_cast<int64_t>(state_->connections.size());
  return counts;
}

}  // namespace metarec::rpc
