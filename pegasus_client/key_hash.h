// Where a row lives. Pegasus's clients and servers compute the same (crc64 of the source project;
// all 498 rows captured from the shell's `hash`:
// tests/golden/migration/copy_data/source_rows.jsonl).

#pragma once

#include <cstddef>
#include <cstdint>

#include <absl/strings/string_view.h>

namespace metarec {

// A key on the wire and on disk: two bytes of the hash key's length, big-endian, then both parts.
inline constexpr size_t kHashKeyBytesMax = 0xFFFE;  // 0xFFFF is what stock clients refuse, too

// The hash of a row's key, `partition_hash` in headers: the CRC-64 of the hash key, or of the sort
// key where the hash key is empty.
uint64_t HashOfKey(absl::string_view hash_key, absl::string_view sort_key);

// The partition of a table with `partition_count` of them, which is positive.
int32_t PartitionOf(uint64_t hash, int32_t partition_count);

// CRC-64 with the polynomial 0x9a6c9329ac4bc9b5 (reflected), begun and ended inverted.
uint64_t Crc64(absl::string_view bytes);

}  // namespace metarec
