// One row of a table, and its key as it travels.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "pegasus_client/key_hash.h"

namespace metarec {

// A key: two bytes of the hash key's length, big-endian, the hash key, the sort key. There is no
// RowKey that a server would abort on. A value.
class RowKey {
 public:
  // Both parts are empty.
  RowKey() : encoded_(2, '\0') {}

  // kInvalidArgument if the hash key has more than kHashKeyBytesMax bytes. Either part may be
  // empty.
  static absl::StatusOr<RowKey> Make(absl::string_view hash_key, absl::string_view sort_key);
  // kInvalidArgument if the bytes are too short for the hash key that they announce.
  static absl::StatusOr<RowKey> FromEncoded(std::string bytes);

  absl::string_view hash_key() const {
    return absl::string_view(encoded_).substr(2, hash_key_bytes());
  }
  absl::string_view sort_key() const {
    return absl::string_view(encoded_).substr(2 + hash_key_bytes());
  }
  const std::string& encoded() const { return encoded_; }

  uint64_t hash() const { return HashOfKey(hash_key(), sort_key()); }

  // The parts in quotes, as in "user_1" : "profile"; what cannot be printed is escaped.
  std::string ToString() const;

  // In the order in which a partition is scanned.
  friend bool operator==(const RowKey&, const RowKey&) = default;
  friend bool operator<(const RowKey& a, const RowKey& b) { return a.encoded_ < b.encoded_; }

 private:
  explicit RowKey(std::string encoded) : encoded_(std::move(encoded)) {}
  size_t hash_key_bytes() const {
    return static_cast<size_t>(static_cast<uint8_t>(encoded_[0])) << 8 |
           static_cast<uint8_t>(encoded_[1]);
  }

  std::string encoded_;
};

// Seconds since 2016-01-01T00:00:00Z, as servers store them; 0: never.
using ExpirySeconds = uint32_t;

// 0 if `time` is before that day.
ExpirySeconds ExpiryAt(absl::Time time);
absl::Time TimeOfExpiry(ExpirySeconds expiry);
bool HasExpired(ExpirySeconds expiry, absl::Time now);

struct Row {
  RowKey key;
  std::string value;
  ExpirySeconds expires_at = 0;

  friend bool operator==(const Row&, const Row&) = default;
};

}  // namespace metarec
