#include "zk_store/tree/data_directory/log_reader.h"

#include <algorithm>

#include <zlib.h>

#include "zk_store/tree/data_directory/jute_reader.h"

namespace metarec {
namespace {

constexpr int32_t kLogMagic = 0x5a4b4c47;  // "ZKLG"
constexpr int32_t kLogVersion = 2;
constexpr int64_t kLogHeaderBytes = 16;
constexpr size_t kRecordHeaderBytes = 12;
constexpr char kEndMark = 'B';
// ZooKeeper's own bound for a request is 1 MiB; few raise it beyond this.
constexpr int32_t kRecordBytesUsual = 64 << 20;

}  // namespace

LogReader::LogReader(int descriptor) : stream_(descriptor, false) {}

bool LogReader::Next(LogRecord* record) {
  if (at_end_) return false;
  end_offset_ = stream_.offset();
  if (at_begin_) {
    at_begin_ = false;
    if (stream_.remaining() == 0) return End(DataDamage::kNone, false);
    const char* header = stream_.Take(kLogHeaderBytes);
    if (header == nullptr) return End(stream_.damage(), true);
    if (JuteInt(header) != kLogMagic) {
      // A server that is killed at once leaves zeros.
      const bool is_zero =
          std::all_of(header, header + kLogHeaderBytes, [](char byte) { return byte == 0; });
      if (is_zero && (unread_offset_ = stream_.FindNonZero()) < 0) {
        return End(DataDamage::kNone, false);
      }
      return End(DataDamage::kBadMagic, false);
    }
    if (JuteInt(header + 4) != kLogVersion) return End(DataDamage::kBadVersion, false);
    end_offset_ = stream_.offset();
  }
  if (stream_.remaining() == 0) return End(DataDamage::kNone, false);
  const char* header = stream_.Take(kRecordHeaderBytes);
  if (header == nullptr) {
    const DataDamage damage = stream_.damage();
    // Fewer bytes than a record's header has, all of them zeros, are the end of the preallocated
    // part.
    const int64_t found = stream_.FindNonZero();
    if (found < 0 && damage == DataDamage::kTruncated) return End(DataDamage::kNone, false);
    return End(damage, true);
  }
  const int64_t sum = JuteLong(header);
  const int32_t length = JuteInt(header + 8);
  if (length == 0) {
    unread_offset_ = sum != 0 ? end_offset_ : stream_.FindNonZero();
    return End(DataDamage::kNone, false);
  }
  if (length < 0) return End(DataDamage::kBadLength, false);
  record->bytes_offset = stream_.offset();
  const size_t size = static_cast<size_t>(length);
  const char* bytes = stream_.Take(size + 1);
  if (bytes == nullptr) {
    if (stream_.damage() != DataDamage::kTruncated) return End(stream_.damage(), false);
    return length > kRecordBytesUsual ? End(DataDamage::kBadLength, false)
                                      : End(DataDamage::kTruncated, true);
  }
  if (bytes[size] != kEndMark) {
    // Torn, if nothing was written behind it.
    const bool is_zero = bytes[size] == 0 && stream_.FindNonZero() < 0;
    return End(DataDamage::kBadEndMark, is_zero);
  }
  const uint32_t actual = static_cast<uint32_t>(
      adler32(1, reinterpret_cast<const Bytef*>(bytes), static_cast<uInt>(size)));
  if (sum != static_cast<int64_t>(actual)) return End(DataDamage::kBadChecksum, false);
  record->bytes = absl::string_view(bytes, size);
  return true;
}

bool LogReader::End(DataDamage damage, bool is_torn) {
  at_end_ = true;
  damage_ = damage;
  is_torn_ = is_torn;
  return false;
}

}  // namespace metarec
