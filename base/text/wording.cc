#include "base/text/wording.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

namespace metarec {
namespace {

constexpr size_t kLineBytes = 100;

}  // namespace

std::string Counted(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string CutList(absl::Span<const std::string> items, size_t max) {
  // One that is left out would take as much room as its name.
  if (items.size() <= max + 1) return absl::StrJoin(items, ", ");
  return absl::StrCat(absl::StrJoin(items.subspan(0, max), ", "), " and ", items.size() - max,
                      " more");
}

std::string Wrapped(absl::string_view text, size_t column, size_t indent) {
  std::string wrapped;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (!wrapped.empty()) {
      if (column + 1 + word.size() > kLineBytes) {
        absl::StrAppend(&wrapped, "\n", std::string(indent, ' '));
        column = indent;
      } else {
        wrapped.push_back(' ');
        ++column;
      }
    }
    absl::StrAppend(&wrapped, word);
    column += word.size();
  }
  return wrapped;
}

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

std::string ShellWord(absl::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("_-+=:,./@%").find(c) != absl::string_view::npos;
  });
  if (plain) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      absl::StrAppend(&quoted, "'\\''");
    } else {
      quoted.push_back(c);
    }
  }
  quoted.push_back('\'');
  return quoted;
}

}  // namespace metarec
