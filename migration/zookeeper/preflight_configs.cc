// What a preflight finds in the config.ini files.

#include <algorithm>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "migration/zookeeper/preflight_looks.h"
#include "pegasus_client/config_edit.h"

namespace metarec {
namespace {

// host:port of the one meta server of the cluster that has the port of this config.ini ([apps.meta]
// ports).
absl::StatusOr<std::string> OwnerOfConfig(const std::string& path, const std::string& text,
                                          const std::vector<MoveServer>& metas) {
  const std::string port = ConfigValue(text, "apps.meta", "ports").value_or("");
  std::vector<std::string> owners;
  for (const MoveServer& server : metas) {
    if (!port.empty() && absl::EndsWith(server.address, ":" + port)) {
      owners.push_back(server.address);
    }
  }
  if (owners.size() == 1) return owners.front();
  return absl::InvalidArgumentError(
      absl::StrCat("--config ", path, ": say whose it is, with --config HOST:PORT=", path));
}

}  // namespace

absl::Status TakeConfig(const std::string& config, MoveRequest* request) {
  std::string owner;
  std::string path = config;
  const size_t equals = config.find('=');
  if (equals != std::string::npos) {
    owner = config.substr(0, equals);
    path = config.substr(equals + 1);
  }
  METAREC_ASSIGN_OR_RETURN(const std::string text, ReadConfigText(path));
  if (owner.empty()) {
    METAREC_ASSIGN_OR_RETURN(owner, OwnerOfConfig(path, text, request->metas));
  }
  const auto server = std::find_if(request->metas.begin(), request->metas.end(),
                                   [&](const MoveServer& known) { return known.address == owner; });
  if (server == request->metas.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--config ", config, ": ", owner, " is not one of the cluster's meta servers, ",
        absl::StrJoin(AddressesOf(request->metas), ", ")));
  }
  if (!server->config.empty() && server->config != path) {
    return absl::InvalidArgumentError(
        absl::StrCat("--config ", config, ": ", owner, " has ", server->config, " already"));
  }
  server->config = path;
  const std::string hosts = ConfigValue(text, "zookeeper", "hosts_list").value_or("");
  if (hosts != request->from.hosts) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": [zookeeper] hosts_list is '", Printable(hosts), "', and ", owner,
                     " runs with ", request->from.hosts, ": is it the file of that server?"));
  }
  int64_t lease = 0;
  const std::string lease_text = ConfigValue(text, "replication", "fd_lease_seconds").value_or("");
  if (absl::SimpleAtoi(lease_text, &lease) && lease > 0 && lease <= kMoveSecondsMax) {
    request->lease_seconds = lease;
  }
  return absl::OkStatus();
}

void TryEdits(Preflight* found) {
  for (const MoveServer& server : found->request.metas) {
    if (server.config.empty()) continue;
    const absl::Status tried = TryConfigEdit(server.config, found->request.ConfigChanges());
    if (tried.ok()) continue;
    found->refusals.push_back(absl::StrCat("the config.ini of ", server.address,
                                           " could not be changed: ", tried.message()));
  }
}

std::string LockRootOf(const MoveWishes& wishes, const std::string& root) {
  if (!wishes.from_lock_root.empty()) return wishes.from_lock_root;
  for (const std::string& config : wishes.configs) {
    const absl::StatusOr<std::string> text = ReadConfigText(config.substr(config.find('=') + 1));
    if (!text.ok()) continue;
    const auto value = ConfigValue(*text, "meta_server", "distributed_lock_service_parameters");
    if (value.has_value() && !value->empty()) return *value;
  }
  return root + "/lock";
}

}  // namespace metarec
