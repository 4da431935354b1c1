// Changing a meta server's configuration file: only the values that change, with comments, order,
// indentation and line ends as they are.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

// `key` in [section] is to have this value.
struct ConfigChange {
  std::string section;
  std::string key;
  std::string value;
};

struct EditedConfig {
  std::string text;
  // The lines that differ: "-hosts_list = zk1:2181", "+hosts_list = zk4:2181"; each with its
  // number in front, as "12 -...". Empty: there was nothing to change.
  std::vector<std::string> difference;
};

// A key that is missing is added below its section, and a section that is missing at the end. Of a
// key that is given twice the first one is changed, which is the one that counts. kInvalidArgument
// for a value that no line can have, or a section that is given twice. `name` is for messages.
absl::StatusOr<EditedConfig> EditConfig(absl::string_view text, absl::string_view name,
                                        const std::vector<ConfigChange>& changes);

// The value as stock servers read it; nullopt: there is none.
std::optional<std::string> ConfigValue(absl::string_view text, absl::string_view section,
                                       absl::string_view key);

// Files, synchronously. A symbolic link stays one: the file that it leads to is changed.

absl::StatusOr<std::string> ReadConfigText(const std::string& path);

// Whether EditConfigFile would succeed: makes the edited text, and writes it beside the file with
// its owner and its permissions; then that is removed again.
absl::Status TryConfigEdit(const std::string& path, const std::vector<ConfigChange>& changes);

// Changes the file, which is replaced in one moment and keeps its owner and its permissions; an
// error if we may not give it that owner. What it was before is kept as `<path>.<backup_suffix>`,
// beside it; one that is there already stays, since it is of an earlier attempt. Returns the
// difference.
absl::StatusOr<std::vector<std::string>> EditConfigFile(const std::string& path,
                                                        const std::vector<ConfigChange>& changes,
                                                        const std::string& backup_suffix);

// Undoes that: the file is again as its backup has it. If somebody has changed it since in other
// places, only the keys of `changes` get their former values, or go if they had none. The backup is
// removed then. OK also if there is no backup: then nothing was changed.
absl::Status RestoreConfigFile(const std::string& path, const std::vector<ConfigChange>& changes,
                               const std::string& backup_suffix);

}  // namespace metarec
