#include <algorithm>
#include <memory>

#include <absl/strings/str_cat.h>

#include "pegasus_client/meta_listing.h"
#include "tools/cli/listing_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "app";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell prints for app, as the meta servers (or metarecd) tell it or straight\n"
    "from a ZooKeeper root.\n"
    "\n"
    "Examples:\n"
    "  metarec app temp -d --meta meta1:34601,meta2:34601\n"
    "  metarec app temp -d --zk zk1:2181 --root /pegasus/recovered";

struct Arguments {
  ListingArguments listing;
  std::string name;
};

ShowTableOptions OptionsOf(const Arguments& arguments) {
  ShowTableOptions options;
  options.detailed = arguments.listing.detailed();
  options.out_file = arguments.listing.out_file();
  return options;
}

absl::StatusOr<ShellTables> Show(const Arguments& arguments, const std::vector<TableView>& tables) {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const TableView& table) {
    return table.app_name == arguments.name && table.status == TableStatus::kAvailable;
  });
  if (found == tables.end()) {
    return absl::NotFoundError(absl::StrCat("query app ", arguments.name,
                                            " failed, error=ERR_OBJECT_NOT_FOUND: no available "
                                            "table of this name in ",
                                            arguments.listing.store().root(),
                                            " (metarec ls -a lists all)"));
  }
  return ShowTable(*found, OptionsOf(arguments));
}

ExitCode Run(const Arguments& arguments) {
  const std::string name = arguments.name;
  const auto is_wanted = [name](const AppZnode& app) {
    return app.app_name == name && app.status == TableStatus::kAvailable;
  };
  return arguments.listing.Run(
      kVerb,
      [&](MetaClient* client) { return ShowTableByMeta(client, name, OptionsOf(arguments)); },
      {.wants_partitions = is_wanted,
       .list = [&](const std::vector<TableView>& tables) { return Show(arguments, tables); }});
}

}  // namespace

void AddAppVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "show one table");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("name", arguments->name, "the table")->required();
  arguments->listing.AddTo(*verb, "with every partition");
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
