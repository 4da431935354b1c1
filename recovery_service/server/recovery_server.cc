#include "recovery_service/server/recovery_server.h"

#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "recovery_service/status/status_commands.h"
#include "recovery_service/status/status_pages.h"
#include "replica_collector/node_list.h"
#include "rpc/resolver.h"

namespace metarec {
namespace {

constexpr absl::Duration kResolveTimeout = absl::Seconds(5);

// A recovery looks for leaders where this server contends with them.
RecoveryServiceOptions ServiceOptionsOf(const RecoveryServerOptions& options) {
  RecoveryServiceOptions service = options.service;
  service.recovery.writer.inspection.lock_root = options.lock_root;
  return service;
}

}  // namespace

RecoveryServer::RecoveryServer(const asio::any_io_executor& executor, RecoveryServerOptions options,
                               Surroundings surroundings, RecoveryListener* listener,
                               std::optional<RecoveryThread> thread)
    : executor_(executor),
      options_(std::move(options)),
      clock_(surroundings.clock),
      server_(executor, clock_, options_.rpc),
      udp_(executor, clock_),
      service_(executor, ServiceOptionsOf(options_), std::move(surroundings), listener,
               std::move(thread)),
      contender_(executor,
                 {.own_name = options_.own_name,
                  .recover = options_.recover,
                  .root = options_.service.recovery.root,
                  .lock_root = options_.lock_root,
                  .session_timeout = options_.session_timeout,
                  .reconnect_after = options_.reconnect_after,
                  .connect = options_.connect,
                  .address_of = [this](std::string name) { return AddressOf(std::move(name)); },
                  .log = options_.log},
                 &service_, clock_) {
  AddStatusCommands(clock_->Now(), &service_);
}

RecoveryServer::~RecoveryServer() = default;

asio::awaitable<absl::Status> RecoveryServer::Run() {
  service_.RegisterOn(&server_);
  service_.RegisterOn(&udp_);
  const absl::Status listening = Listen();
  if (!listening.ok()) {
    co_await StopListening();
    co_return listening;
  }
  const absl::Status status = co_await contender_.Run();
  co_await StopListening();
  co_await service_.Stop();
  co_return status;
}

absl::Status RecoveryServer::Listen() {
  METAREC_ASSIGN_OR_RETURN(endpoint_, server_.Listen(options_.listen));
  METAREC_RETURN_IF_ERROR(udp_.Listen(endpoint_).status());
  options_.log(absl::StrCat("listening on ", endpoint_.ToString()));
  if (options_.http_listen) http_server_.emplace(executor_, clock_, options_.rpc);
  rpc::Server& http = http_server_ ? *http_server_ : server_;
  http.ServeHttp([this](rpc::HttpRequest request) -> asio::awaitable<rpc::HttpResponse> {
    co_return ServeStatusPages(service_, request, clock_->Now());
  });
  if (!http_server_) return absl::OkStatus();
  METAREC_ASSIGN_OR_RETURN(const Ipv4Endpoint pages, http_server_->Listen(*options_.http_listen));
  options_.log(absl::StrCat("status pages on ", pages.ToString()));
  return absl::OkStatus();
}

asio::awaitable<void> RecoveryServer::StopListening() {
  if (http_server_) co_await http_server_->Stop();
  co_await udp_.Stop();
  co_await server_.Stop();
}

asio::awaitable<std::optional<Ipv4Endpoint>> RecoveryServer::AddressOf(std::string name) {
  const absl::StatusOr<NodeListEntry> entry = ParseNodeListEntry(name);
  if (!entry.ok()) co_return std::nullopt;
  const absl::Time deadline = clock_->Now() + kResolveTimeout;
  const absl::StatusOr<Ipv4Endpoint> address =
      co_await rpc::ResolveIpv4(clock_, entry->host, entry->port, deadline);
  if (!address.ok()) co_return std::nullopt;
  co_return *address;
}

}  // namespace metarec
