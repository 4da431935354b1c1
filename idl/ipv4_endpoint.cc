#include "idl/ipv4_endpoint.h"

#include <algorithm>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

namespace metarec {
namespace {

// A decimal number of at most `value_max`, written the one way it can be.
bool ParseDecimal(absl::string_view text, uint32_t value_max, uint32_t* value) {
  constexpr size_t kDigitsMax = 5;
  if (text.empty() || text.size() > kDigitsMax) return false;
  if (text.size() > 1 && text[0] == '0') return false;
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) return false;
  return absl::SimpleAtoi(text, value) && *value <= value_max;
}

// As much of a text as a message should repeat.
std::string Quoted(absl::string_view text) {
  constexpr size_t kShownMax = 80;
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, kShownMax)),
                      text.size() > kShownMax ? "...'" : "'");
}

}  // namespace

std::string Ipv4ToString(uint32_t ip) {
  return absl::StrCat(ip >> 24, ".", ip >> 16 & 0xFF, ".", ip >> 8 & 0xFF, ".", ip & 0xFF);
}

std::string Ipv4Endpoint::ToString() const { return absl::StrCat(Ipv4ToString(ip), ":", port); }

std::ostream& operator<<(std::ostream& out, const Ipv4Endpoint& endpoint) {
  return out << endpoint.ToString();
}

absl::Status CheckServerAddress(uint32_t ip) {
  const uint32_t first = ip >> 24;
  absl::string_view what;
  if (ip == 0) {
    what = "stands for all the addresses of a machine";
  } else if (ip == UINT32_MAX) {
    what = "is the broadcast address";
  } else if (first >= 224 && first <= 239) {
    what = "is a multicast address";
  } else {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no server has the address ", Ipv4ToString(ip), ", which ", what));
}

absl::StatusOr<uint32_t> ParseIpv4(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('.', 4));
  uint32_t ip = 0;
  bool valid = parts.size() == 4;
  for (size_t i = 0; valid && i < parts.size(); ++i) {
    uint32_t octet = 0;
    valid = ParseDecimal(parts[i], 255, &octet);
    ip = ip << 8 | octet;
  }
  if (!valid) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(text), " is not an IPv4 address such as 10.0.0.1"));
  }
  return ip;
}

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  if (!ParseDecimal(text, 65535, &port) || port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(text), " is not a port, a number from 1 to 65535"));
  }
  return static_cast<uint16_t>(port);
}

absl::StatusOr<Ipv4Endpoint> ParseIpv4Endpoint(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(text), " has no port; expected address:port such as 10.0.0.1:34801"));
  }
  absl::StatusOr<uint32_t> ip = ParseIpv4(text.substr(0, colon));
  if (!ip.ok()) return std::move(ip).status();
  absl::StatusOr<uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port.ok()) return std::move(port).status();
  return Ipv4Endpoint{*ip, *port};
}

absl::StatusOr<Ipv4Endpoint> EndpointOf(const idl::rpc_address& address) {
  if (!address.is_valid()) return absl::InvalidArgumentError("the rpc_address is not valid");
  if (absl::Status status = CheckServerAddress(address.ip()); !status.ok()) return status;
  return Ipv4Endpoint{address.ip(), address.port()};
}

}  // namespace metarec
