#include "tools/manual/completions.h"

#include <vector>

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/string_view.h>

namespace metarec::tools {
namespace {

constexpr char kOrigin[] = "; made of what its help is made of.\n";

bool TakesFile(const OptionManual& option) { return option.value == "FILE" || option.may_be_file; }

bool TakesFileAsArgument(const CommandManual& command) {
  return absl::c_any_of(command.options, [](const OptionManual& option) {
    return option.is_positional() && TakesFile(option);
  });
}

// For every shell of ours, a word between single quotes; fish reads \' inside of them, too.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string FunctionName(absl::string_view command) {
  return absl::StrReplaceAll(command, {{" ", "_"}, {"-", "_"}});
}

// The command and, after each, its verbs.
std::vector<const CommandManual*> AllCommands(const CommandManual& command) {
  std::vector<const CommandManual*> all = {&command};
  for (const CommandManual& verb : command.verbs) {
    for (const CommandManual* inner : AllCommands(verb)) all.push_back(inner);
  }
  return all;
}

// "set_meta_level" of "metarec set_meta_level".
std::string LastWord(absl::string_view name) {
  const size_t blank = name.rfind(' ');
  return std::string(blank == absl::string_view::npos ? name : name.substr(blank + 1));
}

// "zk export" of "metarec zk export".
std::string WordsAfterProgram(absl::string_view name) {
  const size_t blank = name.find(' ');
  return std::string(blank == absl::string_view::npos ? "" : name.substr(blank + 1));
}

// ---------------------------------------------------------------------------------------------------

// A branch of `case "$command $previous"` for the values of one option.
std::string BashValues(const CommandManual& command, const OptionManual& option) {
  const std::string patterns =
      absl::StrJoin(option.names, " | ", [&](std::string* out, const std::string& name) {
        absl::StrAppend(out, Quoted(absl::StrCat(command.name, " ", name)));
      });
  const std::string values =
      TakesFile(option)
          ? "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$current\"))"
      : option.choices.empty()
          ? ":"
          : absl::StrCat("COMPREPLY=($(compgen -W ", Quoted(absl::StrJoin(option.choices, " ")),
                         " -- \"$current\"))");
  return absl::StrCat("    ", patterns, ") ", values, "; return ;;\n");
}

std::string BashWords(const CommandManual& command) {
  std::vector<std::string> words;
  for (const CommandManual& verb : command.verbs) words.push_back(LastWord(verb.name));
  for (const OptionManual& option : command.options) {
    if (!option.is_positional()) words.push_back(option.names.back());
    if (option.is_positional())
      words.insert(words.end(), option.choices.begin(), option.choices.end());
  }
  return absl::StrCat("    ", Quoted(command.name), ") words=", Quoted(absl::StrJoin(words, " ")),
                      TakesFileAsArgument(command) ? " files=yes" : "", " ;;\n");
}

}  // namespace

std::string BashCompletion(const CommandManual& program) {
  const std::string function = "_" + FunctionName(program.name);
  std::vector<std::string> verbs;
  std::string values;
  std::string words;
  for (const CommandManual* command : AllCommands(program)) {
    if (command != &program) verbs.push_back(Quoted(command->name));
    for (const OptionManual& option : command->options) {
      if (!option.is_positional() && !option.is_flag()) {
        absl::StrAppend(&values, BashValues(*command, option));
      }
    }
    absl::StrAppend(&words, BashWords(*command));
  }
  std::string text = absl::StrCat(
      "# bash completion for ", program.name, kOrigin, function,
      "() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local command=",
      program.name,
      " words= files= i\n"
      "  COMPREPLY=()\n"
      "  # Bash takes --option=value for three words.\n"
      "  if [[ $current == = ]]; then\n"
      "    current=\n"
      "  elif [[ $previous == = ]]; then\n"
      "    previous=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  fi\n"
      "  # Dashes inside of a long option are underscores.\n"
      "  if [[ $previous == --* ]]; then\n"
      "    previous=${previous#--}\n"
      "    previous=--${previous//-/_}\n"
      "  fi\n");
  if (!verbs.empty()) {
    absl::StrAppend(&text,
                    "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
                    "    case \"$command ${COMP_WORDS[i]}\" in\n"
                    "    ",
                    absl::StrJoin(verbs, " | "),
                    ") command+=\" ${COMP_WORDS[i]}\" ;;\n"
                    "    *) break ;;\n"
                    "    esac\n"
                    "  done\n");
  }
  absl::StrAppend(&text, "  case \"$command $previous\" in\n", values,
                  "  esac\n"
                  "  case $command in\n",
                  words,
                  "  esac\n"
                  "  if [[ $current == --*-* ]]; then words=${words//_/-}; fi\n"
                  "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                  "  if [[ -n $files && $current != -* ]]; then\n"
                  "    compopt -o filenames 2>/dev/null\n"
                  "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
                  "  fi\n"
                  "}\n"
                  "complete -F ",
                  function, " ", program.name, "\n");
  return text;
}

// ---------------------------------------------------------------------------------------------------

namespace {

std::string ZshAction(const OptionManual& option) {
  if (TakesFile(option)) return "_files";
  return option.choices.empty() ? " " : absl::StrCat("(", absl::StrJoin(option.choices, " "), ")");
}

// ":FILE:_files".
std::string ZshValue(const OptionManual& option) {
  if (option.is_flag()) return "";
  return absl::StrCat(":", absl::StrReplaceAll(option.value, {{":", "\\:"}}), ":",
                      ZshAction(option));
}

// The specifications of an option for _arguments, one for each of its names.
std::string ZshOption(const OptionManual& option) {
  if (option.is_positional()) return absl::StrCat(" \\\n    ", Quoted(ZshValue(option)));
  const std::string description =
      absl::StrCat("[", absl::StrReplaceAll(option.description, {{"[", "\\["}, {"]", "\\]"}}), "]");
  const std::string excluded =
      option.is_repeatable ? "*" : absl::StrCat("(", absl::StrJoin(option.names, " "), ")");
  std::string text;
  for (const std::string& name : option.names) {
    const char* const then = option.is_flag() ? "" : absl::StartsWith(name, "--") ? "=" : "+";
    absl::StrAppend(&text, " \\\n    ",
                    Quoted(absl::StrCat(excluded, name, then, description, ZshValue(option))));
  }
  return text;
}

std::string ZshFunction(const CommandManual& command) {
  std::string options;
  for (const OptionManual& option : command.options) absl::StrAppend(&options, ZshOption(option));
  const std::string function = "_" + FunctionName(command.name);
  if (command.verbs.empty()) {
    return absl::StrCat(function, "() {\n  _arguments", options, "\n}\n\n");
  }
  std::string verbs;
  std::string branches;
  for (const CommandManual& verb : command.verbs) {
    const std::string name = LastWord(verb.name);
    absl::StrAppend(
        &verbs, "      ",
        Quoted(absl::StrCat(name, ":", absl::StrReplaceAll(verb.summary, {{":", "\\:"}}))), "\n");
    absl::StrAppend(&branches, "      ", name, ") _", FunctionName(verb.name), " ;;\n");
  }
  return absl::StrCat(function,
                      "() {\n"
                      "  local context state state_descr line\n"
                      "  local -a verbs\n"
                      "  typeset -A opt_args\n"
                      "  _arguments -C",
                      options,
                      " \\\n    '1: :->verb' '*:: :->rest'\n"
                      "  case $state in\n"
                      "  verb)\n"
                      "    verbs=(\n",
                      verbs,
                      "    )\n"
                      "    _describe -t verbs verb verbs\n"
                      "    ;;\n"
                      "  rest)\n"
                      "    case $line[1] in\n",
                      branches,
                      "    esac\n"
                      "    ;;\n"
                      "  esac\n"
                      "}\n\n");
}

}  // namespace

std::string ZshCompletion(const CommandManual& program) {
  const std::string function = "_" + FunctionName(program.name);
  std::string text = absl::StrCat("#compdef ", program.name, "\n# zsh completion for ",
                                  program.name, kOrigin, "\n");
  for (const CommandManual* command : AllCommands(program)) {
    absl::StrAppend(&text, ZshFunction(*command));
  }
  // Zsh reads the file as the body of a function called as the file; others source it.
  return absl::StrCat(text, "if [[ $funcstack[1] == _", program.name, " ]]; then\n  ", function,
                      " \"$@\"\nelse\n  compdef ", function, " ", program.name, "\nfi\n");
}

// ---------------------------------------------------------------------------------------------------

namespace {

std::string FishOption(const std::string& begin, const OptionManual& option) {
  if (option.is_positional()) {
    if (TakesFile(option)) return absl::StrCat(begin, " -F\n");
    return option.choices.empty()
               ? ""
               : absl::StrCat(begin, " -a ", Quoted(absl::StrJoin(option.choices, " ")), "\n");
  }
  std::string text = begin;
  for (const std::string& name : option.names) {
    const bool is_long = absl::StartsWith(name, "--");
    absl::StrAppend(&text, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
  }
  if (TakesFile(option)) {
    absl::StrAppend(&text, " -r -F");
  } else if (!option.is_flag()) {
    absl::StrAppend(&text, " -x");
  }
  if (!option.choices.empty()) {
    absl::StrAppend(&text, " -a ", Quoted(absl::StrJoin(option.choices, " ")));
  }
  return absl::StrCat(text, " -d ", Quoted(option.description), "\n");
}

}  // namespace

std::string FishCompletion(const CommandManual& program) {
  const std::string function = "__" + FunctionName(program.name);
  const std::string begin = absl::StrCat("complete -c ", program.name);
  std::string text = absl::StrCat("# fish completion for ", program.name, kOrigin, begin, " -f\n");
  if (!program.verbs.empty()) {
    absl::StrAppend(&text, "\nfunction ", function,
                    "_in --description 'whether the words so far begin with these'\n"
                    "    set -l typed (commandline -opc)\n"
                    "    set -e typed[1]\n"
                    "    test (count $typed) -ge (count $argv); or return 1\n"
                    "    for i in (seq (count $argv))\n"
                    "        test \"$typed[$i]\" = \"$argv[$i]\"; or return 1\n"
                    "    end\n"
                    "end\n\nfunction ",
                    function,
                    "_at --description 'whether the words so far are these'\n"
                    "    set -l typed (commandline -opc)\n"
                    "    test (count $typed) -eq (math 1 + (count $argv)); and ",
                    function, "_in $argv\nend\n");
  }
  for (const CommandManual* command : AllCommands(program)) {
    const std::string words = WordsAfterProgram(command->name);
    const auto when = [&](const char* condition) {
      const char* const space = words.empty() ? "" : " ";
      return program.verbs.empty()
                 ? begin
                 : absl::StrCat(begin, " -n ",
                                Quoted(absl::StrCat(function, condition, space, words)));
    };
    absl::StrAppend(&text, "\n");
    for (const CommandManual& verb : command->verbs) {
      absl::StrAppend(&text, when("_at"), " -a ", LastWord(verb.name), " -d ", Quoted(verb.summary),
                      "\n");
    }
    // Only here: what stands after a verb are its own options.
    const std::string at = when(command->verbs.empty() ? "_in" : "_at");
    for (const OptionManual& option : command->options) {
      absl::StrAppend(&text, FishOption(at, option));
    }
  }
  return text;
}

}  // namespace metarec::tools
