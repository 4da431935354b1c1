#include <string>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <glog/logging.h>

#include "pegasus_client/pegasus_config.h"
#include "tests/fuzz/fuzz_targets.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/zookeeper_options.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::fuzz {
namespace {


// A value as the file has to have it.
std::string Escaped(const std::string& value) {
  return absl::StrReplaceAll(value, {{"#", "^#"}, {";", "^;"}});
}

std::string WriteIni(const PegasusConfig& config) {
  return absl::StrCat(
      "[apps.meta]\nports=", config.port,
      "\n[meta_server]\nserver_list=", Escaped(absl::StrJoin(config.meta_servers, ",")),
      "\ncluster_root=", Escaped(config.cluster_root),
      "\ndistributed_lock_service_parameters=", Escaped(config.lock_root),
      "\nrecover_from_replica_server=", config.recover_from_replica_server ? "true" : "false",
      "\n[replication]\ncluster_name=", Escaped(config.cluster_name),
      "\nfd_grace_seconds=", absl::ToInt64Seconds(config.beacon_grace),
      "\n[zookeeper]\nhosts_list=", Escaped(config.zookeeper_hosts),
      "\ntimeout_ms=", absl::ToInt64Milliseconds(config.zookeeper_session_timeout), "\n");
}

void CheckEqual(const PegasusConfig& a, const PegasusConfig& b) {
  CHECK_EQ(a.port, b.port);
  CHECK(a.meta_servers == b.meta_servers);
  CHECK_EQ(a.cluster_root, b.cluster_root);
  CHECK_EQ(a.lock_root, b.lock_root);
  CHECK_EQ(a.recover_from_replica_server, b.recover_from_replica_server);
  CHECK_EQ(a.cluster_name, b.cluster_name);
  CHECK_EQ(a.zookeeper_hosts, b.zookeeper_hosts);
  CHECK(a.zookeeper_session_timeout == b.zookeeper_session_timeout);
  CHECK(a.beacon_grace == b.beacon_grace);
}

}  // namespace

void FuzzConfigIni(absl::string_view input) {
  const auto config = ParsePegasusConfig(input, "config.ini");
  if (!config.ok()) {
    CHECK(config.status().code() == absl::StatusCode::kInvalidArgument) << config.status();
    CHECK(absl::StartsWith(config.status().message(), "config.ini")) << config.status();
    return;
  }
  CHECK_GT(config->port, 0);
  CHECK(!config->meta_servers.empty());
  CHECK(ValidateRootPath(config->cluster_root).ok());
  CHECK(ValidateRootPath(config->lock_root).ok());
  CHECK(ParseZooKeeperHosts(config->zookeeper_hosts).ok());
  CHECK(config->beacon_grace > absl::ZeroDuration());
  CHECK(config->zookeeper_session_timeout <= absl::Hours(24));
  const std::string written = WriteIni(*config);
  const auto again = ParsePegasusConfig(written, "config.ini");
  CHECK(again.ok()) << again.status() << "\n" << written;
  CheckEqual(*again, *config);
  CHECK(again->warnings.empty());
}

}  // namespace metarec::fuzz
