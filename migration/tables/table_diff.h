#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "migration/tables/row_filter.h"
#include "pegasus_client/table_client.h"

namespace metarec {

class MergedScan;

struct TableDiffOptions {
  RowFilter filter;  // of values: not with a sample
  // Expiries that differ by more are different; a row that has one and a row that has none always
  // are.
  absl::Duration ttl_tolerance = absl::Seconds(1);
  bool ignore_ttl = false;
  // Of the rows that both sides have, so many percent of the values are compared. With less than
  // 100 the scans leave the values out, and those that are compared are read one by one.
  double sample_percent = 100;
  int32_t scan_rows = 100;          // of one page
  int32_t partitions_at_once = 16;  // groups of them, of both tables
};

struct RowDifference {
  RowKey key;
  std::optional<Row> source;  // nullopt: only the target has it. Without its value in a sample
  std::optional<Row> target;
  bool value = false;   // both have the row: the values differ
  bool expiry = false;  // both have the row: the expiries differ
  // In the partition that a scan found it in, no get looks for it: it is as good as missing.
  std::optional<int32_t> misplaced_in_source;
  std::optional<int32_t> misplaced_in_target;
};

struct TableDiffResult {
  int64_t source_rows = 0;  // misplaced ones included
  int64_t target_rows = 0;
  int64_t equal = 0;
  int64_t missing = 0;  // only in the source
  int64_t extra = 0;    // only in the target
  int64_t value = 0;
  int64_t expiry = 0;  // also those whose values differ, too
  int64_t misplaced_in_source = 0;
  int64_t misplaced_in_target = 0;
  int64_t differences = 0;        // rows
  int64_t expired_meanwhile = 0;  // only one side still had them
  int64_t values_compared = 0;

  bool is_equal() const { return differences == 0; }
};

// Compares two tables row by row, whatever their partition counts: key, value and expiry. The
// partitions of both that can hold the same keys are scanned at once and merged, so that memory is
// bounded by some pages of each partition. A row that expires while it is compared is no
// difference. Rows that are written meanwhile may be.
//
// `on_difference` gets every difference, in no particular order; `on_progress` is called each
// second. Both run on the executor where this is awaited, and so do the clients.
asio::awaitable<absl::StatusOr<TableDiffResult>> DiffTables(
    TableClient* source, TableClient* target, Clock* clock, TableDiffOptions options,
    std::function<void(const RowDifference&)> on_difference,
    std::function<void(const TableDiffResult&)> on_progress);

}  // namespace metarec
