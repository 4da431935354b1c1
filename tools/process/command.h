// The options of one command of a program.
//
// CLI11 parses them and writes the help. It takes several seconds to compile wherever it is
// included, so that only command.cc and the sources that parse a whole command line do so.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/process/manual.h"

namespace CLI {
class App;
class Option;
class ParseError;
}  // namespace CLI

namespace metarec::tools {

// One option. Copies stand for the same option, which lives as long as its command.
class CommandOption {
 public:
  // Without `manual` nothing can be declared of it.
  CommandOption(CLI::Option* option, OptionManual* manual) : option_(option), manual_(manual) {}

  // What is declared of it. Each returns the option itself.
  CommandOption& TypeName(const std::string& name);  // in the help: "FILE"
  CommandOption& Group(const std::string& heading);  // of the help
  CommandOption& ShowDefault();                      // its present value, in the help
  CommandOption& Required();
  // The verb itself says that it is missing, in words of its own: only help and manual show it.
  CommandOption& Needed();
  CommandOption& Repeatable();
  CommandOption& MayBeFile();  // shells complete the names of files
  CommandOption& Between(int32_t least, int32_t most);
  CommandOption& Between(double least, double most);
  CommandOption& OneOf(const std::vector<std::string>& values);
  CommandOption& Needs(const CommandOption& other);
  CommandOption& Excludes(const CommandOption& other);

  std::string name() const;        // "--plan"; of a positional argument "subject"
  std::string short_name() const;  // "-w"; empty if there is none
  std::string type_name() const;   // as given to TypeName
  std::string group() const;
  bool is_required() const;
  bool is_flag() const;
  // Once the command line is parsed.
  bool is_given() const;
  std::vector<std::string> values() const;  // as they were typed; of a flag "true"

 private:
  CLI::Option* option_;
  OptionManual* manual_;  // what CLI11 does not keep
};

// A command that gets its options. Not thread-safe.
class Command {
 public:
  // `app` prints the help of this, so that this must outlive its parsing.
  explicit Command(CLI::App* app);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // `names` is "-o,--output" or, of a positional argument, "subject". `value` must outlive the
  // parsing, which sets it.
  CommandOption Add(const std::string& names, std::string* value, const std::string& help);
  CommandOption Add(const std::string& names, int32_t* value, const std::string& help);
  CommandOption Add(const std::string& names, int64_t* value, const std::string& help);
  CommandOption Add(const std::string& names, uint16_t* value, const std::string& help);
  CommandOption Add(const std::string& names, size_t* value, const std::string& help);
  CommandOption Add(const std::string& names, double* value, const std::string& help);
  CommandOption Add(const std::string& names, std::vector<std::string>* value,
                    const std::string& help);
  CommandOption AddFlag(const std::string& names, bool* value, const std::string& help);
  // A flag that may name what it is for: "--flag", or "--flag=A,B", which may be repeated. Each
  // gives one of `values`; the first one "true".
  CommandOption AddFlag(const std::string& names, std::vector<std::string>* values,
                        const std::string& help);

  // A verb of this command, which owns it.
  Command& AddVerb(const std::string& name, const std::string& description,
                   const std::string& heading);

  // Only --help shows the help: the verb has another use for -h, as Pegasus's shell.
  void KeepShortHelpFree();

  std::string name() const;  // "plan"
  const CLI::App* app() const { return app_; }

  // What help and manual say beside the options.
  void Paragraph(const std::string& text);
  void Terms(TermsManual section);
  // A line to type; `description` says what it does, if that is not plain.
  void Example(const std::string& command, const std::string& description = "");
  void AddExitCode(int code, const std::string& meaning);

  CommandManual manual() const;

  // All of them, in the order in which they were added; the one for help comes first.
  std::vector<CommandOption> options() const;

 private:
  CommandOption Declared(CLI::Option* option);

  CLI::App* app_;
  CommandManual told_;  // paragraphs, terms, examples, exit codes
  std::map<const CLI::Option*, OptionManual> options_;
  std::vector<std::unique_ptr<Command>> verbs_;
};

// What is wrong with a command line, in one line with the way to the help: "metarec plan: there is
// no option --bogus; ...". What is mistyped comes before what is missing, because it explains it.
//
// `app` is that of the program, or of the verb that the words led to. `arguments` are those that
// were parsed.
std::string WhatIsWrong(const CLI::App& app, const std::vector<std::string>& arguments,
                        const CLI::ParseError& error);

// Parses the command line of a program that has no verbs. Returns the exit code if the program is
// to end now: it was asked for help or its version, or something is wrong, which has been said.
//
// `arguments` are those of the process, without its name; dashes and underscores in long options
// are the same. `declare` gives the program its options, whose values must outlive the call.
std::optional<int> ParseProgram(const std::string& name, const std::string& description,
                                const std::vector<std::string>& arguments,
                                const std::function<void(Command&)>& declare);

// What such a program says of itself.
CommandManual ProgramManual(const std::string& name, const std::string& description,
                            const std::function<void(Command&)>& declare);

}  // namespace metarec::tools
