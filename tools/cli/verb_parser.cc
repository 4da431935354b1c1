#include "tools/cli/verb_parser.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <utility>

#include <CLI/CLI.hpp>
#include <absl/algorithm/container.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>

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
    "bring back the metadata of a Pegasus cluster from its replica servers";

constexpr const char* kParagraphs[] = {
    "In steps: collect, plan, (read the report), apply, verify. In one step: recover.",
    "Every verb has help with examples: metarec plan --help, or metarec help plan. Dashes and "
    "underscores in long options are the same.",
};

// This one says itself what may be given to it, the empty text included.
constexpr absl::string_view kTakesAnyText = "--rename_separator";

// One of the table, with what was declared of it.
struct DeclaredVerb {
  const VerbRow* row = nullptr;
  const Command* command = nullptr;
  RunVerb run;
};

std::string Text(absl::string_view text) { return std::string(text); }

// The program with all verbs, in the order of the table.
struct Program {
  Program(absl::Span<const VerbRow> table, absl::Span<const VerbGroupRow> groups) {
    app.set_version_flag("--version", VersionLine(app.get_name()), kVersionHelp);
    app.require_subcommand(1);
    for (const char* paragraph : kParagraphs) root.Paragraph(paragraph);
    for (const ExitCodeRow& row : kExitCodes) {
      root.AddExitCode(static_cast<int>(row.code), row.meaning);
    }
    std::map<absl::string_view, Command*> group_commands;
    for (const VerbRow& row : table) {
      const std::pair<absl::string_view, absl::string_view> words =
          absl::StrSplit(row.name, absl::MaxSplits(' ', 1));
      Command* parent = &root;
      if (!words.second.empty()) {
        Command*& group = group_commands[words.first];
        if (group == nullptr) group = AddGroup(groups, words.first);
        parent = group;
      }
      Command& verb = parent->AddVerb(Text(words.second.empty() ? words.first : words.second),
                                      Text(row.description), Text(row.heading));
      verbs.push_back({.row = &row, .command = &verb, .run = row.make(verb)});
    }
  }

  Command* AddGroup(absl::Span<const VerbGroupRow> groups, absl::string_view name) {
    const auto about = absl::c_find_if(groups, [&](const auto& row) { return row.name == name; });
    const bool is_described = about != groups.end();
    Command& group = root.AddVerb(Text(name), is_described ? Text(about->description) : "",
                                  is_described ? Text(about->heading) : "");
    app.get_subcommand(Text(name))->require_subcommand(1);
    return &group;
  }

  CLI::App app{kDescription, "metarec"};
  Command root{&app};
  std::vector<DeclaredVerb> verbs;
};

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

// "metarec help zk copy" and "metarec zk help copy" ask for what "metarec zk copy --help" does.
void PutHelpBehindVerb(const CLI::App& app, std::vector<std::string>* arguments) {
  const CLI::App* parent = &app;
  for (auto word = arguments->begin(); word != arguments->end(); ++word) {
    if (*word == "help") {
      arguments->erase(word);
      arguments->push_back("--help");
      return;
    }
    parent = Find(*parent, absl::StrReplaceAll(*word, {{"-", "_"}}));
    if (parent == nullptr || parent->get_subcommands(nullptr).empty()) return;
  }
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
  Program program(table, groups);
  CLI::App& app = program.app;

  std::vector<std::string> readable = ReadableArguments(arguments);
  PutHelpBehindVerb(app, &readable);
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
  const auto verb = absl::c_find_if(
      program.verbs, [&](const DeclaredVerb& one) { return one.command->app() == &parsed; });
  const absl::StatusOr<HeldPipe> held = CheckArguments(*verb->command);
  return held.ok() ? verb->run() : Fail(verb->row->name, held.status());
}

CommandManual ManualOf(absl::Span<const VerbRow> table, absl::Span<const VerbGroupRow> groups) {
  return Program(table, groups).root.manual();
}

CommandManual MetarecManual() { return ManualOf(VerbTable(), VerbGroups()); }

}  // namespace metarec::tools
