// Private to rpc/: integers at an offset of a buffer, in a given byte order.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>

namespace metarec::rpc {

// The caller has checked that the bytes are there.
template <typename UInt>
UInt LoadLittleEndian(absl::string_view bytes, size_t offset) {
  UInt value = 0;
  for (size_t i = sizeof(UInt); i-- > 0;) {
    value = static_cast<UInt>(value << 8) | static_cast<uint8_t>(bytes[offset + i]);
  }
  return value;
}

template <typename UInt>
UInt LoadBigEndian(absl::string_view bytes, size_t offset) {
  UInt value = 0;
  for (size_t i = 0; i < sizeof(UInt); ++i) {
    value = static_cast<UInt>(value << 8) | static_cast<uint8_t>(bytes[offset + i]);
  }
  return value;
}

template <typename UInt>
void StoreLittleEndian(UInt value, size_t offset, std::string* bytes) {
  for (size_t i = 0; i < sizeof(UInt); ++i) {
    (*bytes)[offset + i] = static_cast<char>(value >> (8 * i) & 0xFF);
  }
}

template <typename UInt>
void AppendBigEndian(UInt value, std::string* bytes) {
  for (size_t i = sizeof(UInt); i-- > 0;) {
    bytes->push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  }
}

}  // namespace metarec::rpc
