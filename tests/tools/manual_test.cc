// What programs say of themselves: help, manual pages, completions.

#include "tools/process/manual.h"

#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/cli/verb_parser.h"
#include "tools/cli/verbs.h"
#include "tools/manual/completions.h"
#include "tools/manual/man_page.h"
#include "tools/metarecd/metarecd_flags.h"
#include "tools/sim/sim_arguments.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<CommandManual> Programs() { return {MetarecManual(), MetarecdManual(), SimManual()}; }

void AddAll(const CommandManual& command, std::vector<CommandManual>* all) {
  all->push_back(command);
  for (const CommandManual& verb : command.verbs) AddAll(verb, all);
}

std::vector<CommandManual> AllCommands() {
  std::vector<CommandManual> all;
  for (const CommandManual& program : Programs()) AddAll(program, &all);
  return all;
}

CommandManual Small() {
  CommandManual manual;
  manual.name = "tool copy";
  manual.summary = "copy it";
  manual.usages = {"[OPTIONS] place"};
  manual.paragraphs = {"It's fast."};
  manual.options = {{.names = {"-o", "--output"},
                     .value = "FILE",
                     .description = "where to",
                     .heading = "OUTPUT"},
                    {.names = {"--mode"},
                     .value = "MODE",
                     .description = "how",
                     .heading = "",
                     .default_value = "slow",
                     .choices = {"slow", "fast"}},
                    {.value = "place", .description = "from where", .heading = "ARGUMENTS"}};
  manual.terms = {{.heading = "MODES", .terms = {{"slow", "it takes its time"}}}};
  manual.examples = {{"tool copy -o .x here", "to a hidden file"}};
  manual.exit_codes = {{0, "done"}, {1, "failed"}};
  return manual;
}

TEST(HelpTextTest, ShowsEverythingOnceAndUngroupedOptionsFirst) {
  EXPECT_EQ(HelpText(Small()),
            "tool copy: copy it\n"
            "\n"
            "Usage: tool copy [OPTIONS] place\n"
            "\n"
            "It's fast.\n"
            "\n"
            "OPTIONS\n"
            "  --mode MODE                 how [slow]\n"
            "\n"
            "OUTPUT\n"
            "  -o, --output FILE           where to\n"
            "\n"
            "ARGUMENTS\n"
            "  place                       from where\n"
            "\n"
            "MODES\n"
            "  slow                        it takes its time\n"
            "\n"
            "Examples:\n"
            "  # to a hidden file\n"
            "  tool copy -o .x here\n"
            "\n"
            "Exit codes: 0 done; 1 failed\n");
}

TEST(CommandLinesTest, BreakALongCommandSoThatItCanStillBePasted) {
  EXPECT_EQ(CommandLines("tool --a b", 20), "tool --a b");
  EXPECT_EQ(CommandLines("tool --first one --second two", 20),
            "tool --first one \\\n    --second two");
}

TEST(ManPageTest, EscapesWhatTroffWouldReadAsItsOwn) {
  CommandManual manual = Small();
  manual.paragraphs = {".so /etc/passwd", "a\\b 'c' `d`"};
  const std::string page = ManPage(manual, {.section = 1, .version = "1.2"});
  EXPECT_THAT(page,
              AllOf(HasSubstr(".TH \"TOOL\\-COPY\" 1 \"\" \"metarec 1.2\""),
                    HasSubstr("\ntool\\-copy \\- copy it\n"), HasSubstr("\n\\&.so /etc/passwd\n"),
                    HasSubstr("\na\\eb \\(aqc\\(aq \\(gad\\(ga\n"),
                    HasSubstr("\\fB\\-o\\fR \\fIFILE\\fR, \\fB\\-\\-output\\fR \\fIFILE\\fR\n"),
                    HasSubstr("\nHow. One of: slow, fast. Default: slow.\n")));
}

TEST(ManPageTest, OfEveryCommandHasItsOptionsAndExamples) {
  for (const CommandManual& command : AllCommands()) {
    SCOPED_TRACE(command.name);
    const std::string page = ManPage(command, {});
    const auto as_in_page = [](const std::string& text) {
      return absl::StrReplaceAll(text, {{"-", "\\-"}, {"'", "\\(aq"}});
    };
    EXPECT_THAT(page, HasSubstr(absl::StrCat("\n", as_in_page(PageName(command.name)), " \\- ")));
    EXPECT_THAT(command.options, Not(::testing::IsEmpty()));
    for (const OptionManual& option : command.options) {
      EXPECT_NE(option.description, "") << ::testing::PrintToString(option.names);
      for (const std::string& name : option.names) {
        EXPECT_THAT(page, HasSubstr("\\fB" + as_in_page(name) + "\\fR"));
      }
    }
    for (const ExampleManual& example : command.examples) {
      EXPECT_THAT(page, HasSubstr(as_in_page(example.command.substr(0, 30))));
    }
  }
}

TEST(ManualTest, HasEveryVerbOfTheTable) {
  std::vector<std::string> names;
  std::vector<CommandManual> all;
  AddAll(MetarecManual(), &all);
  for (const CommandManual& command : all) names.push_back(command.name);
  for (const VerbRow& row : VerbTable()) {
    EXPECT_THAT(names, ::testing::Contains(absl::StrCat("metarec ", row.name)));
  }
}

TEST(ManualTest, SaysWhichValuesAnOptionTakesAndHowOften) {
  for (const CommandManual& verb : MetarecManual().verbs) {
    for (const OptionManual& option : verb.options) {
      if (option.names == std::vector<std::string>{"--format"}) {
        EXPECT_THAT(option.choices, ElementsAre("text", "json")) << verb.name;
      }
      if (option.names == std::vector<std::string>{"--settle"}) {
        EXPECT_TRUE(option.is_repeatable) << verb.name;
      }
    }
  }
}

TEST(CompletionTest, OfEveryShellHasEveryVerbAndOption) {
  for (const CommandManual& program : Programs()) {
    const std::string bash = BashCompletion(program);
    const std::string zsh = ZshCompletion(program);
    const std::string fish = FishCompletion(program);
    std::vector<CommandManual> commands;
    AddAll(program, &commands);
    for (const CommandManual& command : commands) {
      SCOPED_TRACE(command.name);
      EXPECT_THAT(bash, HasSubstr(absl::StrCat("'", command.name, "') words=")));
      for (const OptionManual& option : command.options) {
        if (option.is_positional()) continue;
        const std::string& name = option.names.back();
        EXPECT_THAT(bash, HasSubstr(name));
        EXPECT_THAT(zsh, HasSubstr(name));
        EXPECT_THAT(fish, HasSubstr(absl::StrCat(" -l ", name.substr(2))));
      }
    }
  }
}

}  // namespace
}  // namespace metarec::tools
