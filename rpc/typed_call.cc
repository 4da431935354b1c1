#include "rpc/typed_call.h"

#include <absl/strings/escaping.h>

namespace metarec::rpc::internal {

asio::awaitable<absl::StatusOr<std::string>> CallForBody(Client* client, Ipv4Endpoint endpoint,
                                                         std::string task_code, std::string body,
                                                         CallOptions options) {
  METAREC_CO_ASSIGN_OR_RETURN(Reply reply,
                              co_await client->Call(endpoint, task_code, std::move(body), options));
  if (reply.error_name != idl::kErrOk) {
    co_return PegasusError(reply.error_name.empty() ? idl::kErrUnknown : reply.error_name,
                           absl::StrCat(endpoint.ToString(), " answered ", task_code, " with '",
                                        absl::CHexEscape(reply.error_name), "'"));
  }
  co_return std::move(reply.body);
}

absl::Status UndecodableAnswer(Ipv4Endpoint endpoint, absl::string_view task_code,
                               const absl::Status& why) {
  return PegasusError(idl::kErrInvalidData,
                      absl::StrCat(endpoint.ToString(), " answered ", task_code,
                                   " with something unreadable: ", why.message()));
}

}  // namespace metarec::rpc::internal
