#pragma once

#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "idl/ipv4_endpoint.h"
#include "replica_collector/evidence.h"
#include "tests/scenarios/dead_server.h"

namespace metarec::scenarios {

// One replica server of a scenario: what it will answer, or how it will fail to.
struct WorldNode {
  std::string name;  // "n1"
  std::vector<TableRecord> tables = {};
  std::vector<ReplicaRecord> replicas = {};
  std::string fault = {};  // a fault's name and its arguments; empty: none
  // What its answers give as its own address; nullopt: the one at which it is asked.
  std::optional<Ipv4Endpoint> own_address = std::nullopt;
};

struct Znode {
  std::string path;  // below the cluster root; "/" is the root itself
  std::string data;
};

// The small world that a scenario file describes. Directives are in README.md beside this file.
class World {
 public:
  // Carries out one directive, such as `replica 2.3 n1 ballot=7`. The error says what is wrong with
  // it, without file and line.
  absl::Status Apply(absl::string_view directive);

  const std::vector<WorldNode>& nodes() const { return nodes_; }
  const std::vector<Znode>& znodes() const { return znodes_; }
  // The text of the node list as the directives give it; empty: every node, in order.
  const std::string& node_list() const { return node_list_; }
  bool has_node_list() const { return has_node_list_; }
  DeadServer& dead_server() { return dead_server_; }

 private:
  using Words = std::vector<absl::string_view>;

  absl::Status AddNodes(const Words& words);
  absl::Status AddTable(const Words& words);
  absl::Status SetReplica(const Words& words);
  absl::Status RemoveReplica(const Words& words);
  absl::Status SetRecord(const Words& words);
  absl::Status RemoveRecord(const Words& words);
  absl::Status SetFault(const Words& words);
  absl::Status SetOwnAddress(const Words& words);
  absl::Status RemoveFault(const Words& words);
  absl::Status AddNodeListLine(absl::string_view line);
  absl::Status AddZnode(absl::string_view rest);

  // The nodes that `name` means: one, or with "*" all.
  absl::Status FindNodes(absl::string_view name, std::vector<WorldNode*>* found);

  std::vector<WorldNode> nodes_;
  std::vector<TableRecord> tables_;  // as declared: what a record line starts from
  std::vector<Znode> znodes_;
  std::string node_list_;
  bool has_node_list_ = false;
  DeadServer dead_server_;
};

}  // namespace metarec::scenarios
