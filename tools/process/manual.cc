#include "tools/process/manual.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>

#include "base/text/wording.h"

namespace metarec::tools {
namespace {

constexpr size_t kTextColumn = 30;

// "  plan        decide what ...", with the text in lines that begin below each other. A term that
// has no room stands in a line of its own.
std::string Entry(absl::string_view term, absl::string_view text) {
  std::string entry = absl::StrCat("  ", term);
  if (text.empty()) return entry + "\n";
  if (entry.size() + 2 > kTextColumn) {
    absl::StrAppend(&entry, "\n", std::string(kTextColumn, ' '));
  } else {
    entry.resize(kTextColumn, ' ');
  }
  absl::StrAppend(&entry, Wrapped(text, kTextColumn, kTextColumn), "\n");
  return entry;
}

std::string OptionTerm(const OptionManual& option) {
  if (option.is_positional()) return option.value;
  return absl::StrCat(absl::StrJoin(option.names, ", "), option.is_flag() ? "" : " ", option.value);
}

std::string OptionEntry(const OptionManual& option) {
  std::string text = option.description;
  // Others have them in their value.
  if (option.is_positional() && !option.choices.empty()) {
    absl::StrAppend(&text, ": ", absl::StrJoin(option.choices, ", "));
  }
  if (option.is_repeatable) absl::StrAppend(&text, "; may be repeated");
  if (!option.default_value.empty()) absl::StrAppend(&text, " [", option.default_value, "]");
  if (option.is_required && !option.is_positional()) absl::StrAppend(&text, " (needed)");
  return Entry(OptionTerm(option), text);
}

template <typename Item, typename ToText>
std::string Grouped(const std::vector<Item>& items, absl::string_view no_heading, ToText to_text) {
  std::string text;
  for (const HeadedGroup<Item>& group : ByHeading(items)) {
    absl::StrAppend(&text, "\n", group.heading.empty() ? no_heading : group.heading, "\n");
    for (const Item* item : group.items) absl::StrAppend(&text, to_text(*item));
  }
  return text;
}

std::string LastWord(const std::string& name) { return name.substr(name.rfind(' ') + 1); }

// What an example does stands above it.
std::string ExampleEntries(const std::vector<ExampleManual>& examples) {
  std::string text;
  for (const ExampleManual& example : examples) {
    if (!example.description.empty()) absl::StrAppend(&text, "  # ", example.description, "\n");
    absl::StrAppend(&text, "  ",
                    absl::StrReplaceAll(CommandLines(example.command, 96), {{"\n", "\n  "}}), "\n");
  }
  return text;
}

}  // namespace

std::string CommandLines(const std::string& command, size_t columns) {
  // An option and its value stay together.
  std::vector<std::string> parts;
  for (absl::string_view word : absl::StrSplit(command, ' ')) {
    if (parts.empty() || absl::StartsWith(word, "-")) {
      parts.emplace_back(word);
    } else {
      absl::StrAppend(&parts.back(), " ", word);
    }
  }
  std::string lines = parts.front();
  size_t column = lines.size();
  for (size_t i = 1; i < parts.size(); ++i) {
    const bool fits = column + 1 + parts[i].size() + 2 <= columns;
    const char* const separator = fits ? " " : " \\\n    ";
    column = (fits ? column + 1 : 4) + parts[i].size();
    absl::StrAppend(&lines, separator, parts[i]);
  }
  return lines;
}

std::string HelpText(const CommandManual& manual) {
  std::string text =
      absl::StrCat(manual.name, ": ", Wrapped(manual.summary, manual.name.size() + 2, 0), "\n\n");
  absl::string_view usage = "Usage: ";
  for (const std::string& form : manual.usages) {
    absl::StrAppend(&text, usage, manual.name, form.empty() ? "" : " ", form, "\n");
    usage = "       ";
  }
  for (const std::string& paragraph : manual.paragraphs) {
    absl::StrAppend(&text, "\n", Wrapped(paragraph, 0, 0), "\n");
  }
  absl::StrAppend(&text, Grouped(manual.verbs, "VERBS", [](const CommandManual& verb) {
    return Entry(LastWord(verb.name), verb.summary);
  }));
  absl::StrAppend(&text, Grouped(manual.options, "OPTIONS", OptionEntry));
  for (const TermsManual& section : manual.terms) {
    absl::StrAppend(&text, "\n", section.heading, "\n");
    for (const auto& [term, meaning] : section.terms) absl::StrAppend(&text, Entry(term, meaning));
  }
  if (!manual.examples.empty()) {
    absl::StrAppend(&text, "\nExamples:\n", ExampleEntries(manual.examples));
  }
  if (!manual.exit_codes.empty()) {
    const std::string codes =
        absl::StrJoin(manual.exit_codes, "; ", [](std::string* out, const auto& code) {
          absl::StrAppend(out, code.first, " ", code.second);
        });
    absl::StrAppend(&text, "\n", Wrapped(absl::StrCat("Exit codes: ", codes), 0, 0), "\n");
  }
  return text;
}

}  // namespace metarec::tools
