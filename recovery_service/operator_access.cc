#include "recovery_service/operator_access.h"

#include <algorithm>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/ip/network_v4.hpp>

namespace metarec {

absl::StatusOr<AllowedNetworks> AllowedNetworks::Parse(absl::string_view text) {
  AllowedNetworks allowed;
  if (absl::StripAsciiWhitespace(text).empty()) return allowed;
  for (absl::string_view piece : absl::StrSplit(text, ',')) {
    piece = absl::StripAsciiWhitespace(piece);
    const std::string cidr =
        absl::StrContains(piece, '/') ? std::string(piece) : absl::StrCat(piece, "/32");
    asio::error_code error;
    const asio::ip::network_v4 network = asio::ip::make_network_v4(cidr, error);
    if (error) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", piece, "' is no IPv4 network; write 10.0.0.0/8 or 10.1.2.3"));
    }
    allowed.networks_.push_back(
        {.address = network.network().to_uint(), .mask = network.netmask().to_uint()});
  }
  return allowed;
}

bool AllowedNetworks::Allows(uint32_t ip) const {
  return networks_.empty() ||
         std::any_of(networks_.begin(), networks_.end(), [ip](const Network& network) {
           return (ip & network.mask) == network.address;
         });
}

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
