#include "zk_store/client/zookeeper_options.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

constexpr size_t kHostsMax = 64;

absl::StatusOr<ZooKeeperHost> ParseHost(absl::string_view entry) {
  const auto fail = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("invalid ZooKeeper address '", entry, "': ", why));
  };
  if (entry.empty()) return fail("it is empty; write host:port,host:port,...");
  if (absl::StrContains(entry, '/')) {
    return fail("a path does not belong here; give the root path with its own option");
  }
  if (entry.front() == '[' || std::count(entry.begin(), entry.end(), ':') > 1) {
    return fail("IPv6 addresses are not supported; use a host name or an IPv4 address");
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(entry, absl::MaxSplits(':', 1));
  if (parts.first.empty()) return fail("the host is missing");
  if (parts.second.empty()) return fail("the port is missing; ZooKeeper's usual one is 2181");
  for (const unsigned char c : parts.first) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '-' && c != '_') {
      return fail("the host name has a character that host names do not have");
    }
  }
  uint32_t port = 0;
  const bool is_number =
      std::all_of(parts.second.begin(), parts.second.end(), absl::ascii_isdigit) &&
      absl::SimpleAtoi(parts.second, &port);
  if (!is_number || port == 0 || port > 65535) return fail("the port must be from 1 to 65535");
  return ZooKeeperHost{std::string(parts.first), static_cast<uint16_t>(port)};
}

}  // namespace

absl::StatusOr<std::vector<ZooKeeperHost>> ParseZooKeeperHosts(absl::string_view hosts) {
  if (absl::StripAsciiWhitespace(hosts).empty()) {
    return absl::InvalidArgumentError("no ZooKeeper address given; write host:port,host:port,...");
  }
  std::vector<ZooKeeperHost> parsed;
  for (const absl::string_view entry : absl::StrSplit(hosts, ',')) {
    METAREC_ASSIGN_OR_RETURN(ZooKeeperHost host, ParseHost(absl::StripAsciiWhitespace(entry)));
    parsed.push_back(std::move(host));
    if (parsed.size() > kHostsMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kHostsMax, " ZooKeeper addresses given"));
    }
  }
  return parsed;
}

}  // namespace metarec
