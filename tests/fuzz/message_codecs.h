// Every message that has a decoder, in a fixed order: a corpus selects by position, so that new
// ones go to the end.

#pragma once

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec::fuzz {

struct MessageCodec {
  absl::string_view task_code;
  // Decodes; what decodes must encode to bytes that decode to an equal value.
  void (*check)(absl::string_view body);
};

absl::Span<const MessageCodec> RequestCodecs();
absl::Span<const MessageCodec> ResponseCodecs();

}  // namespace metarec::fuzz
