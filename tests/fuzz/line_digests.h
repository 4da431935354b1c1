#pragma once

#include <string>

#include <absl/strings/string_view.h>

namespace metarec::fuzz {

// `text`, a file of JSON lines, with the digest that its last line should give, so that what a
// fuzzer changed before it is looked at. As it is if it has no digest.
std::string WithRightDigest(absl::string_view text);

}  // namespace metarec::fuzz
