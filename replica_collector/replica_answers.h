// What a replica server's answers say, once they have arrived.

#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "idl/ipv4_endpoint.h"
#include "replica_collector/replica_source.h"
#include "replica_collector/table_record.h"

namespace metarec {

// OK unless the transport, or a response itself, says another error than ERR_OK.
absl::Status CheckAnswer(absl::string_view err_name, Ipv4Endpoint address,
                         absl::string_view task_code);

// Of the body of an answer to RPC_QUERY_APP_INFO. An answer with an error is that error.
absl::StatusOr<std::vector<TableRecord>> ReadTables(const std::string& body, Ipv4Endpoint address);

// Of the body of an answer to RPC_QUERY_REPLICA_INFO; see ReplicaSource::QueryReplicas.
absl::Status ReadReplicas(const std::string& body, Ipv4Endpoint address, const ReplicaSink& sink);

}  // namespace metarec
