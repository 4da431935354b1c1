#include <algorithm>
#include <memory>

#include <absl/strings/str_cat.h>

#include "runtime/status_macros.h"
#include "tools/command_loop.h"
#include "tools/output_arguments.h"
#include "tools/root_contents.h"
#include "tools/store_arguments.h"
#include "tools/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "app";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell prints for app, straight from a ZooKeeper root.\n"
    "\n"
    "Examples:\n"
    "  metarec app temp -d --zk zk1:2181 --root /pegasus/recovered";

struct Arguments {
  StoreArguments store{StoreArguments::Access::kRead};
  OutputArguments output;
  std::string name;
  bool detailed = false;
  bool json = false;
};

asio::awaitable<absl::StatusOr<ExitCode>> Show(const Arguments& arguments, Clock* clock,
                                               ProgressPrinter* progress) {
  const std::string name = arguments.name;
  const auto is_wanted = [name](const AppZnode& app) {
    return app.app_name == name && app.status == TableStatus::kAvailable;
  };
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TableView> tables,
                              co_await ReadTables(arguments.store, is_wanted, clock, progress));
  progress->Clear();
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const TableView& table) {
    return table.app_name == name && table.status == "AVAILABLE";
  });
  if (found == tables.end()) {
    co_return absl::NotFoundError(absl::StrCat("query app ", name,
                                               " failed, error=ERR_OBJECT_NOT_FOUND: no available "
                                               "table of this name in ",
                                               arguments.store.root(),
                                               " (metarec ls -a lists all)"));
  }
  ShowTableOptions options;
  options.detailed = arguments.detailed;
  options.out_file = arguments.output.file();
  const ShellTables listing = ShowTable(*found, options);
  const bool json = arguments.json || arguments.output.json();
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(json ? listing.ToJson() : listing.ToText()));
  co_return ExitCode::kDone;
}

ExitCode Run(const Arguments& arguments) {
  CommandLoop loop;
  return loop.Run(kVerb, "nothing was changed", [&](ProgressPrinter* progress) {
    return Show(arguments, &loop.clock(), progress);
  });
}

}  // namespace

void AddAppVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "show one table of a root");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("name", arguments->name, "the table")->required();
  verb->add_flag("-d,--detailed", arguments->detailed, "with every partition");
  verb->add_flag("-j,--json", arguments->json, "the same as --format json");
  arguments->store.AddTo(*verb);
  arguments->output.AddTo(*verb);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
