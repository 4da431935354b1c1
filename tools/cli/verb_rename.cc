#include <memory>
#include <string>

#include "tools/cli/change_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "rename";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell does for rename, for any name: a stock shell cannot rename a table "
    "with a\n"
    "'-' in its name, such as recovery gives to tables whose name is contested, and cannot list "
    "the\n"
    "cluster in detail until somebody does. The meta server must be a stock one; metarecd changes\n"
    "nothing.\n"
    "\n"
    "Examples:\n"
    "  metarec rename temp-2 temp_2 --meta meta1:34601,meta2:34601";

struct Arguments {
  ChangeArguments change;
  std::string old_name;
  std::string new_name;
};

ExitCode Run(const Arguments& arguments) {
  return arguments.change.Run(kVerb, [&](MetaClient* client) {
    return RenameTable(client, arguments.old_name, arguments.new_name);
  });
}

}  // namespace

void AddRenameVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "give a table another name");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("old_name", arguments->old_name, "the table")->required();
  verb->add_option("new_name", arguments->new_name, "what it shall be called")->required();
  arguments->change.AddTo(*verb);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
