#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "pegasus_client/row.h"

namespace metarec {

class TableClient;

// What servers leave out of a scan. An empty pattern lets every key through.
struct KeyFilter {
  enum class Type : int32_t { kNone = 0, kAnywhere = 1, kPrefix = 2, kPostfix = 3 };
  Type type = Type::kNone;
  std::string pattern;
};

struct ScanOptions {
  int32_t batch_size = 100;  // rows of one page at most; at least 1
  bool no_value = false;     // all values come empty
  bool no_expiry = false;    // all rows seem never to expire
  KeyFilter hash_key_filter;
  KeyFilter sort_key_filter;
  std::optional<RowKey> after;  // begins behind this key
};

struct ScanPage {
  std::vector<Row> rows;  // possibly none, and then not the last
  bool is_last = false;
};

// Reads one partition page by page, in the order of keys, each row once. The servers keep a place
// for a scan, and may lose it: when they restart, when the primary moves, after some minutes. Then
// the scan is begun again behind the last row that was read. Rows that are written meanwhile may or
// may not be seen.
//
// Not thread-safe, and one call at a time. `table` must outlive it.
class PartitionScanner {
 public:
  // `partition` is one of the table's.
  PartitionScanner(TableClient* table, int32_t partition, ScanOptions options);

  // An operation as any other of TableClient, with its errors and its deadline. After an error it
  // may be called again, and goes on where it was. Not to be called after the last page.
  asio::awaitable<absl::StatusOr<ScanPage>> Next();

 private:
  asio::awaitable<absl::StatusOr<std::string>> ReadPage(absl::Time deadline);
  // The page, or why there is none.
  absl::StatusOr<ScanPage> Take(const std::string& body, absl::Status* failure);

  TableClient* const table_;
  const int32_t partition_;
  const ScanOptions options_;
  std::optional<RowKey> last_;         // that was read
  std::optional<int64_t> context_id_;  // nullopt: the scan is to be begun (again)
};

}  // namespace metarec
