// The configuration file of a stock Pegasus meta server, as far as recovery mode needs it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

namespace metarec {

struct PegasusConfig {
  uint16_t port = 0;                         // [apps.meta] ports
  std::vector<std::string> meta_servers;     // [meta_server] server_list, host:port each
  std::string cluster_root;                  // [meta_server] cluster_root
  std::string lock_root;                     // [meta_server] distributed_lock_service_parameters
  bool recover_from_replica_server = false;  // [meta_server]
  std::string cluster_name;                  // [replication] cluster_name; may be empty
  std::string zookeeper_hosts;               // [zookeeper] hosts_list; may end with a chroot
  absl::Duration zookeeper_session_timeout = absl::Seconds(30);  // [zookeeper] timeout_ms
  absl::Duration beacon_grace = absl::Seconds(22);               // [replication] fd_grace_seconds

  std::vector<std::string> warnings;  // lines about what is odd in the file
};

// What counts in place of a key of the file. `value` as it would stand there; "": the flag is not
// given, and messages about the key name it as a remedy.
struct ConfigOverride {
  std::string section;
  std::string key;
  std::string flag;  // "--zk"
  std::string value;
};
using ConfigOverrides = std::vector<ConfigOverride>;

// A file of meta servers that keep their metadata or their lock elsewhere than in ZooKeeper
// (meta_state_service_type, distributed_lock_service_type) is refused, and keys by which they
// authenticate to ZooKeeper are warned of. Other keys are left alone. kInvalidArgument names the
// file, the line, the section, the key, what is wrong with it and what to do, or the flag if the
// value is that one's; kNotFound when there is no such file.
//
// `path` empty: there is no file, only overrides.
absl::StatusOr<PegasusConfig> ReadPegasusConfig(const std::string& path,
                                                const ConfigOverrides& overrides = {});
// `name` is for messages.
absl::StatusOr<PegasusConfig> ParsePegasusConfig(absl::string_view text, absl::string_view name,
                                                 const ConfigOverrides& overrides = {});

// What [pegasus.clusters] of a stock config.ini, the shell's included, says of a cluster: its meta
// servers, host:port,... kNotFound if it is not there, and the names that are.
absl::StatusOr<std::string> ReadMetasOfCluster(const std::string& path, absl::string_view cluster);

}  // namespace metarec
