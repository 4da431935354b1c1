#include "base/text/printable.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

namespace metarec {
namespace {

struct CodePoints {
  uint32_t first;
  uint32_t last;
};

// Of Unicode's category Cf those that names could be forged with, its line and paragraph
// separators, its other characters that are ignorable by default (joiners, variation selectors),
// and the letters without a shape.
constexpr CodePoints kInvisible[] = {
    {0x00AD, 0x00AD},   {0x034F, 0x034F},  {0x061C, 0x061C}, {0x115F, 0x1160}, {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x200B, 0x200F},  {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
    {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},  {0xFFA0, 0xFFA0}, {0xFFF9, 0xFFFB}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};

// Unicode's category Zs, and the Braille pattern without dots.
constexpr CodePoints kBlank[] = {{0x0020, 0x0020}, {0x00A0, 0x00A0}, {0x1680, 0x1680},
                                 {0x2000, 0x200A}, {0x202F, 0x202F}, {0x205F, 0x205F},
                                 {0x2800, 0x2800}, {0x3000, 0x3000}};

template <size_t kCount>
bool IsIn(const CodePoints (&ranges)[kCount], uint32_t code_point) {
  return std::any_of(std::begin(ranges), std::end(ranges), [code_point](const CodePoints& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

// 0 also for a character that is not to be shown.
size_t ShownCharacterBytes(absl::string_view text) {
  uint32_t code_point = 0;
  const size_t bytes = Utf8Character(text, &code_point);
  // C1 controls act on terminals too.
  const bool is_control = code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
  return is_control || IsInvisible(code_point) ? 0 : bytes;
}

}  // namespace

std::string Printable(absl::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
  if (plain) return std::string(text);
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    size_t bytes = ShownCharacterBytes(text);
    if (bytes == 0) {
      absl::StrAppend(&printable, "\\x",
                      absl::Hex(static_cast<unsigned char>(text[0]), absl::kZeroPad2));
      bytes = 1;
    } else {
      absl::StrAppend(&printable, text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return printable;
}

std::string PrintableLines(absl::string_view text) {
  return absl::StrJoin(
      absl::StrSplit(text, '\n'), "\n",
      [](std::string* out, absl::string_view line) { absl::StrAppend(out, Printable(line)); });
}

size_t Utf8Character(absl::string_view text, uint32_t* code_point) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  *code_point = byte(0);
  if (byte(0) < 0x80) return 1;
  size_t bytes = 0;
  if (byte(0) >= 0xC2 && byte(0) < 0xE0) {
    bytes = 2;
    *code_point = byte(0) & 0x1F;
  } else if (byte(0) >= 0xE0 && byte(0) < 0xF0) {
    bytes = 3;
    *code_point = byte(0) & 0x0F;
  } else if (byte(0) >= 0xF0 && byte(0) < 0xF5) {
    bytes = 4;
    *code_point = byte(0) & 0x07;
  }
  if (bytes == 0 || text.size() < bytes) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    *code_point = *code_point << 6 | (byte(i) & 0x3F);
  }
  const bool is_overlong =
      (bytes == 3 && *code_point < 0x800) || (bytes == 4 && *code_point < 0x10000);
  const bool is_surrogate = *code_point >= 0xD800 && *code_point < 0xE000;
  return is_overlong || is_surrogate || *code_point > 0x10FFFF ? 0 : bytes;
}

bool IsUtf8(absl::string_view text) {
  uint32_t code_point = 0;
  while (!text.empty()) {
    const size_t bytes = Utf8Character(text, &code_point);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

bool IsInvisible(uint32_t code_point) { return IsIn(kInvisible, code_point); }

bool IsBlank(uint32_t code_point) { return IsIn(kBlank, code_point); }

}  // namespace metarec
