#include "tools/pegasus_config.h"

#include <fstream>
#include <sstream>
#include <utility>

#include <INIReader.h>
#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "idl/ipv4_endpoint.h"
#include "replica_collector/node_list.h"
#include "runtime/status_macros.h"
#include "zk_store/znode_layout.h"
#include "zk_store/zookeeper_options.h"

namespace metarec::tools {
namespace {

constexpr size_t kFileBytesMax = 4 << 20;

// Reads one key after the other; the error of the first that is wrong.
class ConfigReader {
 public:
  ConfigReader(const INIReader& file, absl::string_view name) : file_(file), name_(name) {}

  bool Has(const std::string& section, const std::string& key) const {
    return !file_.GetString(section, key, "").empty();
  }

  std::string Text(const std::string& section, const std::string& key) {
    std::string text(absl::StripAsciiWhitespace(file_.Get(section, key, "")));
    if (text.empty()) Fail(section, key, "is missing");
    return text;
  }

  bool Flag(const std::string& section, const std::string& key) {
    const std::string text = absl::AsciiStrToLower(Text(section, key));
    if (status_.ok() && text != "true" && text != "false") {
      Fail(section, key, absl::StrCat("is '", text, "'; it must be true or false"));
    }
    return text == "true";
  }

  absl::Duration Time(const std::string& section, const std::string& key, absl::Duration unit,
                      absl::Duration otherwise) {
    if (!Has(section, key)) return otherwise;
    int64_t number = 0;
    if (!absl::SimpleAtoi(Text(section, key), &number) || number <= 0 || number > 86'400'000) {
      Fail(section, key, "must be a positive number");
    }
    return unit * number;
  }

  void Check(const std::string& section, const std::string& key, const absl::Status& status) {
    if (!status.ok()) Fail(section, key, absl::StrCat("is wrong: ", status.message()));
  }

  const absl::Status& status() const { return status_; }

 private:
  void Fail(const std::string& section, const std::string& key, absl::string_view what) {
    if (!status_.ok()) return;
    status_ = absl::InvalidArgumentError(absl::StrCat(name_, ": [", section, "] ", key, " ", what));
  }

  const INIReader& file_;
  const absl::string_view name_;
  absl::Status status_;
};

void ReadMetaServers(ConfigReader* reader, PegasusConfig* config) {
  const std::string list = reader->Text("meta_server", "server_list");
  if (!reader->status().ok()) return;
  const absl::StatusOr<NodeList> servers = ParseNodeListString(list);
  reader->Check("meta_server", "server_list", servers.status());
  if (!servers.ok()) return;
  for (const NodeListEntry& entry : servers->entries) config->meta_servers.push_back(entry.text);
}

}  // namespace

absl::StatusOr<PegasusConfig> ParsePegasusConfig(const std::string& text, absl::string_view name) {
  const INIReader file(text.data(), text.size());
  if (file.ParseError() != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ":", file.ParseError(),
                     ": this line is neither a [section] nor key = value; correct it"));
  }
  ConfigReader reader(file, name);
  PegasusConfig config;
  const absl::StatusOr<uint16_t> port = ParsePort(reader.Text("apps.meta", "ports"));
  reader.Check("apps.meta", "ports", port.status());
  if (port.ok()) config.port = *port;
  ReadMetaServers(&reader, &config);
  config.cluster_root = reader.Text("meta_server", "cluster_root");
  reader.Check("meta_server", "cluster_root", ValidateRootPath(config.cluster_root));
  config.lock_root = reader.Text("meta_server", "distributed_lock_service_parameters");
  reader.Check("meta_server", "distributed_lock_service_parameters",
               ValidateRootPath(config.lock_root));
  config.recover_from_replica_server = reader.Flag("meta_server", "recover_from_replica_server");
  config.cluster_name = file.Get("replication", "cluster_name", "");
  config.zookeeper_hosts = reader.Text("zookeeper", "hosts_list");
  reader.Check("zookeeper", "hosts_list", ParseZooKeeperHosts(config.zookeeper_hosts).status());
  config.zookeeper_session_timeout = reader.Time("zookeeper", "timeout_ms", absl::Milliseconds(1),
                                                 config.zookeeper_session_timeout);
  config.beacon_grace =
      reader.Time("replication", "fd_grace_seconds", absl::Seconds(1), config.beacon_grace);
  METAREC_RETURN_IF_ERROR(reader.status());
  return config;
}

absl::StatusOr<PegasusConfig> ReadPegasusConfig(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return absl::NotFoundError(
        absl::StrCat("cannot read ", path, "; give the meta server's config.ini"));
  }
  std::string text(kFileBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", path));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kFileBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is longer than any configuration file (", kFileBytesMax, " bytes)"));
  }
  return ParsePegasusConfig(text, path);
}

}  // namespace metarec::tools
