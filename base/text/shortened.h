#pragma once

#include <cstddef>
#include <string>

#include <absl/strings/string_view.h>

namespace metarec {

// The beginning of `text`, whole characters of UTF-8, with "..." behind it if there is more: for
// messages about what may be longer than anybody wants to read.
std::string Shortened(absl::string_view text, size_t bytes_max = 100);

// The beginning and the end, with "..." between them, of what both are needed of to tell one from
// another, such as a path.
std::string ShortenedInTheMiddle(absl::string_view text, size_t bytes_max = 100);

}  // namespace metarec
