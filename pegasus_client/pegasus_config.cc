#include "pegasus_client/pegasus_config.h"

#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "idl/ipv4_endpoint.h"
#include "replica_collector/node_list.h"
#include "zk_store/client/root_path.h"
#include "zk_store/client/zookeeper_options.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kShownLineBytesMax = 80;

absl::Status Wrong(absl::string_view why) { return absl::InvalidArgumentError(why); }

// A line without its comment; "^#" and "^;" stand for themselves.
std::string WithoutComment(absl::string_view line) {
  std::string kept;
  for (const char c : line) {
    if (c == '#' || c == ';') {
      if (kept.empty() || kept.back() != '^') break;
      kept.pop_back();
    }
    kept.push_back(c);
  }
  return std::string(absl::StripAsciiWhitespace(kept));
}

absl::Status CheckIsText(absl::string_view text) {
  if (text.empty()) return Wrong(": the file is empty");
  if (absl::StartsWith(text, kByteOrderMark)) {
    return Wrong(
        ":1: the file begins with a byte-order mark, with which stock meta servers refuse it, too; "
        "save it without");
  }
  const size_t zero = text.find('\0');
  if (zero == absl::string_view::npos) return absl::OkStatus();
  return Wrong(absl::StrCat(": there is a zero byte at offset ", zero,
                            ", so this is no text file; give the meta server's config.ini"));
}

// The syntax of Pegasus's configuration files, as its servers read it: [section] and key = value,
// each on a line of its own, with blanks around anything. '#' and ';' begin a comment wherever they
// stand, unless '^' stands before them. Of a key that is given twice, the first one counts. What
// stock servers refuse is refused here, too: a section that is given twice, a key outside of a
// section, a byte-order mark, an empty file.
class PegasusIni {
 public:
  struct Entry {
    std::string value;   // "" for a key without one
    int line = 0;        // from 1
    int again_line = 0;  // where it is given for a second time; 0: nowhere
  };

  // Errors are kInvalidArgument and begin with `name` and the line. `text` may be anything.
  static absl::StatusOr<PegasusIni> Parse(absl::string_view text, absl::string_view name);

  bool HasSection(absl::string_view section) const;
  // nullptr: there is none.
  const Entry* Find(absl::string_view section, absl::string_view key) const;
  // The keys of a section that begin with this and have a value.
  std::vector<std::string> KeysWith(absl::string_view section, absl::string_view prefix) const;

 private:
  struct Section {
    int line = 0;
    std::map<std::string, Entry, std::less<>> entries;
  };

  // OK, or what is wrong with it and what to do.
  absl::Status AddLine(absl::string_view line, int number);
  absl::Status AddSection(absl::string_view line, int number);

  std::map<std::string, Section, std::less<>> sections_;
  Section* current_ = nullptr;
};

absl::StatusOr<PegasusIni> PegasusIni::Parse(absl::string_view text, absl::string_view name) {
  if (const absl::Status status = CheckIsText(text); !status.ok()) {
    return Wrong(absl::StrCat(name, status.message()));
  }
  PegasusIni ini;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::Status status = ini.AddLine(WithoutComment(line), ++number);
    if (!status.ok()) return Wrong(absl::StrCat(name, ":", number, ": ", status.message()));
  }
  return ini;
}

absl::Status PegasusIni::AddLine(absl::string_view line, int number) {
  if (line.empty()) return absl::OkStatus();
  if (line.front() == '[') return AddSection(line, number);
  const std::string shown = Printable(line.substr(0, kShownLineBytesMax));
  if (current_ == nullptr) {
    return Wrong(absl::StrCat("'", shown, "' stands before the first [section]"));
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits('=', 1));
  const absl::string_view key = absl::StripAsciiWhitespace(parts.first);
  if (key.empty()) return Wrong(absl::StrCat("'", shown, "' has no key in front of the ="));
  const auto [entry, is_new] = current_->entries.try_emplace(std::string(key));
  if (is_new) {
    entry->second.value = std::string(absl::StripAsciiWhitespace(parts.second));
    entry->second.line = number;
  } else if (entry->second.again_line == 0) {
    entry->second.again_line = number;
  }
  return absl::OkStatus();
}

absl::Status PegasusIni::AddSection(absl::string_view line, int number) {
  const std::string shown = Printable(line.substr(0, kShownLineBytesMax));
  const size_t end = line.find(']');
  if (end == absl::string_view::npos || absl::StrContains(line, '=')) {
    return Wrong(absl::StrCat("'", shown, "' is neither [section] nor key = value"));
  }
  const std::string name(absl::StripAsciiWhitespace(line.substr(1, end - 1)));
  if (name.empty()) return Wrong(absl::StrCat("'", shown, "' names no section"));
  const auto [section, is_new] = sections_.try_emplace(name);
  if (!is_new) {
    return Wrong(absl::StrCat("[", Printable(name), "] is there already, in line ",
                              section->second.line,
                              "; stock meta servers refuse that, too. Make one section of both"));
  }
  section->second.line = number;
  current_ = &section->second;
  return absl::OkStatus();
}

bool PegasusIni::HasSection(absl::string_view section) const {
  return sections_.find(section) != sections_.end();
}

const PegasusIni::Entry* PegasusIni::Find(absl::string_view section, absl::string_view key) const {
  const auto found = sections_.find(section);
  if (found == sections_.end()) return nullptr;
  const auto entry = found->second.entries.find(key);
  return entry == found->second.entries.end() ? nullptr : &entry->second;
}

std::vector<std::string> PegasusIni::KeysWith(absl::string_view section,
                                              absl::string_view prefix) const {
  std::vector<std::string> keys;
  const auto found = sections_.find(section);
  if (found == sections_.end()) return keys;
  for (const auto& [key, entry] : found->second.entries) {
    if (absl::StartsWith(key, prefix) && !entry.value.empty()) keys.push_back(key);
  }
  return keys;
}

constexpr size_t kFileBytesMax = 4 << 20;
constexpr size_t kShownBytesMax = 200;

// "@LOCAL_HOSTNAME@"
bool HasNameBetweenAts(absl::string_view value) {
  const size_t begin = value.find('@');
  if (begin == absl::string_view::npos) return false;
  const size_t end = value.find('@', begin + 1);
  return end != absl::string_view::npos && end > begin + 1;
}

// What stands in the templates that Pegasus's scripts fill in, and what its arguments= replaces.
bool IsPlaceholder(absl::string_view value) {
  return absl::StrContains(value, "%{") || HasNameBetweenAts(value) ||
         (value.size() > 2 && value.front() == '%' && value.back() == '%');
}

// Reads one key after the other; the error of the first that is wrong.
class ConfigReader {
 public:
  // `file` null: there is none.
  ConfigReader(const PegasusIni* file, absl::string_view name, const ConfigOverrides& overrides)
      : file_(file), name_(name), overrides_(overrides) {}

  // nullopt: it is not given, or without a value.
  std::optional<std::string> Optional(absl::string_view section, absl::string_view key) {
    const ConfigOverride* const flag = FlagOf(section, key);
    if (flag != nullptr && !flag->value.empty()) return flag->value;
    const PegasusIni::Entry* const entry = file_ == nullptr ? nullptr : file_->Find(section, key);
    if (entry == nullptr || entry->value.empty()) return std::nullopt;
    if (entry->again_line != 0) WarnOfSecond(section, key, *entry);
    if (IsPlaceholder(entry->value)) {
      Fail(section, key,
           absl::StrCat(
               "is ", Shown(entry->value),
               ", a placeholder of the template; replace it with what the meta servers run with",
               OrFlag(flag)));
    }
    return entry->value;
  }

  std::string Required(absl::string_view section, absl::string_view key) {
    std::optional<std::string> value = Optional(section, key);
    if (!value.has_value()) FailMissing(section, key);
    return std::move(value).value_or("");
  }

  bool Flag(absl::string_view section, absl::string_view key) {
    const std::string text = absl::AsciiStrToLower(Required(section, key));
    if (text != "true" && text != "false") {
      Fail(section, key, absl::StrCat("is ", Shown(text), "; it must be true or false"));
    }
    return text == "true";
  }

  absl::Duration Time(absl::string_view section, absl::string_view key, absl::Duration unit,
                      absl::Duration otherwise) {
    const std::optional<std::string> text = Optional(section, key);
    if (!text.has_value()) return otherwise;
    int64_t number = 0;
    if (!absl::SimpleAtoi(*text, &number) || number <= 0 || unit * number > absl::Hours(24)) {
      Fail(section, key,
           absl::StrCat("is ", Shown(*text), "; it must be a positive number of ",
                        unit == absl::Seconds(1) ? "seconds" : "milliseconds", ", at most a day"));
    }
    return unit * number;
  }

  void Check(absl::string_view section, absl::string_view key, const std::string& value,
             const absl::Status& status) {
    if (!status.ok()) {
      Fail(section, key, absl::StrCat("is ", Shown(value), ": ", status.message()));
    }
  }

  // Metadata and lock of meta servers that keep them elsewhere than in ZooKeeper are not ours to
  // recover. Without a file nobody says where they are kept.
  void CheckKeptInZooKeeper(absl::string_view key, absl::string_view in_zookeeper) {
    if (file_ == nullptr) return;
    const std::optional<std::string> type = Optional("meta_server", key);
    if (type.has_value() && *type == in_zookeeper) return;
    Fail("meta_server", key,
         absl::StrCat(type.has_value() ? absl::StrCat("is ", Shown(*type))
                                       : "is missing, which stock meta servers take for one that "
                                         "does without ZooKeeper (..._simple)",
                      ": metarecd recovers metadata that meta servers keep in ZooKeeper (",
                      in_zookeeper,
                      "). If they do, write that; if not, there is nothing to recover here"));
  }

  // What of the file changes how ZooKeeper is reached, and is not done here.
  void WarnOfSasl() {
    if (file_ == nullptr) return;
    std::vector<std::string> keys;
    for (const std::string& key : file_->KeysWith("zookeeper", "sasl_")) {
      keys.push_back(absl::StrCat("[zookeeper] ", key));
    }
    for (const char* const prefix : {"enable_zookeeper_kerberos", "zookeeper_"}) {
      for (const std::string& key : file_->KeysWith("security", prefix)) {
        const std::string& value = file_->Find("security", key)->value;
        if (!absl::EqualsIgnoreCase(value, "false")) {
          keys.push_back(absl::StrCat("[security] ", key));
        }
      }
    }
    if (keys.empty()) return;
    warnings_.push_back(absl::StrCat(
        name_, ": ", absl::StrJoin(keys, ", "), keys.size() == 1 ? " has" : " have",
        " no effect here: metarecd does not authenticate to ZooKeeper by SASL or Kerberos. If "
        "ZooKeeper's servers demand it, metarecd ends and says so; docs/cli.md, \"ZooKeeper with "
        "SASL or TLS\", says how to go around that"));
  }

  const absl::Status& status() const { return status_; }
  std::vector<std::string> TakeWarnings() { return std::move(warnings_); }

 private:
  static std::string Shown(absl::string_view value) {
    return absl::StrCat("'", Printable(value.substr(0, kShownBytesMax)),
                        value.size() > kShownBytesMax ? "...'" : "'");
  }

  static std::string OrFlag(const ConfigOverride* flag) {
    return flag == nullptr ? "" : absl::StrCat(", or give ", flag->flag);
  }

  const ConfigOverride* FlagOf(absl::string_view section, absl::string_view key) const {
    for (const ConfigOverride& flag : overrides_) {
      if (flag.section == section && flag.key == key) return &flag;
    }
    return nullptr;
  }

  void Fail(absl::string_view section, absl::string_view key, absl::string_view what) {
    if (!status_.ok()) return;
    const ConfigOverride* const flag = FlagOf(section, key);
    if (flag != nullptr && !flag->value.empty()) {
      status_ = absl::InvalidArgumentError(absl::StrCat(flag->flag, " ", what));
      return;
    }
    const PegasusIni::Entry* const entry = file_ == nullptr ? nullptr : file_->Find(section, key);
    status_ = absl::InvalidArgumentError(
        absl::StrCat(name_, entry == nullptr ? "" : absl::StrCat(":", entry->line), ": [", section,
                     "] ", key, " ", what));
  }

  void FailMissing(absl::string_view section, absl::string_view key) {
    const ConfigOverride* const flag = FlagOf(section, key);
    if (file_ == nullptr) {
      if (!status_.ok()) return;
      status_ = absl::InvalidArgumentError(absl::StrCat(
          flag == nullptr ? "" : flag->flag,
          " is missing; give it, or --pegasus_config with a meta server's config.ini"));
    } else if (!file_->HasSection(section)) {
      Fail(section, key,
           "is missing, with the whole section; give the config.ini of a meta server");
    } else {
      Fail(section, key, absl::StrCat("is missing; add it", OrFlag(flag)));
    }
  }

  void WarnOfSecond(absl::string_view section, absl::string_view key,
                    const PegasusIni::Entry& entry) {
    warnings_.push_back(absl::StrCat(name_, ":", entry.again_line, ": [", section, "] ", key,
                                     " is given again; as for stock "
                                     "meta servers, the first one counts, in line ",
                                     entry.line));
  }

  const PegasusIni* const file_;
  const absl::string_view name_;
  const ConfigOverrides& overrides_;
  absl::Status status_;
  std::vector<std::string> warnings_;
};

void ReadPort(ConfigReader* reader, PegasusConfig* config) {
  const std::string ports = reader->Required("apps.meta", "ports");
  const absl::StatusOr<uint16_t> port = ParsePort(ports);
  if (port.ok()) config->port = *port;
  reader->Check("apps.meta", "ports", ports,
                absl::StrContains(ports, ',')
                    ? absl::InvalidArgumentError("one port is served; give that one by --port")
                    : port.status());
}

void ReadMetaServers(ConfigReader* reader, PegasusConfig* config) {
  const std::string list = reader->Required("meta_server", "server_list");
  if (!reader->status().ok()) return;
  const absl::StatusOr<NodeList> servers = ParseNodeListString(list);
  reader->Check("meta_server", "server_list", list, servers.status());
  if (!servers.ok()) return;
  for (const NodeListEntry& entry : servers->entries) config->meta_servers.push_back(entry.text);
}

std::string ReadPath(ConfigReader* reader, absl::string_view key) {
  std::string path = reader->Required("meta_server", key);
  reader->Check("meta_server", key, path, ValidateRootPath(path));
  return path;
}

absl::StatusOr<PegasusConfig> ReadKeys(ConfigReader reader) {
  PegasusConfig config;
  ReadPort(&reader, &config);
  ReadMetaServers(&reader, &config);
  reader.CheckKeptInZooKeeper("meta_state_service_type", "meta_state_service_zookeeper");
  reader.CheckKeptInZooKeeper("distributed_lock_service_type",
                              "distributed_lock_service_zookeeper");
  reader.WarnOfSasl();
  config.cluster_root = ReadPath(&reader, "cluster_root");
  config.lock_root = ReadPath(&reader, "distributed_lock_service_parameters");
  config.recover_from_replica_server = reader.Flag("meta_server", "recover_from_replica_server");
  config.cluster_name = reader.Optional("replication", "cluster_name").value_or("");
  config.zookeeper_hosts = reader.Required("zookeeper", "hosts_list");
  reader.Check("zookeeper", "hosts_list", config.zookeeper_hosts,
               ParseZooKeeperHosts(config.zookeeper_hosts).status());
  config.zookeeper_session_timeout = reader.Time("zookeeper", "timeout_ms", absl::Milliseconds(1),
                                                 config.zookeeper_session_timeout);
  config.beacon_grace =
      reader.Time("replication", "fd_grace_seconds", absl::Seconds(1), config.beacon_grace);
  METAREC_RETURN_IF_ERROR(reader.status());
  config.warnings = reader.TakeWarnings();
  return config;
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is a folder; give the config.ini in it"));
  }
  absl::StatusOr<std::string> text = ReadTextFile(path, kFileBytesMax);
  if (text.ok()) return text;
  return absl::Status(text.status().code(),
                      absl::StrCat(text.status().message(),
                                   "; give the meta server's config.ini, readable for this user"));
}

}  // namespace

absl::StatusOr<PegasusConfig> ParsePegasusConfig(absl::string_view text, absl::string_view name,
                                                 const ConfigOverrides& overrides) {
  METAREC_ASSIGN_OR_RETURN(const PegasusIni file, PegasusIni::Parse(text, name));
  return ReadKeys(ConfigReader(&file, name, overrides));
}

absl::StatusOr<PegasusConfig> ReadPegasusConfig(const std::string& path,
                                                const ConfigOverrides& overrides) {
  if (path.empty()) return ReadKeys(ConfigReader(nullptr, "", overrides));
  METAREC_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  return ParsePegasusConfig(text, path, overrides);
}

absl::StatusOr<std::string> ReadMetasOfCluster(const std::string& path, absl::string_view cluster) {
  constexpr char kClusters[] = "pegasus.clusters";
  METAREC_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  METAREC_ASSIGN_OR_RETURN(const PegasusIni ini, PegasusIni::Parse(text, path));
  const PegasusIni::Entry* const entry = ini.Find(kClusters, cluster);
  if (entry != nullptr && !entry->value.empty()) return entry->value;
  const std::vector<std::string> names = ini.KeysWith(kClusters, "");
  return absl::NotFoundError(absl::StrCat(
      path, ": [", kClusters, "] has no cluster ", Printable(cluster),
      names.empty() ? "" : absl::StrCat("; it has ", Printable(absl::StrJoin(names, ", ")))));
}

}  // namespace metarec
