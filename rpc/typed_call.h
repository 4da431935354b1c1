// A call whose request and answer are structs of idl/.

#pragma once

#include <string>
#include <utility>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <asio/awaitable.hpp>

#include "idl/error_names.h"
#include "idl/serialization.h"
#include "rpc/client.h"
#include "rpc/pegasus_status.h"
#include "runtime/status_macros.h"

namespace metarec::rpc {
namespace internal {

// The body of an answer that the server's RPC layer calls good; see Client::Call for the errors.
asio::awaitable<absl::StatusOr<std::string>> CallForBody(Client* client, Ipv4Endpoint endpoint,
                                                         std::string task_code, std::string body,
                                                         CallOptions options);

absl::Status UndecodableAnswer(Ipv4Endpoint endpoint, absl::string_view task_code,
                               const absl::Status& why);

template <typename Response>
asio::awaitable<absl::StatusOr<Response>> CallAndDecode(Client* client, Ipv4Endpoint endpoint,
                                                        std::string task_code, std::string body,
                                                        CallOptions options) {
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::string answer,
      co_await CallForBody(client, endpoint, task_code, std::move(body), options));
  Response response;
  const absl::Status decoded = idl::DecodeBody(answer, &response);
  if (!decoded.ok()) co_return UndecodableAnswer(endpoint, task_code, decoded);
  co_return response;
}

}  // namespace internal

// An answer of the server's RPC layer that is not ERR_OK becomes a PegasusError of that name, one
// that cannot be decoded ERR_INVALID_DATA. What the struct's own `err` says is the caller's to look
// at. `client` must outlive the call; `request` is encoded at once.
template <typename Response, typename Request>
asio::awaitable<absl::StatusOr<Response>> CallTyped(Client* client, Ipv4Endpoint endpoint,
                                                    std::string task_code, const Request& request,
                                                    CallOptions options = {}) {
  return internal::CallAndDecode<Response>(client, endpoint, std::move(task_code),
                                           idl::EncodeBody(request), options);
}

}  // namespace metarec::rpc
