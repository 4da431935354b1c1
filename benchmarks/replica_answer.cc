#include "benchmarks/replica_answer.h"

#include "idl/replica_server_types.h"
#include "idl/serialization.h"

namespace metarec::benchmarks {

std::string BodyOf(const NodeEvidence& node) {
  idl::query_replica_info_response response;
  response.err.name = "ERR_OK";
  for (const ReplicaRecord& replica : node.replicas) {
    idl::replica_info& info = response.replicas.emplace_back();
    info.pid.app_id = replica.app_id;
    info.pid.partition_index = replica.partition_index;
    info.ballot = replica.ballot;
    info.status = static_cast<idl::partition_status>(replica.status);
    info.last_committed_decree = replica.last_committed_decree;
    info.last_prepared_decree = replica.last_prepared_decree;
    info.last_durable_decree = replica.last_durable_decree;
    info.app_type = "pegasus";
    info.disk_tag = "data1";
  }
  return idl::EncodeBody(response);
}

}  // namespace metarec::benchmarks
