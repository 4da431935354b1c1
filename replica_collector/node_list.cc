#include "replica_collector/node_list.h"

#include <algorithm>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/ascii.h>
#include <absl/strings/cord.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/host_port_mistake.h"
#include "base/text/wording.h"
#include "idl/ipv4_endpoint.h"

namespace metarec {
namespace {

constexpr absl::string_view kPegasusTextPayload = "metarec/pegasus_text";
constexpr size_t kHostBytesMax = 253;  // of a DNS name
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status WithPegasusText(absl::Status status, absl::string_view text) {
  status.SetPayload(kPegasusTextPayload, absl::Cord(text));
  return status;
}

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
}

bool IsNumbersAndDots(absl::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.';
  });
}

absl::Status CheckHost(absl::string_view host) {
  if (host.empty()) return absl::InvalidArgumentError("the host before the ':' is missing");
  if (!std::all_of(host.begin(), host.end(), IsHostCharacter)) {
    return absl::InvalidArgumentError("a host name has only letters, digits, '-', '_' and '.'");
  }
  if (host.size() > kHostBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the host name is longer than ", kHostBytesMax, " characters"));
  }
  if (!IsNumbersAndDots(host)) return absl::OkStatus();
  // Or a typing error in an address would be looked up as a name.
  const absl::StatusOr<uint32_t> ip = ParseIpv4(host);
  if (!ip.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("'", host, "' is not an IPv4 address"));
  }
  return CheckServerAddress(*ip);
}

// Collects entries, dropping later mentions of the same host and port.
class NodeListBuilder {
 public:
  explicit NodeListBuilder(const NodeListOptions& options) : options_(options) {}

  // `where` names the source and the line, for messages.
  absl::Status Add(absl::string_view text, int line, absl::string_view where,
                   absl::string_view pegasus_text) {
    absl::StatusOr<NodeListEntry> entry = ParseNodeListEntry(text);
    if (!entry.ok()) {
      return WithPegasusText(
          absl::InvalidArgumentError(absl::StrCat(where, ": cannot understand '", text,
                                                  "': ", entry.status().message(),
                                                  "; write host:port, e.g. node1:34801")),
          pegasus_text);
    }
    entry->line = line;
    const std::string key = absl::StrCat(absl::AsciiStrToLower(entry->host), ":", entry->port);
    const auto [first, is_new] = first_line_.try_emplace(key, line);
    if (!is_new) {
      list_.duplicates.push_back({entry->text, line, first->second});
      return absl::OkStatus();
    }
    if (list_.entries.size() == options_.nodes_max) {
      return absl::ResourceExhaustedError(absl::StrCat(
          where, ": more than ", options_.nodes_max,
          " nodes; check that this is the right list, or raise the bound (nodes_max)"));
    }
    list_.entries.push_back(*std::move(entry));
    return absl::OkStatus();
  }

  bool empty() const { return list_.entries.empty(); }
  NodeList Take() { return std::move(list_); }

 private:
  const NodeListOptions options_;
  absl::flat_hash_map<std::string, int> first_line_;
  NodeList list_;
};

std::string CannotParse(absl::string_view text, absl::string_view file, int line) {
  if (file.empty()) return absl::StrCat("parse ", text, " as a host:port node failed");
  return absl::StrCat("parse ", text, " at file ", file, " line ", line, " as host:port failed");
}

bool IsBinary(absl::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t' && c != '\r';
  });
}

absl::Status ExplainOpenError(const absl::Status& status, const std::string& path) {
  const absl::Status explained(
      status.code(),
      absl::StrCat(status.message(),
                   absl::IsNotFound(status) ? ": give a file with one host:port a line" : ""));
  // Pegasus's shell opens a directory like a file and then finds no line in it.
  return WithPegasusText(explained, absl::IsInvalidArgument(status)
                                        ? absl::StrCat("no node specified in file ", path)
                                        : absl::StrCat("open file ", path, " failed"));
}

// The first line of what `nodes -d` prints.
bool IsOutputOfNodes(absl::string_view line) {
  return line == "[parameters]" || line == "[details]" ||
         (absl::StartsWith(line, "address ") && absl::StrContains(line, "status"));
}

absl::Status AddLine(absl::string_view line, int number, const std::string& path,
                     NodeListBuilder* builder) {
  const std::string where = absl::StrCat(path, ":", number);
  if (IsBinary(line)) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, ": not a text file; a node list has one host:port a line, e.g. node1:34801"));
  }
  if (number == 1) absl::ConsumePrefix(&line, kByteOrderMark);
  line = absl::StripAsciiWhitespace(line);
  if (line.empty() || line.front() == '#' || line.front() == ';') return absl::OkStatus();
  const std::string pegasus_text = CannotParse(line, path, number);
  if (IsOutputOfNodes(line)) {
    return WithPegasusText(
        absl::InvalidArgumentError(absl::StrCat(
            where, ": this is what `nodes -d` prints. Make a node list of it: grep ' ALIVE' ",
            ShellWord(path), " | awk '{print $1}' > recover_node_list")),
        pegasus_text);
  }
  return builder->Add(line, number, where, pegasus_text);
}

}  // namespace

absl::StatusOr<NodeListEntry> ParseNodeListEntry(absl::string_view text) {
  if (const std::string mistake = HostPortMistake(text); !mistake.empty()) {
    return absl::InvalidArgumentError(mistake);
  }
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return absl::InvalidArgumentError("the ':' and the port are missing");
  }
  NodeListEntry entry;
  entry.text = std::string(text);
  entry.host = std::string(text.substr(0, colon));
  METAREC_RETURN_IF_ERROR(CheckHost(entry.host));
  METAREC_ASSIGN_OR_RETURN(entry.port, ParsePort(text.substr(colon + 1)));
  return entry;
}

absl::StatusOr<NodeList> ReadNodeListFile(const std::string& path, const NodeListOptions& options) {
  absl::StatusOr<LineReader> reader =
      LineReader::Open(path, {.line_bytes_max = options.line_bytes_max,
                              .interrupt_descriptor = options.interrupt_descriptor});
  if (!reader.ok()) return ExplainOpenError(reader.status(), path);

  NodeListBuilder builder(options);
  std::string line;
  for (;;) {
    const absl::StatusOr<bool> more = reader->Next(&line);
    if (absl::IsResourceExhausted(more.status())) {
      return absl::ResourceExhaustedError(absl::StrCat(
          more.status().message(), ": this is not a node list, which has one host:port a line"));
    }
    METAREC_RETURN_IF_ERROR(more.status());
    if (!*more) break;
    if (reader->line_number() > static_cast<int64_t>(options.lines_max)) {
      return absl::ResourceExhaustedError(absl::StrCat(
          path, ": more than ", options.lines_max, " lines; check that this is the right file"));
    }
    METAREC_RETURN_IF_ERROR(AddLine(line, static_cast<int>(reader->line_number()), path, &builder));
  }
  if (builder.empty()) {
    return WithPegasusText(
        absl::InvalidArgumentError(absl::StrCat(
            path, ": no node in it; write one host:port a line for every replica server")),
        absl::StrCat("no node specified in file ", path));
  }
  NodeList list = builder.Take();
  list.file = path;
  return list;
}

absl::StatusOr<NodeList> ParseNodeListString(absl::string_view text,
                                             const NodeListOptions& options) {
  NodeListBuilder builder(options);
  int position = 0;
  for (absl::string_view token : absl::StrSplit(text, ',')) {
    token = absl::StripAsciiWhitespace(token);
    if (token.empty()) continue;
    ++position;
    METAREC_RETURN_IF_ERROR(builder.Add(token, position, absl::StrCat("node ", position),
                                        CannotParse(token, "", position)));
  }
  if (builder.empty()) {
    return WithPegasusText(
        absl::InvalidArgumentError(
            "the list of nodes is empty; give host:port,host:port,... for every replica server"),
        "can't parse node from node_list_str");
  }
  return builder.Take();
}

std::string PegasusTextOf(const absl::Status& status) {
  const auto text = status.GetPayload(kPegasusTextPayload);
  return text.has_value() ? std::string(*text) : "";
}

std::string PegasusTextOf(const NodeListDuplicate& duplicate) {
  return absl::StrCat("duplicate replica node ", duplicate.text, ", just ingore it");
}

}  // namespace metarec
