#include "tools/process/command.h"

#include <utility>

#include <CLI/CLI.hpp>

namespace metarec::tools {

CommandOption& CommandOption::TypeName(const std::string& name) {
  option_->type_name(name);
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

CommandOption& CommandOption::Repeatable() {
  option_->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

CommandOption& CommandOption::Between(int32_t least, int32_t most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

CommandOption& CommandOption::Between(double least, double most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

CommandOption& CommandOption::OneOf(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
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
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Command::Add(const std::string& names, int32_t* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Command::Add(const std::string& names, int64_t* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Command::Add(const std::string& names, uint16_t* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Command::Add(const std::string& names, size_t* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Command::Add(const std::string& names, double* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Command::Add(const std::string& names, std::vector<std::string>* value,
                           const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption Command::AddFlag(const std::string& names, bool* value, const std::string& help) {
  return CommandOption(app_->add_flag(names, *value, help));
}

std::string Command::name() const { return app_->get_name(); }

void Command::Footer(const std::string& text) { app_->footer(text); }

std::vector<CommandOption> Command::options() const {
  std::vector<CommandOption> options;
  for (CLI::Option* option : app_->get_options()) options.emplace_back(option);
  return options;
}

std::optional<int> ParseProgram(const std::string& name, const std::string& description,
                                const std::vector<std::string>& arguments,
                                const std::function<void(Command&)>& declare) {
  CLI::App app(description, name);
  Command command(&app);
  declare(command);
  // CLI11 takes them from the back.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  return std::nullopt;
}

}  // namespace metarec::tools
