#include "testing/record_messages.h"

namespace metarec::testing {

idl::app_info ToWire(const TableRecord& table) {
  idl::app_info info;
  info.__set_status(static_cast<idl::app_status>(table.status));
  info.__set_app_type(table.app_type);
  info.__set_app_name(table.app_name);
  info.__set_app_id(table.app_id);
  info.__set_partition_count(table.partition_count);
  info.__set_envs(table.envs);
  info.__set_is_stateful(table.is_stateful);
  info.__set_max_replica_count(table.max_replica_count);
  info.__set_expire_second(table.expire_second);
  info.__set_create_second(table.create_second);
  info.__set_drop_second(table.drop_second);
  info.__set_duplicating(table.duplicating);
  info.__set_init_partition_count(table.init_partition_count);
  info.__set_is_bulk_loading(table.is_bulk_loading);
  info.__set_atomic_idempotent(table.atomic_idempotent);
  return info;
}

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
