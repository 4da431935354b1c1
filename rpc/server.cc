#include "rpc/server.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/error.hpp>
#include <sys/resource.h>

#include "rpc/server_connection.h"

namespace metarec::rpc {
namespace {

// After an error such as "too many open files".
constexpr absl::Duration kAcceptRetryDelay = absl::Milliseconds(100);

// More than a meta server ever meets; at some kilobytes each that is a bound on memory.
constexpr size_t kConnectionsMax = 50'000;
constexpr size_t kOtherFilesMax = 2048;
// If the system does not say.
constexpr size_t kOpenFilesUnknown = 1024;

asio::awaitable<void> Accept(std::shared_ptr<ServerState> state) {
  while (!state->stopping) {
    auto [error, socket] = co_await state->acceptor.async_accept(kAwaitTuple);
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

void ServerState::Spawn(const ServerConnection* connection, asio::awaitable<void> coroutine) {
  const auto task = tasks_.emplace(tasks_.end());
  task->connection = connection;
  task->task.Start(executor, std::move(coroutine), [self = shared_from_this(), task] {
    self->tasks_.erase(task);
    self->TellIfEnded();
  });
}

void ServerState::CancelTasksOf(const ServerConnection* connection) {
  for (Task& task : tasks_) {
    if (task.connection == connection) task.task.Cancel();
  }
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
  for (Task& task : tasks_) task.task.Cancel();
}

void ServerState::Forget(ServerConnection* connection) {
  connections.erase(connection);
  TellIfEnded();
}

void ServerState::TellIfEnded() {
  if (has_ended()) ended.Set();
}

void ServerState::KeepWithinBytes() {
  while (bytes - bytes_leaving > options.bytes_max) {
    ServerConnection* most = nullptr;
    for (ServerConnection* const connection : connections) {
      if (connection->is_shed()) continue;
      if (most == nullptr || connection->bytes() > most->bytes()) most = connection;
    }
    if (most == nullptr) return;
    most->Shed();
  }
}

std::shared_ptr<const Handler> ServerState::FindHandler(absl::string_view task_code) const {
  const auto found = handlers.find(task_code);
  return found == handlers.end() ? nullptr : found->second;
}

Server::Server(asio::any_io_executor executor, Clock* clock, ServerOptions options)
    : state_(std::make_shared<ServerState>(executor, clock, std::move(options))) {}

Server::~Server() { state_->CloseSockets(); }

void Server::Register(std::string task_code, Handler handler) {
  state_->handlers.insert_or_assign(std::move(task_code),
                                    std::make_shared<const Handler>(std::move(handler)));
}

void Server::ServeHttp(HttpHandler handler, HttpMethods methods) {
  state_->http_handler = std::move(handler);
  state_->http_methods = methods;
}

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
  state_->Spawn(nullptr, Accept(state_));
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
  counts.bytes = static_cast<int64_t>(state_->bytes);
  return counts;
}

size_t RaiseOpenFilesLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kOpenFilesUnknown;
  rlimit raised = limit;
  raised.rlim_cur = raised.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

size_t ConnectionsWithin(size_t open_files_max) {
  const size_t others = std::min(kOtherFilesMax, open_files_max / 2);
  return std::clamp<size_t>(open_files_max - others, 1, kConnectionsMax);
}

absl::Status ListenError(absl::string_view what, Ipv4Endpoint endpoint,
                         const asio::error_code& error) {
  absl::string_view advice;
  if (error == asio::error::address_in_use) {
    advice = "; stop the program that has this port (a meta server?), or give another one";
  } else if (error == asio::error::access_denied) {
    advice = "; ports below 1024 are for privileged users: give another one";
  } else if (error.value() == EADDRNOTAVAIL) {
    advice = "; give an address of this machine, or 0.0.0.0";
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", what, endpoint.ToString(), ": ", error.message(), advice));
}

}  // namespace metarec::rpc
