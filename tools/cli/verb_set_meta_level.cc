#include <memory>
#include <string>

#include <absl/strings/str_cat.h>

#include "idl/enum_names.h"
#include "tools/cli/change_arguments.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kVerb[] = "set_meta_level";

constexpr char kFooter[] =
    "\nWhat Pegasus's shell does for set_meta_level: tells the meta server how much to do by "
    "itself.\n"
    "At steady or below it moves no replica and deletes none; stay there until every node that "
    "ever\n"
    "held data is back.\n"
    "\n"
    "Examples:\n"
    "  metarec set_meta_level steady --meta meta1:34601,meta2:34601";

struct Arguments {
  ChangeArguments change;
  std::string level;
};

ExitCode Run(const Arguments& arguments) {
  idl::meta_function_level level = idl::meta_function_level::fl_invalid;
  idl::FromName(absl::StrCat("fl_", arguments.level), &level);  // the option's check knows them
  return arguments.change.Run(kVerb,
                              [level](MetaClient* client) { return SetMetaLevel(client, level); });
}

}  // namespace

void AddSetMetaLevelVerb(CLI::App& app, Verb* chosen) {
  CLI::App* const verb = app.add_subcommand(kVerb, "set how much meta servers do by themselves");
  verb->footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("level", arguments->level, "the function level")
      ->type_name("stopped|blind|freezed|steady|lively")
      ->check(CLI::IsMember({"stopped", "blind", "freezed", "steady", "lively"}))
      ->required();
  arguments->change.AddTo(*verb);
  verb->callback([arguments, chosen] { *chosen = [arguments] { return Run(*arguments); }; });
}

}  // namespace metarec::tools
