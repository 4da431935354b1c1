#include "rpc/client.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/deadline_timer.h"
#include "base/runtime/status_macros.h"
#include "idl/error_names.h"
#include "rpc/client_connection.h"
#include "rpc/pegasus_status.h"

namespace metarec::rpc {
namespace {

absl::Status Cancelled() { return absl::CancelledError("the call was cancelled"); }

int32_t TimeoutMs(absl::Duration timeout) {
  return static_cast<int32_t>(std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 1,
                                                  std::numeric_limits<int32_t>::max()));
}

NativeHeader RequestHeader(uint64_t id, std::string task_code, const CallOptions& options) {
  NativeHeader header;
  header.id = id;
  header.trace_id = id;
  header.rpc_name = std::move(task_code);
  header.gpid = options.gpid;
  header.context = kContextIsRequest | kContextFormatThriftBinary |
                   (options.is_forward_supported ? kContextIsForwardSupported : 0);
  header.thread_hash = options.thread_hash;
  header.partition_hash = options.partition_hash;
  if (options.from_address) header.from_address = options.from_address->ToRpcAddress();
  return header;
}

}  // namespace

Client::Client(asio::any_io_executor executor, Clock* clock, ClientOptions options)
    : executor_(std::move(executor)), clock_(clock), options_(options) {}

Client::~Client() {
  for (const auto& [endpoint, connection] : connections_) connection->Close(Cancelled());
}

asio::awaitable<absl::StatusOr<Reply>> Client::Call(Ipv4Endpoint endpoint, std::string task_code,
                                                    std::string body, CallOptions options) {
  if (co_await IsCancelled()) co_return Cancelled();
  if (task_code.empty() || task_code.size() > kNameBytesMax) {
    co_return PegasusError(idl::kErrInvalidParameters,
                           absl::StrCat("'", task_code, "' cannot be a task code"));
  }
  if (body.size() > std::numeric_limits<uint32_t>::max()) {
    co_return PegasusError(idl::kErrInvalidParameters, "the request is longer than 4 GiB");
  }
  const absl::Time now = clock_->Now();
  const absl::Time deadline = options.deadline.value_or(now + options_.default_timeout);
  if (deadline <= now) {
    co_return PegasusError(idl::kErrTimeout, absl::StrCat(task_code, " to ", endpoint.ToString(),
                                                          ": no time was left to send it"));
  }
  auto call = std::make_shared<PendingCall>(executor_);
  call->request = RequestHeader(++last_id_, std::move(task_code), options);
  call->request.timeout_ms = TimeoutMs(deadline - now);
  call->checksums = options.checksums;
  call->use_own_address = !options.from_address.has_value();
  call->body = std::move(body);

  METAREC_CO_ASSIGN_OR_RETURN(const std::shared_ptr<ClientConnection> connection,
                              ConnectionTo(endpoint));
  METAREC_CO_RETURN_IF_ERROR(connection->Submit(call));
  absl::Status waited;
  {
    const DeadlineTimer timer(executor_, clock_, deadline,
                              [connection, call] { connection->TimeOut(call); });
    // The client itself may be destroyed while this waits; what follows uses the connection and
    // the call only.
    waited = co_await call->done.Wait();
  }
  if (!waited.ok()) {
    connection->Abandon(*call);
    co_return Cancelled();
  }
  if (!call->status.ok()) co_return call->status;
  co_return std::move(call->reply);
}

absl::StatusOr<std::shared_ptr<ClientConnection>> Client::ConnectionTo(Ipv4Endpoint endpoint) {
  const auto found = connections_.find(endpoint);
  if (found != connections_.end()) {
    if (found->second->is_usable()) return found->second;
    connections_.erase(found);  // lives on until its calls have ended
  }
  METAREC_RETURN_IF_ERROR(MakeRoomForAConnection());
  auto connection = std::make_shared<ClientConnection>(executor_, clock_, options_, endpoint);
  connection->Start();
  connections_.emplace(endpoint, connection);
  return connection;
}

absl::Status Client::MakeRoomForAConnection() {
  if (connections_.size() < options_.connections_max) return absl::OkStatus();
  const auto idle = std::find_if(connections_.begin(), connections_.end(),
                                 [](const auto& entry) { return entry.second->is_idle(); });
  if (idle == connections_.end()) {
    return PegasusError(idl::kErrBusy, absl::StrCat("all ", options_.connections_max,
                                                    " connections (connections_max) are in use"));
  }
  idle->second->Close(Cancelled());
  connections_.erase(idle);
  return absl::OkStatus();
}

}  // namespace metarec::rpc
