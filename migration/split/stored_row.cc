#define XXH_INLINE_ALL
#include "migration/split/stored_row.h"

#include <algorithm>

#include <absl/numeric/int128.h>
#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <xxhash.h>

#include "base/text/wording.h"

namespace metarec {
namespace {

constexpr size_t kExpiryBytes = 4;
constexpr size_t kTimetagBytes = 8;
constexpr int64_t kExpiryEpoch = 1451606400;  // 2016-01-01 UTC

}  // namespace

absl::StatusOr<StoredKey> ParseStoredKey(absl::string_view key) {
  const auto byte = [&](size_t at) {
    return static_cast<size_t>(static_cast<unsigned char>(key[at]));
  };
  const size_t hash_key_bytes = byte(0) << 8 | byte(1);
  if (hash_key_bytes > key.size() - 2) {
    return absl::DataLossError(absl::StrCat("the key ", absl::BytesToHexString(key.substr(0, 32)),
                                            key.size() > 32 ? "..." : "",
                                            " announces a hash key of ", hash_key_bytes,
                                            " bytes, and has ", key.size() - 2, " in all"));
  }
  return StoredKey{key.substr(2, hash_key_bytes), key.substr(2 + hash_key_bytes)};
}

absl::StatusOr<size_t> StoredHeaderBytes(int64_t version) {
  if (version == 0) return kExpiryBytes;
  if (version == 1) return kExpiryBytes + kTimetagBytes;
  return absl::UnimplementedError(
      absl::StrCat("rows of data version ", version, "; versions 0 and 1 can be read"));
}

uint32_t ExpiryOf(absl::string_view value) {
  uint32_t expiry = 0;
  for (size_t i = 0; i < kExpiryBytes; ++i) {
    expiry = expiry << 8 | static_cast<unsigned char>(value[i]);
  }
  return expiry;
}

uint32_t ToExpirySeconds(int64_t unix_seconds) {
  return static_cast<uint32_t>(std::clamp<int64_t>(unix_seconds - kExpiryEpoch, 0, UINT32_MAX));
}

void UpgradeValue(absl::string_view value, std::string* upgraded) {
  upgraded->assign(value.data(), kExpiryBytes);
  upgraded->append(kTimetagBytes, '\0');
  upgraded->append(value.data() + kExpiryBytes, value.size() - kExpiryBytes);
}

std::string EmptyWriteValue() { return std::string(kExpiryBytes + kTimetagBytes, '\0'); }

void RowsDigest::Add(absl::string_view key, absl::string_view value) {
  const XXH128_hash_t hash =
      XXH3_128bits_withSeed(value.data(), value.size(), XXH3_64bits(key.data(), key.size()));
  Add(RowsDigest{.rows = 1, .low = hash.low64, .high = hash.high64});
}

void RowsDigest::Add(const RowsDigest& other) {
  const absl::uint128 sum = absl::MakeUint128(high, low) + absl::MakeUint128(other.high, other.low);
  rows += other.rows;
  low = absl::Uint128Low64(sum);
  high = absl::Uint128High64(sum);
}

std::string RowsDigest::ToHex() const {
  return absl::StrCat(absl::Hex(high, absl::kZeroPad16), absl::Hex(low, absl::kZeroPad16));
}

bool RowsDigest::FromHex(absl::string_view hex, int64_t rows, RowsDigest* digest) {
  if (hex.size() != 32 || rows < 0) return false;
  digest->rows = rows;
  return absl::SimpleHexAtoi(hex.substr(0, 16), &digest->high) &&
         absl::SimpleHexAtoi(hex.substr(16), &digest->low);
}

}  // namespace metarec
