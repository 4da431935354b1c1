#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/strings/string_view.h>

namespace metarec {

// `text` fit for a terminal and for JSON: control characters, invisible ones that change how others
// are shown (such as U+202E, which turns them around) and bytes that are not UTF-8 become \xNN,
// byte by byte. Names come from servers, and nothing keeps an escape sequence out of them.
std::string Printable(absl::string_view text);

// The same for a text of several lines, which it stays.
std::string PrintableLines(absl::string_view text);

// Bytes of the character at the beginning of `text`, which is not empty; 0 if it is no UTF-8.
size_t Utf8Character(absl::string_view text, uint32_t* code_point);

bool IsUtf8(absl::string_view text);

// Whether a character shows nothing, although it is no blank: it changes how others are shown, as
// those of Unicode's category Cf do, or stands for a letter that is not there (U+3164).
bool IsInvisible(uint32_t code_point);

// Whether a character shows as empty space: U+0020, U+00A0, U+3000 and the like.
bool IsBlank(uint32_t code_point);

}  // namespace metarec
