// metarec-sim: simulated replica servers that speak the real protocol, until they are stopped.

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>

#include "base/runtime/status_macros.h"
#include "base/runtime/system_clock.h"
#include "idl/ipv4_endpoint.h"
#include "replica_collector/evidence_file.h"
#include "testing/simulated_cluster.h"
#include "testing/simulated_servers.h"
#include "testing/simulated_tables.h"
#include "tools/process/program_start.h"
#include "tools/sim/sim_arguments.h"

namespace metarec::tools {
namespace {

using testing::SimulatedCluster;
using testing::SimulatedServers;
using testing::SimulatedServersOptions;

// "n2=refuse" into its two parts.
absl::StatusOr<std::pair<std::string, std::string>> SplitAssignment(const std::string& text,
                                                                    const std::string& option) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (parts.first.empty() || parts.second.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", option, " ", text, ": write NODE=VALUE, e.g. n2=..."));
  }
  return parts;
}

absl::StatusOr<SimulatedCluster> NodesOf(const SimArguments& arguments) {
  if (!arguments.cluster_file.empty()) {
    return testing::ReadSimulatedCluster(arguments.cluster_file);
  }
  if (!arguments.evidence_file.empty()) {
    METAREC_ASSIGN_OR_RETURN(const Evidence evidence, ReadEvidenceFile(arguments.evidence_file));
    return testing::ClusterFromEvidence(evidence);
  }
  return SimulatedCluster();
}

absl::StatusOr<SimulatedCluster> ClusterOf(const SimArguments& arguments) {
  METAREC_ASSIGN_OR_RETURN(SimulatedCluster cluster, NodesOf(arguments));
  cluster.AddNodes(arguments.nodes);
  if (cluster.nodes.empty()) {
    return absl::InvalidArgumentError("there is no node: give --nodes, --cluster or --evidence");
  }
  for (const std::string& text : arguments.tables) {
    METAREC_ASSIGN_OR_RETURN(const testing::SimulatedTable table,
                             testing::ParseSimulatedTable(text));
    METAREC_RETURN_IF_ERROR(cluster.AddTable(table));
  }
  for (const std::string& text : arguments.faults) {
    METAREC_ASSIGN_OR_RETURN(const auto assignment, SplitAssignment(text, "fault"));
    METAREC_ASSIGN_OR_RETURN(const testing::SimulatedFault fault,
                             testing::ParseFault(assignment.second));
    if (assignment.first == "*") {
      for (testing::SimulatedNode& node : cluster.nodes) node.fault = fault;
      continue;
    }
    testing::SimulatedNode* node = cluster.FindNode(assignment.first);
    if (node == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("--fault ", text, ": there is no node '", assignment.first, "'"));
    }
    node->fault = fault;
  }
  return cluster;
}

absl::StatusOr<SimulatedServersOptions> ServersOptionsOf(const SimArguments& arguments) {
  SimulatedServersOptions options;
  options.address_per_node = arguments.address_per_node;
  for (const std::string& text : arguments.ports) {
    METAREC_ASSIGN_OR_RETURN(const auto assignment, SplitAssignment(text, "port"));
    const absl::StatusOr<uint16_t> port = ParsePort(assignment.second);
    if (!port.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--port ", text, ": ", port.status().message()));
    }
    options.ports[assignment.first] = *port;
  }
  return options;
}

// Under a temporary name first, so that whoever waits for the file never sees half of it.
absl::Status WriteNodeList(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".tmp";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot write the node list ", path, "; check that the folder is there"));
  }
  return absl::OkStatus();
}

asio::awaitable<void> Serve(SimulatedServers* servers, SimulatedCluster cluster,
                            SimulatedServersOptions options, const SimArguments* arguments,
                            absl::Status* status) {
  const auto executor = co_await asio::this_coro::executor;
  asio::signal_set signals(executor, SIGINT, SIGTERM);
  std::vector<std::string> names;
  for (const auto& node : cluster.nodes) names.push_back(node.name);

  *status = co_await servers->Start(std::move(cluster), std::move(options));
  const std::string host = arguments->address_per_node ? "" : arguments->host;
  const std::string node_list = servers->NodeListText(host);
  if (status->ok() && !arguments->node_list_file.empty()) {
    *status = WriteNodeList(arguments->node_list_file, node_list);
  }
  if (status->ok()) {
    const std::vector<std::string> lines = absl::StrSplit(node_list, '\n', absl::SkipEmpty());
    for (size_t i = 0; i < lines.size(); ++i) std::cout << names[i] << " " << lines[i] << "\n";
    std::cout << "serving until SIGTERM or Ctrl-C" << std::endl;
    co_await signals.async_wait(asio::use_awaitable);
  }
  co_await servers->Stop();
}

// "mig_src:4:100000" becomes a table.
absl::Status AddTable(const std::string& text, testing::SimulatedTables* cluster) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  int32_t partitions = 0;
  int32_t rows = 0;
  if (parts.size() != 3 || parts[0].empty() || !absl::SimpleAtoi(parts[1], &partitions) ||
      !absl::SimpleAtoi(parts[2], &rows) || partitions < 1 || partitions > 4096 || rows < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--table_with_data ", text, ": write NAME:PARTITIONS:ROWS, e.g. mig_src:4:100000"));
  }
  if (cluster->HasTable(parts[0])) {
    return absl::InvalidArgumentError(
        absl::StrCat("--table_with_data ", text, ": there is a table ", parts[0], " already"));
  }
  testing::TableStorage& table = cluster->AddTable(parts[0], partitions);
  for (int32_t i = 0; i < rows; ++i) {
    Row row;
    METAREC_ASSIGN_OR_RETURN(
        row.key, RowKey::Make(absl::StrCat("user_", i / 10), absl::StrCat("item_", i % 10)));
    row.value = absl::StrCat("value ", i);
    table.Put(row);
  }
  return absl::OkStatus();
}

// Serves tables with rows, which no recovery can be tried on.
absl::Status RunTables(const SimArguments& arguments) {
  if (!arguments.tables.empty() || !arguments.faults.empty() || !arguments.ports.empty() ||
      !arguments.cluster_file.empty() || !arguments.evidence_file.empty() ||
      !arguments.node_list_file.empty()) {
    return absl::InvalidArgumentError("--table_with_data goes with --nodes only");
  }
  asio::io_context context;
  SystemClock clock;
  testing::SimulatedTablesOptions options;
  if (arguments.nodes > 0) options.replica_servers = arguments.nodes;
  testing::SimulatedTables cluster(context.get_executor(), &clock, options);
  METAREC_RETURN_IF_ERROR(cluster.Start());
  for (const std::string& text : arguments.tables_with_data) {
    METAREC_RETURN_IF_ERROR(AddTable(text, &cluster));
  }
  std::cout << "meta " << cluster.meta() << "\nserving until SIGTERM or Ctrl-C" << std::endl;
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](asio::error_code, int) { context.stop(); });
  context.run();
  return absl::OkStatus();
}

absl::Status Run(const SimArguments& arguments) {
  if (!arguments.tables_with_data.empty()) return RunTables(arguments);
  METAREC_ASSIGN_OR_RETURN(SimulatedCluster cluster, ClusterOf(arguments));
  METAREC_ASSIGN_OR_RETURN(SimulatedServersOptions options, ServersOptionsOf(arguments));
  asio::io_context context;
  SystemClock clock;
  SimulatedServers servers(context.get_executor(), &clock);
  absl::Status status;
  asio::co_spawn(context,
                 Serve(&servers, std::move(cluster), std::move(options), &arguments, &status),
                 asio::detached);
  context.run();
  return status;
}

int Main(int argc, char** argv) {
  SimArguments arguments;
  const std::optional<int> ended =
      ParseSimArguments(std::vector<std::string>(argv + 1, argv + argc), &arguments);
  if (ended.has_value()) return *ended;
  const absl::Status status = Run(arguments);
  if (status.ok()) return 0;
  std::cerr << "metarec-sim: " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace metarec::tools

int main(int argc, char** argv) { return metarec::tools::Main(argc, argv); }
