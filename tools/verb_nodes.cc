#include <memory>

#include "runtime/status_macros.h"
#include "tools/command_loop.h"
#include "tools/output_arguments.h"
#include "tools/root_contents.h"
#include "tools/store_arguments.h"
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

struct Arguments {
  StoreArguments store{StoreArguments::Access::kRead};
  OutputArguments output;
  bool detailed = false;
  bool json = false;
};

asio::awaitable<absl::StatusOr<ExitCode>> List(const Arguments& arguments, Clock* clock,
                                               ProgressPrinter* progress) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TableView> tables,
                              co_await ReadTables(arguments.store, nullptr, clock, progress));
  progress->Clear();
  ListNodesOptions options;
  options.detailed = arguments.detailed;
  options.out_file = arguments.output.file();
  const ShellTables listing = ListNodes(NodesNamedBy(tables), tables, options);
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

void AddNodesVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "list the nodes that a root names");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_flag("-d,--detailed", arguments->detailed, "with the numbers of their replicas");
  verb->add_flag("-j,--json", arguments->json, "the same as --format json");
  arguments->store.AddTo(*verb);
  arguments->output.AddTo(*verb);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
