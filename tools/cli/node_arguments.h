#pragma once

#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "idl/ipv4_endpoint.h"
#include "replica_collector/node_list.h"

namespace metarec::tools {

// NODES: -f or -s, and how nodes are asked.
class NodeArguments {
 public:
  void AddTo(CLI::App& verb);

  // The --node_name options with a blank before each.
  std::string NamesAsTyped() const;
  bool given() const { return !file_.empty() || !list_.empty(); }
  // As Pegasus's shell words it.
  absl::Status CheckExactlyOne() const;

  absl::StatusOr<NodeList> Read() const;
  absl::StatusOr<std::map<Ipv4Endpoint, std::string>> NodeNames() const;
  // What Pegasus's shell says when the host of an entry is unknown.
  std::string UnknownNameText(const NodeListEntry& entry) const;
  absl::Duration node_timeout() const { return absl::Seconds(node_timeout_seconds_); }

  // As it is typed, without what has its default: "-f recover_node_list".
  std::string AsTyped() const;

 private:
  std::string file_;
  std::string list_;
  std::vector<std::string> node_names_;
  double node_timeout_seconds_ = 5;
};

// A line for each entry that the list repeats.
std::string WarnOfDuplicates(const NodeList& list);

}  // namespace metarec::tools
