#include "tools/process/command.h"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <limits>
#include <type_traits>
#include <utility>

#include <CLI/CLI.hpp>
#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/process/program_start.h"
#include "tools/process/version.h"

namespace metarec::tools {
namespace {

// Without a description: the help would show it beside the type.
CLI::Validator Check(std::function<std::string(std::string&)> check) {
  return CLI::Validator(std::move(check), "");
}

template <typename Number>
bool Parse(const std::string& text, Number* number) {
  if constexpr (std::is_floating_point_v<Number>) {
    return absl::SimpleAtod(text, number);
  } else {
    return absl::SimpleAtoi(text, number);
  }
}

// CLI11 would take 010 for 8, and -1 for the highest number if there is no lower than 0.
template <typename Number>
std::string WrongNumber(const std::string& text) {
  if constexpr (std::is_floating_point_v<Number>) {
    double number = 0;
    return Parse(text, &number) ? "" : absl::StrCat(Printable(text), " is not a number");
  } else {
    using Limits = std::numeric_limits<Number>;
    const bool is_octal = text.size() > 1 && text[0] == '0';
    int64_t number = 0;
    if (is_octal || !Parse(text, &number)) {
      return absl::StrCat(Printable(text), " is not a whole number");
    }
    if (std::cmp_less(number, Limits::lowest())) {
      return absl::StrCat(text, " is below ", Limits::lowest());
    }
    return std::cmp_greater(number, Limits::max()) ? absl::StrCat(text, " is above ", Limits::max())
                                                   : "";
  }
}

template <typename Number>
CLI::Option* AddNumber(CLI::App* app, const std::string& names, Number* value,
                       const std::string& help) {
  return app->add_option(names, *value, help)->check(Check([](const std::string& text) {
    return WrongNumber<Number>(text);
  }));
}

template <typename Number>
std::string OutOfRange(const std::string& text, Number least, Number most) {
  Number number{};
  if (Parse(text, &number) && number >= least && number <= most) return "";
  return absl::StrCat(Printable(text), " is not from ", least, " to ", most);
}

// As it is typed, with what follows it: "--plan FILE".
std::string Typed(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return absl::StrCat(option.get_name(), option.nonpositional() && !type.empty() ? " " : "",
                      option.nonpositional() ? type : "");
}

// "-c (--target_cluster_name) NAME": people who know the shell know the short name.
std::string TypedWithBothNames(const CLI::Option& option) {
  if (option.get_snames().empty() || option.get_lnames().empty()) return Typed(option);
  return absl::StrCat("-", option.get_snames().front(), " (--", option.get_lnames().front(), ") ",
                      option.get_type_name());
}

// "a, b and c".
std::string Enumerated(std::vector<std::string> items) {
  if (items.size() < 2) return absl::StrJoin(items, "");
  const std::string last = std::move(items.back());
  items.pop_back();
  return absl::StrCat(absl::StrJoin(items, ", "), " and ", last);
}

std::string Missing(const CLI::App& app) {
  std::vector<std::string> missing;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_required() && option->count() == 0)
      missing.push_back(TypedWithBothNames(*option));
  }
  const bool is_one = missing.size() == 1;
  return absl::StrCat(Enumerated(std::move(missing)), is_one ? " is" : " are", " missing");
}

std::string NotExpected(const CLI::App& app, const std::string& word) {
  if (!absl::StartsWith(word, "-")) {
    return absl::StrCat("'", Printable(word), "' is one word too many");
  }
  const std::string name = word.substr(0, word.find('='));
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& long_name : option->get_lnames()) names.push_back("--" + long_name);
  }
  const std::string meant = absl::StartsWith(name, "--") ? ClosestWord(name, names) : "";
  return absl::StrCat("there is no option ", Printable(name),
                      meant.empty() ? "" : absl::StrCat("; did you mean ", meant, "?"));
}

// Of options that were given too often, or without a value.
std::string Mismatch(const CLI::App& app, const std::vector<std::string>& arguments,
                     const CLI::ParseError& error) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 1 && option->get_items_expected_max() == 1) {
      return absl::StrCat(option->get_name(), " is given ", option->count(),
                          " times; give it once");
    }
  }
  // CLI11 takes any word for the value, so the option without one is the last word.
  const CLI::Option* const last =
      arguments.empty() ? nullptr : app.get_option_no_throw(arguments.back());
  if (last == nullptr) return error.what();
  return absl::StrCat(arguments.back(), " needs a value: ", Typed(*last));
}

// "metarec plan".
std::string PathOf(const CLI::App& app) {
  const CLI::App* const parent = app.get_parent();
  return parent == nullptr ? app.get_name() : absl::StrCat(PathOf(*parent), " ", app.get_name());
}

OptionManual ManualOf(const CLI::Option& option,
                      const std::map<const CLI::Option*, OptionManual>& known) {
  const auto declared = known.find(&option);
  OptionManual manual = declared == known.end() ? OptionManual() : declared->second;
  for (const std::string& name : option.get_snames()) manual.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) manual.names.push_back("--" + name);
  if (manual.names.empty()) {
    manual.value = option.get_name();
  } else if (manual.value.empty() && option.get_items_expected_max() > 0) {
    manual.value = option.get_type_name();
  }
  manual.description = option.get_description();
  const std::string heading = option.get_group();
  manual.heading = manual.names.empty() ? "ARGUMENTS" : heading == "Options" ? "" : heading;
  manual.default_value = option.get_default_str();
  manual.is_required = manual.is_required || option.get_required();
  return manual;
}

}  // namespace

CommandOption& CommandOption::TypeName(const std::string& name) {
  option_->type_name(name);
  manual_->value = name;
  return *this;
}

CommandOption& CommandOption::Group(const std::string& heading) {
  option_->group(heading);
  return *this;
}

CommandOption& CommandOption::ShowDefault() {
  option_->capture_default_str();
  return *this;
}

CommandOption& CommandOption::Required() {
  option_->required();
  return *this;
}

CommandOption& CommandOption::Needed() {
  manual_->is_required = true;
  return *this;
}

CommandOption& CommandOption::Repeatable() {
  option_->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  manual_->is_repeatable = true;
  return *this;
}

CommandOption& CommandOption::MayBeFile() {
  manual_->may_be_file = true;
  return *this;
}

CommandOption& CommandOption::Between(int32_t least, int32_t most) {
  option_->check(
      Check([least, most](const std::string& text) { return OutOfRange(text, least, most); }));
  return *this;
}

CommandOption& CommandOption::Between(double least, double most) {
  option_->check(
      Check([least, most](const std::string& text) { return OutOfRange(text, least, most); }));
  return *this;
}

CommandOption& CommandOption::OneOf(const std::vector<std::string>& values) {
  option_->check(Check([values](const std::string& text) -> std::string {
    if (std::find(values.begin(), values.end(), text) != values.end()) return "";
    return absl::StrCat(Printable(text), " is none of ", absl::StrJoin(values, ", "));
  }));
  manual_->choices = values;
  return *this;
}

CommandOption& CommandOption::Needs(const CommandOption& other) {
  option_->needs(other.option_);
  return *this;
}

CommandOption& CommandOption::Excludes(const CommandOption& other) {
  option_->excludes(other.option_);
  return *this;
}

std::string CommandOption::name() const { return option_->get_name(); }

std::string CommandOption::short_name() const {
  const std::vector<std::string>& names = option_->get_snames();
  return names.empty() ? "" : "-" + names.front();
}

std::string CommandOption::group() const { return option_->get_group(); }
bool CommandOption::is_flag() const { return option_->get_items_expected_max() == 0; }
std::string CommandOption::type_name() const { return option_->get_type_name(); }
bool CommandOption::is_required() const { return option_->get_required(); }
bool CommandOption::is_given() const { return option_->count() > 0; }
std::vector<std::string> CommandOption::values() const { return option_->results(); }

CommandOption Command::Add(const std::string& names, std::string* value, const std::string& help) {
  return Declared(app_->add_option(names, *value, help));
}

CommandOption Command::Add(const std::string& names, int32_t* value, const std::string& help) {
  return Declared(AddNumber(app_, names, value, help));
}

CommandOption Command::Add(const std::string& names, int64_t* value, const std::string& help) {
  return Declared(AddNumber(app_, names, value, help));
}

CommandOption Command::Add(const std::string& names, uint16_t* value, const std::string& help) {
  return Declared(AddNumber(app_, names, value, help));
}

CommandOption Command::Add(const std::string& names, size_t* value, const std::string& help) {
  return Declared(AddNumber(app_, names, value, help));
}

CommandOption Command::Add(const std::string& names, double* value, const std::string& help) {
  return Declared(AddNumber(app_, names, value, help));
}

CommandOption Command::Add(const std::string& names, std::vector<std::string>* value,
                           const std::string& help) {
  return Declared(app_->add_option(names, *value, help));
}

CommandOption Command::AddFlag(const std::string& names, bool* value, const std::string& help) {
  return Declared(app_->add_flag(names, *value, help));
}

CommandOption Command::AddFlag(const std::string& names, std::vector<std::string>* values,
                               const std::string& help) {
  return Declared(app_->add_flag(names, *values, help));
}

std::string Command::name() const { return app_->get_name(); }

void Command::Paragraph(const std::string& text) { told_.paragraphs.push_back(text); }
void Command::Terms(TermsManual section) { told_.terms.push_back(std::move(section)); }
void Command::Example(const std::string& command, const std::string& description) {
  told_.examples.push_back({.command = command, .description = description});
}

void Command::AddExitCode(int code, const std::string& meaning) {
  told_.exit_codes.emplace_back(code, meaning);
}

Command& Command::AddVerb(const std::string& name, const std::string& description,
                          const std::string& heading) {
  CLI::App* const verb = app_->add_subcommand(name, description);
  verb->group(heading);
  verbs_.push_back(std::make_unique<Command>(verb));
  return *verbs_.back();
}

void Command::KeepShortHelpFree() { app_->set_help_flag("--help", "print this page"); }

CommandOption Command::Declared(CLI::Option* option) {
  return CommandOption(option, &options_[option]);
}

std::vector<CommandOption> Command::options() const {
  std::vector<CommandOption> options;
  for (CLI::Option* option : app_->get_options()) options.emplace_back(option, nullptr);
  return options;
}

std::string WhatIsWrong(const CLI::App& app, const std::vector<std::string>& arguments,
                        const CLI::ParseError& error) {
  std::string what;
  if (const std::vector<std::string> unknown = app.remaining(); !unknown.empty()) {
    what = NotExpected(app, unknown.front());
  } else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    what = Missing(app);
  } else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    what = Mismatch(app, arguments, error);
  } else {
    what = error.what();
  }
  const std::string path = PathOf(app);
  return absl::StrCat(path, ": ", what, absl::EndsWith(what, "?") ? " " : "; ", path,
                      " --help tells more");
}

Command::Command(CLI::App* app) : app_(app) {
  app->set_help_flag("-h,--help", "print this page");
  app->formatter_fn([this](const CLI::App*, const std::string&, CLI::AppFormatMode) {
    return HelpText(manual());
  });
}

CommandManual Command::manual() const {
  CommandManual manual = told_;
  manual.name = PathOf(*app_);
  manual.summary = app_->get_description();
  manual.heading = app_->get_group();
  std::string usage;
  std::string arguments;
  std::vector<OptionManual> asked_for_information;
  for (const CLI::Option* option : app_->get_options()) {
    OptionManual one = ManualOf(*option, options_);
    if (one.is_positional()) {
      absl::StrAppend(&arguments, " ", one.value);
    } else if (one.is_required) {
      absl::StrAppend(&usage, one.names.back(), " ", one.value, " ");
    }
    const bool informs = option == app_->get_help_ptr() || option == app_->get_version_ptr();
    (informs ? asked_for_information : manual.options).push_back(std::move(one));
  }
  absl::c_move(asked_for_information, std::back_inserter(manual.options));
  for (const auto& verb : verbs_) manual.verbs.push_back(verb->manual());
  manual.usages = {
      absl::StrCat(manual.verbs.empty() ? "" : "VERB ", usage, "[OPTIONS]", arguments)};
  return manual;
}

std::optional<int> ParseProgram(const std::string& name, const std::string& description,
                                const std::vector<std::string>& arguments,
                                const std::function<void(Command&)>& declare) {
  CLI::App app(description, name);
  app.set_version_flag("--version", VersionLine(name), kVersionHelp);
  Command command(&app);
  declare(command);
  const std::vector<std::string> readable = ReadableArguments(arguments);
  try {
    // CLI11 takes them from the back.
    app.parse(std::vector<std::string>(readable.rbegin(), readable.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      std::cerr << WhatIsWrong(app, readable, error) << std::endl;
      return 1;
    }
    app.exit(error, std::cout, std::cerr);
    if (std::cout.flush()) return 0;
    std::cerr << name << ": cannot write to stdout" << std::endl;
    return 1;
  }
  return std::nullopt;
}

CommandManual ProgramManual(const std::string& name, const std::string& description,
                            const std::function<void(Command&)>& declare) {
  CLI::App app(description, name);
  app.set_version_flag("--version", VersionLine(name), kVersionHelp);
  Command command(&app);
  declare(command);
  return command.manual();
}

}  // namespace metarec::tools
