#include "pegasus_client/row.h"

#include <absl/status/status.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

namespace metarec {
namespace {

constexpr int64_t kEpochSeconds = 1'451'606'400;  // 2016-01-01T00:00:00Z

}  // namespace

absl::StatusOr<RowKey> RowKey::Make(absl::string_view hash_key, absl::string_view sort_key) {
  if (hash_key.size() > kHashKeyBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("a hash key of ", hash_key.size(),
                                                   " bytes: ", kHashKeyBytesMax, " are the most"));
  }
  std::string encoded;
  encoded.reserve(2 + hash_key.size() + sort_key.size());
  encoded.push_back(static_cast<char>(hash_key.size() >> 8));
  encoded.push_back(static_cast<char>(hash_key.size() & 0xFF));
  encoded.append(hash_key.data(), hash_key.size());
  encoded.append(sort_key.data(), sort_key.size());
  return RowKey(std::move(encoded));
}

absl::StatusOr<RowKey> RowKey::FromEncoded(std::string bytes) {
  if (bytes.size() >= 2) {
    RowKey key(std::move(bytes));
    if (key.hash_key_bytes() <= key.encoded_.size() - 2) return key;
    bytes = std::move(key.encoded_);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "a key of ", bytes.size(), " bytes is too short: ", absl::CHexEscape(bytes.substr(0, 32))));
}

std::string RowKey::ToString() const {
  return absl::StrCat("\"", absl::CHexEscape(hash_key()), "\" : \"", absl::CHexEscape(sort_key()),
                      "\"");
}

ExpirySeconds ExpiryAt(absl::Time time) {
  const int64_t seconds = absl::ToUnixSeconds(time) - kEpochSeconds;
  return seconds < 0 ? 0 : static_cast<ExpirySeconds>(seconds);
}

absl::Time TimeOfExpiry(ExpirySeconds expiry) {
  return expiry == 0 ? absl::InfiniteFuture() : absl::FromUnixSeconds(kEpochSeconds + expiry);
}

bool HasExpired(ExpirySeconds expiry, absl::Time now) {
  return expiry != 0 && TimeOfExpiry(expiry) <= now;
}

}  // namespace metarec
