// What sentences for people are made of.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

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

}  // namespace metarec
