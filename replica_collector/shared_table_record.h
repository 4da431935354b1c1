// Nodes of one cluster describe the same tables, mostly in the same words, so that equal records
// are held once.

#pragma once

#include <memory>
#include <utility>

#include <absl/container/flat_hash_set.h>

#include "replica_collector/table_record.h"

namespace metarec {

// A table as one node described it, possibly shared with others: cheap to copy, compared by value.
// Thread-safe as long as nobody changes it.
class SharedTableRecord {
 public:
  // Implicit, so that a list of them is filled and read like one of records.
  SharedTableRecord(TableRecord record)  // NOLINT(google-explicit-constructor)
      : record_(std::make_shared<TableRecord>(std::move(record))) {}
  operator const TableRecord&() const {  // NOLINT(google-explicit-constructor)
    return *record_;
  }
  const TableRecord& operator*() const { return *record_; }
  const TableRecord* operator->() const { return record_.get(); }

  // To change it, without changing what it was shared with.
  TableRecord& Mutable() {
    if (record_.use_count() > 1) record_ = std::make_shared<TableRecord>(*record_);
    return *record_;
  }

  friend bool operator==(const SharedTableRecord& a, const SharedTableRecord& b) {
    return a.record_ == b.record_ || *a.record_ == *b.record_;
  }

 private:
  std::shared_ptr<TableRecord> record_;
};

// Finds the record that is held already. Not thread-safe.
class TableRecordPool {
 public:
  SharedTableRecord Share(TableRecord record);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(const TableRecord& record) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const TableRecord& a, const TableRecord& b) const { return a == b; }
  };
  absl::flat_hash_set<SharedTableRecord, Hash, Equal> records_;
};

}  // namespace metarec
