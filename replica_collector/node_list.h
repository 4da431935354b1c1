// The replica servers to ask, as an operator lists them: a file with one host:port a line, or a
// string host:port,host:port.
//
// In a file, blank lines and lines that start with '#' or ';' are skipped, spaces around an entry
// and carriage returns are ignored; a comment behind an entry is an error, as in Pegasus's shell.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

struct NodeListEntry {
  std::string text;  // as written, e.g. "node1:34801"; what hints print
  std::string host;  // a name or an IPv4 address
  uint16_t port = 0;
  int line = 0;  // in a string: the position, from 1

  friend bool operator==(const NodeListEntry&, const NodeListEntry&) = default;
};

struct NodeListDuplicate {
  std::string text;
  int line = 0;
  int first_line = 0;  // the mention that counts

  friend bool operator==(const NodeListDuplicate&, const NodeListDuplicate&) = default;
};

struct NodeList {
  std::string file;                           // that it was read from; empty for a string
  std::vector<NodeListEntry> entries;         // in the order of their first mention
  std::vector<NodeListDuplicate> duplicates;  // in the order of the list
};

struct NodeListOptions {
  size_t nodes_max = 10'000;
  size_t lines_max = 100'000;
  size_t line_bytes_max = 4'096;
  int interrupt_descriptor = -1;  // see LineReaderOptions
};

// Errors name the file and line and say what to do. Those for which Pegasus's shell has a text of
// its own carry it: see PegasusTextOf.
absl::StatusOr<NodeList> ReadNodeListFile(const std::string& path,
                                          const NodeListOptions& options = {});
absl::StatusOr<NodeList> ParseNodeListString(absl::string_view text,
                                             const NodeListOptions& options = {});

// One entry, trimmed already; `line` is 0. The error says what is wrong, not where.
absl::StatusOr<NodeListEntry> ParseNodeListEntry(absl::string_view text);

// The line that Pegasus's shell prints for this error (INTEROP.md section 7.1), without a newline;
// empty when it has none.
std::string PegasusTextOf(const absl::Status& status);

// "duplicate replica node <node>, just ingore it", spelled as Pegasus's shell does.
std::string PegasusTextOf(const NodeListDuplicate& duplicate);

}  // namespace metarec
