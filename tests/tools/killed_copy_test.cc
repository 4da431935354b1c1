// `metarec zk copy` and `zk rm` as processes of their own against a real ZooKeeper: killed at
// several moments of their run, and run again. The moments are counted in bytes, so that a machine
// of any speed hits them.

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/data_directory_writer.h"
#include "testing/faulty_proxy.h"
#include "testing/scratch_folder.h"
#include "testing/slow_build.h"
#include "testing/zookeeper_server.h"
#include "tests/tools/metarecd_world.h"
#include "tests/zk_store/tree/tree_world.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::tools {
namespace {

using ::testing::HasSubstr;

constexpr int kParents = 30;
constexpr int kChildren = 100;  // of each
constexpr int kZnodes = 1 + kParents * (1 + kChildren);
constexpr char kSource[] = "/source";

class KilledCopyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server = testing::ZooKeeperServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
    folder_ = new testing::ScratchFolder;
    WriteTree();
    ASSERT_EQ(Run({"zk", "import", folder_->Path("tree.jsonl"), At(kSource)}).exit_code, 0);
  }
  static void TearDownTestSuite() {
    delete server_;
    delete folder_;
  }

  static void WriteTree() {
    TreeHead head;
    head.source = "made";
    head.root = "/";
    auto file = TreeFileWriter::Create(folder_->Path("tree.jsonl"), head);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto append = [&file](TreeNode node, int children) {
      node.stat.num_children = children;
      ASSERT_TRUE(file->Append(node).ok());
    };
    append(NodeAt(""), kParents);
    for (int parent = 100; parent < 100 + kParents; ++parent) {
      append(NodeAt(absl::StrCat("/", parent), "p"), kChildren);
      for (int child = 100; child < 100 + kChildren; ++child) {
        append(NodeAt(absl::StrCat("/", parent, "/", child), std::string(200, 'x')), 0);
      }
    }
    ASSERT_TRUE(file->Finish().ok());
  }

  static std::string At(const std::string& root) { return server_->hosts() + root; }
  std::string ThroughProxy(const std::string& root) const { return proxy_->hosts() + root; }

  static std::unique_ptr<MetarecProcess> Start(const std::vector<std::string>& arguments) {
    auto process = StartProgram(arguments, folder_->Path(absl::StrCat("run", processes_++)));
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }
  static Ended Run(const std::vector<std::string>& arguments) {
    const auto process = Start(arguments);
    Ended ended;
    ended.exit_code = process->Wait();
    ended.out = process->Output();
    ended.err = process->Errors();
    return ended;
  }

  // Everything stands still once so many bytes were sent to the server; at the end if never.
  void MakeProxy(int64_t after_bytes) {
    testing::FaultyProxyOptions options;
    options.server_port = server_->port();
    if (after_bytes >= 0) {
      options.faults = {{testing::ProxyDirection::kToServer, after_bytes,
                         testing::ProxyFault::Action::kStall, absl::Minutes(10)}};
    }
    auto proxy = testing::FaultyProxy::Start(std::move(options));
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
  }
  void Kill(MetarecProcess* process) {
    EXPECT_TRUE(Await([&] { return proxy_->faults_done() > 0 || !process->Runs(); }));
    process->Signal(SIGKILL);
    EXPECT_EQ(process->Wait(), 128 + SIGKILL) << process->Errors();
  }

  static testing::ZooKeeperServer* server_;
  static testing::ScratchFolder* folder_;
  static int processes_;
  std::unique_ptr<testing::FaultyProxy> proxy_;
};

testing::ZooKeeperServer* KilledCopyTest::server_ = nullptr;
testing::ScratchFolder* KilledCopyTest::folder_ = nullptr;
int KilledCopyTest::processes_ = 0;

TEST_F(KilledCopyTest, KilledAtAnyMomentItGoesOnAndEndsWithTheSameTree) {
  MakeProxy(-1);
  ASSERT_EQ(Run({"zk", "copy", At(kSource), ThroughProxy("/whole")}).exit_code, 0);
  const int64_t bytes = proxy_->bytes(testing::ProxyDirection::kToServer);
  std::mt19937 random(14);  // NOLINT(cert-msc51-cpp): the same moments each time
  for (int i = 0; i < testing::InSlowBuild(4, 12); ++i) {
    const int64_t moment = std::uniform_int_distribution<int64_t>(0, bytes * 95 / 100)(random);
    SCOPED_TRACE(absl::StrCat("killed after ", moment, " of ", bytes, " bytes"));
    const std::string root = absl::StrCat("/killed", i);
    MakeProxy(moment);
    const auto copy = Start({"zk", "copy", At(kSource), ThroughProxy(root)});
    Kill(copy.get());
    const Ended again = Run({"zk", "copy", At(kSource), At(root)});
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_THAT(again.out, HasSubstr("equal, read back"));
    EXPECT_EQ(Run({"zk", "diff", At(kSource), At(root)}).exit_code, 0);
  }
}

TEST_F(KilledCopyTest, AKilledRemovalGoesOnWithTheSameDigest) {
  ASSERT_EQ(Run({"zk", "copy", At(kSource), At("/removed")}).exit_code, 0);
  const Ended seen = Run({"zk", "rm", At("/removed")});
  EXPECT_EQ(seen.exit_code, 2) << seen.err;
  EXPECT_THAT(seen.out, HasSubstr(absl::StrCat(kZnodes, " znodes")));
  const size_t begin = seen.out.find("--yes=");
  ASSERT_NE(begin, std::string::npos) << seen.out;
  const std::string yes = seen.out.substr(begin, seen.out.find('\n', begin) - begin);
  const std::string another = absl::StrCat("--yes=sha256:", std::string(64, '0'));
  EXPECT_EQ(Run({"zk", "rm", At("/removed"), another}).exit_code, 4);
  MakeProxy(-1);
  ASSERT_EQ(Run({"zk", "copy", At(kSource), At("/measured")}).exit_code, 0);
  ASSERT_EQ(Run({"zk", "rm", ThroughProxy("/measured"), yes}).exit_code, 0);
  const int64_t bytes = proxy_->bytes(testing::ProxyDirection::kToServer);
  for (const int percent : {5, 50, 80, 98}) {
    SCOPED_TRACE(absl::StrCat("killed at ", percent, " %"));
    const std::string root = absl::StrCat("/removed", percent);
    ASSERT_EQ(Run({"zk", "copy", At(kSource), At(root)}).exit_code, 0);
    MakeProxy(bytes * percent / 100);
    const auto removal = Start({"zk", "rm", ThroughProxy(root), yes});
    Kill(removal.get());
    const Ended again = Run({"zk", "rm", At(root), yes});
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(Run({"zk", "ls", At(root)}).exit_code, 1);
  }
}

TEST_F(KilledCopyTest, ExitCodesAndWordsTellWhatHappened) {
  ASSERT_EQ(Run({"zk", "copy", At(kSource), At("/words")}).exit_code, 0);
  const Ended refused = Run({"zk", "copy", At(kSource), At("/words")});
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.err, HasSubstr("is not empty"));
  const Ended equal = Run({"zk", "copy", At(kSource), At("/words"), "--update", "--dry_run"});
  EXPECT_EQ(equal.exit_code, 0) << equal.err;
  EXPECT_THAT(equal.out, HasSubstr("nothing was written"));
  const Ended listed = Run({"zk", "copy", At("/words/100"), At("/words/101"), "--update",
                            "--dry_run", "--format", "json"});
  EXPECT_EQ(listed.exit_code, 0) << listed.err << "the two have the same children";
  EXPECT_THAT(listed.out, HasSubstr(R"("dry_run":true)"));
  EXPECT_EQ(Run({"zk", "copy", At(kSource), At("/source/100")}).exit_code, 4);
  EXPECT_EQ(Run({"zk", "copy", At("/absent"), At("/other")}).exit_code, 1);
  EXPECT_EQ(Run({"zk", "import", At(kSource), At("/other")}).exit_code, 1);
  EXPECT_EQ(Run({"zk", "copy", At(kSource), At("/other"), "--delete"}).exit_code, 1);
}

// In the first moments nothing had been installed that would say how to go on.
TEST_F(KilledCopyTest, EachVerbEndsSoonWhenItIsAskedToAndSaysSo) {
  for (const int64_t moment : {0, 60}) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"ls", "SIDE", "-R"}, std::vector<std::string>{"cat", "SIDE"},
          std::vector<std::string>{"tree", "SIDE"},
          std::vector<std::string>{"export", "SIDE", "FILE"},
          std::vector<std::string>{"diff", "SIDE", "TREE"},
          std::vector<std::string>{"verify", "TREE", "SIDE"},
          std::vector<std::string>{"copy", "SIDE", "NEW"},
          std::vector<std::string>{"import", "TREE", "SIDE"},
          std::vector<std::string>{"rm", "SIDE"}}) {
      SCOPED_TRACE(absl::StrCat(words[0], " after ", moment, " bytes"));
      MakeProxy(moment);
      std::vector<std::string> line = {"zk"};
      for (const std::string& word : words) {
        line.push_back(word == "SIDE"   ? ThroughProxy(kSource)
                       : word == "NEW"  ? At("/never")
                       : word == "FILE" ? folder_->Path("never.jsonl")
                       : word == "TREE" ? folder_->Path("tree.jsonl")
                                        : word);
      }
      const auto process = Start(line);
      ASSERT_TRUE(Await([&] { return proxy_->faults_done() > 0 || !process->Runs(); }));
      process->Signal(SIGTERM);
      EXPECT_EQ(process->Wait(), 1);
      EXPECT_THAT(process->Errors(), HasSubstr("interrupted"));
      EXPECT_FALSE(std::filesystem::exists(folder_->Path("never.jsonl")));
    }
  }
}

// The root is made before the first pass.
TEST_F(KilledCopyTest, TheRootWasCountedByADryRunAndNotByTheCopy) {
  const std::string created = absl::StrCat(R"("created":)", kZnodes, ",");
  for (const bool is_dry : {true, false}) {
    std::vector<std::string> line = {"zk", "copy", At(kSource), At("/counted"), "--format", "json"};
    if (is_dry) line.push_back("--dry_run");
    EXPECT_THAT(Run(line).out, HasSubstr(created));
  }
}

// Only other verbs did.
TEST_F(KilledCopyTest, ACopyOfAllDidNotSayThatZookeeperIsLeftOut) {
  auto other = testing::ZooKeeperServer::Start();
  ASSERT_TRUE(other.ok()) << other.status();
  const Ended copied = Run({"zk", "copy", (*other)->hosts() + "/", At("/all_of_another")});
  EXPECT_EQ(copied.exit_code, 0) << copied.err;
  EXPECT_THAT(copied.err, HasSubstr("/zookeeper was left out, it is ZooKeeper's own"));
}

TEST_F(KilledCopyTest, RemovalOfZooKeepersOwnIsRefusedWhateverItsPath) {
  for (const std::string path : {"/", "/zookeeper", "/zookeeper/", "/zookeeper/quota"}) {
    const Ended refused = Run({"zk", "rm", At(path)});
    EXPECT_EQ(refused.exit_code, 4) << path;
    EXPECT_THAT(refused.err, HasSubstr("is ZooKeeper's own")) << path;
  }
  EXPECT_EQ(Run({"zk", "ls", At("/zookeeper")}).exit_code, 0);
}

TEST_F(KilledCopyTest, ACopyOfADataDirectorySaysBeforeItWritesWhichTreeThatIs) {
  testing::DataDirectoryWriter server;
  server.Create("/apps", "unlock");
  int64_t first_zxid = 0;
  const std::string log = server.TakeLog(&first_zxid);
  // The rest of the log is lost.
  std::filesystem::create_directories(folder_->Path("data"));
  folder_->Write("data/log.1", log + std::string("\0\0\0\0\0\0\0\1\0\0\0\1xB", 14));
  for (const std::string verb : {"copy", "import"}) {
    const std::string to = At(absl::StrCat("/from_data_", verb));
    const Ended refused = Run({"zk", verb, folder_->Path("data"), At(kSource), "--from_at", "0x1"});
    EXPECT_EQ(refused.exit_code, 4) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("as of zxid 0x1"));
    EXPECT_THAT(refused.err, HasSubstr("is not empty"));
    const Ended copied = Run({"zk", verb, folder_->Path("data"), to, "--from_path", "/apps",
                              "--acl", "open", "--format", "json", "--from_accept_inconsistent"});
    EXPECT_EQ(copied.exit_code, 0) << copied.err;
    EXPECT_THAT(copied.err, HasSubstr("as of zxid 0x1"));
    EXPECT_THAT(copied.err, HasSubstr("The files hold more, which cannot be used"));
    EXPECT_EQ(copied.err.find("as of zxid"), copied.err.rfind("as of zxid")) << "once";
    EXPECT_THAT(copied.out,
                HasSubstr(R"("data_directory":{"snapshot":"","zxid":"0x1","complete":false,)"
                          R"("proof":"proved"})"));
  }
}

// It ended with 0 and a note.
TEST_F(KilledCopyTest, ACopyOfADamagedDataDirectoryTookItsBeginningForTheWhole) {
  testing::DataDirectoryWriter server;
  server.Create("/apps", "unlock");
  int64_t first_zxid = 0;
  const std::string log = server.TakeLog(&first_zxid);
  server.LoseNext();
  server.Create("/lost", "");
  server.Create("/later", "");
  int64_t later_zxid = 0;
  const std::string later = server.TakeLog(&later_zxid);
  for (const std::string what : {"gap", "checksum", "torn"}) {
    SCOPED_TRACE(what);
    const std::string data = folder_->Path("data_" + what);
    std::filesystem::create_directories(data);
    const auto write = [&](int64_t zxid, const std::string& bytes) {
      folder_->Write(absl::StrCat("data_", what, "/log.", absl::Hex(zxid)), bytes);
    };
    std::string end;
    if (what == "checksum") end = std::string("\0\0\0\0\0\0\0\1\0\0\0\1xB", 14);
    if (what == "torn") end = std::string("\0\0\0\0\1\2\3\4\0\0\1\0half", 16);
    write(first_zxid, log + end);
    if (what == "gap") write(later_zxid, later);
    const std::string to = At("/damaged_" + what);
    const Ended copied = Run({"zk", "copy", data, to, "--acl", "open"});
    if (what == "torn") {
      // That is what a killed server leaves.
      EXPECT_EQ(copied.exit_code, 0) << copied.err;
      continue;
    }
    EXPECT_EQ(copied.exit_code, 4) << copied.err;
    EXPECT_THAT(copied.err, HasSubstr("add --from_at 0x1 or --from_accept_inconsistent"));
    EXPECT_THAT(copied.err, HasSubstr(what == "gap" ? "are in no file" : "checksum is wrong"));
    EXPECT_EQ(Run({"zk", "ls", to}).exit_code, 1) << "nothing is written";
    const Ended asked = Run({"zk", "copy", data, to, "--acl", "open", "--from_at", "0x1"});
    EXPECT_EQ(asked.exit_code, 0) << asked.err;
  }
}

}  // namespace
}  // namespace metarec::tools
