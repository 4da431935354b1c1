#include "base/text/shortened.h"

#include <absl/strings/str_cat.h>

namespace metarec {
namespace {

// Of a character of UTF-8, the bytes that follow its first.
bool Continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

std::string Shortened(absl::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  size_t bytes = bytes_max;
  while (bytes > 0 && Continues(text[bytes])) --bytes;
  return absl::StrCat(text.substr(0, bytes), "...");
}

std::string ShortenedInTheMiddle(absl::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  size_t begin = text.size() - bytes_max / 2;
  while (begin < text.size() && Continues(text[begin])) ++begin;
  return absl::StrCat(Shortened(text, bytes_max - bytes_max / 2), text.substr(begin));
}

}  // namespace metarec
