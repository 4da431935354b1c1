// How to reach an ensemble: hosts, timeouts, credentials.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "zk_store/client/meta_store.h"

namespace metarec {

// Credentials as ZooKeeper's addAuth takes them: for the scheme "digest" they are "user:password".
// Never print them.
struct StoreAuth {
  std::string scheme;
  std::string credentials;
};

// Whoever knows this can continue the session, or end it.
struct ZooKeeperSession {
  int64_t id = 0;
  std::string password;  // 16 bytes, made by the server
};

struct ZooKeeperOptions {
  // "host:port,host:port,...": IPv4 addresses or host names. A chroot does not belong here but in
  // front of the root (ZooKeeperAddresses::Under), so that what is above the root can be looked at.
  std::string hosts;
  // How long the session outlives its connection. ZooKeeper may negotiate another value.
  absl::Duration session_timeout = absl::Seconds(30);
  // Bounds Connect as a whole.
  absl::Duration connect_timeout = absl::Seconds(15);
  std::optional<StoreAuth> auth;
  Acl acl = OpenAcl();
  // Must not exceed the ensemble's jute.maxbuffer, whose default is this.
  size_t request_bytes_max = 1024 * 1024 - 1;
  // Content with a server that has lost its quorum. Otherwise Connect fails if there is no other.
  bool accept_read_only = false;
  // Whether what libzookeeper logs goes to glog (with its severity) or nowhere.
  bool log_client = false;
};

struct ZooKeeperHost {
  std::string host;
  uint16_t port = 0;
};

struct ZooKeeperAddresses {
  std::vector<ZooKeeperHost> hosts;
  // The path behind the last server, under which every path of the client lies; empty: there is
  // none.
  std::string chroot;

  // "host:port,host:port,...", as ZooKeeperOptions wants it.
  std::string HostsText() const;
  // Where a path of such a client really is; "" for "".
  std::string Under(absl::string_view path) const;
};

// As libzookeeper reads it: "host:port,host:port/chroot". Rejects, naming the entry: an empty list
// or entry, a missing or impossible port, IPv6 addresses, characters that no host name has, and a
// path that no znode can have or that is not behind the last server.
absl::StatusOr<ZooKeeperAddresses> ParseZooKeeperHosts(absl::string_view hosts);

struct ZkAuthFile {
  StoreAuth auth;
  std::string warning;  // empty, or why the file itself is a risk
};

// Reads ZooKeeper credentials from a file, so that they appear in no command line. The file has one
// line, "user:password" or "digest:user:password". The password may contain colons. A user called
// "digest" must be written with the scheme. A line end is ignored.
//
// Errors name the file and what is wrong with it, never its content. Reads the file synchronously.
absl::StatusOr<ZkAuthFile> ReadZkAuthFile(const std::string& path);

// The line itself; errors do not repeat it.
absl::StatusOr<StoreAuth> ParseZkAuth(absl::string_view line);

}  // namespace metarec
