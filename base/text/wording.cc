#include "base/text/wording.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
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

std::string AlignedRows(const std::vector<std::vector<std::string>>& rows, size_t indent) {
  constexpr size_t kGap = 2;
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i], std::string(widths[i] - row[i].size() + kGap, ' '));
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
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

namespace {

// How many letters must be added, taken away or replaced.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);  // from the first letters of `a` to those of `b`
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string ClosestWord(absl::string_view word, absl::Span<const std::string> words) {
  constexpr size_t kBytesMax = 64;  // longer ones are no mistyped words
  constexpr size_t kBeginningMin = 3;
  if (word.size() > kBytesMax) return "";
  std::string closest;
  size_t least = word.size() / 4 + 2;  // too many
  for (const std::string& candidate : words) {
    const bool is_beginning = word.size() >= kBeginningMin && absl::StartsWith(candidate, word);
    const size_t distance = is_beginning ? 1 : EditDistance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    closest = candidate;
  }
  return closest;
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
