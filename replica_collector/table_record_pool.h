#pragma once

#include <cstddef>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include "replica_collector/evidence.h"

namespace metarec {

// Keeps equal records once. Not thread-safe.
class TableRecordPool {
 public:
  SharedTableRecord Share(TableRecord record) {
    const auto known = records_.find(record);
    if (known != records_.end()) return *known;
    return *records_.insert(SharedTableRecord(std::move(record))).first;
  }

 private:
  struct Hash {
    using is_transparent = void;
    // Of the fields that differ between tables, or between older and newer records of one table.
    size_t operator()(const TableRecord& record) const {
      return absl::HashOf(record.app_id, record.app_name, record.partition_count, record.status,
                          record.envs.size());
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const TableRecord& a, const TableRecord& b) const { return a == b; }
  };
  absl::flat_hash_set<SharedTableRecord, Hash, Equal> records_;
};

}  // namespace metarec
