// Tree files: what is written is what is read, and nothing that is no tree is taken for one.

#include "zk_store/tree/tree_file.h"

#include <fstream>
#include <sstream>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "base/line_file/json_lines.h"
#include "testing/scratch_folder.h"
#include "tests/zk_store/client/store_world.h"
#include "tests/zk_store/tree/tree_world.h"
#include "zk_store/tree/acl_text.h"
#include "zk_store/tree/tree_diff.h"
#include "zk_store/tree/tree_digest.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TreeFileTest : public ::testing::Test {
 protected:
  static TreeHead SomeHead() {
    return {.source = "zk1:2181,zk2:2181",
            .root = "/pegasus/demo",
            .time_ms = 1'795'221'132'123,
            .zxid = 0x100000007,
            .has_acls = true,
            .has_kinds = true};
  }

  std::string Write(const std::vector<TreeNode>& nodes, const TreeHead& head,
                    const std::string& name = "tree.jsonl") {
    absl::StatusOr<TreeFileWriter> file = TreeFileWriter::Create(Path(name), head);
    EXPECT_TRUE(file.ok()) << file.status();
    for (const TreeNode& node : nodes) {
      const absl::Status appended = file->Append(node);
      EXPECT_TRUE(appended.ok()) << appended;
    }
    summary_ = *file->Finish();
    return Path(name);
  }
  std::string Write(const std::vector<TreeNode>& nodes) { return Write(nodes, SomeHead()); }

  absl::StatusOr<std::vector<TreeNode>> Read(const std::string& path, TreeHead* head = nullptr) {
    auto file = TreeFileReader::Open(path);
    if (!file.ok()) return file.status();
    auto nodes = RunAlone(&io_, ReadWholeTree(file->get()));
    if (head != nullptr) *head = (*file)->head();
    if (nodes.ok()) {
      EXPECT_EQ((*file)->summary().digest, summary_.digest);
    }
    return nodes;
  }

  // Of a file whose lines are these, with a digest that fits them.
  absl::Status StatusOfSealed(std::vector<std::string> lines) {
    LineDigest digest;
    std::string text;
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
      digest.Add(lines[i]);
      absl::StrAppend(&text, lines[i], "\n");
    }
    std::string& end = lines.back();
    end = absl::StrCat(end.substr(0, end.rfind("\"sha256:")), "\"", digest.Finish(), "\"}");
    folder_.Write("sealed.jsonl", absl::StrCat(text, end, "\n"));
    return CheckTreeFile(Path("sealed.jsonl")).status();
  }

  std::string Path(const std::string& name) const { return folder_.Path(name); }
  static std::string TextOf(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static std::vector<std::string> LinesOf(const std::string& path) {
    std::vector<std::string> lines = absl::StrSplit(TextOf(path), '\n');
    lines.pop_back();
    return lines;
  }

  testing::ScratchFolder folder_;
  asio::io_context io_;
  TreeSummary summary_;
};

TEST_F(TreeFileTest, EveryFieldOfAZnodeIsReadAsItWasWritten) {
  TreeNode node = NodeAt("", "unlock");
  node.acl = {{"digest", "user:hash:with=colons", 31}, {"ip", "10.0.0.0/8", 1}, {"x", "", 0}};
  node.stat = {.czxid = 3,
               .mzxid = 0x7fffffffffffffff,
               .pzxid = 0x200000001,
               .ctime_ms = 1'795'221'015'000,
               .mtime_ms = -1,
               .version = 7,
               .child_version = -2147483647,
               .acl_version = 2,
               .ephemeral_owner = 0,
               .data_bytes = 6,
               .num_children = 4};
  TreeHead head;
  const auto nodes = Read(Write({node}), &head);
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  ASSERT_EQ(nodes->size(), 1u);
  const TreeNode& read = nodes->front();
  EXPECT_EQ(read.path, node.path);
  EXPECT_EQ(read.data, node.data);
  EXPECT_FALSE(read.null_data);
  EXPECT_EQ(read.acl, node.acl);
  EXPECT_EQ(read.stat.czxid, node.stat.czxid);
  EXPECT_EQ(read.stat.mzxid, node.stat.mzxid);
  EXPECT_EQ(read.stat.pzxid, node.stat.pzxid);
  EXPECT_EQ(read.stat.ctime_ms, node.stat.ctime_ms);
  EXPECT_EQ(read.stat.mtime_ms, node.stat.mtime_ms);
  EXPECT_EQ(read.stat.version, node.stat.version);
  EXPECT_EQ(read.stat.child_version, node.stat.child_version);
  EXPECT_EQ(read.stat.acl_version, node.stat.acl_version);
  EXPECT_EQ(read.stat.data_bytes, 6);
  EXPECT_EQ(read.stat.num_children, 4);
  EXPECT_EQ(head.source, "zk1:2181,zk2:2181");
  EXPECT_EQ(head.root, "/pegasus/demo");
  EXPECT_EQ(head.time_ms, 1'795'221'132'123);
  EXPECT_EQ(head.zxid, 0x100000007);
  EXPECT_TRUE(head.has_acls);
  EXPECT_EQ(summary_.zxid_max, 0x7fffffffffffffff);
}

TEST_F(TreeFileTest, DataThatAreNoTextAndNoDataAtAllAreToldApart) {
  std::vector<TreeNode> written = {NodeAt(""), NodeAt("/a", "\xff\xfe\n"), NodeAt("/b"),
                                   NodeAt("/c", std::string("\0\x1b[31m\xc3\xa9", 8)),
                                   NodeAt("/d")};
  written[2].null_data = true;
  const std::string path = Write(written);
  EXPECT_THAT(LinesOf(path)[2], HasSubstr("\"data_base64\":\"//4K\""));
  EXPECT_THAT(LinesOf(path)[3], HasSubstr("\"data\":null"));
  EXPECT_THAT(LinesOf(path)[5], HasSubstr("\"data\":\"\""));
  const auto nodes = Read(path);
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  for (size_t i = 0; i < written.size(); ++i) {
    EXPECT_EQ((*nodes)[i].data, written[i].data) << i;
    EXPECT_EQ((*nodes)[i].null_data, i == 2) << i;
  }
}

TEST_F(TreeFileTest, NamesOfAnyBytesSurvive) {
  const std::vector<std::string> paths = {
      "", "/a b", "/a b/c", "/a\nb", "/a\"\\b", "/\xc3\xa9\xe4\xb8\xad", "/\xff\xfe broken"};
  std::vector<TreeNode> written;
  for (const std::string& path : paths) written.push_back(NodeAt(path));
  std::sort(written.begin(), written.end(),
            [](const TreeNode& a, const TreeNode& b) { return ComparePaths(a.path, b.path) < 0; });
  const auto nodes = Read(Write(written));
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_EQ(PathsOf(*nodes), PathsOf(written));
}

TEST_F(TreeFileTest, TheKindOfAZnodeSurvives) {
  const auto nodes = Read(Write({NodeAt(""), WithOwner(NodeAt("/c"), OwnerOfContainer()),
                                 WithOwner(NodeAt("/e"), 0x100012345678abcd),
                                 WithOwner(NodeAt("/t"), OwnerOfTtl(5000))}));
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_EQ((*nodes)[0].kind(), NodeKind::kPersistent);
  EXPECT_EQ((*nodes)[1].kind(), NodeKind::kContainer);
  EXPECT_EQ((*nodes)[2].stat.ephemeral_owner, 0x100012345678abcd);
  EXPECT_EQ((*nodes)[3].kind(), NodeKind::kTtl);
  EXPECT_EQ(TtlOfOwner((*nodes)[3].stat.ephemeral_owner), 5000);
  EXPECT_EQ(summary_.ephemerals, 1);
}

TEST_F(TreeFileTest, ATreeWithoutAclsOrKindsSaysSo) {
  TreeHead head = SomeHead();
  head.has_acls = false;
  head.has_kinds = false;
  const std::string path = Write({NodeAt("")}, head);
  EXPECT_THAT(TextOf(path), ::testing::Not(HasSubstr("\"acl\"")));
  TreeHead read;
  const auto nodes = Read(path, &read);
  EXPECT_FALSE(read.has_acls);
  EXPECT_FALSE(read.has_kinds);
  EXPECT_THAT((*nodes)[0].acl, ElementsAre());
}

TEST_F(TreeFileTest, AnEmptyTreeIsATree) {
  const auto nodes = Read(Write({}));
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_THAT(*nodes, ElementsAre());
}

TEST_F(TreeFileTest, ACompressedFileHoldsTheSame) {
  const std::vector<TreeNode> written = {NodeAt("", std::string(5000, 'x')), NodeAt("/a")};
  Write(written, SomeHead(), "tree.jsonl.zst");
  EXPECT_LT(TextOf(Path("tree.jsonl.zst")).size(), 1000u);
  const auto nodes = Read(Path("tree.jsonl.zst"));
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  EXPECT_EQ(PathsOf(*nodes), PathsOf(written));
}

TEST_F(TreeFileTest, TheTreeDigestLeavesOutWhatACopyCannotKeep) {
  std::vector<TreeNode> nodes = {NodeAt(""), NodeAt("/a", "x")};
  nodes[1].acl = {{"world", "anyone", 1}, {"ip", "10.0.0.1", 31}};
  Write(nodes);
  const std::string digest = summary_.digest;
  nodes[1].stat.mzxid = 99;
  nodes[1].stat.version = 3;
  std::swap(nodes[1].acl[0], nodes[1].acl[1]);
  nodes.push_back(WithOwner(NodeAt("/z"), 0x1234));
  Write(nodes, SomeHead(), "later.jsonl");
  EXPECT_EQ(summary_.digest, digest);
  nodes[1].data = "y";
  Write(nodes, SomeHead(), "other.jsonl");
  EXPECT_NE(summary_.digest, digest);
}

TEST_F(TreeFileTest, AFileThatWasCutIsKnownAsSuchAtEveryByte) {
  const std::string path = Write({NodeAt("", "some data"), NodeAt("/a"), NodeAt("/a/b", "more")});
  const std::string whole = TextOf(path);
  for (size_t length = 0; length + 1 < whole.size(); ++length) {
    folder_.Write("cut.jsonl", whole.substr(0, length));
    const absl::Status status = CheckTreeFile(Path("cut.jsonl")).status();
    ASSERT_FALSE(status.ok()) << length;
    // Of less than the first line, nobody knows what it is.
    const bool has_head = length >= whole.find('\n');
    ASSERT_EQ(status.code(),
              has_head ? absl::StatusCode::kDataLoss : absl::StatusCode::kInvalidArgument)
        << length << ": " << status;
    if (has_head) {
      ASSERT_THAT(status.message(), HasSubstr("truncated")) << length;
    }
  }
}

TEST_F(TreeFileTest, AnEditedFileIsRefused) {
  const std::string path = Write({NodeAt("", "some data"), NodeAt("/a", "1")});
  const std::string text = absl::StrReplaceAll(TextOf(path), {{"some data", "same data"}});
  folder_.Write("edited.jsonl", text);
  const absl::Status status = CheckTreeFile(Path("edited.jsonl")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("edited.jsonl:4: the digest differs"),
                                      HasSubstr("export the tree again")));
}

TEST_F(TreeFileTest, WhatIsNoTreeIsRefusedEvenWithAFittingDigest) {
  const std::vector<std::string> good =
      LinesOf(Write({NodeAt("", "0"), NodeAt("/a", "1"), NodeAt("/a/b", "2"), NodeAt("/c", "3")}));
  EXPECT_TRUE(StatusOfSealed(good).ok()) << StatusOfSealed(good);
  struct Case {
    const char* what;
    std::vector<size_t> order;  // of the good lines
    const char* error;
  };
  for (const Case& edit : std::vector<Case>{
           {"twice", {0, 1, 2, 2, 3, 4, 5}, "sealed.jsonl:4: '/a' is there twice"},
           {"order", {0, 1, 4, 2, 3, 5}, ":4: '/a' comes behind '/c', out of order"},
           {"orphan", {0, 1, 3, 4, 5}, ":3: '/a/b' is there without its parent"},
           {"no root", {0, 2, 3, 4, 5}, ":2: '/a' comes before the root"},
           {"line gone", {0, 1, 2, 4, 5}, ":5: the counts differ"},
           {"text behind", {0, 1, 2, 3, 4, 5, 4, 5}, ":7: text behind the last line"},
       }) {
    std::vector<std::string> lines;
    for (const size_t i : edit.order) lines.push_back(good[i]);
    const absl::Status status = StatusOfSealed(lines);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << edit.what;
    EXPECT_THAT(status.message(), HasSubstr(edit.error)) << edit.what;
  }
}

TEST_F(TreeFileTest, FieldsThatMakeNoSenseAreNamedWithTheirLine) {
  TreeNode ephemeral = WithOwner(NodeAt("/a", "1"), 0x77);
  const std::vector<std::string> good = LinesOf(Write({NodeAt("", "0"), ephemeral, NodeAt("/b")}));
  struct Case {
    const char* from;
    const char* to;
    const char* error;
  };
  for (const Case& edit : std::vector<Case>{
           {"\"path\":\"/a\"", "\"path\":\"a\"", "'a' does not begin with a slash"},
           {"\"path\":\"/a\"", "\"path\":\"//a\"", "'//a' has an empty name in it"},
           {"\"path\":\"/a\"", "\"path\":\"/../a\"", "has a relative name in it"},
           {"\"path\":\"/a\"", "\"path\":7", "'path' is missing or cannot be"},
           {"\"data\":\"1\"", "\"data\":1", "'data' is missing or cannot be"},
           {"\"data\":\"1\"", "\"data_base64\":\"*\"", "'data_base64' is no base64"},
           {"world:anyone:cdrwa", "world:anyone", "it needs two colons"},
           {"world:anyone:cdrwa", "world:anyone:cdrwx", "its permissions 'cdrwx'"},
           {"\"ephemeral\"", "\"temporary\"", "'kind' is not one of the known ones"},
           {"\"0x77\"", "\"0x0\"", "'owner' is no session"},
           {"\"czxid\":\"0x0\"", "\"czxid\":\"12\"", "'czxid' is no number that begins with 0x"},
           {"\"version\":0", "\"version\":4294967296", "'version' is missing or cannot be"},
           {"{\"path\":\"/a\"", "{\"path\"\"/a\"", "not a JSON object"},
       }) {
    std::vector<std::string> lines = good;
    lines[2] = absl::StrReplaceAll(lines[2], {{edit.from, edit.to}});
    ASSERT_NE(lines[2], good[2]) << edit.from;
    const absl::Status status = StatusOfSealed(lines);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << edit.to;
    EXPECT_THAT(status.message(), AllOf(HasSubstr("sealed.jsonl:3: "), HasSubstr(edit.error)))
        << edit.to;
  }
  std::vector<std::string> lines = good;
  lines[3] = absl::StrReplaceAll(lines[3], {{"\"/b\"", "\"/a/b\""}});
  EXPECT_THAT(StatusOfSealed(lines).message(),
              HasSubstr(":4: '/a/b' is the child of an ephemeral znode, which has none"));
}

TEST_F(TreeFileTest, FilesOfOtherKindsAreToldSo) {
  struct Case {
    const char* text;
    const char* error;
  };
  for (const Case& file : std::vector<Case>{
           {"", ":1: not a tree file: it is empty"},
           {"{\"path\": \"/\"}\n", ":1: not a tree file: its first line names no format"},
           {"{\"format\":\"metarec-plan\",\"version\":3}\n", "its format is 'metarec-plan'"},
           {"PK\x03\x04\n", "its first line is no JSON"},
           {"{\"format\":\"metarec-tree\",\"version\":2}\n", "of another version than 1"},
       }) {
    folder_.Write("file.jsonl", file.text);
    const absl::Status status = TreeFileReader::Open(Path("file.jsonl")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(file.error));
  }
  EXPECT_EQ(TreeFileReader::Open(Path("nowhere")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TreeFileTest, ATreeOutOfOrderIsNotWritten) {
  auto file = TreeFileWriter::Create(Path("tree.jsonl"), SomeHead());
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append(NodeAt("")).ok());
  EXPECT_THAT(file->Append(NodeAt("/a/b")).message(), HasSubstr("without its parent"));
}

TEST_F(TreeFileTest, ASourceThatFailsLeavesNoFile) {
  ListedTree source({NodeAt(""), NodeAt("/a")}, absl::UnavailableError("the session is lost"));
  const auto written = RunAlone(&io_, WriteTreeFile(&source, Path("tree.jsonl"), {}));
  EXPECT_EQ(written.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(TreeFileReader::Open(Path("tree.jsonl")).status().code(), absl::StatusCode::kNotFound);
}

// The captured tree of a real cluster, in the shape of tests/golden, as nodes of "/".
std::vector<TreeNode> CapturedTree() {
  std::vector<TreeNode> nodes;
  std::ifstream in(std::string(METAREC_GOLDEN_DIR) + "/zk_before.jsonl");
  for (std::string line; std::getline(in, line);) {
    rapidjson::Document znode;
    znode.Parse(line.data(), line.size());
    const std::string path = znode["path"].GetString();
    TreeNode node = NodeAt(path == "/" ? "" : path, znode["data"].GetString());
    node.stat.version = znode["version"].GetInt();
    node.stat.num_children = znode["num_children"].GetInt();
    if (znode["ephemeral"].GetBool()) node.stat.ephemeral_owner = 0x100001;
    nodes.push_back(std::move(node));
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const TreeNode& a, const TreeNode& b) { return ComparePaths(a.path, b.path) < 0; });
  return nodes;
}

TEST_F(TreeFileTest, ACapturedClusterIsTheSameAfterwards) {
  const std::vector<TreeNode> captured = CapturedTree();
  ASSERT_EQ(captured.size(), 83u);
  ListedTree original(captured, absl::OkStatus(), 50);
  const auto file = TreeFileReader::Open(Write(captured));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto diff = RunAlone(&io_, DiffTrees(&original, file->get(), {.ephemerals = true},
                                             [](const TreeDifference& difference) {
                                               ADD_FAILURE() << difference.nodes.path();
                                             }));
  ASSERT_TRUE(diff.ok()) << diff.status();
  EXPECT_EQ(diff->a.znodes, 83);
  EXPECT_EQ(diff->a.digest, diff->b.digest);
  EXPECT_EQ(diff->a.digest, summary_.digest);
}

TEST(AclTextTest, EntriesAreReadAsTheyAreWritten) {
  for (const AclEntry& entry : std::vector<AclEntry>{{"world", "anyone", 31},
                                                     {"digest", "u:h=:x", 1},
                                                     {"ip", "fe80::1/64", 16},
                                                     {"x509", "CN=a, O=b", 12},
                                                     {"sasl", "", 0},
                                                     {"sasl", "a", 64}}) {
    const auto read = ParseAclEntry(AclText(entry));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, entry);
  }
  EXPECT_EQ(AclText(AclEntry{"world", "anyone", 31}), "world:anyone:cdrwa");
  EXPECT_EQ(ParseAclEntry("ip:10.0.0.1:wr")->permissions, 3);
}

TEST(AclTextTest, MistakesAreNamed) {
  EXPECT_THAT(ParseAclEntry("world").status().message(), HasSubstr("it needs two colons"));
  EXPECT_THAT(ParseAclEntry(":a:r").status().message(), HasSubstr("its scheme is empty"));
  EXPECT_THAT(ParseAclEntry("world:anyone:rr").status().message(), HasSubstr("each once"));
  EXPECT_THAT(ParseAclEntry("world:anyone:").status().message(), HasSubstr("its permissions ''"));
}

TEST(AclTextTest, APasswordThatTheServerHidIsKnownAsSuch) {
  EXPECT_TRUE(HidesPassword({{"world", "anyone", 1}, {"digest", "user:x", 31}}));
  EXPECT_FALSE(HidesPassword({{"digest", "user:xw3k=", 31}, {"ip", "user:x", 31}}));
}

}  // namespace
}  // namespace metarec
