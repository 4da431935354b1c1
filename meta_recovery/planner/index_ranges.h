#pragma once

#include <cstdint>
#include <string>

#include <absl/types/span.h>

namespace metarec {

// Ascending partition indexes as people write them: "0-3,7".
std::string IndexRanges(absl::Span<const int32_t> ascending);

}  // namespace metarec
