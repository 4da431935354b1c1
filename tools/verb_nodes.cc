#include <memory>

#include "tools/listing_arguments.h"
#include "tools/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "nodes";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell prints for nodes, straight from a ZooKeeper root: every node that a\n"
    "partition names. Whether it is alive, only a meta server knows.\n"
    "\n"
    "Examples:\n"
    "  metarec nodes -d --zk zk1:2181 --root /pegasus/recovered";

ExitCode Run(const ListingArguments& arguments) {
  return arguments.Run(kVerb, nullptr, [&](const std::vector<TableView>& tables) {
    ListNodesOptions options;
    options.detailed = arguments.detailed();
    options.out_file = arguments.out_file();
    return ListNodes(NodesNamedBy(tables), tables, options);
  });
}

}  // namespace

void AddNodesVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "list the nodes that a root names");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<ListingArguments>();
  arguments->AddTo(*verb, "with the numbers of their replicas");
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
