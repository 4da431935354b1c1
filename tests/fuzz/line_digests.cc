#include "tests/fuzz/line_digests.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/line_file/line_digest.h"

namespace metarec::fuzz {

std::string WithRightDigest(absl::string_view text) {
  constexpr absl::string_view kKey = "\"digest\":\"";
  const size_t key = text.rfind(kKey);
  if (key == absl::string_view::npos) return std::string(text);
  const size_t begin = key + kKey.size();
  const size_t end = text.find('"', begin);
  if (end == absl::string_view::npos) return std::string(text);
  const size_t last_line = text.substr(0, key).rfind('\n');
  if (last_line == absl::string_view::npos) return std::string(text);
  LineDigest digest;
  for (const absl::string_view line : absl::StrSplit(text.substr(0, last_line), '\n')) {
    digest.Add(line);
  }
  return absl::StrCat(text.substr(0, begin), digest.Finish(), text.substr(end));
}

}  // namespace metarec::fuzz
