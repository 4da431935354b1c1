#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "idl/ipv4_endpoint.h"
#include "idl/meta_admin_types.h"
#include "idl/meta_server_types.h"
#include "idl/serialization.h"
#include "replica_collector/node_list.h"
#include "rpc/client.h"
#include "rpc/pegasus_status.h"

namespace metarec {

struct MetaClientOptions {
  absl::Duration timeout = absl::Seconds(10);  // of one call, whoever answers it; as in the shell
  int forwards_max = 4;                        // of one call
};

// Asks the leader of a cluster's meta servers, stock ones or metarecd, without knowing which of
// them it is: tries those of a list in turn, and goes where one of them says that the leader is
// (INTEROP.md section 1.1). Whoever answered is asked first the next time.
//
// An answer is any response that is not ERR_FORWARD_TO_OTHERS, whatever its `err`. Everything else
// is a PegasusError (rpc/pegasus_status.h) of the last server's failure, whose message tells of all
// that were tried and what to do, and which is marked (rpc::WasNotSent) if the request cannot have
// reached any of them; or kCancelled.
//
// Not thread-safe: used on `executor`. Calls may overlap.
class MetaClient {
 public:
  // `clock` must outlive the client.
  MetaClient(asio::any_io_executor executor, Clock* clock, NodeList servers,
             MetaClientOptions options);

  // What may be asked twice: servers that do not answer leave time for the others.
  template <typename Response, typename Request>
  asio::awaitable<absl::StatusOr<Response>> Ask(const char* task_code, const Request& request) {
    return CallTyped<Response>(
        {.task_code = task_code, .body = idl::EncodeBody(request), .timeout = options_.timeout});
  }

  // What may be asked twice and is answered late: the server that is reached gets all of the time.
  // Among several servers the leader is therefore looked for first, so that one that hangs does not
  // get that time.
  template <typename Response, typename Request>
  asio::awaitable<absl::StatusOr<Response>> AskForLong(const char* task_code,
                                                       const Request& request,
                                                       absl::Duration timeout) {
    return LongTyped<Response>({.task_code = task_code,
                                .body = idl::EncodeBody(request),
                                .timeout = timeout,
                                .shares_time = false});
  }

  // What must not be done twice: it is sent to the leader only, once that is found. After an error
  // it may or may not have been done, and the message says so.
  template <typename Response, typename Request>
  asio::awaitable<absl::StatusOr<Response>> Change(const char* task_code, const Request& request) {
    return ChangeTyped<Response>({.task_code = task_code,
                                  .body = idl::EncodeBody(request),
                                  .timeout = options_.timeout,
                                  .is_change = true});
  }

  // Who answered last, as listed or by its address; "" before.
  const std::string& server() const { return server_; }

 private:
  struct Question {
    std::string task_code;
    std::string body;
    absl::Duration timeout;
    bool shares_time = true;
    bool is_change = false;
  };

  struct Target {
    std::string name;
    std::optional<Ipv4Endpoint> endpoint;  // nullopt: the name is to be looked up
  };

  // What a response says beside its contents.
  struct Outcome {
    std::string error_name;
    std::optional<Ipv4Endpoint> leader;  // with ERR_FORWARD_TO_OTHERS
  };
  // Decodes a body.
  using Reader = std::function<absl::StatusOr<Outcome>(const std::string& body)>;

  // The search for the leader by one call.
  class Search;

  template <typename Response>
  static std::optional<Ipv4Endpoint> LeaderIn(const Response&) {
    return std::nullopt;
  }
  static std::optional<Ipv4Endpoint> LeaderIn(const idl::query_cfg_response& response);

  // Thrift passes over what it does not know, so that any struct which begins with an error code
  // could be taken for this one; Pegasus always sends both fields.
  template <typename Response>
  static bool IsWhole(const Response&) {
    return true;
  }
  static bool IsWhole(const idl::configuration_recovery_response& response) {
    return response.__isset.err && response.__isset.hint_message;
  }

  template <typename Response>
  static absl::StatusOr<Outcome> Read(const std::string& body, Response* response) {
    *response = Response();
    if (absl::Status decoded = idl::DecodeBody(body, response); !decoded.ok()) return decoded;
    if (!IsWhole(*response)) {
      return absl::DataLossError("the answer is not what was asked for: fields are missing");
    }
    return Outcome{.error_name = response->err.name, .leader = LeaderIn(*response)};
  }

  template <typename Response>
  asio::awaitable<absl::StatusOr<Response>> CallTyped(Question question) {
    Response response;
    const Reader read = [&response](const std::string& body) { return Read(body, &response); };
    const absl::Status called = co_await CallLeader(std::move(question), read);
    if (!called.ok()) co_return called;
    co_return response;
  }

  template <typename Response>
  asio::awaitable<absl::StatusOr<Response>> LongTyped(Question question) {
    if (servers_.entries.size() > 1) {
      const absl::Status found = co_await FindLeader();
      if (!found.ok()) co_return rpc::NotSent(found);
    }
    co_return co_await CallTyped<Response>(std::move(question));
  }

  template <typename Response>
  asio::awaitable<absl::StatusOr<Response>> ChangeTyped(Question question) {
    const absl::Status found = co_await FindLeader();
    if (!found.ok()) co_return found;
    co_return co_await CallTyped<Response>(std::move(question));
  }

  asio::awaitable<absl::Status> FindLeader();
  asio::awaitable<absl::Status> CallLeader(Question question, const Reader& read);
  // One server: OK if it answered. What it says of another leader goes into the search.
  asio::awaitable<absl::Status> CallOne(const Question& question, Target target,
                                        absl::Time deadline, const Reader& read, Search* search);
  asio::awaitable<absl::StatusOr<Ipv4Endpoint>> EndpointOf(const Target& target,
                                                           absl::Time deadline);

  Clock* const clock_;
  const NodeList servers_;
  const MetaClientOptions options_;
  rpc::Client client_;
  std::optional<Target> leader_;  // who answered last
  std::string server_;
};

}  // namespace metarec
