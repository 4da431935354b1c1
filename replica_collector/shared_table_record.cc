#include "replica_collector/shared_table_record.h"

#include <absl/hash/hash.h>

namespace metarec {

// Of the fields that differ between tables, or between older and newer records of one.
size_t TableRecordPool::Hash::operator()(const TableRecord& record) const {
  return absl::HashOf(record.app_id, record.app_name, record.partition_count, record.status,
                      record.envs.size());
}

SharedTableRecord TableRecordPool::Share(TableRecord record) {
  const auto known = records_.find(record);
  if (known != records_.end()) return *known;
  return *records_.insert(SharedTableRecord(std::move(record))).first;
}

}  // namespace metarec
