#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "migration/tables/copy_state_file.h"
#include "migration/tables/rate_limit.h"
#include "migration/tables/row_filter.h"
#include "pegasus_client/table_client.h"

namespace metarec {

struct TableCopyOptions {
  RowFilter filter;
  std::optional<int32_t> partition;  // of the source, only this one
  bool no_ttl = false;               // the copies never expire
  bool no_overwrite = false;         // rows that are there stay as they are
  bool no_value = false;             // the copies have empty values
  // Rows of one hash key and one expiry go together. Excludes no_overwrite.
  bool multi_put = false;

  int32_t scan_rows = 100;            // of one page
  int32_t rows_in_flight = 500;       // per partition; with multi_put: rows of one write
  int32_t writes_in_flight = 20;      // per partition, with multi_put
  int64_t bytes_in_flight = 4 << 20;  // per partition
  int32_t partitions_at_once = 16;

  int64_t rows_per_second = 0;   // 0: no limit
  int64_t bytes_per_second = 0;  // 0: no limit

  // Where the progress is kept, each second; "": nowhere.
  std::string state_file;
  // What the tables' names and ids do not tell, such as the clusters' names: for the state file.
  CopyScope scope;
};

struct TableCopyProgress {
  int32_t partitions = 0;
  int32_t partitions_done = 0;
  int64_t rows = 0;   // written by this run
  int64_t kept = 0;   // with no_overwrite: rows that were there already
  int64_t bytes = 0;  // of keys and values of `rows`
};

struct TableCopyResult {
  struct Partition {
    int32_t index = 0;
    int64_t rows = 0;  // written, by all runs that the state file tells of
  };
  std::vector<Partition> partitions;
  TableCopyProgress progress;
  bool was_resumed = false;
};

// Copies the rows of a table into a table that exists, whatever its partition count. A partition is
// done when its scan has ended and every write was answered with success; a write that fails is
// tried again until the target's deadline for one operation. The expiry of a row is copied as it
// is, to the second.
//
// Not thread-safe. `source`, `target` and `clock` must outlive it; source and target are used on
// the executor where Run is awaited.
class TableCopy {
 public:
  TableCopy(TableClient* source, TableClient* target, Clock* clock, TableCopyOptions options);
  ~TableCopy();

  // Ends with the first error, when no write is in flight any more. Rows that are written to the
  // source meanwhile may or may not be copied. `on_progress` is called each second. Once.
  asio::awaitable<absl::StatusOr<TableCopyResult>> Run(
      std::function<void(const TableCopyProgress&)> on_progress);

 private:
  class PartitionCopy;

  absl::Status ReadState();
  absl::Status Save() const;
  TableCopyProgress Progress() const;
  asio::awaitable<void> Tick(std::function<void(const TableCopyProgress&)> on_progress);
  asio::awaitable<void> CopyOne(size_t i);

  TableClient* const source_;
  TableClient* const target_;
  Clock* const clock_;
  TableCopyOptions options_;
  RateLimit rate_;
  bool was_resumed_ = false;
  std::vector<CopyPosition> positions_;  // of all partitions of the source
  std::vector<std::unique_ptr<PartitionCopy>> copies_;
  absl::Status failure_;  // the first one
};

}  // namespace metarec
