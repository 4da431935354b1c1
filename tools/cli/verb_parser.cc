#include "tools/cli/verb_parser.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/file_arguments.h"
#include "tools/process/program_start.h"
#include "tools/process/version.h"

namespace metarec::tools {
namespace {

constexpr char kDescription[] =
    "Brings back the metadata of a Pegasus cluster from its replica servers.\n"
    "\n"
    "In steps:    collect, plan, (read the report), apply, verify\n"
    "In one step: recover";

constexpr char kFooter[] =
    "\n"
    "Every verb has help with examples: metarec plan --help. Dashes and underscores in long\n"
    "options are the same.\n"
    "\n"
    "Exit codes: 0 done; 1 failed; 2 differences; 3 a conflict needs a decision; 4 refused by a\n"
    "guard, nothing was changed; 5 done, with losses that the flags accepted.";

// This one says itself what may be given to it, the empty text included.
constexpr absl::string_view kTakesAnyText = "--rename_separator";

// One of the table, with its place in CLI11's tree.
struct ParsedVerb {
  const VerbRow* row = nullptr;
  const CLI::App* app = nullptr;
  std::unique_ptr<Command> command;
  RunVerb run;
};

std::string Text(absl::string_view text) { return std::string(text); }

// Adds all verbs to `app`, in the order of the table.
std::vector<ParsedVerb> AddVerbs(absl::Span<const VerbRow> table,
                                 absl::Span<const VerbGroupRow> groups, CLI::App* app) {
  std::map<absl::string_view, CLI::App*> group_apps;
  std::vector<ParsedVerb> verbs;
  for (const VerbRow& row : table) {
    CLI::App* parent = app;
    absl::string_view name = row.name;
    if (const size_t blank = name.find(' '); blank != absl::string_view::npos) {
      const absl::string_view first = name.substr(0, blank);
      name.remove_prefix(blank + 1);
      CLI::App*& group = group_apps[first];
      if (group == nullptr) {
        const auto about = std::find_if(groups.begin(), groups.end(),
                                        [&](const VerbGroupRow& g) { return g.name == first; });
        const bool is_described = about != groups.end();
        group = app->add_subcommand(Text(first), is_described ? Text(about->description) : "");
        if (is_described) group->group(Text(about->heading));
        group->require_subcommand(1);
      }
      parent = group;
    }
    CLI::App* const verb = parent->add_subcommand(Text(name), Text(row.description));
    verb->group(Text(row.heading));
    auto command = std::make_unique<Command>(verb);
    RunVerb run = row.make(*command);
    verbs.push_back(
        {.row = &row, .app = verb, .command = std::move(command), .run = std::move(run)});
  }
  return verbs;
}

// CLI11's own words for it do not say which words it knows. `path` is "metarec" or "metarec zk".
std::string NoSuchVerb(const CLI::App& parent, absl::string_view path, absl::string_view word) {
  std::vector<std::string> names;
  for (const CLI::App* verb : parent.get_subcommands(nullptr)) names.push_back(verb->get_name());
  std::string what = ": say what to do: ";
  if (!word.empty()) {
    const std::string meant = ClosestWord(word, names);
    what = absl::StrCat(": there is no verb '", Printable(word), "'",
                        meant.empty() ? ". " : absl::StrCat("; did you mean ", meant, "? "),
                        "The verbs are ");
  }
  return absl::StrCat(path, what, absl::StrJoin(names, ", "), "; ", path, " --help tells more");
}

const CLI::App* Find(const CLI::App& parent, const std::string& name) {
  for (const CLI::App* verb : parent.get_subcommands(nullptr)) {
    if (verb->get_name() == name) return verb;
  }
  return nullptr;
}

// What is wrong with the words that name the verb; "" if they name one or ask for help. In those
// words, too, dashes become underscores.
std::string WrongVerb(const CLI::App& app, std::vector<std::string>* arguments) {
  const CLI::App* parent = &app;
  std::string path = app.get_name();
  for (std::string& word : *arguments) {
    if (word.starts_with('-')) return "";  // without a verb, CLI11 finds out whether it is help
    std::string name = absl::StrReplaceAll(word, {{"-", "_"}});
    if (Find(*parent, name) != nullptr) word = std::move(name);
    const CLI::App* const found = Find(*parent, word);
    if (found == nullptr) return NoSuchVerb(*parent, path, word);
    absl::StrAppend(&path, " ", word);
    parent = found;
    if (parent->get_subcommands(nullptr).empty()) return "";
  }
  return NoSuchVerb(*parent, path, "");
}

// The verb, or the group of verbs, that the command line got to.
const CLI::App& DeepestParsed(const CLI::App& app) {
  const CLI::App* deepest = &app;
  while (!deepest->get_subcommands().empty()) deepest = deepest->get_subcommands().front();
  return *deepest;
}

// Help and version are "errors" of code 0.
ExitCode PrintHelp(const CLI::App& app, const CLI::ParseError& error) {
  app.exit(error, std::cout, std::cerr);
  if (std::cout.flush()) return ExitCode::kDone;
  std::cerr << "metarec: cannot write to stdout" << std::endl;
  return ExitCode::kFailed;
}

std::string WrongArguments(const CLI::App& app, const std::vector<std::string>& arguments,
                           const CLI::ParseError& error) {
  if (!app.remaining().empty()) return WhatIsWrong(app, arguments, error);
  const CLI::App& parsed = DeepestParsed(app);
  if (parsed.get_subcommands(nullptr).empty() || !parsed.remaining().empty()) {
    return WhatIsWrong(parsed, arguments, error);
  }
  return NoSuchVerb(parsed, &parsed == &app ? "metarec" : "metarec " + parsed.get_name(), "");
}

// An empty value is a script's variable that is not set: it must not count as an option that is
// not given.
absl::Status CheckNoEmptyValues(const Command& verb) {
  for (const CommandOption& option : verb.options()) {
    if (option.name() == kTakesAnyText) continue;
    const std::vector<std::string> values = option.values();
    if (std::find(values.begin(), values.end(), "") == values.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(option.name(), " has an empty value; give another one",
                     option.is_required() ? "" : ", or leave it out"));
  }
  return absl::OkStatus();
}

absl::StatusOr<HeldPipe> CheckArguments(const Command& verb) {
  METAREC_RETURN_IF_ERROR(CheckNoEmptyValues(verb));
  return CheckFileOptions(verb);
}

}  // namespace

ExitCode RunCommandLine(absl::Span<const VerbRow> table, absl::Span<const VerbGroupRow> groups,
                        const std::vector<std::string>& arguments) {
  CLI::App app(kDescription, "metarec");
  app.footer(kFooter);
  app.set_version_flag("--version", VersionLine("metarec"));
  app.require_subcommand(1);
  const std::vector<ParsedVerb> verbs = AddVerbs(table, groups, &app);

  std::vector<std::string> readable = ReadableArguments(arguments);
  if (const std::string wrong = WrongVerb(app, &readable); !wrong.empty()) {
    std::cerr << wrong << std::endl;
    return ExitCode::kFailed;
  }
  try {
    app.parse(std::vector<std::string>(readable.rbegin(), readable.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return PrintHelp(app, error);
    std::cerr << WrongArguments(app, readable, error) << std::endl;
    return ExitCode::kFailed;
  }
  const CLI::App& parsed = DeepestParsed(app);
  const auto verb = std::find_if(verbs.begin(), verbs.end(),
                                 [&](const ParsedVerb& one) { return one.app == &parsed; });
  const absl::StatusOr<HeldPipe> held = CheckArguments(*verb->command);
  return held.ok() ? verb->run() : Fail(verb->row->name, held.status());
}

}  // namespace metarec::tools
