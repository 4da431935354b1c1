// Names of tables: unique among those that will live, and usable in Pegasus's shell or not.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

namespace metarec {

struct NamedTable {
  int32_t app_id = 0;
  std::string name;
};

struct Renaming {
  size_t table = 0;  // index into the tables given
  std::string new_name;
};

// The highest id of a name keeps it. Every other, from the highest id down, gets
// `<separator><id>` appended until no name kept or given is the same. `tables` ascend by id; the
// renamings come from the highest id down.
std::vector<Renaming> MakeNamesUnique(absl::Span<const NamedTable> tables,
                                      absl::string_view separator);

// Whether the C++ shell accepts the name: 0-9, A-Z, a-z, '.', '_' and ':' only (INTEROP.md,
// section 5). A single table that it refuses makes its `ls -d` fail for the whole cluster.
bool IsUsableInShell(absl::string_view name);

}  // namespace metarec
