#include "replica_collector/rpc_replica_source.h"

#include <algorithm>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "idl/error_names.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "rpc/pegasus_status.h"
#include "rpc/resolver.h"

namespace metarec {
namespace {

using rpc::PegasusError;

ReplicaRecord ToRecord(const idl::replica_info& info) {
  ReplicaRecord replica;
  replica.app_id = info.pid.app_id;
  replica.partition_index = info.pid.partition_index;
  replica.ballot = info.ballot;
  replica.last_committed_decree = info.last_committed_decree;
  replica.last_prepared_decree = info.last_prepared_decree;
  replica.last_durable_decree = info.last_durable_decree;
  replica.status = static_cast<ReplicaStatus>(info.status);
  return replica;
}

absl::Status Unreadable(Ipv4Endpoint address, absl::string_view task_code,
                        const absl::Status& why) {
  return PegasusError(idl::kErrInvalidData,
                      absl::StrCat(address.ToString(), " answered ", task_code,
                                   " with something unreadable: ", why.message()));
}

}  // namespace

RpcReplicaSource::RpcReplicaSource(rpc::Client* client, Clock* clock,
                                   RpcReplicaSourceOptions options)
    : client_(client), clock_(clock), options_(std::move(options)) {}

asio::awaitable<absl::StatusOr<NodeIdentity>> RpcReplicaSource::Identify(NodeListEntry entry,
                                                                         absl::Time deadline) {
  const absl::StatusOr<std::vector<uint32_t>> ips =
      co_await rpc::ResolveAllIpv4(clock_, entry.host, deadline);
  if (absl::IsCancelled(ips.status())) co_return ips.status();
  if (!ips.ok()) {
    co_return PegasusError(idl::kErrNetworkFailure,
                           absl::StrCat("cannot resolve ", entry.text, ": ", ips.status().message(),
                                        "; give IP:PORT if no name server knows it"));
  }
  NodeIdentity identity{{ips->front(), entry.port}, entry.text, NodeNameSource::kNodeList};
  for (size_t i = 1; i < ips->size(); ++i) {
    identity.other_addresses.push_back({(*ips)[i], entry.port});
  }
  const absl::StatusOr<std::string> host = co_await rpc::ReverseResolve(
      clock_, ips->front(), std::min(deadline, clock_->Now() + options_.reverse_lookup_timeout));
  if (absl::IsCancelled(host.status())) co_return host.status();
  if (host.ok()) {
    identity.name = absl::StrCat(*host, ":", entry.port);
    identity.name_source = NodeNameSource::kReverseLookup;
  }
  co_return identity;
}

asio::awaitable<absl::StatusOr<rpc::Reply>> RpcReplicaSource::Call(Ipv4Endpoint address,
                                                                   std::string task_code,
                                                                   std::string body,
                                                                   absl::Time deadline) {
  rpc::CallOptions options;
  options.deadline = deadline;
  METAREC_CO_ASSIGN_OR_RETURN(rpc::Reply reply,
                              co_await client_->Call(address, task_code, std::move(body), options));
  METAREC_CO_RETURN_IF_ERROR(CheckAnswer(reply.error_name, address, task_code));
  co_return std::move(reply);
}

asio::awaitable<absl::StatusOr<NodeTables>> RpcReplicaSource::QueryTables(Ipv4Endpoint address,
                                                                          absl::Time deadline) {
  // A valid address in any case: stock servers look its name up to log it.
  idl::query_app_info_request request;
  request.meta_server = options_.own_address.value_or(address).ToRpcAddress();
  METAREC_CO_ASSIGN_OR_RETURN(
      const rpc::Reply reply,
      co_await Call(address, idl::kRpcQueryAppInfo, idl::EncodeBody(request), deadline));
  METAREC_CO_ASSIGN_OR_RETURN(NodeTables answer, ReadTables(reply.body, address));
  answer.own_address = EndpointOf(reply.from_address).value_or(Ipv4Endpoint{});
  co_return std::move(answer);
}

asio::awaitable<absl::Status> RpcReplicaSource::QueryReplicas(Ipv4Endpoint address,
                                                              absl::Time deadline,
                                                              ReplicaSink sink) {
  idl::query_replica_info_request request;
  request.node1 = address.ToRpcAddress();
  METAREC_CO_ASSIGN_OR_RETURN(
      const rpc::Reply reply,
      co_await Call(address, idl::kRpcQueryReplicaInfo, idl::EncodeBody(request), deadline));
  co_return ReadReplicas(reply.body, address, sink);
}

absl::Status CheckAnswer(absl::string_view err_name, Ipv4Endpoint address,
                         absl::string_view task_code) {
  absl::string_view meaning;
  if (err_name == idl::kErrHandlerNotFound) {
    meaning = ": it is still starting, or it is no replica server";
  }
  // The name goes on to hints, reports and scripts; the message shows what was really said.
  const absl::string_view name = IsErrorName(err_name) ? err_name : idl::kErrUnknown;
  return PegasusError(name,
                      absl::StrCat(address.ToString(), " answered ", task_code, " with err ",
                                   absl::CHexEscape(err_name.empty() ? name : err_name), meaning));
}

absl::StatusOr<std::vector<TableRecord>> ReadTables(const std::string& body, Ipv4Endpoint address) {
  idl::query_app_info_response response;
  const absl::Status read = idl::DecodeBody(body, &response);
  if (!read.ok()) return Unreadable(address, idl::kRpcQueryAppInfo, read);
  METAREC_RETURN_IF_ERROR(CheckAnswer(response.err.name, address, idl::kRpcQueryAppInfo));
  std::vector<TableRecord> tables;
  tables.reserve(response.apps.size());
  for (idl::app_info& info : response.apps) tables.push_back(FromAppInfo(std::move(info)));
  return tables;
}

absl::Status ReadReplicas(const std::string& body, Ipv4Endpoint address, const ReplicaSink& sink) {
  std::string err_name;
  absl::Status refused;
  const absl::Status read = idl::ReadQueryReplicaInfoResponse(
      body, &err_name, [&sink, &refused](const idl::replica_info& info) {
        if (refused.ok()) refused = sink(ToRecord(info));
      });
  METAREC_RETURN_IF_ERROR(refused);
  if (!read.ok()) return Unreadable(address, idl::kRpcQueryReplicaInfo, read);
  return CheckAnswer(err_name, address, idl::kRpcQueryReplicaInfo);
}

}  // namespace metarec
