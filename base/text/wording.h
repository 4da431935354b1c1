// What sentences for people are made of, and the commands that they are to type.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec {

// "1 partition", "2 partitions".
std::string Counted(int64_t count, absl::string_view noun);

// At most `max` items, and how many there are beyond: "a, b, c and 7 more".
std::string CutList(absl::Span<const std::string> items, size_t max = 5);

// `text` broken into lines of about 100 bytes between words, for a line that has `column` bytes
// already; the lines that follow are indented by `indent`. No line break at the end.
std::string Wrapped(absl::string_view text, size_t column, size_t indent);

// A line for each row, its cells padded to the longest of their column and two blanks between them;
// no blanks at the end. Each line begins with `indent` blanks.
std::string AlignedRows(const std::vector<std::vector<std::string>>& rows, size_t indent = 0);

// The beginning of `text`, whole characters of UTF-8, with "..." behind it if there is more: for
// messages about texts that may be very long.
std::string Shortened(absl::string_view text, size_t bytes_max = 100);

// The beginning and the end with "..." between them: for texts, such as paths, that only both tell
// apart.
std::string ShortenedInTheMiddle(absl::string_view text, size_t bytes_max = 100);

// The one of `words` that `word` was probably meant to be: it differs in a few letters, or begins
// with all of `word`. "" if there is none.
std::string ClosestWord(absl::string_view word, absl::Span<const std::string> words);

// `text` as one word of a shell command, in quotes if it needs them.
std::string ShellWord(absl::string_view text);

}  // namespace metarec
