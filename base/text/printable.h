#pragma once

#include <string>

#include <absl/strings/string_view.h>

namespace metarec {

// `text` fit for a terminal and for JSON: control characters, invisible ones that change how others
// are shown (such as U+202E, which turns them around) and bytes that are not UTF-8 become \xNN,
// byte by byte. Names come from servers, and nothing keeps an escape sequence out of them.
std::string Printable(absl::string_view text);

// The same for a text of several lines, which it stays.
std::string PrintableLines(absl::string_view text);

}  // namespace metarec
