#include "base/text/wording.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

namespace metarec {
namespace {

constexpr size_t kLineBytes = 100;

}  // namespace

std::string Counted(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string CutList(absl::Span<const std::string> items, size_t max) {
  // One that is left out would take as much room as its name.
  if (items.size() <= max + 1) return absl::StrJoin(items, ", ");
  return absl::StrCat(absl::StrJoin(items.subspan(0, max), ", "), " and ", items.size() - max,
                      " more");
}

std::string Wrapped(absl::string_view text, size_t column, size_t indent) {
  std::string wrapped;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (!wrapped.empty()) {
      if (column + 1 + word.size() > kLineBytes) {
        absl::StrAppend(&wrapped, "\n", std::string(indent, ' '));
        column = indent;
      } else {
        wrapped.push_back(' ');
        ++column;
      }
    }
    absl::StrAppend(&wrapped, word);
    column += word.size();
  }
  return wrapped;
}

}  // namespace metarec
