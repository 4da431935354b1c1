#include "meta_recovery/planner/fact_list.h"

#include <absl/strings/str_join.h>

namespace metarec {

std::string EscapeItem(absl::string_view item, absl::string_view separators) {
  std::string escaped;
  for (const char c : item) {
    if (c == '\\' || separators.find(c) != absl::string_view::npos) escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

std::string JoinItems(absl::Span<const std::string> items) {
  return absl::StrJoin(items, ",", [](std::string* out, const std::string& item) {
    out->append(EscapeItem(item, ","));
  });
}

std::vector<std::string> SplitItems(absl::string_view joined) {
  std::vector<std::string> items;
  while (!joined.empty()) items.push_back(TakeItem(&joined, ','));
  return items;
}

std::string TakeItem(absl::string_view* text, char separator) {
  std::string item;
  size_t i = 0;
  for (; i < text->size() && (*text)[i] != separator; ++i) {
    if ((*text)[i] == '\\' && i + 1 < text->size()) ++i;
    item.push_back((*text)[i]);
  }
  text->remove_prefix(i < text->size() ? i + 1 : i);
  return item;
}

}  // namespace metarec
