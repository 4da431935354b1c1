#include <string>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <glog/logging.h>

#include "replica_collector/node_list.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/memory_file.h"

namespace metarec::fuzz {
namespace {

void CheckList(const NodeList& list) {
  CHECK(!list.entries.empty());
  std::vector<std::string> texts;
  for (const NodeListEntry& entry : list.entries) {
    CHECK_GT(entry.port, 0);
    CHECK_GT(entry.line, 0);
    CHECK(!entry.host.empty());
    const auto again = ParseNodeListEntry(entry.text);
    CHECK(again.ok()) << again.status();
    CHECK(again->host == entry.host && again->port == entry.port);
    texts.push_back(entry.text);
  }
  for (const NodeListDuplicate& duplicate : list.duplicates) {
    CHECK_LT(duplicate.first_line, duplicate.line);
    CHECK(!PegasusTextOf(duplicate).empty());
  }
  // The entries alone are a list of the same entries, without duplicates.
  const auto again = ParseNodeListString(absl::StrJoin(texts, ","));
  CHECK(again.ok()) << again.status();
  CHECK(again->duplicates.empty());
  CHECK_EQ(again->entries.size(), list.entries.size());
  for (size_t i = 0; i < list.entries.size(); ++i) {
    CHECK_EQ(again->entries[i].text, list.entries[i].text);
  }
}

}  // namespace

// The text of a file and of a string.
void FuzzNodeList(absl::string_view input) {
  const auto from_string = ParseNodeListString(input);
  if (from_string.ok()) {
    CheckList(*from_string);
  } else {
    PegasusTextOf(from_string.status());
  }
  const NodeListOptions options = {.nodes_max = 20, .lines_max = 200, .line_bytes_max = 300};
  const MemoryFile file(input);
  const auto from_file = ReadNodeListFile(file.path(), options);
  if (!from_file.ok()) {
    PegasusTextOf(from_file.status());
    return;
  }
  CheckList(*from_file);
  CHECK_EQ(from_file->file, file.path());
  CHECK_LE(from_file->entries.size(), options.nodes_max);
  // With Windows' line ends it says the same.
  if (absl::StrContains(input, '\r')) return;
  const std::string windows = absl::StrJoin(absl::StrSplit(input, '\n'), "\r\n");
  const MemoryFile windows_file(windows);
  NodeListOptions longer = options;
  longer.line_bytes_max += 1;
  const auto from_windows = ReadNodeListFile(windows_file.path(), longer);
  CHECK(from_windows.ok()) << from_windows.status();
  CHECK(from_windows->entries == from_file->entries);
  CHECK(from_windows->duplicates == from_file->duplicates);
}

}  // namespace metarec::fuzz
