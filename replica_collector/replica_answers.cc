#include "replica_collector/replica_answers.h"

#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "idl/error_names.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "replica_collector/evidence.h"
#include "rpc/pegasus_status.h"

namespace metarec {
namespace {

using rpc::PegasusError;

TableRecord ToRecord(idl::app_info&& info) {
  TableRecord table;
  table.status = static_cast<int32_t>(info.status);
  table.app_type = std::move(info.app_type);
  table.app_name = std::move(info.app_name);
  table.app_id = info.app_id;
  table.partition_count = info.partition_count;
  table.envs = std::move(info.envs);
  table.is_stateful = info.is_stateful;
  table.max_replica_count = info.max_replica_count;
  table.expire_second = info.expire_second;
  table.create_second = info.create_second;
  table.drop_second = info.drop_second;
  table.duplicating = info.__isset.duplicating && info.duplicating;
  table.init_partition_count = info.init_partition_count;
  table.is_bulk_loading = info.__isset.is_bulk_loading && info.is_bulk_loading;
  table.atomic_idempotent = info.__isset.atomic_idempotent && info.atomic_idempotent;
  return table;
}

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
  for (idl::app_info& info : response.apps) tables.push_back(ToRecord(std::move(info)));
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
