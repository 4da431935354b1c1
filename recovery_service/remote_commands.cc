#include "recovery_service/remote_commands.h"

#include <utility>

#include <absl/strings/str_cat.h>

namespace metarec {

RemoteCommands::RemoteCommands() {
  commands_["help"] = {"[command] - display help information", nullptr};
}

void RemoteCommands::Add(std::string name, std::string usage, Command command) {
  commands_.insert_or_assign(std::move(name), Entry{std::move(usage), std::move(command)});
}

std::string RemoteCommands::Run(const std::string& name,
                                const std::vector<std::string>& arguments) const {
  const auto found = commands_.find(name);
  if (found == commands_.end()) return absl::StrCat("unknown command '", name, "'");
  return found->second.command ? found->second.command(arguments) : Help(arguments);
}

std::string RemoteCommands::Help(const std::vector<std::string>& arguments) const {
  std::string text;
  for (const auto& [name, entry] : commands_) {
    if (!arguments.empty() && arguments.front() != name) continue;
    absl::StrAppend(&text, name, " ", entry.usage, "\n");
  }
  if (text.empty()) return absl::StrCat("cannot find command '", arguments.front(), "'");
  return text;
}

}  // namespace metarec
