#include "zk_store/client/zookeeper_options.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <sys/stat.h>

#include "base/runtime/status_macros.h"
#include "base/text/host_port_mistake.h"
#include "base/text/printable.h"
#include "zk_store/client/root_path.h"

namespace metarec {
namespace {

constexpr size_t kHostsMax = 64;

absl::StatusOr<ZooKeeperHost> ParseHost(absl::string_view entry) {
  const auto fail = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("invalid ZooKeeper address '", entry, "': ", why));
  };
  if (entry.empty()) return fail("it is empty; write host:port,host:port,...");
  if (const std::string mistake = HostPortMistake(entry); !mistake.empty()) return fail(mistake);
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

constexpr size_t kAuthFileBytesMax = 4096;
constexpr absl::string_view kAuthFormat = "one line 'user:password' or 'digest:user:password'";

}  // namespace

std::string ZooKeeperAddresses::HostsText() const {
  return absl::StrJoin(hosts, ",", [](std::string* out, const ZooKeeperHost& host) {
    absl::StrAppend(out, host.host, ":", host.port);
  });
}

std::string ZooKeeperAddresses::Under(absl::string_view path) const {
  return path.empty() ? "" : absl::StrCat(chroot, path);
}

absl::StatusOr<ZooKeeperAddresses> ParseZooKeeperHosts(absl::string_view hosts) {
  hosts = absl::StripAsciiWhitespace(hosts);
  const size_t slash = std::min(hosts.find('/'), hosts.size());
  const absl::string_view chroot = hosts.substr(slash);
  hosts = hosts.substr(0, slash);
  if (hosts.empty()) {
    return absl::InvalidArgumentError("no ZooKeeper address given; write host:port,host:port,...");
  }
  ZooKeeperAddresses parsed;
  for (const absl::string_view entry : absl::StrSplit(hosts, ',')) {
    METAREC_ASSIGN_OR_RETURN(ZooKeeperHost host, ParseHost(absl::StripAsciiWhitespace(entry)));
    parsed.hosts.push_back(std::move(host));
    if (parsed.hosts.size() > kHostsMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kHostsMax, " ZooKeeper addresses given"));
    }
  }
  if (chroot.empty() || chroot == "/") return parsed;
  if (absl::StrContains(chroot, ',')) {
    return absl::InvalidArgumentError(
        "invalid ZooKeeper addresses: the path under which everything lies (chroot) is written "
        "once, behind the last server: host:port,host:port/path");
  }
  if (absl::EndsWith(chroot, "/")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "invalid ZooKeeper addresses: the path behind them (chroot) ends in a slash; leave that "
        "out: ",
        Printable(absl::StrCat(hosts, absl::StripSuffix(chroot, "/")))));
  }
  const absl::Status valid = ValidateRootPath(chroot);
  if (!valid.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "invalid ZooKeeper addresses: the path behind them (chroot): ", valid.message()));
  }
  parsed.chroot = std::string(chroot);
  return parsed;
}

absl::StatusOr<StoreAuth> ParseZkAuth(absl::string_view line) {
  absl::ConsumeSuffix(&line, "\n");
  absl::ConsumeSuffix(&line, "\r");
  const auto expected = [](absl::string_view found) {
    return absl::InvalidArgumentError(absl::StrCat("expected ", kAuthFormat, ", found ", found));
  };
  if (line.empty()) return expected("nothing");
  for (const unsigned char c : line) {
    if (c == '\n' || c == '\r') return expected("more than one line");
    if (c < 0x20) return expected("a control character");
  }
  absl::string_view credentials = line;
  if (absl::StartsWith(line, "digest:") && absl::StrContains(line.substr(7), ':')) {
    credentials.remove_prefix(7);
  }
  const size_t colon = credentials.find(':');
  if (colon == absl::string_view::npos) return expected("no colon");
  if (colon == 0) return expected("an empty user name");
  if (colon + 1 == credentials.size()) return expected("an empty password");
  return StoreAuth{"digest", std::string(credentials)};
}

absl::StatusOr<ZkAuthFile> ReadZkAuthFile(const std::string& path) {
  const auto fail = [&](absl::StatusCode code, absl::string_view why) {
    return absl::Status(code, absl::StrCat("ZooKeeper credentials file ", path, ": ", why));
  };
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return fail(errno == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kPermissionDenied,
                std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) return fail(absl::StatusCode::kInvalidArgument, "not a regular file");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(absl::StatusCode::kPermissionDenied, std::strerror(errno));
  std::string content(kAuthFileBytesMax + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad()) return fail(absl::StatusCode::kUnavailable, "it cannot be read");
  content.resize(static_cast<size_t>(file.gcount()));
  if (content.size() > kAuthFileBytesMax) {
    return fail(absl::StatusCode::kInvalidArgument,
                absl::StrCat("larger than ", kAuthFileBytesMax, " bytes; expected ", kAuthFormat));
  }
  absl::StatusOr<StoreAuth> auth = ParseZkAuth(content);
  if (!auth.ok()) return fail(auth.status().code(), auth.status().message());
  ZkAuthFile result{*std::move(auth), ""};
  if ((info.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    result.warning = absl::StrCat("ZooKeeper credentials file ", path,
                                  " can be read by other users; run: chmod 600 ", path);
  }
  return result;
}

}  // namespace metarec
