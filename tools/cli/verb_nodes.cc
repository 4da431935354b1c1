#include <memory>

#include "pegasus_client/meta_listing.h"
#include "tools/cli/command_errors.h"
#include "tools/cli/listing_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "nodes";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell prints for nodes, as the meta servers (or metarecd) tell it or "
    "straight\n"
    "from a ZooKeeper root: every node that a partition names. Whether it is alive, only a meta\n"
    "server knows.\n"
    "\n"
    "Examples:\n"
    "  metarec nodes -d -o nodes.list --meta meta1:34601,meta2:34601\n"
    "  grep ' ALIVE' nodes.list | awk '{print $1}' > recover_node_list\n"
    "  metarec nodes -d --zk zk1:2181 --root /pegasus/recovered";

struct Arguments {
  ListingArguments listing;
  std::string status;
};

ExitCode Run(const Arguments& arguments) {
  if (!arguments.status.empty() && !arguments.listing.by_meta()) {
    return Fail(kVerb, absl::InvalidArgumentError(
                           "--status needs --meta: a ZooKeeper root does not say which nodes are "
                           "alive"));
  }
  ListNodesOptions options;
  options.detailed = arguments.listing.detailed();
  options.status = arguments.status;
  options.out_file = arguments.listing.out_file();
  return arguments.listing.Run(
      kVerb, [&](MetaClient* client) { return ListNodesByMeta(client, options); },
      {.wants_partitions = nullptr, .list = [&](const std::vector<TableView>& tables) {
         return ListNodes(NodesNamedBy(tables), tables, options);
       }});
}

}  // namespace

void AddNodesVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "list the replica servers");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("-s,--status", arguments->status, "only nodes of this status (with --meta)")
      ->type_name("all|alive|unalive")
      ->check(CLI::IsMember({"all", "alive", "unalive"}));
  arguments->listing.AddTo(*verb, "with the numbers of their replicas");
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
