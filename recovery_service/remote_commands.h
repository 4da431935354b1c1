#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

namespace metarec {

// Commands that operators send with RPC_CLI_CLI_CALL; the answer is a text. Not thread-safe while
// commands are added.
class RemoteCommands {
 public:
  using Command = std::function<std::string(const std::vector<std::string>& arguments)>;

  // Has "help" from the start.
  RemoteCommands();

  // `usage` is what help prints behind the name. Replaces a command of this name.
  void Add(std::string name, std::string usage, Command command);

  // For an unknown name: "unknown command '<name>'", as stock servers say.
  std::string Run(const std::string& name, const std::vector<std::string>& arguments) const;

 private:
  struct Entry {
    std::string usage;
    Command command;
  };
  std::string Help(const std::vector<std::string>& arguments) const;

  std::map<std::string, Entry> commands_;
};

}  // namespace metarec
