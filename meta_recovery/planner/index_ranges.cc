#include "meta_recovery/planner/index_ranges.h"

#include <absl/strings/str_cat.h>

namespace metarec {

std::string IndexRanges(absl::Span<const int32_t> ascending) {
  std::string text;
  for (size_t first = 0; first < ascending.size();) {
    size_t last = first;
    while (last + 1 < ascending.size() && ascending[last + 1] == ascending[last] + 1) ++last;
    absl::StrAppend(&text, text.empty() ? "" : ",", ascending[first]);
    if (last > first) absl::StrAppend(&text, "-", ascending[last]);
    first = last + 1;
  }
  return text;
}

}  // namespace metarec
