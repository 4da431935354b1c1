// What the servers of an ensemble say of themselves, by ZooKeeper's four-letter word `srvr`, which
// every version answers unless it is told otherwise.

#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"

namespace metarec {

struct ZooKeeperServerInfo {
  std::string address;
  std::string error;    // empty: it answered
  std::string version;  // "3.8.0"
  std::string mode;     // "leader", "follower", "standalone", "observer"
  std::string znodes;   // how many it has
  std::string zxid;     // "0x100000005"
};

// `text` is an answer to srvr.
ZooKeeperServerInfo ParseServerInfo(absl::string_view address, absl::string_view text);

// Asks each server of "host:port,host:port/chroot". kInvalidArgument for other hosts.
asio::awaitable<absl::StatusOr<std::vector<ZooKeeperServerInfo>>> AskEnsemble(
    std::string hosts, absl::Duration timeout, Clock* clock);

// "3 of 3 servers answer: 3.8.0, one leader, ..."; for people.
std::string DescribeEnsemble(const std::vector<ZooKeeperServerInfo>& servers);

// What is wrong with it, a line each: servers that do not answer, no leader, two leaders (so that
// the list mixes two ensembles), different versions.
std::vector<std::string> EnsembleWarnings(const std::vector<ZooKeeperServerInfo>& servers);

}  // namespace metarec
