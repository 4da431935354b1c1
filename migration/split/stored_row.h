// A row as Pegasus stores it in RocksDB (docs/offline-split.md), and what is counted of
// rows.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

// Writes of nothing, which RocksDB has after an ingestion and servers never show.
inline bool IsEmptyWrite(absl::string_view key) { return key.size() < 2; }

struct StoredKey {
  absl::string_view hash_key;
  absl::string_view sort_key;
};

// Of a key that is no empty write. kDataLoss if it is shorter than it says.
absl::StatusOr<StoredKey> ParseStoredKey(absl::string_view key);

// Bytes in front of the data: values begin, big-endian, with u32 expiry and, from version 1 on (the
// highest there is), u64 timetag. kUnimplemented for a version that no table has.
absl::StatusOr<size_t> StoredHeaderBytes(int64_t version);

// Seconds since 2016-01-01 UTC; 0: it never expires. `value` has a header.
uint32_t ExpiryOf(absl::string_view value);

// Now, in the seconds that expiries count.
uint32_t ToExpirySeconds(int64_t unix_seconds);

// The value of version 0 as one of version 1, with no timetag: it is older than any.
void UpgradeValue(absl::string_view value, std::string* upgraded);

// A row without data that a server takes for an empty write; its key is "".
std::string EmptyWriteValue();

// How many rows, and a digest of them that does not depend on their order. A value.
struct RowsDigest {
  int64_t rows = 0;
  uint64_t low = 0;
  uint64_t high = 0;

  void Add(absl::string_view key, absl::string_view value);
  void Add(const RowsDigest& other);
  std::string ToHex() const;  // of the digest, 32 digits
  // False if it is none.
  static bool FromHex(absl::string_view hex, int64_t rows, RowsDigest* digest);

  friend bool operator==(const RowsDigest&, const RowsDigest&) = default;
};

}  // namespace metarec
