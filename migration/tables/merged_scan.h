// Private to migration/tables/.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <queue>
#include <vector>

#include <absl/status/status.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/event.h"
#include "base/runtime/task_group.h"
#include "pegasus_client/partition_scanner.h"
#include "pegasus_client/table_client.h"

namespace metarec {

// Scans some partitions of a table at once, and gives their rows in the order of keys. Of each
// partition, two pages are kept at most: one that is read from, and the next.
//
// Not thread-safe: used on `executor`. `table` must outlive it. Close must have ended before it is
// destroyed.
class MergedScan {
 public:
  MergedScan(asio::any_io_executor executor, TableClient* table,
             const std::vector<int32_t>& partitions, const ScanOptions& options);

  // Makes front() valid: the next row, or the end of all partitions. To be awaited while
  // is_ready() is false.
  asio::awaitable<absl::Status> Fill();
  bool is_ready() const { return waiting_ == 0; }

  // nullptr at the end.
  const Row* front() const;
  int32_t front_partition() const;
  void Pop();

  // Ends what is in flight.
  asio::awaitable<void> Close();

 private:
  struct Source {
    Source(TableClient* table, int32_t index, const ScanOptions& options)
        : partition(index), scanner(table, index, options) {}

    int32_t partition;
    PartitionScanner scanner;
    std::vector<Row> rows;  // of the page that is read from
    size_t next = 0;
    absl::StatusOr<ScanPage> following = ScanPage();  // once `arrived`
    std::unique_ptr<Event> arrived;  // of the next page; nullptr: the last one is being read from
  };
  struct Later {
    const std::vector<std::unique_ptr<Source>>* sources;
    bool operator()(size_t a, size_t b) const {
      const Source& left = *(*sources)[a];
      const Source& right = *(*sources)[b];
      return right.rows[right.next].key < left.rows[left.next].key;
    }
  };

  void Fetch(Source* source);
  asio::awaitable<void> FetchInBackground(Source* source);

  const asio::any_io_executor executor_;
  TaskGroup tasks_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::priority_queue<size_t, std::vector<size_t>, Later> queue_;  // of sources that have a row
  std::vector<size_t> empty_;  // sources whose next page is to be awaited
  size_t waiting_ = 0;         // of empty_
};

}  // namespace metarec
