#include "tools/manual/man_page.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/string_view.h>

namespace metarec::tools {
namespace {

// As it is, whatever troff would make of it. Dashes stay dashes, so that options can be copied.
std::string Escaped(absl::string_view text) {
  std::string escaped = absl::StrReplaceAll(text, {{"\\", "\\e"},
                                                   {"-", "\\-"},
                                                   {"'", "\\(aq"},
                                                   {"`", "\\(ga"},
                                                   {"^", "\\(ha"},
                                                   {"~", "\\(ti"},
                                                   {"\"", "\\(dq"}});
  // A line that begins with a dot is a request.
  if (absl::StartsWith(escaped, ".")) escaped.insert(0, "\\&");
  return escaped;
}

std::string Bold(absl::string_view text) { return absl::StrCat("\\fB", Escaped(text), "\\fR"); }
std::string Italic(absl::string_view text) { return absl::StrCat("\\fI", Escaped(text), "\\fR"); }

// "decide what ..." with a capital and a full stop.
std::string Sentence(absl::string_view text) {
  if (text.empty()) return "";
  const bool ends = absl::EndsWith(text, ".") || absl::EndsWith(text, "?");
  return absl::StrCat(std::string(1, absl::ascii_toupper(text.front())), text.substr(1),
                      ends ? "" : ".");
}

std::string Section(absl::string_view heading) {
  return absl::StrCat(".SH \"", Escaped(absl::AsciiStrToUpper(heading)), "\"\n");
}

std::string Entry(absl::string_view term, absl::string_view text) {
  return absl::StrCat(".TP\n", term, "\n", Escaped(text), "\n");
}

std::string OptionEntry(const OptionManual& option) {
  const auto with_value = [&](std::string* out, const std::string& name) {
    absl::StrAppend(out, Bold(name), option.is_flag() ? "" : " ", Italic(option.value));
  };
  const std::string term =
      option.is_positional() ? Italic(option.value) : absl::StrJoin(option.names, ", ", with_value);
  std::string text = Sentence(option.description);
  if (!option.choices.empty()) {
    absl::StrAppend(&text, " One of: ", absl::StrJoin(option.choices, ", "), ".");
  }
  if (option.is_repeatable) absl::StrAppend(&text, " May be repeated.");
  if (!option.default_value.empty())
    absl::StrAppend(&text, " Default: ", option.default_value, ".");
  if (option.is_required && !option.is_positional()) absl::StrAppend(&text, " Needed.");
  return Entry(term, text);
}

std::string Options(const std::vector<OptionManual>& options) {
  std::string text;
  for (const HeadedGroup<OptionManual>& group : ByHeading(options)) {
    if (!group.heading.empty()) absl::StrAppend(&text, ".SS \"", Escaped(group.heading), "\"\n");
    for (const OptionManual* option : group.items) absl::StrAppend(&text, OptionEntry(*option));
  }
  return text;
}

std::string Verbs(const std::vector<CommandManual>& verbs) {
  std::string text;
  for (const HeadedGroup<CommandManual>& group : ByHeading(verbs)) {
    if (!group.heading.empty()) absl::StrAppend(&text, ".SS \"", Escaped(group.heading), "\"\n");
    for (const CommandManual* verb : group.items) {
      absl::StrAppend(&text, Entry(Bold(verb->name), Sentence(verb->summary)));
    }
  }
  return text;
}

std::string Examples(const std::vector<ExampleManual>& examples) {
  std::string text;
  for (const ExampleManual& example : examples) {
    absl::StrAppend(
        &text, ".PP\n",
        example.description.empty() ? "" : Escaped(Sentence(example.description)) + "\n",
        ".RS 4\n.nf\n", Escaped(CommandLines(example.command, 70)), "\n.fi\n.RE\n");
  }
  return text;
}

}  // namespace

std::string PageName(absl::string_view command) {
  return absl::StrReplaceAll(command, {{" ", "-"}});
}

std::string ManPage(const CommandManual& manual, const ManPageOptions& options) {
  const std::string name = PageName(manual.name);
  std::string page =
      absl::StrCat(".TH \"", Escaped(absl::AsciiStrToUpper(name)), "\" ", options.section, " \"",
                   options.date, "\" \"metarec ", options.version, "\" \"metarec manual\"\n",
                   // Neither hyphenated nor stretched: the words are options and names.
                   ".nh\n.ad l\n", Section("name"), Escaped(name), " \\- ", Escaped(manual.summary),
                   "\n", Section("synopsis"));
  for (const std::string& usage : manual.usages) {
    absl::StrAppend(&page, Bold(manual.name), usage.empty() ? "" : " ", Escaped(usage), "\n.br\n");
  }
  if (!manual.paragraphs.empty()) absl::StrAppend(&page, Section("description"));
  for (const std::string& paragraph : manual.paragraphs) {
    absl::StrAppend(&page, ".PP\n", Escaped(paragraph), "\n");
  }
  if (!manual.verbs.empty()) absl::StrAppend(&page, Section("verbs"), Verbs(manual.verbs));
  absl::StrAppend(&page, Section("options"), Options(manual.options));
  for (const TermsManual& section : manual.terms) {
    absl::StrAppend(&page, Section(section.heading));
    for (const auto& [term, meaning] : section.terms) {
      absl::StrAppend(&page, Entry(Bold(term), Sentence(meaning)));
    }
  }
  if (!manual.exit_codes.empty()) absl::StrAppend(&page, Section("exit status"));
  for (const auto& [code, meaning] : manual.exit_codes) {
    absl::StrAppend(&page, Entry(Bold(absl::StrCat(code)), Sentence(meaning)));
  }
  if (!manual.examples.empty()) {
    absl::StrAppend(&page, Section("examples"), Examples(manual.examples));
  }
  if (!options.see_also.empty()) {
    absl::StrAppend(&page, Section("see also"), Escaped(absl::StrJoin(options.see_also, ", ")),
                    "\n");
  }
  return page;
}

}  // namespace metarec::tools
