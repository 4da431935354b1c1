// What --help prints, and how it is asked for.

#include <set>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/run_in_process.h"
#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Words = std::vector<std::string>;

TEST(HelpTest, EveryVerbHasAUniqueNameALineOfHelpAndAHeading) {
  std::set<absl::string_view> names;
  for (const VerbRow& row : VerbTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_NE(row.description, "") << row.name;
    EXPECT_NE(row.heading, "") << row.name;
    Words help = absl::StrSplit(row.name, ' ');
    help.emplace_back("--help");
    const Ended ended = RunInProcess(help);
    EXPECT_EQ(ended.exit_code, 0) << row.name;
    EXPECT_THAT(ended.out, AllOf(HasSubstr(std::string(row.description)),
                                 HasSubstr(absl::StrCat("Usage: metarec ", row.name)),
                                 HasSubstr("Examples:\n")));
    EXPECT_THAT(ended.err, "");
  }
}

// A verb of two words is in the help of its first word.
TEST(HelpTest, HelpOfAllListsEveryVerb) {
  for (const VerbRow& row : VerbTable()) {
    const Words words = absl::StrSplit(row.name, ' ');
    Words help(words.begin(), words.end() - 1);
    help.emplace_back("--help");
    const Ended ended = RunInProcess(help);
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_THAT(ended.out, HasSubstr(absl::StrCat("\n  ", words.back(), " ")));
  }
  const Ended all = RunInProcess({"--help"});
  for (const VerbGroupRow& group : VerbGroups()) {
    EXPECT_THAT(all.out, HasSubstr(absl::StrCat("\n  ", group.name, " ")));
  }
}

TEST(HelpTest, HelpWasNoVerb) {
  EXPECT_EQ(RunInProcess({"help"}).out, RunInProcess({"--help"}).out);
  EXPECT_EQ(RunInProcess({"help"}).exit_code, 0);
  const std::string copy = RunInProcess({"zk", "copy", "--help"}).out;
  EXPECT_THAT(copy, HasSubstr("Usage: metarec zk copy"));
  EXPECT_EQ(RunInProcess({"help", "zk", "copy"}).out, copy);
  EXPECT_EQ(RunInProcess({"zk", "help", "copy"}).out, copy);
  EXPECT_EQ(RunInProcess({"help", "zk"}).out, RunInProcess({"zk", "--help"}).out);
  EXPECT_EQ(RunInProcess({"help", "cluster-info"}).out,
            RunInProcess({"cluster_info", "--help"}).out);
  EXPECT_THAT(RunInProcess({"help", "colect"}).err, HasSubstr("did you mean collect?"));
  // Behind a verb it is a word like any other.
  EXPECT_THAT(RunInProcess({"report", "help"}).err, HasSubstr("'help' is one word too many"));
}

TEST(HelpTest, UsageLacksNoOptionThatIsNeeded) {
  const auto usage_of = [](const Words& verb) {
    Words help = verb;
    help.emplace_back("--help");
    const std::string out = RunInProcess(help).out;
    const size_t begin = out.find("Usage: ");
    return out.substr(begin, out.find('\n', begin) - begin);
  };
  EXPECT_EQ(usage_of({"apply"}),
            "Usage: metarec apply --plan FILE --zk HOST:PORT,...[/PATH] --root PATH [OPTIONS]");
  EXPECT_EQ(usage_of({"verify"}),
            "Usage: metarec verify --zk HOST:PORT,...[/PATH] --root PATH [OPTIONS]");
  EXPECT_EQ(usage_of({"migrate", "plan"}),
            "Usage: metarec migrate plan --meta HOST:PORT,... --to HOST:PORT,...[/PATH] [OPTIONS]");
  EXPECT_EQ(usage_of({"migrate", "abort"}), "Usage: metarec migrate abort --state FILE [OPTIONS]");
  EXPECT_EQ(usage_of({"cluster_info"}),
            "Usage: metarec cluster_info --meta HOST:PORT,... [OPTIONS]");
  // Where one of two ways is needed, neither is.
  EXPECT_EQ(usage_of({"ls"}), "Usage: metarec ls [OPTIONS]");
  EXPECT_EQ(usage_of({"recover"}), "Usage: metarec recover [OPTIONS]");
}

}  // namespace
}  // namespace metarec::tools
