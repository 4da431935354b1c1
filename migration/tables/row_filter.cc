#include "migration/tables/row_filter.h"

#include <absl/strings/match.h>

namespace metarec {
namespace {

KeyFilter ForServers(const RowFilter::Part& part) {
  using Match = RowFilter::Match;
  switch (part.match) {
    case Match::kAll:
      return {};
    case Match::kAnywhere:
      return {.type = KeyFilter::Type::kAnywhere, .pattern = part.pattern};
    case Match::kPrefix:
    case Match::kExact:
      return {.type = KeyFilter::Type::kPrefix, .pattern = part.pattern};
    case Match::kPostfix:
      return {.type = KeyFilter::Type::kPostfix, .pattern = part.pattern};
  }
  return {};
}

}  // namespace

bool RowFilter::Part::Passes(absl::string_view text) const {
  switch (match) {
    case Match::kAll:
      return true;
    case Match::kAnywhere:
      return absl::StrContains(text, pattern);
    case Match::kPrefix:
      return absl::StartsWith(text, pattern);
    case Match::kPostfix:
      return absl::EndsWith(text, pattern);
    case Match::kExact:
      return text == pattern;
  }
  return false;
}

void RowFilter::AddTo(ScanOptions* scan) const {
  scan->hash_key_filter = ForServers(hash_key);
  scan->sort_key_filter = ForServers(sort_key);
}

absl::string_view MatchName(RowFilter::Match match) {
  switch (match) {
    case RowFilter::Match::kAll:
      return "no_filter";
    case RowFilter::Match::kAnywhere:
      return "anywhere";
    case RowFilter::Match::kPrefix:
      return "prefix";
    case RowFilter::Match::kPostfix:
      return "postfix";
    case RowFilter::Match::kExact:
      return "exact";
  }
  return "";
}

}  // namespace metarec
