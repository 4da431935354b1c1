// The command line in this process: how verbs are found, what each one says of wrong arguments, and
// which commands are advised.

#include "tools/cli/verbs.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/scratch_folder.h"
#include "tests/tools/run_in_process.h"
#include "tools/cli/file_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/store_arguments.h"
#include "tools/cli/verb_parser.h"
#include "tools/process/program_start.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

using Words = std::vector<std::string>;

Ended Metarec(const Words& arguments) { return RunInProcess(arguments); }

TEST(ReadableArgumentsTest, DashesInLongOptionsAreUnderscores) {
  EXPECT_EQ(ReadableArguments({"recover", "--node-list-file", "my-list", "-s", "a-b:1"}),
            (Words{"recover", "--node_list_file", "my-list", "-s", "a-b:1"}));
  EXPECT_EQ(ReadableArguments({"--zk-auth-file=my-file"}), (Words{"--zk_auth_file=my-file"}));
  EXPECT_EQ(ReadableArguments({"--", "--a-b", "--c="}), (Words{"--", "--a-b", "--c="}));
}

TEST(ReadableArgumentsTest, AnEmptyValueIsAWordOfItsOwn) {
  EXPECT_EQ(ReadableArguments({"--zk-acl=", "x"}), (Words{"--zk_acl", "", "x"}));
}

TEST(JsonObjectTest, EscapesWhatServersSay) {
  EXPECT_EQ(JsonObject().Set("name", "a\"b\xff\nc").Set("n", int64_t{3}).Set("ok", true).ToText(),
            "{\"name\":\"a\\\"b\\\\xff\\\\x0ac\",\"n\":3,\"ok\":true}");
}

TEST(VerbTableTest, TheVersionNamesTheCommit) {
  EXPECT_THAT(Metarec({"--version"}).out,
              MatchesRegex("metarec [0-9.]+ \\(commit (unknown|[0-9a-f]{12}(-dirty)?)\\)\n"));
}

TEST(VerbParserTest, AVerbThatIsMissingOrMistypedIsAnsweredWithThoseThatExist) {
  const Ended missing = Metarec({});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, StartsWith("metarec: say what to do: collect, plan, "));
  const Ended mistyped = Metarec({"colect", "--help"});
  EXPECT_EQ(mistyped.exit_code, 1);
  EXPECT_THAT(mistyped.err, AllOf(StartsWith("metarec: there is no verb 'colect'; did you mean "
                                             "collect? The verbs are collect, plan, "),
                                  HasSubstr("; metarec --help tells more\n")));
}

TEST(VerbParserTest, AnOptionInPlaceOfTheVerbIsNamed) {
  const Ended ended = Metarec({"--bogus"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_EQ(ended.err, "metarec: there is no option --bogus; metarec --help tells more\n");
  EXPECT_EQ(Metarec({"--bogus", "collect"}).err, ended.err);
}

TEST(VerbParserTest, DashesInVerbsAreUnderscores) {
  EXPECT_EQ(Metarec({"cluster-info"}).err, Metarec({"cluster_info"}).err);
  EXPECT_THAT(Metarec({"set-meta-level", "--help"}).out,
              HasSubstr("Usage: metarec set_meta_level"));
}

// What was missing was named first, although it was there, mistyped.
TEST(VerbParserTest, AMistypedOptionIsNamedBeforeOneThatIsMissing) {
  EXPECT_EQ(Metarec({"collect", "-s", "a:1", "--evidnce", "e"}).err,
            "metarec collect: there is no option --evidnce; did you mean --evidence? metarec "
            "collect --help tells more\n");
  EXPECT_EQ(Metarec({"plan", "--xyzzy=1"}).err,
            "metarec plan: there is no option --xyzzy; metarec plan --help tells more\n");
}

TEST(VerbParserTest, NumbersAreDecimalsAndInTheirRange) {
  const auto error_of = [](const std::string& value) {
    return Metarec(
               {"verify", "--plan", "p", "--zk", "a:1", "--root", "/r", "--differences_max", value})
        .err;
  };
  EXPECT_THAT(error_of("-1"), StartsWith("metarec verify: --differences_max: -1 is below 0; "));
  EXPECT_THAT(error_of("010"), HasSubstr("--differences_max: 010 is not a whole number"));
  EXPECT_THAT(error_of("many"), HasSubstr("--differences_max: many is not a whole number"));
  EXPECT_THAT(error_of("99999999999999999999"), HasSubstr("is not a whole number"));
  EXPECT_THAT(error_of("5"), HasSubstr("cannot open p"));
}

TEST(VerbParserTest, WhatIsWrongWithAVerbsArgumentsIsSaid) {
  const struct {
    Words arguments;
    const char* error;
  } kCases[] = {
      {{"collect", "-s", "a:1"},
       "metarec collect: --evidence FILE is missing; metarec collect --help tells more\n"},
      {{"collect", "--evidence", "e"},
       "metarec collect: say which nodes to ask: -f FILE or -s HOST:PORT,...\n"},
      {{"collect", "-s", "a:1", "-f", "b", "--evidence", "e"},
       "metarec collect: give either -f or -s, not both\n"},
      {{"collect", "-s", "a", "--evidence", "e"}, "metarec collect: "},
      {{"collect", "-s", "127.0.0.1:1", "--node_name", "x", "--evidence", "e"},
       "metarec collect: --node_name x: expected ADDRESS=NAME"},
      {{"collect", "-s", "a:1", "--evidence", "e", "--node_timeout", "0"},
       "metarec collect: --node_timeout: 0 is not from 0.01 to 3600; "},
      {{"plan", "--plan", "p"}, "metarec plan: say whose evidence: "},
      // The state that it made could not be read by `migrate run`.
      {{"migrate", "plan", "--meta", "a:1", "--to", "b:1", "--wait_seconds", "0"},
       "metarec migrate plan: --wait_seconds: 0 is not from 1 to 604800; "},
      {{"migrate", "plan", "--meta", "a:1", "--to", "b:1", "--command_seconds", "604801"},
       "metarec migrate plan: --command_seconds: 604801 is not from 1 to 604800; "},
      {{"plan", "--plan", "p", "--evidence", "e", "-s", "a:1"},
       "metarec plan: give either the nodes (-f, -s) or --evidence, not both\n"},
      {{"plan", "--plan", "p", "--evidence", "e", "--settle", "x"},
       "metarec plan: --settle x: expected KEY=VALUE"},
      {{"plan", "--plan", "p", "--evidence", "e", "--table", "1", "--all"},
       "metarec plan: --table excludes --all; "},
      {{"plan", "--plan", "p", "--evidence", "e", "--partition", "3"},
       "metarec plan: --partition 3: expected a table's id and an index, such as 3.17\n"},
      {{"plan", "--plan", "p", "--evidence", "e", "--max_app_id", "0"}, "max_app_id is 0"},
      {{"plan", "--plan", "p", "--evidence", "e", "-b", "--skip_bad_nodes=a:1"},
       "metarec plan: --skip_bad_nodes alone accepts all, and --skip_bad_nodes=a:1 only these: "},
      {{"plan", "--plan", "p", "--evidence", "e", "--skip_lost_partitions=3,4.2", "-l"},
       "metarec plan: --skip_lost_partitions alone accepts all, and --skip_lost_partitions=3,4.2 "
       "only these: give one of them"},
      {{"plan", "--evidence", "same", "--plan", "same"},
       "metarec plan: --evidence same and --plan same are one file"},
      {{"report"}, "metarec report: --plan FILE is missing; "},
      {{"report", "--plan", "/nowhere", "--table", "0"},
       "metarec report: --table 0: a table's id is 1 or more\n"},
      {{"report", "--plan", "/nowhere/plan"}, "metarec report: cannot open /nowhere/plan"},
      {{"explain", "--plan", "p"}, "metarec explain: subject is missing; "},
      {{"explain", "--plan", "/nowhere/plan", "1"}, "metarec explain: cannot open /nowhere/plan"},
      {{"apply", "--plan", "/nowhere/plan"},
       "metarec apply: --zk HOST:PORT,... and --root PATH are missing\n"},
      {{"apply", "--plan", "/nowhere/plan", "--zk", "a:1"},
       "metarec apply: --root PATH is missing\n"},
      {{"apply", "--plan", "/nowhere/plan", "--root", "/r"},
       "metarec apply: --zk HOST:PORT,... is missing\n"},
      {{"apply", "--plan", "/nowhere/plan", "--zk", "a:1", "--root", "r"},
       "metarec apply: --root: root path \"r\" is not absolute"},
      {{"apply", "--plan", "/nowhere/plan", "--zk", "a:1", "--root", "/r", "--lock_root", "/"},
       "metarec apply: --lock_root: "},
      {{"apply", "--plan", "/nowhere/plan", "--zk", "a:1", "--root", "/r", "--zk_acl", "creator"},
       "metarec apply: --zk_acl creator needs --zk_auth_file: "},
      {{"apply", "--plan", "/nowhere/plan", "--zk", "a:1", "--root", "/r", "--zk_timeout", "-1"},
       "metarec apply: --zk_timeout must be above 0"},
      {{"apply", "--plan", "/nowhere/plan", "--zk", "a:1", "--root", "/r"},
       "metarec apply: cannot open /nowhere/plan"},
      {{"apply", "--plan", "p", "--zk", "a:1", "--root", "/r", "-w", "0"},
       "metarec apply: --wait_seconds: 0 is not from 1 to 1000000; "},
      {{"verify", "--zk", "a:1", "--root", "/r"}, "metarec verify: say what to compare with: "},
      {{"verify", "--plan", "p", "-s", "a:1", "--zk", "a:1", "--root", "/r"},
       "metarec verify: give either --plan or what to plan from, not both\n"},
      {{"verify", "--plan", "p", "--settle", "a=b", "--zk", "a:1", "--root", "/r"},
       "metarec verify: --settle has no effect with --plan, which is planned already; leave it "
       "out\n"},
      {{"verify", "--plan", "p", "--node_timeout", "1", "--zk", "a:1", "--root", "/r"},
       "metarec verify: --node_timeout has no effect with --plan, "},
      {{"plan", "--plan", "p", "--evidence", "e", "--node_timeout", "1"},
       "metarec plan: --node_timeout has no effect with --evidence, "},
      {{"recover", "-s", "a:1", "--meta", "m:1", "-o"},
       "metarec recover: -o needs a value: --output FILE; "},
      {{"plan", "--plan", "p", "--plan", "q", "-s", "a:1"},
       "metarec plan: --plan is given 2 times; give it once; "},
      {{"verify", "--plan", "p"}, "metarec verify: --zk HOST:PORT,... and --root PATH are missing"},
      {{"recover", "-s", "a:1"}, "metarec recover: give --meta HOST:PORT,... to ask the meta "},
      {{"recover", "-s", "a:1", "--meta", "m:1", "--zk", "a:1"},
       "metarec recover: --meta and --zk exclude each other: "},
      {{"recover", "-s", "a:1", "--meta", "m:1", "--settle", "a=b"},
       "metarec recover: --settle cannot be told to a meta server: "},
      {{"recover", "-s", "a", "--meta", "m:1"}, "metarec recover: "},
      {{"ls"}, "metarec ls: give --meta HOST:PORT,... to ask the meta servers, or --zk "},
      {{"ls", "--meta", "m:1", "--root", "/r"}, "metarec ls: --meta and --root exclude each other"},
      {{"ls", "--meta_timeout", "1", "--zk", "a:1", "--root", "/r"},
       "metarec ls: --meta_timeout requires --meta; "},
      {{"ls", "-s", "gone", "--meta", "m:1"},
       "metarec ls: --status: gone is none of all, available, creating, dropping, dropped; "},
      {{"ls", "--meta", "m"}, "metarec ls: --meta: "},
      {{"nodes", "-s", "alive", "--zk", "a:1", "--root", "/r"},
       "metarec nodes: --status needs --meta: "},
      {{"app", "--meta", "m:1"}, "metarec app: name is missing; "},
      {{"app", "a", "b", "--meta", "m:1"}, "metarec app: 'b' is one word too many; "},
      {{"cluster_info"}, "metarec cluster_info: --meta HOST:PORT,... is missing\n"},
      {{"cluster_info", "--zk", "a:1"}, "metarec cluster_info: there is no option --zk; "},
      {{"set_meta_level", "--meta", "m:1"}, "metarec set_meta_level: level is missing; "},
      {{"set_meta_level", "fast", "--meta", "m:1"},
       "metarec set_meta_level: level: fast is none of stopped, blind, "},
      {{"set_meta_level", "steady"}, "metarec set_meta_level: --meta HOST:PORT,... is missing\n"},
      {{"rename", "a", "--meta", "m:1"}, "metarec rename: new_name is missing; "},
      {{"rename", "a", "b"}, "metarec rename: --meta HOST:PORT,... is missing\n"},
      {{"table", "copy"},
       "metarec table copy: table, --meta HOST:PORT,..., -c (--target_cluster_name) "
       "NAME|HOST:PORT,... and -a (--target_app_name) TABLE are missing; "},
  };
  for (const auto& test : kCases) {
    SCOPED_TRACE(::testing::PrintToString(test.arguments));
    const Ended ended = Metarec(test.arguments);
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, HasSubstr(test.error));
    EXPECT_EQ(ended.out, "");
  }
}

// It used to end with a segmentation fault, whatever was in the folder.
TEST(CollectVerbTest, DataDirsThatHoldNoReplicaAreToldAndNothingIsWritten) {
  const metarec::testing::ScratchFolder folder;
  const std::string evidence = folder.Path("rs1.evidence");
  const Ended ended = Metarec(
      {"collect", "--data_dirs", folder.path(), "--as", "127.0.0.1:34801", "--evidence", evidence});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("there is no folder of a replica"));
  EXPECT_FALSE(std::filesystem::exists(evidence));
}

TEST(VerbParserTest, WrongUsageOfRecoverIsAnsweredAsByTheShell) {
  const Ended ended = Metarec({"recover", "-s", "a:1", "-w", "soon", "--meta", "m:1"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_EQ(ended.err, "parse soon as wait_seconds failed\n");
  EXPECT_THAT(ended.out, StartsWith("USAGE: \trecover "));
}

TEST(VerbParserTest, AnEmptyValueDoesNotTakeTheNextWord) {
  const Ended ended = Metarec({"apply", "--plan=", "/nowhere/plan", "--zk", "a:1", "--root", "/r"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, Not(HasSubstr("cannot open")));
}

TEST(VerbParserTest, AnEmptyValueDoesNotCountAsNotGiven) {
  for (const Words& given : {Words{"--table", ""}, Words{"--table="}, Words{"--partition", ""}}) {
    Words arguments = {"report", "--plan", "/nowhere/plan"};
    arguments.insert(arguments.end(), given.begin(), given.end());
    const Ended ended = Metarec(arguments);
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, HasSubstr(" has an empty value; give another one, or leave it out\n"));
  }
  EXPECT_EQ(Metarec({"apply", "--plan", "/nowhere/plan", "--zk", "a:1", "--root", "/r",
                     "--lock_root", ""})
                .err,
            "metarec apply: --lock_root has an empty value; give another one, or leave it out\n");
  EXPECT_EQ(Metarec({"rename", "a", "", "--meta", "m:1"}).err,
            "metarec rename: new_name has an empty value; give another one\n");
}

TEST(OutputArgumentsTest, TheShortFlagForJsonMeansJsonForProgressToo) {
  CLI::App app;
  Command command(&app);
  OutputArguments output;
  output.AddShortFlagTo(command);
  output.AddTo(command);
  app.parse("-j", false);
  EXPECT_TRUE(output.json());
}

// Verbs of two words, of which one has two roots: as a copy between two ZooKeepers will be.

RunVerb MakeEcho(Command& verb) {
  const auto word = std::make_shared<std::string>();
  verb.Add("word", word.get(), "what to say").Required();
  return [word] {
    std::cout << *word << "\n" << std::flush;
    return ExitCode::kDifferences;
  };
}

RunVerb MakeCopy(Command& verb) {
  struct Arguments {
    StoreArguments from{StoreArguments::Access::kRead};
    StoreArguments to{StoreArguments::Access::kWrite, "to_"};
  };
  const auto arguments = std::make_shared<Arguments>();
  arguments->from.AddTo(verb);
  arguments->to.AddTo(verb);
  return [arguments] {
    for (const StoreArguments* store : {&arguments->from, &arguments->to}) {
      const absl::Status status = store->Check();
      if (!status.ok()) {
        std::cerr << status.message() << std::endl;
        return ExitCode::kFailed;
      }
    }
    std::cout << arguments->from.root() << " to " << arguments->to.root() << ", given "
              << arguments->from.given_option() << " and " << arguments->to.given_option() << "\n"
              << std::flush;
    return ExitCode::kDone;
  };
}

constexpr VerbRow kTestVerbs[] = {
    {"env", "say a word", "HERE", &MakeEcho},
    {"zk copy", "copy a tree", "THERE", &MakeCopy},
    {"zk export", "say a word about a tree", "THERE", &MakeEcho},
};
constexpr VerbGroupRow kTestGroups[] = {{"zk", "what concerns any tree", "GROUPS"}};

Ended RunTestVerb(const Words& arguments) {
  return RunInProcess(arguments, kTestVerbs, kTestGroups);
}

TEST(VerbsOfTwoWordsTest, AreFoundByBothWords) {
  const Ended ended = RunTestVerb({"zk", "export", "hello"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_EQ(ended.out, "hello\n");
  EXPECT_EQ(RunTestVerb({"env", "zk"}).out, "zk\n");
}

TEST(VerbsOfTwoWordsTest, HelpOfAGroupListsItsVerbs) {
  const Ended ended = RunTestVerb({"zk", "--help"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.out, AllOf(HasSubstr("what concerns any tree"), HasSubstr("copy a tree"),
                               HasSubstr("say a word about a tree"), Not(HasSubstr("env"))));
  EXPECT_THAT(RunTestVerb({"--help"}).out,
              AllOf(HasSubstr("what concerns any tree"), Not(HasSubstr("copy a tree"))));
  EXPECT_THAT(RunTestVerb({"zk", "copy", "--help"}).out,
              AllOf(HasSubstr("Usage: metarec zk copy"), HasSubstr("--to_zk_auth_file")));
}

TEST(VerbsOfTwoWordsTest, ASecondWordThatIsMissingOrMistypedIsAnsweredWithThoseThatExist) {
  const Ended missing = RunTestVerb({"zk"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.err,
            "metarec zk: say what to do: copy, export; metarec zk --help tells more\n");
  EXPECT_EQ(RunTestVerb({"zk", "--bogus"}).err,
            "metarec zk: there is no option --bogus; metarec zk --help tells more\n");
  EXPECT_EQ(RunTestVerb({"zk", "exprt", "hello"}).err,
            "metarec zk: there is no verb 'exprt'; did you mean export? The verbs are copy, "
            "export; metarec zk --help tells more\n");
  EXPECT_EQ(RunTestVerb({"zk", "env", "hello"}).err,
            "metarec zk: there is no verb 'env'. The verbs are copy, export; metarec zk --help "
            "tells more\n");
}

TEST(VerbsOfTwoWordsTest, ErrorsNameBothWords) {
  EXPECT_EQ(RunTestVerb({"zk", "export", ""}).err,
            "metarec zk export: word has an empty value; give another one\n");
}

TEST(TwoStoresTest, EachHasItsOwnOptions) {
  EXPECT_EQ(RunTestVerb({"zk", "copy", "--zk", "a:1", "--root", "/from", "--to_zk", "b:1",
                         "--to-root", "/to", "--to_zk_timeout", "3"})
                .out,
            "/from to /to, given --zk and --to_zk\n");
}

TEST(TwoStoresTest, ErrorsNameTheOptionOfTheRightOne) {
  const Words from = {"zk", "copy", "--zk", "a:1", "--root", "/from"};
  const auto error_with = [&](const Words& to) {
    Words arguments = from;
    arguments.insert(arguments.end(), to.begin(), to.end());
    return RunTestVerb(arguments).err;
  };
  EXPECT_EQ(error_with({}), "--to_zk HOST:PORT,... and --to_root PATH are missing\n");
  EXPECT_EQ(error_with({"--to_zk", "b:1"}), "--to_root PATH is missing\n");
  EXPECT_THAT(error_with({"--to_zk", "b", "--to_root", "/to"}), StartsWith("--to_zk: "));
  EXPECT_THAT(error_with({"--to_zk", "b:1", "--to_root", "to"}), StartsWith("--to_root: "));
  EXPECT_THAT(error_with({"--to_zk", "b:1", "--to_root", "/to", "--to_zk_acl", "creator"}),
              StartsWith("--to_zk_acl creator needs --to_zk_auth_file: "));
  EXPECT_THAT(error_with({"--to_zk", "b:1", "--to_root", "/to", "--zk_acl", "open"}),
              HasSubstr("there is no option --zk_acl; did you mean --to_zk_acl?"));
}

// It waited for a reader, for any time and without a word.
TEST(OutputFileTest, APipeThatNobodyReadsIsAnErrorBeforeAnythingIsDone) {
  const testing::ScratchFolder folder;
  const std::string pipe = folder.Path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  CLI::App app;
  Command command(&app);
  OutputArguments output;
  output.AddTo(command);
  app.parse("-o " + pipe, false);
  const absl::Status status = CheckFileOptions(command, absl::Milliseconds(1)).status();
  EXPECT_EQ(status.message(),
            absl::StrCat("cannot write to ", pipe,
                         ": it is a named pipe, and nobody reads it (for 1ms). Nothing was asked "
                         "or written"));
}

// Half of the new result was in it, and the old one was gone.
TEST(OutputFileTest, AResultThatCannotBeCompletedLeavesTheFileAsItWas) {
  const testing::ScratchFolder folder;
  const std::string path = folder.Path("result");
  std::ofstream(path) << "old";
  CLI::App app;
  Command command(&app);
  OutputArguments output;
  output.AddTo(command);
  app.parse("-o " + path, false);
  const auto content = [&path] {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const absl::Status failed = output.PrintPieces([](TextSink sink) {
    EXPECT_TRUE(sink("half").ok());
    return absl::UnavailableError("the rest is lost");
  });
  EXPECT_EQ(failed.message(), "the rest is lost");
  EXPECT_EQ(content(), "old");
  EXPECT_TRUE(output.Print("new").ok());
  EXPECT_EQ(content(), "new");
}

TEST(OutputFileTest, TheReaderOfAPipeGetsAllOfIt) {
  const testing::ScratchFolder folder;
  const std::string pipe = folder.Path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  CLI::App app;
  Command command(&app);
  OutputArguments output;
  output.AddTo(command);
  app.parse("-o " + pipe, false);
  absl::StatusOr<HeldPipe> held = CheckFileOptions(command);
  ASSERT_TRUE(held.ok()) << held.status();
  char bytes[100];
  EXPECT_EQ(::read(reader, bytes, sizeof(bytes)), -1) << "not yet at its end";
  EXPECT_TRUE(output.Print("result").ok());
  EXPECT_EQ(::read(reader, bytes, sizeof(bytes)), 6);
  held->reset();
  EXPECT_EQ(::read(reader, bytes, sizeof(bytes)), 0) << "at its end";
  ::close(reader);
}

TEST(AdvisedCommandTest, RepeatsAllOptionsThatWereGiven) {
  const testing::ScratchFolder folder;
  const std::string given = absl::StrCat(
      "plan -s 127.0.0.1:1,127.0.0.1:2 --node_name 127.0.0.1:1=rs1:1 --node_timeout 0.5 --plan ",
      folder.Path("plan"), " --overwrite --max_partition_count 1000");
  Words arguments = absl::StrSplit(given, ' ');
  arguments.insert(arguments.end(), {"--all", "--format", "text"});  // how it is shown
  const Ended ended = Metarec(arguments);
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out, AllOf(HasSubstr(absl::StrCat("    metarec ", given, "\n")),
                               HasSubstr(" --overwrite --skip_bad_nodes=127.0.0.1:1,127.0.0.1:2 "
                                         "--max_partition_count 1000\n")));
}

}  // namespace
}  // namespace metarec::tools
