// Reads ZooKeeper's serialized values (jute) from bytes in memory: big-endian numbers, strings and
// buffers with their length in front.

#pragma once

#include <cstddef>
#include <cstdint>

#include <absl/strings/string_view.h>

namespace metarec {

inline int32_t JuteInt(const char* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<int32_t>(value);
}

inline int64_t JuteLong(const char* bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<int64_t>(value);
}

// After a read beyond the end, ok() is false and everything reads as 0 or empty.
class JuteReader {
 public:
  explicit JuteReader(absl::string_view bytes) : bytes_(bytes) {}

  int32_t Int() {
    const char* bytes = Take(4);
    return bytes == nullptr ? 0 : JuteInt(bytes);
  }
  int64_t Long() {
    const char* bytes = Take(8);
    return bytes == nullptr ? 0 : JuteLong(bytes);
  }
  bool Bool() {
    const char* bytes = Take(1);
    return bytes != nullptr && *bytes != 0;
  }
  // A string or buffer; `*is_null` tells none from an empty one, both of which read as empty.
  absl::string_view Bytes(bool* is_null = nullptr) {
    const int32_t length = Int();
    if (is_null != nullptr) *is_null = length == -1;
    if (length == -1) return {};
    if (length < 0) {
      ok_ = false;
      return {};
    }
    const char* bytes = Take(static_cast<size_t>(length));
    return bytes == nullptr ? absl::string_view()
                            : absl::string_view(bytes, static_cast<size_t>(length));
  }

  bool ok() const { return ok_; }
  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  // What was read since `offset`.
  absl::string_view Since(size_t offset) const { return bytes_.substr(offset, offset_ - offset); }

 private:
  const char* Take(size_t size) {
    if (!ok_ || size > remaining()) {
      ok_ = false;
      return nullptr;
    }
    const char* bytes = bytes_.data() + offset_;
    offset_ += size;
    return bytes;
  }

  const absl::string_view bytes_;
  size_t offset_ = 0;
  bool ok_ = true;
};

}  // namespace metarec
