// Lists as the text of one fact (finding.h). What is in them may come from servers and hold any
// byte, so separators inside an item have a backslash in front, as has a backslash.

#pragma once

#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec {

// `item` with a backslash in front of each byte of `separators` and of each backslash.
std::string EscapeItem(absl::string_view item, absl::string_view separators);

// Joined with ','.
std::string JoinItems(absl::Span<const std::string> items);
// What was joined.
std::vector<std::string> SplitItems(absl::string_view joined);

// Takes what is before the first `separator` without a backslash, and that separator, off `*text`.
// Returns it without its backslashes.
std::string TakeItem(absl::string_view* text, char separator);

}  // namespace metarec
