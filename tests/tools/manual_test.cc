// What programs say of themselves: help, manual pages, completions.

#include "tools/process/manual.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/scratch_folder.h"
#include "tools/cli/side_arguments.h"
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

// A program with verbs of two words, of which one has two sides.

RunVerb MakeTestCopy(Command& verb) {
  const auto sides = std::make_shared<std::pair<SideArguments, SideArguments>>(
      SideArguments(SideArguments::Access::kRead, "from"),
      SideArguments(SideArguments::Access::kCreate, "to"));
  AddSides(verb, {&sides->first, &sides->second});
  return [sides] { return ExitCode::kDone; };
}

RunVerb MakeTestList(Command& verb) {
  const auto all = std::make_shared<bool>();
  verb.AddFlag("--all", all.get(), "everything");
  return [all] { return ExitCode::kDone; };
}

constexpr VerbRow kTestVerbs[] = {
    {"list", "list clusters", "HERE", &MakeTestList},
    {"zk copy", "copy a tree", "THERE", &MakeTestCopy},
    {"zk list", "list a tree", "THERE", &MakeTestList},
};
constexpr VerbGroupRow kTestGroups[] = {{"zk", "what concerns any tree", "GROUPS"}};

CommandManual TwoWordManual() { return ManualOf(kTestVerbs, kTestGroups); }

TEST(VerbsOfTwoWordsTest, HaveAManualPageEachAndOneForTheGroup) {
  std::vector<CommandManual> all;
  AddAll(TwoWordManual(), &all);
  std::vector<std::string> pages;
  for (const CommandManual& command : all) pages.push_back(PageName(command.name));
  EXPECT_THAT(pages, ElementsAre("metarec", "metarec-list", "metarec-zk", "metarec-zk-copy",
                                 "metarec-zk-list"));
  EXPECT_THAT(ManPage(all[2], {}), AllOf(HasSubstr("metarec\\-zk \\- what concerns any tree\n"),
                                         HasSubstr("\\fBmetarec zk copy\\fR\nCopy a tree.\n")));
  EXPECT_THAT(ManPage(all[3], {}), AllOf(HasSubstr("\\fB\\-\\-from_auth_file\\fR"),
                                         HasSubstr("\\fBHOST:PORT,.../PATH\\fR")));
}

// What `shell` offers for the last word of `line`, sorted.
std::vector<std::string> OfferedBy(const char* shell, const testing::ScratchFolder& folder,
                                   const std::string& line) {
  const std::string command =
      absl::StrCat("cd '", folder.Path("files"), "' && '", METAREC_OFFERED_BY, "' ", shell, " '",
                   folder.Path(""), "' ", line);
  FILE* const pipe = ::popen(command.c_str(), "r");
  std::string text;
  char bytes[4096];
  for (size_t n = 0; (n = std::fread(bytes, 1, sizeof(bytes), pipe)) > 0;) text.append(bytes, n);
  EXPECT_EQ(::pclose(pipe), 0) << command;
  std::vector<std::string> words = absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  std::sort(words.begin(), words.end());
  return words;
}

TEST(VerbsOfTwoWordsTest, AreCompletedByEveryShell) {
  const testing::ScratchFolder folder;
  std::filesystem::create_directories(folder.Path("files"));
  std::ofstream(folder.Path("files/tree.jsonl")) << "x";
  const struct {
    const char* shell;
    const char* file;
    std::string text;
  } kShells[] = {{"bash", "bash/metarec", BashCompletion(TwoWordManual())},
                 {"zsh", "zsh/_metarec", ZshCompletion(TwoWordManual())},
                 {"fish", "fish/metarec.fish", FishCompletion(TwoWordManual())}};
  for (const auto& [shell, file, text] : kShells) {
    SCOPED_TRACE(shell);
    const std::string path = folder.Path(file);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    EXPECT_THAT(OfferedBy(shell, folder, "metarec z"), ElementsAre("zk"));
    EXPECT_THAT(OfferedBy(shell, folder, "metarec zk c"), ElementsAre("copy"));
    EXPECT_THAT(OfferedBy(shell, folder, "metarec zk list --a"), ElementsAre("--all"));
    EXPECT_THAT(OfferedBy(shell, folder, "metarec zk copy --acl k"), ElementsAre("keep"));
    EXPECT_THAT(OfferedBy(shell, folder, "metarec zk copy --from_au"),
                ElementsAre("--from_auth_file"));
    EXPECT_THAT(OfferedBy(shell, folder, "metarec zk copy tr"), ElementsAre("tree.jsonl"));
  }
}

}  // namespace
}  // namespace metarec::tools
