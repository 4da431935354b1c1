#include "meta_recovery/planner/unique_names.h"

#include <algorithm>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"

namespace metarec {

std::vector<Renaming> MakeNamesUnique(absl::Span<const NamedTable> tables,
                                      absl::string_view separator) {
  absl::flat_hash_map<absl::string_view, int32_t> keepers;
  absl::flat_hash_set<std::string> taken;
  for (const NamedTable& table : tables) {
    keepers[table.name] = table.app_id;  // ascending, so the highest id stays
    taken.insert(table.name);
  }
  std::vector<Renaming> renamings;
  for (size_t i = tables.size(); i-- > 0;) {
    if (keepers[tables[i].name] == tables[i].app_id) continue;
    std::string name = tables[i].name;
    do {
      if (name != tables[i].name) METAREC_RARE_BRANCH("a name that was given is taken, too");
      absl::StrAppend(&name, separator, tables[i].app_id);
    } while (!taken.insert(name).second);
    renamings.push_back({.table = i, .new_name = std::move(name)});
  }
  return renamings;
}

bool IsUsableInShell(absl::string_view name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == ':';
  });
}

}  // namespace metarec
