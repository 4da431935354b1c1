#include "tools/cli/node_arguments.h"

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/shell_word.h"
#include "tools/cli/interrupt_signals.h"

namespace metarec::tools {

void NodeArguments::AddTo(CLI::App& verb) {
  constexpr auto kGroup = "NODES";
  verb.add_option("-f,--node_list_file", file_, "file with one replica server a line, host:port")
      ->type_name("FILE")
      ->group(kGroup);
  verb.add_option("-s,--node_list_str", list_, "the replica servers")
      ->type_name("HOST:PORT,...")
      ->group(kGroup);
  verb.add_option("--node_name", node_names_,
                  "what the server at an address calls itself, where looking the address up does "
                  "not tell; may be repeated")
      ->type_name("IP:PORT=HOST:PORT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(kGroup);
  verb.add_option("--node_timeout", node_timeout_seconds_,
                  "how long a node has for its answers, tries included")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str()
      ->group(kGroup);
}

absl::Status NodeArguments::CheckExactlyOne() const {
  if (file_.empty() && list_.empty()) {
    return absl::InvalidArgumentError("should specify one of node_list_file/node_list_str");
  }
  if (!file_.empty() && !list_.empty()) {
    return absl::InvalidArgumentError("should only specify one of node_list_file/node_list_str");
  }
  return absl::OkStatus();
}

absl::StatusOr<NodeList> NodeArguments::Read() const {
  METAREC_RETURN_IF_ERROR(CheckExactlyOne());
  NodeListOptions options;
  options.interrupt_descriptor = InterruptSignals::descriptor();
  return file_.empty() ? ParseNodeListString(list_) : ReadNodeListFile(file_, options);
}

absl::StatusOr<std::map<Ipv4Endpoint, std::string>> NodeArguments::NodeNames() const {
  std::map<Ipv4Endpoint, std::string> names;
  for (const std::string& argument : node_names_) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--node_name ", argument, ": expected ADDRESS=NAME, such as 10.0.0.1:34801=rs1:34801"));
    }
    const auto address = ParseIpv4Endpoint(argument.substr(0, equals));
    if (!address.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--node_name ", argument, ": ", address.status().message()));
    }
    const auto name = ParseNodeListEntry(argument.substr(equals + 1));
    if (!name.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--node_name ", argument, ": ", name.status().message()));
    }
    const auto [known, added] = names.emplace(*address, name->text);
    if (!added && known->second != name->text) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--node_name ", argument, ": the address already has the name ", known->second));
    }
  }
  return names;
}

std::string NodeArguments::UnknownNameText(const NodeListEntry& entry) const {
  if (file_.empty()) return absl::StrCat("parse ", entry.text, " as a host:port node failed");
  return absl::StrCat("parse ", entry.text, " at file ", file_, " line ", entry.line,
                      " as host:port failed");
}

std::string NodeArguments::AsTyped() const {
  return absl::StrCat(file_.empty() ? "-s " : "-f ", ShellWord(file_.empty() ? list_ : file_),
                      NamesAsTyped());
}

std::string NodeArguments::NamesAsTyped() const {
  std::string typed;
  for (const std::string& name : node_names_) {
    absl::StrAppend(&typed, " --node_name ", ShellWord(name));
  }
  return typed;
}

std::string WarnOfDuplicates(const NodeList& list) {
  std::string text;
  for (const NodeListDuplicate& duplicate : list.duplicates) {
    absl::StrAppend(&text, "warning: ", duplicate.text, " is listed twice, in lines ",
                    duplicate.first_line, " and ", duplicate.line, "\n");
  }
  return text;
}

}  // namespace metarec::tools
