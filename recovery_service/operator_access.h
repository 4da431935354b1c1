// What operators may ask of the service, and from where.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace metarec {

// IPv4 networks from which something may be asked. A value.
class AllowedNetworks {
 public:
  // Everyone.
  AllowedNetworks() = default;

  // "10.0.0.0/8,127.0.0.1": networks in CIDR notation and addresses, separated by commas. An empty
  // text allows everyone. kInvalidArgument names the entry that is wrong.
  static absl::StatusOr<AllowedNetworks> Parse(absl::string_view text);

  bool Allows(uint32_t ip) const;
  bool allows_everyone() const { return networks_.empty(); }

 private:
  struct Network {
    uint32_t address = 0;
    uint32_t mask = 0;
  };
  std::vector<Network> networks_;
};

// Commands that operators send with RPC_CLI_CLI_CALL. The answer is a text. Not thread-safe while
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
