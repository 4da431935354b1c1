#include "pegasus_client/key_hash.h"

#include <limits>

#include <boost/crc.hpp>

namespace metarec {

uint64_t Crc64(absl::string_view bytes) {
  // Boost wants the polynomial with its highest power first.
  constexpr uint64_t kPolynomial = 0xad93d23594c93659;
  constexpr uint64_t kInverted = std::numeric_limits<uint64_t>::max();
  boost::crc_optimal<64, kPolynomial, kInverted, kInverted, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

uint64_t HashOfKey(absl::string_view hash_key, absl::string_view sort_key) {
  return Crc64(hash_key.empty() ? sort_key : hash_key);
}

int32_t PartitionOf(uint64_t hash, int32_t partition_count) {
  return static_cast<int32_t>(hash % static_cast<uint64_t>(partition_count));
}

}  // namespace metarec
