// SIDE: what is a tree in ZooKeeper and what is a file, and the options of both sides.

#include "tools/cli/side_arguments.h"

#include <fstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/scratch_folder.h"
#include "tools/cli/file_arguments.h"
#include "tools/process/command.h"

namespace metarec::tools {
namespace {

using ::testing::HasSubstr;

std::string PlaceOf(absl::string_view text) {
  const absl::StatusOr<SidePlace> place = ParseSide(text);
  if (!place.ok()) return absl::StrCat("error: ", place.status().message());
  return absl::StrCat(place->is_file() ? "file " : "zk ", place->ToText());
}

TEST(ParseSideTest, ServersWithAPathAreInZooKeeper) {
  EXPECT_EQ(PlaceOf("zk1:2181,zk2:2181/pegasus/onebox"), "zk zk1:2181,zk2:2181/pegasus/onebox");
  EXPECT_EQ(PlaceOf("zk1:2181/"), "zk zk1:2181/");
}

TEST(ParseSideTest, APathIsAFile) {
  EXPECT_EQ(PlaceOf("/var/lib/zookeeper"), "file /var/lib/zookeeper");
  EXPECT_EQ(PlaceOf("./tree.jsonl"), "file ./tree.jsonl");
  EXPECT_EQ(PlaceOf("../a:1/x"), "file ../a:1/x");
  EXPECT_EQ(PlaceOf("file:a:1/x"), "file ./a:1/x");
}

TEST(ParseSideTest, ANameIsAFileIfItIsThere) {
  EXPECT_EQ(PlaceOf("no_such_file"),
            "error: 'no_such_file' is no HOST:PORT,.../PATH, and there is no such file or folder");
  const testing::ScratchFolder folder;
  const std::string path = folder.Path("tree");
  std::ofstream(path) << "x";
  EXPECT_EQ(PlaceOf(path), absl::StrCat("file ", path));
}

// The whole ensemble was meant, or a path was forgotten: nobody can tell.
TEST(ParseSideTest, AMissingPathIsNotTheWholeZooKeeper) {
  EXPECT_EQ(PlaceOf("zk1:2181"),
            "error: the path behind the servers is missing: zk1:2181/PATH, or zk1:2181/ for "
            "everything in this ZooKeeper");
}

TEST(ParseSideTest, WhatIsWrongIsSaid) {
  EXPECT_THAT(PlaceOf(""), HasSubstr("error: "));
  EXPECT_THAT(PlaceOf("file:"), HasSubstr("a path is missing behind file:"));
  EXPECT_THAT(PlaceOf("zk1:port/x"), HasSubstr("the port must be from 1 to 65535"));
  EXPECT_THAT(PlaceOf("zk1:1/x,zk2:1/x"), HasSubstr("is written once, behind the last server"));
  EXPECT_THAT(PlaceOf("zk1:1/x/../y"), HasSubstr("/x/../y is no path of a znode"));
}

// For some verbs it was an error, for others another znode.
TEST(ParseSideTest, ASlashBehindThePathMeansNothing) {
  EXPECT_EQ(PlaceOf("zk1:1/x/"), "zk zk1:1/x");
  EXPECT_EQ(PlaceOf("zk1:1/x/y/"), "zk zk1:1/x/y");
}

// One was dropped, and two were an error.
TEST(ParseSideTest, SeveralSlashesBehindThePathMeanNothingEither) {
  EXPECT_EQ(PlaceOf("zk1:1/x//"), "zk zk1:1/x");
  EXPECT_EQ(PlaceOf("zk1:1/x/y///"), "zk zk1:1/x/y");
  // "zk1:1/$NAME/" without a name.
  EXPECT_THAT(PlaceOf("zk1:1//"), HasSubstr("// is no path of a znode"));
  EXPECT_THAT(PlaceOf("zk1:1//x"), HasSubstr("//x is no path of a znode"));
}

// They could be read as a part of "/", and not by their own path.
TEST(ParseSideTest, WhatIsZooKeepersOwnCanBeRead) {
  EXPECT_EQ(PlaceOf("zk1:1/zookeeper/quota"), "zk zk1:1/zookeeper/quota");
  EXPECT_EQ(PlaceOf("zk1:1/two  blanks"), "zk zk1:1/two  blanks");
}

// A verb that copies.
struct Copy {
  Copy() { AddSides(command, {&from, &to}); }

  // "" or what is wrong.
  std::string Parse(const std::string& line) {
    try {
      app.parse(line, false);
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    absl::Status status = from.Check();
    status.Update(to.Check());
    status.Update(CheckFileOptions(command).status());
    status.Update(CheckApart(from, to));
    return std::string(status.message());
  }

  CLI::App app;
  Command command{&app};
  SideArguments from{SideArguments::Access::kRead, "from"};
  SideArguments to{SideArguments::Access::kCreate, "to"};
};

TEST(SideArgumentsTest, EachSideHasItsOwnCredentials) {
  Copy copy;
  EXPECT_EQ(
      copy.Parse("a:1/x b:1/y --from_auth_file f --to_auth_file t --to_timeout 3 --acl creator"),
      "");
  EXPECT_EQ(copy.from.place().ToText(), "a:1/x");
  EXPECT_EQ(copy.to.place().ToText(), "b:1/y");
  EXPECT_EQ(copy.to.acl(), SideArguments::AclChoice::kCreator);
}

TEST(SideArgumentsTest, ErrorsNameTheSideAndItsOptions) {
  EXPECT_THAT(Copy().Parse("a/x b:1/y"), HasSubstr("from: 'a/x' is no HOST:PORT,.../PATH"));
  EXPECT_THAT(Copy().Parse("a:1/x b:1"), HasSubstr("to: the path behind the servers is missing"));
  EXPECT_EQ(Copy().Parse("a:1/x b:1/y --acl creator"),
            "--acl creator needs --to_auth_file: without credentials nobody could read the tree");
  EXPECT_EQ(Copy().Parse("a:1/x b:1/y --to_timeout 0"),
            "--to_timeout must be above 0 and at most 3600 seconds");
  EXPECT_EQ(Copy().Parse("./f b:1/y --from_auth_file x"),
            "--from_auth_file is for ZooKeeper, but from is a file; leave the option out");
  EXPECT_THAT(Copy().Parse("a:1/x ./f --acl open"), HasSubstr("--acl is for ZooKeeper, but to is"));
  EXPECT_THAT(Copy().Parse("a:1/x b:1/zookeeper/x"), HasSubstr("is ZooKeeper's own"));
  EXPECT_THAT(Copy().Parse("a:1/x 'b:1/two  blanks'"), HasSubstr("to: root path"));
}

TEST(SideArgumentsTest, OneSideInTheOtherIsRefused) {
  EXPECT_EQ(Copy().Parse("a:1,b:1/x b:1/x"), "from a:1,b:1/x and to b:1/x are the same place");
  EXPECT_EQ(Copy().Parse("a:1/x a:1/x/y"), "from a:1/x and to a:1/x/y are one inside the other");
  EXPECT_EQ(Copy().Parse("a:1/x/y a:1/"), "from a:1/x/y and to a:1/ are one inside the other");
  EXPECT_EQ(Copy().Parse("a:1/x a:1/xy"), "");
  EXPECT_EQ(Copy().Parse("a:1/x a:2/x"), "");
  // Two moments of one folder, for example: files are only read there.
  EXPECT_EQ(Copy().Parse("./f file:f"), "");
}

TEST(SideArgumentsTest, TheOnlySideHasTheOptionsOfOtherVerbs) {
  CLI::App app;
  Command command(&app);
  SideArguments side(SideArguments::Access::kRead);
  AddSides(command, {&side});
  app.parse("a:1/x --zk_auth_file f --zk_timeout 3", false);
  EXPECT_TRUE(side.Check().ok());
  const std::string help = HelpText(command.manual());
  EXPECT_THAT(help, HasSubstr("HOST:PORT,.../PATH"));
  // All of its options were under CREDENTIALS.
  EXPECT_THAT(help, HasSubstr("SIDE OPTIONS\n  --path /PATH"));
}

}  // namespace
}  // namespace metarec::tools
