#include "recovery_service/allowed_networks.h"

#include <algorithm>

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

}  // namespace metarec
