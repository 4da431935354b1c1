#include <memory>

#include <absl/strings/ascii.h>

#include "pegasus_client/meta_listing.h"
#include "tools/cli/listing_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "ls";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell prints for ls, as the meta servers (or metarecd) tell it or straight\n"
    "from a ZooKeeper root.\n"
    "\n"
    "Examples:\n"
    "  metarec ls -d --meta meta1:34601,meta2:34601\n"
    "  metarec ls --zk zk1:2181 --root /pegasus/recovered\n"
    "  metarec ls -a -d --zk zk1:2181 --root /pegasus/recovered";

struct Arguments {
  ListingArguments listing;
  bool all = false;
  std::string status;
};

ListTablesOptions OptionsOf(const Arguments& arguments) {
  ListTablesOptions options;
  options.detailed = arguments.listing.detailed();
  if (arguments.all || arguments.status == "all") {
    options.status.clear();
  } else if (!arguments.status.empty()) {
    options.status = absl::AsciiStrToUpper(arguments.status);
  }
  return options;
}

ExitCode Run(const Arguments& arguments) {
  const ListTablesOptions options = OptionsOf(arguments);
  const bool detailed = options.detailed;
  return arguments.listing.Run(
      kVerb, [&](MetaClient* client) { return ListTablesByMeta(client, options); },
      {.wants_partitions = [detailed](const AppZnode&) { return detailed; },
       .list = [&](const std::vector<TableView>& tables) { return ListTables(tables, options); }});
}

}  // namespace

void AddLsVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "list the tables");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_flag("-a,--all", arguments->all, "dropped tables too");
  verb->add_option("-s,--status", arguments->status, "only tables of this status")
      ->type_name("all|available|dropped")
      ->check(CLI::IsMember({"all", "available", "creating", "dropping", "dropped"}));
  arguments->listing.AddTo(*verb, "with the health of their partitions");
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
