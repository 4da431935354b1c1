#include "testing/record_messages.h"

namespace metarec::testing {

idl::app_info ToWire(const TableRecord& table) { return ToAppInfo(table); }

idl::replica_info ToWire(const ReplicaRecord& replica) {
  idl::replica_info info;
  info.__set_pid(idl::gpid{replica.app_id, replica.partition_index});
  info.__set_ballot(replica.ballot);
  info.__set_status(static_cast<idl::partition_status>(replica.status));
  info.__set_last_committed_decree(replica.last_committed_decree);
  info.__set_last_prepared_decree(replica.last_prepared_decree);
  info.__set_last_durable_decree(replica.last_durable_decree);
  info.__set_app_type("pegasus");
  info.__set_disk_tag("default");
  info.__set_manual_compact_status(idl::manual_compaction_status::IDLE);
  return info;
}

}  // namespace metarec::testing
