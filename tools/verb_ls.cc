#include <memory>

#include <absl/strings/ascii.h>

#include "runtime/status_macros.h"
#include "tools/command_loop.h"
#include "tools/output_arguments.h"
#include "tools/root_contents.h"
#include "tools/store_arguments.h"
#include "tools/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "ls";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell prints for ls, straight from a ZooKeeper root.\n"
    "\n"
    "Examples:\n"
    "  metarec ls --zk zk1:2181 --root /pegasus/recovered\n"
    "  metarec ls -a -d --zk zk1:2181 --root /pegasus/recovered";

struct Arguments {
  StoreArguments store{StoreArguments::Access::kRead};
  OutputArguments output;
  bool all = false;
  bool detailed = false;
  bool json = false;
  std::string status;
};

ListTablesOptions OptionsOf(const Arguments& arguments) {
  ListTablesOptions options;
  options.detailed = arguments.detailed;
  if (arguments.all || arguments.status == "all") {
    options.status.clear();
  } else if (!arguments.status.empty()) {
    options.status = absl::AsciiStrToUpper(arguments.status);
  }
  return options;
}

asio::awaitable<absl::StatusOr<ExitCode>> List(const Arguments& arguments, Clock* clock,
                                               ProgressPrinter* progress) {
  const bool detailed = arguments.detailed;
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::vector<TableView> tables,
      co_await ReadTables(
          arguments.store, [detailed](const AppZnode&) { return detailed; }, clock, progress));
  progress->Clear();
  const ShellTables listing = ListTables(tables, OptionsOf(arguments));
  const bool json = arguments.json || arguments.output.json();
  METAREC_CO_RETURN_IF_ERROR(arguments.output.Print(json ? listing.ToJson() : listing.ToText()));
  co_return ExitCode::kDone;
}

ExitCode Run(const Arguments& arguments) {
  CommandLoop loop;
  return loop.Run(kVerb, "nothing was changed", [&](ProgressPrinter* progress) {
    return List(arguments, &loop.clock(), progress);
  });
}

}  // namespace

void AddLsVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "list the tables that a root holds");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_flag("-a,--all", arguments->all, "dropped tables too");
  verb->add_flag("-d,--detailed", arguments->detailed, "with the health of their partitions");
  verb->add_option("-s,--status", arguments->status, "only tables of this status")
      ->type_name("all|available|dropped")
      ->check(CLI::IsMember({"all", "available", "creating", "dropping", "dropped"}));
  verb->add_flag("-j,--json", arguments->json, "the same as --format json");
  arguments->store.AddTo(*verb);
  arguments->output.AddTo(*verb);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
