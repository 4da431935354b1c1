// Decisions from the bytes of a fuzzer: the same bytes give the same decisions, and once they are
// used up, every decision is the first choice. (LLVM's FuzzedDataProvider comes with Clang only.)

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>

namespace metarec::fuzz {

class ByteSource {
 public:
  explicit ByteSource(absl::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }

  // Takes one byte; `most` - `least` is at most 255.
  int32_t Pick(int32_t least, int32_t most) { return least + Byte() % (most - least + 1); }

  // True for one of `n` values of a byte.
  bool OneIn(int32_t n) { return Pick(0, n - 1) == n - 1; }

  template <typename T, size_t kSize>
  const T& Choose(const T (&values)[kSize]) {
    static_assert(kSize <= 256);
    return values[Byte() % kSize];
  }

  int64_t Number() {
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | Byte();
    return static_cast<int64_t>(number);
  }

  std::string Text(size_t bytes_max) {
    const size_t wanted = Byte() % (bytes_max + 1);
    const size_t size = std::min(wanted, bytes_.size());
    const std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }

  absl::string_view Rest() const { return bytes_; }

 private:
  absl::string_view bytes_;
};

// Cuts `bytes` into pieces of lengths that `way` decides; way 0 leaves them whole.
template <typename TakePiece>
void ForEachPiece(absl::string_view bytes, uint8_t way, const TakePiece& take) {
  uint32_t state = way;
  const auto long_piece = static_cast<uint32_t>(std::max<size_t>(200, bytes.size() / 4));
  const auto short_piece = static_cast<uint32_t>(std::max<size_t>(9, bytes.size() / 20));
  while (!bytes.empty()) {
    size_t size = bytes.size();
    if (way != 0) {
      state = state * 1103515245 + 12345;
      // Now and then one that is as long as a header.
      const uint32_t most = (state >> 20) % 4 == 0 ? long_piece : short_piece;
      size = std::min<size_t>(bytes.size(), 1 + (state >> 8) % most);
    }
    take(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

}  // namespace metarec::fuzz
