// Replica servers, asked over their RPC port.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "base/runtime/clock.h"
#include "replica_collector/replica_source.h"
#include "rpc/client.h"

namespace metarec {

struct RpcReplicaSourceOptions {
  // Who asks, as servers log it; by default the server itself.
  std::optional<Ipv4Endpoint> own_address;
  absl::Duration reverse_lookup_timeout = absl::Seconds(2);
};

// Asks replica servers over their RPC port (INTEROP.md section 3.2): versions up to 2.5 and later
// ones, since no field is sent that only one of them knows.
class RpcReplicaSource final : public ReplicaSource {
 public:
  // Both must outlive the source and the look-ups that it started.
  RpcReplicaSource(rpc::Client* client, Clock* clock, RpcReplicaSourceOptions options = {});

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry,
                                                         absl::Time deadline) override;
  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time deadline) override;
  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                              ReplicaSink sink) override;

 private:
  // Fails also if the server's RPC layer reports an error.
  asio::awaitable<absl::StatusOr<rpc::Reply>> Call(Ipv4Endpoint address, std::string task_code,
                                                   std::string body, absl::Time deadline);

  rpc::Client* const client_;
  Clock* const clock_;
  const RpcReplicaSourceOptions options_;
};

// OK unless the transport, or a response itself, says another error than ERR_OK.
absl::Status CheckAnswer(absl::string_view err_name, Ipv4Endpoint address,
                         absl::string_view task_code);

// The body of an answer to RPC_QUERY_APP_INFO. An answer with an error is that error.
absl::StatusOr<std::vector<TableRecord>> ReadTables(const std::string& body, Ipv4Endpoint address);

// The body of an answer to RPC_QUERY_REPLICA_INFO; see ReplicaSource::QueryReplicas.
absl::Status ReadReplicas(const std::string& body, Ipv4Endpoint address, const ReplicaSink& sink);

}  // namespace metarec
