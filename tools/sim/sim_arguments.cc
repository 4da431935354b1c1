#include "tools/sim/sim_arguments.h"

#include "testing/simulated_cluster.h"
#include "tools/process/command.h"

namespace metarec::tools {
namespace {

constexpr char kName[] = "metarec-sim";
constexpr char kDescription[] = "simulated Pegasus replica servers that speak the real protocol";

void Declare(Command& command, SimArguments* arguments) {
  command.Add("--nodes", &arguments->nodes, "how many replica servers")
      .TypeName("COUNT")
      .Between(1, 10'000);
  command.Add("--table", &arguments->tables, "a table on all of them")
      .TypeName("NAME:PARTITIONS[:REPLICAS]")
      .Repeatable();
  command
      .Add("--table_with_data", &arguments->tables_with_data,
           "a table whose rows can be read and written; a meta server, too, is simulated then")
      .TypeName("NAME:PARTITIONS:ROWS")
      .Repeatable();
  command.Add("--fault", &arguments->faults, "how a node misbehaves, * for all nodes; see FAULTS")
      .TypeName("NODE=FAULT")
      .Repeatable();
  command.Add("--port", &arguments->ports, "a fixed port for a node")
      .TypeName("NODE=PORT")
      .Repeatable();
  const CommandOption cluster =
      command.Add("--cluster", &arguments->cluster_file, "a JSON file that describes the cluster")
          .TypeName("FILE");
  command.Add("--evidence", &arguments->evidence_file, "an evidence file, whose nodes are served")
      .TypeName("FILE")
      .Excludes(cluster);
  command
      .Add("--node_list", &arguments->node_list_file,
           "write host:port of every node into this file as soon as all listen")
      .TypeName("FILE");
  command.Add("--host", &arguments->host, "the host to write there; empty for IPv4 addresses")
      .TypeName("HOST")
      .ShowDefault();
  command.AddFlag("--address_per_node", &arguments->address_per_node,
                  "127.0.0.1, 127.0.0.2, ... instead of one address for all");
  command.Paragraph("Serves until SIGTERM or Ctrl-C. Nodes are named n1, n2, ...");
  command.Terms({.heading = "FAULTS", .terms = testing::FaultForms()});
  command.Example(
      "metarec-sim --nodes 3 --table temp:8 --table usertable:4 --node_list recover_node_list",
      "three servers with two tables, and the list of them for metarec collect -f");
  command.Example("metarec-sim --nodes 3 --table temp:8 --fault n2=refuse --fault n3=late:1000",
                  "the second refuses connections, the third answers after a second");
  command.Example("metarec-sim --nodes 2 --table temp:8:2 --port n1=34801 --port n2=34802",
                  "on fixed ports");
  command.Example("metarec-sim --nodes 3 --table_with_data mig_src:4:100000",
                  "a cluster for metarec table copy; it says which --meta");
  command.Example("metarec-sim --evidence evidence.jsonl --node_list recover_node_list",
                  "what a real cluster answered when its evidence was collected");
}

}  // namespace

std::optional<int> ParseSimArguments(const std::vector<std::string>& words,
                                     SimArguments* arguments) {
  return ParseProgram(kName, kDescription, words,
                      [arguments](Command& command) { Declare(command, arguments); });
}

CommandManual SimManual() {
  SimArguments arguments;
  return ProgramManual(kName, kDescription,
                       [&](Command& command) { Declare(command, &arguments); });
}

}  // namespace metarec::tools
