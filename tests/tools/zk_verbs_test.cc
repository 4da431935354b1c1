// metarec zk on tree files, in this process: what each verb prints of a small tree.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <sys/stat.h>

#include "testing/data_directory_writer.h"
#include "testing/scratch_folder.h"
#include "tests/tools/run_in_process.h"
#include "tests/zk_store/tree/tree_world.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ZkVerbsTest : public ::testing::Test {
 protected:
  // "/": two tables, one of them with data that are no text, and somebody's lock.
  static std::vector<TreeNode> SomeTree() {
    std::vector<TreeNode> nodes = {NodeAt(""),
                                   NodeAt("/apps", "unlock"),
                                   NodeAt("/apps/1", "{\"id\":1}"),
                                   NodeAt("/apps/1/0", std::string("\xff\0\n", 3)),
                                   NodeAt("/apps/2", "x"),
                                   WithOwner(NodeAt("/lock", "me"), 0x100000000000001)};
    nodes[0].stat.num_children = 2;
    nodes[1].stat.num_children = 2;
    nodes[2].stat.num_children = 1;
    nodes[1].stat.version = 3;
    return nodes;
  }

  std::string Write(const std::vector<TreeNode>& nodes, const std::string& name = "tree.jsonl",
                    const std::string& root = "/pegasus") {
    TreeHead head;
    head.source = "zk1:2181";
    head.root = root;
    auto file = TreeFileWriter::Create(folder_.Path(name), head, {.overwrite = true});
    EXPECT_TRUE(file.ok()) << file.status();
    for (const TreeNode& node : nodes) EXPECT_TRUE(file->Append(node).ok());
    EXPECT_TRUE(file->Finish().ok());
    return folder_.Path(name);
  }

  static Ended Zk(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "zk");
    return RunInProcess(arguments);
  }

  static std::string Out(const std::vector<std::string>& arguments) {
    const Ended ended = Zk(arguments);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    return ended.out;
  }

  testing::ScratchFolder folder_;
};

TEST_F(ZkVerbsTest, LsListsTheChildren) {
  const std::string tree = Write(SomeTree());
  EXPECT_EQ(Out({"ls", tree}), "apps\nlock\n");
  EXPECT_EQ(Out({"ls", tree, "--path", "/apps"}), "1\n2\n");
  EXPECT_EQ(Out({"ls", tree, "-R"}), "apps\napps/1\napps/1/0\napps/2\nlock\n");
  EXPECT_EQ(Out({"ls", tree, "--path", "/lock"}), "");
  EXPECT_THAT(Out({"ls", "-l", tree}),
              AllOf(StartsWith("KIND       CHILDREN      BYTES VERSION  MODIFIED"),
                    HasSubstr("persistent        2          6       3  1970-01-01 00:00:00 UTC  "),
                    HasSubstr("ephemeral         0          2       0  ")));
  rapidjson::Document json;
  json.Parse(Out({"ls", tree, "--format", "json"}).c_str());
  ASSERT_TRUE(json.IsObject());
  ASSERT_EQ(json["znodes"].Size(), 2u);
  EXPECT_STREQ(json["znodes"][0]["path"].GetString(), "/apps");
  EXPECT_EQ(json["znodes"][0]["data_bytes"].GetInt(), 6);
  EXPECT_STREQ(json["znodes"][1]["kind"].GetString(), "ephemeral");
}

TEST_F(ZkVerbsTest, CatPrintsEveryByteAndNothingElse) {
  const std::string tree = Write(SomeTree());
  EXPECT_EQ(Out({"cat", tree, "--path", "/apps/1/0"}), std::string("\xff\0\n", 3));
  EXPECT_EQ(Out({"cat", tree, "--path", "/apps"}), "unlock");
  EXPECT_THAT(Out({"cat", tree, "--path", "/lock", "--stat"}),
              AllOf(HasSubstr("kind:     ephemeral of 0x100000000000001\n"),
                    HasSubstr("bytes:    2\n"), HasSubstr("acl:      world:anyone:cdrwa\n")));
  EXPECT_THAT(Out({"cat", tree, "--path", "/apps/1/0", "--format", "json"}),
              HasSubstr("\"data_base64\":\"/wAK\""));
}

TEST_F(ZkVerbsTest, TreeSumsUpAsDuDoes) {
  const std::string tree = Write(SomeTree());
  EXPECT_EQ(Out({"tree", tree}),
            "    ZNODES          BYTES  PATH\n"
            "         4             18  /apps\n"
            "         1              2  /lock\n"
            "         6             20  total\n");
  EXPECT_EQ(Out({"tree", tree, "--depth", "2", "--path", "/apps"}),
            "    ZNODES          BYTES  PATH\n"
            "         1              3  /1/0\n"
            "         2             11  /1\n"
            "         1              1  /2\n"
            "         4             18  total\n");
  EXPECT_THAT(Out({"tree", tree, "--depth", "0", "--format", "json"}),
              HasSubstr("{\"path\":\"\",\"znodes\":6,\"ephemerals\":1,\"data_bytes\":20}"));
}

TEST_F(ZkVerbsTest, AnExportIsWhatItWasMadeOf) {
  const std::string tree = Write(SomeTree());
  const std::string copy = folder_.Path("copy.jsonl.zst");
  EXPECT_THAT(Out({"export", tree, copy}),
              AllOf(HasSubstr("6 znodes (1 ephemeral), 20 bytes of data; written to "),
                    HasSubstr("tree digest sha256:")));
  EXPECT_THAT(Out({"diff", tree, copy}), HasSubstr("\nequal\n"));
  EXPECT_THAT(Zk({"export", tree, copy}).err, HasSubstr("is there already"));
  EXPECT_EQ(Zk({"export", tree, copy, "--overwrite"}).exit_code, 0);
  EXPECT_THAT(Out({"verify", copy, tree}), HasSubstr("\nequal\n"));
}

TEST_F(ZkVerbsTest, AnExportOfAPathThatIsNotThereMakesNoFile) {
  const std::string copy = folder_.Path("copy.jsonl");
  const Ended ended = Zk({"export", Write(SomeTree()), copy, "--path", "/nowhere"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("there is no znode /pegasus/nowhere in zk1:2181"));
  EXPECT_FALSE(TreeFileReader::Open(copy).ok());
}

TEST_F(ZkVerbsTest, DiffNamesEveryDifferenceAndItsExitCodeIsTwo) {
  const std::string a = Write(SomeTree(), "a.jsonl");
  std::vector<TreeNode> nodes = SomeTree();
  nodes[1].data = "lock";
  nodes[2].acl = {{"ip", "10.0.0.1", 1}};
  nodes[4] = NodeAt("/apps/3");
  nodes.pop_back();
  const std::string b = Write(nodes, "b.jsonl");
  const Ended text = Zk({"diff", a, b});
  EXPECT_EQ(text.exit_code, 2);
  EXPECT_THAT(text.out,
              AllOf(StartsWith("data /apps: \"unlock\" in a, \"lock\" in b\n"
                               "acl /apps/1: world:anyone:cdrwa in a, ip:10.0.0.1:r in b\n"
                               "missing /apps/2: only in a\n"
                               "extra /apps/3: only in b\n"),
                    HasSubstr("(1 ephemeral left out)"),
                    HasSubstr("\n4 differences: 1 missing, 1 extra, 1 data, 1 acl\n")));
  EXPECT_THAT(Zk({"diff", a, b, "--differences_max", "1"}).out,
              HasSubstr("(1 shown; --differences_max shows more)"));
  EXPECT_THAT(Zk({"diff", a, b, "--no_acls", "--ephemerals"}).out,
              AllOf(HasSubstr("missing /lock: only in a"),
                    HasSubstr("2 missing, 1 extra, 1 data; ACLs were not compared\n")));
  rapidjson::Document json;
  json.Parse(Zk({"diff", a, b, "--format", "json"}).out.c_str());
  ASSERT_TRUE(json.IsObject());
  EXPECT_FALSE(json["equal"].GetBool());
  EXPECT_EQ(json["differences_count"].GetInt(), 4);
  EXPECT_EQ(json["counts"]["acl"].GetInt(), 1);
  EXPECT_EQ(json["a"]["ephemerals_left_out"].GetInt(), 1);
  ASSERT_EQ(json["differences"].Size(), 4u);
  EXPECT_STREQ(json["differences"][2]["differs"][0].GetString(), "missing");
  EXPECT_TRUE(json["differences"][2]["b"].IsNull());
  EXPECT_EQ(json["differences"][0]["b"]["data_bytes"].GetInt(), 4);
}

TEST_F(ZkVerbsTest, TwoPathsThatAreNotThereAreNotEqualTrees) {
  const std::string a = Write(SomeTree(), "a.jsonl");
  const std::string b = Write(SomeTree(), "b.jsonl");
  const Ended neither = Zk({"diff", a, b, "--a_path", "/x", "--b_path", "/x"});
  EXPECT_EQ(neither.exit_code, 1);
  EXPECT_THAT(neither.err, HasSubstr("there is no znode at"));
  const Ended one = Zk({"diff", a, b, "--b_path", "/x"});
  EXPECT_EQ(one.exit_code, 2);
  EXPECT_THAT(one.out, HasSubstr("5 differences: 5 missing"));
  EXPECT_THAT(one.err, HasSubstr("note: there is no znode at"));
}

TEST_F(ZkVerbsTest, AFileThatWasCutIsRefusedAndNotCompared) {
  const std::string whole = Write(SomeTree(), "whole.jsonl");
  // Both have the beginning that the other one has.
  folder_.Write("cut.jsonl",
                "{\"format\":\"metarec-tree\",\"version\":1,\"source\":\"zk1:2181\",\"root\":\"/\","
                "\"time_ms\":0,\"zxid\":\"0x0\",\"acls\":true,\"kinds\":true}\n");
  const Ended ended = Zk({"verify", folder_.Path("cut.jsonl"), whole});
  EXPECT_EQ(ended.exit_code, 4);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr("it is truncated"));
}

TEST_F(ZkVerbsTest, ADataDirectoryIsASideLikeAnyOther) {
  testing::DataDirectoryWriter server;
  server.Create("/apps", "unlock");
  server.CreateContainer("/apps/box");
  int64_t first_zxid = 0;
  const std::string log = server.TakeLog(&first_zxid);
  std::filesystem::create_directories(folder_.Path("data/version-2"));
  folder_.Write(absl::StrCat("data/version-2/log.", absl::Hex(first_zxid)), log);
  const std::string data = folder_.Path("data");
  const Ended listed = Zk({"ls", data, "-R"});
  EXPECT_EQ(listed.out, "apps\napps/box\n");
  EXPECT_THAT(listed.err, HasSubstr("/zookeeper was left out"));
  EXPECT_EQ(Out({"cat", data, "--path", "/apps"}), "unlock");
  const std::string tree = folder_.Path("tree.jsonl");
  EXPECT_THAT(Out({"export", data, tree}), HasSubstr("3 znodes"));
  EXPECT_THAT(Out({"verify", tree, data, "--format", "json"}),
              AllOf(HasSubstr("\"equal\":true"), HasSubstr("\"kinds_compared\":true")));
}

TEST_F(ZkVerbsTest, ADataDirectoryThatLacksItsEndIsShownAndNeverTakenForAWholeTree) {
  testing::DataDirectoryWriter server;
  server.Create("/a", "");
  int64_t first_zxid = 0;
  const std::string log = server.TakeLog(&first_zxid);
  std::filesystem::create_directories(folder_.Path("data"));
  folder_.Write("data/log.1", log + std::string("\0\0\0\0\0\0\0\1\0\0\0\1xB", 14));
  const std::string data = folder_.Path("data");
  for (const std::string verb : {"ls", "tree", "cat"}) {
    const Ended shown = Zk({verb, data});
    EXPECT_EQ(shown.exit_code, 0);
    EXPECT_THAT(shown.err, HasSubstr("The files hold more, which cannot be used"));
  }
  const std::string tree = Write(SomeTree());
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"export", data, folder_.Path("new.jsonl")},
        std::vector<std::string>{"diff", tree, data}, std::vector<std::string>{"diff", data, tree},
        std::vector<std::string>{"verify", tree, data}}) {
    const Ended refused = Zk(line);
    EXPECT_EQ(refused.exit_code, 4) << line[0];
    EXPECT_THAT(refused.err, AllOf(HasSubstr("log.1, offset"), HasSubstr("at 0x1 or --"),
                                   HasSubstr("accept_inconsistent")));
  }
  EXPECT_EQ(Zk({"diff", data, data, "--a_at", "0x1", "--b_accept_inconsistent"}).exit_code, 0);
}

TEST_F(ZkVerbsTest, ADataDirectoryIsReadAsItWasBeforeAMistake) {
  testing::DataDirectoryWriter server;
  server.Create("/apps", "unlock");
  const int64_t before = server.time_ms;
  server.Delete("/apps");
  int64_t first_zxid = 0;
  std::filesystem::create_directories(folder_.Path("data"));
  std::filesystem::create_directories(folder_.Path("logs"));
  folder_.Write("logs/log.1", server.TakeLog(&first_zxid));
  const std::string data = folder_.Path("data");
  const std::string logs = folder_.Path("logs");
  EXPECT_EQ(Out({"ls", data, "--log_folder", logs}), "");
  const Ended at_zxid = Zk({"ls", data, "--log_folder", logs, "--at", "0x1"});
  EXPECT_EQ(at_zxid.out, "apps\n");
  EXPECT_THAT(at_zxid.err, HasSubstr("as of zxid 0x1"));
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(before), absl::UTCTimeZone());
  EXPECT_EQ(Out({"ls", logs, "--at", time}), "apps\n");
  // As it was printed.
  const std::string printed = absl::FormatTime("%Y-%m-%d %H:%M:%E3S UTC",
                                               absl::FromUnixMillis(before), absl::UTCTimeZone());
  EXPECT_EQ(Out({"ls", logs, "--at", printed}), "apps\n");
  EXPECT_THAT(Zk({"ls", logs, "--at", "noon"}).err, HasSubstr("--at: 'noon' is neither a zxid"));
  EXPECT_THAT(Zk({"ls", Write(SomeTree()), "--at", "0x1"}).err,
              HasSubstr("--at is for the data directory of a ZooKeeper server"));
}

TEST_F(ZkVerbsTest, ZooKeepersOwnZnodesInAFileAreLeftOutWhoeverReadsIt) {
  std::vector<TreeNode> nodes = {NodeAt(""), NodeAt("/apps", "unlock")};
  const std::string without = Write(nodes, "without.jsonl", "/");
  nodes.push_back(NodeAt("/zookeeper"));
  nodes.push_back(NodeAt("/zookeeper/quota"));
  const std::string with = Write(nodes, "with.jsonl", "/");
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"diff", with, without},
                                             {"verify", with, without},
                                             {"export", with, folder_.Path("out.jsonl")}}) {
    const Ended ended = Zk(arguments);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_THAT(ended.out, HasSubstr("2 znodes")) << arguments[0];
    EXPECT_THAT(ended.err, HasSubstr("/zookeeper was left out, it is ZooKeeper's own (2 znodes)"));
  }
  EXPECT_EQ(Out({"ls", with}), "apps\n");
  // Below another root it is a name like any other.
  EXPECT_EQ(Out({"ls", Write(nodes, "elsewhere.jsonl", "/a")}), "apps\nzookeeper\n");
}

TEST_F(ZkVerbsTest, DiffNamesTheSideThatCannotBeRead) {
  const std::string whole = Write(SomeTree(), "whole.jsonl");
  const std::string cut = folder_.Path("cut.jsonl");
  std::ifstream in(whole, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  folder_.Write("cut.jsonl", text.substr(0, text.rfind('\n', text.size() - 2) + 1));
  EXPECT_THAT(Zk({"diff", whole, cut}).err, HasSubstr("while reading b, " + cut));
  EXPECT_THAT(Zk({"diff", cut, whole}).err, HasSubstr("while reading a, " + cut));
}

TEST_F(ZkVerbsTest, AnAclMapThatNeverEndsIsRefused) {
  const Ended ended = Zk({"copy", Write(SomeTree()), "127.0.0.1:1/copy", "--acl_map", "/dev/zero"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("--acl_map: cannot read /dev/zero: it is a device"));
  folder_.Write("long", std::string((1 << 20) + 1, '#'));
  const Ended of_file =
      Zk({"copy", Write(SomeTree()), "127.0.0.1:1/copy", "--acl_map", folder_.Path("long")});
  EXPECT_EQ(of_file.exit_code, 1);
  EXPECT_THAT(of_file.err, HasSubstr("longer than 1048576 bytes"));
}

// Opening it blocked until somebody wrote.
TEST_F(ZkVerbsTest, AnAclMapFromAPipeIsReadAndNotWaitedForWithoutEnd) {
  const std::string pipe = folder_.Path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&pipe] { std::ofstream(pipe) << "digest:old:x\n"; });
  const Ended ended = Zk({"copy", Write(SomeTree()), "127.0.0.1:1/copy", "--acl_map", pipe});
  writer.join();
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("expected an identity of the source and one of the target"));
}

// The second reading waited for somebody who would write into it again.
TEST_F(ZkVerbsTest, APipeThatWouldBeReadTwiceIsRefused) {
  const std::string pipe = folder_.Path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"verify", pipe, Write(SomeTree())},
        std::vector<std::string>{"verify", "/dev/zero", Write(SomeTree(), "other.jsonl")}}) {
    const Ended ended = Zk(line);
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, HasSubstr(line[1] + " is no regular file: it is read more than once"));
  }
  EXPECT_THAT(Zk({"ls", "/dev/zero"}).err, HasSubstr("cannot read /dev/zero: it is a device"));
  EXPECT_THAT(Zk({"verify", folder_.path(), Write(SomeTree(), "third.jsonl")}).err,
              HasSubstr("it is a directory; name a file"));
}

// It said that --overwrite would help.
TEST_F(ZkVerbsTest, AnExportIntoWhatIsNoFileIsRefused) {
  const std::string pipe = folder_.Path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string tree = Write(SomeTree());
  for (const std::string& path : {pipe, folder_.path(), std::string("/dev/null")}) {
    for (const bool overwrites : {false, true}) {
      std::vector<std::string> line = {"export", tree, path};
      if (overwrites) line.push_back("--overwrite");
      const Ended ended = Zk(line);
      EXPECT_EQ(ended.exit_code, 1);
      EXPECT_THAT(ended.err, HasSubstr(path + " is there already, and is no regular file"));
    }
  }
}

TEST_F(ZkVerbsTest, SwappedArgumentsWereTakenForAFileThatIsNotThere) {
  const std::string tree = Write(SomeTree());
  const Ended verify = Zk({"verify", "zk1:2181/pegasus", tree});
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.err,
              HasSubstr("file: zk1:2181/pegasus is a tree in ZooKeeper, but a tree file "
                        "comes first: metarec zk verify FILE SIDE"));
  EXPECT_THAT(Zk({"export", tree, "zk1:2181/pegasus"}).err,
              HasSubstr("zk export writes a file: metarec zk export SIDE FILE"));
  EXPECT_THAT(Zk({"export", "new.jsonl", "zk1:2181/pegasus"}).err,
              HasSubstr("zk export writes a file: metarec zk export SIDE FILE"));
  EXPECT_THAT(Zk({"import", "zk1:2181/pegasus", tree}).err,
              HasSubstr("metarec zk import FILE TO is the other way round"));
  EXPECT_THAT(Zk({"copy", tree, tree}).err, HasSubstr("give HOST:PORT,.../PATH"));
  EXPECT_THAT(Zk({"rm", tree}).err, HasSubstr("zk rm deletes HOST:PORT,.../PATH in a ZooKeeper"));
}

// The whole file was compared with a part of the tree.
TEST_F(ZkVerbsTest, ThePathOfVerifyWasThatOfOneSide) {
  const std::string file = Write(SomeTree(), "file.jsonl");
  std::vector<TreeNode> nodes = SomeTree();
  nodes[0].data = "another root";
  const std::string side = Write(nodes, "side.jsonl");
  EXPECT_EQ(Zk({"verify", file, side}).exit_code, 2);
  EXPECT_THAT(Out({"verify", file, side, "--path", "/apps"}),
              AllOf(HasSubstr("file.jsonl at /apps: 4 znodes"),
                    HasSubstr("side.jsonl at /apps: 4 znodes"), HasSubstr("\nequal\n")));
}

TEST_F(ZkVerbsTest, ASlashBehindAPathWasAnError) {
  const std::string tree = Write(SomeTree());
  EXPECT_EQ(Out({"ls", tree, "--path", "/apps/"}), "1\n2\n");
  EXPECT_EQ(Out({"cat", tree, "--path", "/apps/2/"}), "x");
  EXPECT_THAT(Out({"diff", tree, tree, "--a_path", "/apps/", "--b_path", "/apps"}),
              HasSubstr("equal"));
  EXPECT_EQ(Out({"ls", tree, "--path", "/apps//"}), "1\n2\n");
  EXPECT_THAT(Zk({"ls", tree, "--path", "//"}).err, HasSubstr("--path // is no path of a znode"));
}

// "Failed" (1) told scripts to try again.
TEST_F(ZkVerbsTest, ZooKeepersOwnZnodesAreRefusedAsATarget) {
  const std::string tree = Write(SomeTree());
  for (const std::string verb : {"copy", "import"}) {
    for (const std::string path : {"/zookeeper", "/zookeeper/", "/zookeeper/quota"}) {
      const Ended ended = Zk({verb, tree, "127.0.0.1:1" + path});
      EXPECT_EQ(ended.exit_code, 4);
      EXPECT_THAT(ended.err, HasSubstr("is ZooKeeper's own; name another path"));
    }
  }
}

TEST_F(ZkVerbsTest, WhatIsNoDigestWasTakenForThatOfAnotherTree) {
  for (const std::string yes : {"y", "sha256:0", "0c8f", "sha256:"}) {
    const Ended ended = Zk({"rm", "127.0.0.1:1/x", "--yes=" + yes});
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, HasSubstr("is no digest; the same command without --yes prints"));
  }
}

TEST_F(ZkVerbsTest, WhatIsNoTreeIsToldSo) {
  folder_.Write("notes.txt", "milk\n");
  EXPECT_THAT(Zk({"ls", folder_.Path("notes.txt")}).err, HasSubstr("not a tree file"));
  EXPECT_THAT(Zk({"ls", folder_.path()}).err, HasSubstr(folder_.path()));
  EXPECT_THAT(Zk({"ls", Write(SomeTree()), "--path", "apps"}).err,
              HasSubstr("--path apps is no path of a znode"));
}

}  // namespace
}  // namespace metarec::tools
