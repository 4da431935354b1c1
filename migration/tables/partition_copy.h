// Private to migration/tables/.

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <absl/status/status.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/event.h"
#include "base/runtime/task_group.h"
#include "migration/tables/table_copy.h"
#include "pegasus_client/partition_scanner.h"

namespace metarec {

// The copy of one partition: one coroutine scans and begins writes, which end in any order. The
// position moves on when the oldest write has ended.
//
// Not thread-safe: used on one executor.
class TableCopy::PartitionCopy {
 public:
  // `failure`: of any partition; the copy ends when there is one. It may set it.
  PartitionCopy(asio::any_io_executor executor, TableCopy* owner, int32_t partition,
                CopyPosition* position, absl::Status* failure);

  // Returns when nothing is in flight any more.
  asio::awaitable<void> Run();

  int32_t partition() const { return partition_; }
  const CopyPosition& position() const { return *position_; }
  int64_t rows() const { return rows_; }
  int64_t kept() const { return kept_; }
  int64_t bytes() const { return bytes_; }

 private:
  // Rows that are written together, and those before them that need not be.
  struct Write {
    RowKey last;
    int64_t rows = 0;
    bool is_done = false;
  };

  asio::awaitable<absl::Status> Scan();
  asio::awaitable<absl::Status> Take(Row row);
  // Whether the next row needs to wait for nothing.
  bool CanBeginAtOnce() const;
  void BeginRow(Row row);
  asio::awaitable<absl::Status> BeginBatch();
  asio::awaitable<absl::Status> AwaitRoom(int64_t rows, int64_t bytes);
  asio::awaitable<void> WriteRow(uint64_t number, Row row);
  asio::awaitable<void> WriteBatch(uint64_t number, std::vector<Row> rows, int64_t bytes);
  uint64_t Begin(const RowKey& last, int64_t rows, int64_t bytes);
  void End(uint64_t number, const absl::Status& status, int64_t bytes, bool was_kept);
  bool HasRoom() const;
  void Skip(const RowKey& key);

  const asio::any_io_executor executor_;
  TableCopy* const owner_;
  const int32_t partition_;
  CopyPosition* const position_;
  absl::Status* const failure_;
  TaskGroup tasks_;
  std::deque<Write> writes_;   // in the order of keys; those before the first are done
  uint64_t first_number_ = 0;  // of writes_
  int64_t in_flight_ = 0;      // writes that have not ended
  int64_t bytes_in_flight_ = 0;
  std::unique_ptr<Event> room_;  // while the scan waits
  std::vector<Row> batch_;       // with multi_put: rows that will be written together
  int64_t batch_bytes_ = 0;
  int64_t rows_ = 0;
  int64_t kept_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace metarec
