// Comparing trees: each kind of difference, in one pass over both.

#include "zk_store/tree/tree_diff.h"

#include <set>
#include <string>
#include <vector>

#include <absl/strings/str_join.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "tests/zk_store/tree/tree_world.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// "missing /a", "data acl /b".
std::string Described(const TreeDifference& difference) {
  std::vector<std::string> words;
  if (difference.missing()) words.push_back("missing");
  if (difference.extra()) words.push_back("extra");
  if (difference.data) words.push_back("data");
  if (difference.acl) words.push_back("acl");
  if (difference.kind) words.push_back("kind");
  words.push_back(difference.nodes.path().empty() ? "/" : difference.nodes.path());
  return absl::StrJoin(words, " ");
}

class TreeDiffTest : public ::testing::Test {
 protected:
  std::vector<std::string> Diff(const std::vector<TreeNode>& a, const std::vector<TreeNode>& b,
                                TreeDiffOptions options = {}) {
    ListedTree source_a(a);
    ListedTree source_b(b, absl::OkStatus(), 2);
    return Diff(&source_a, &source_b, options);
  }
  std::vector<std::string> Diff(TreeSource* a, TreeSource* b, TreeDiffOptions options = {}) {
    std::vector<std::string> described;
    const auto result =
        RunAlone(&io_, DiffTrees(a, b, options, [&described](const TreeDifference& difference) {
          described.push_back(Described(difference));
        }));
    EXPECT_TRUE(result.ok()) << result.status();
    result_ = *result;
    EXPECT_EQ(result_.paths, static_cast<int64_t>(described.size()));
    EXPECT_EQ(result_.equal(), described.empty());
    return described;
  }

  asio::io_context io_;
  TreeDiffResult result_;
};

TEST_F(TreeDiffTest, EqualTreesAreEqual) {
  std::vector<TreeNode> a = {NodeAt(""), NodeAt("/a", "x"), NodeAt("/a/b"), NodeAt("/a-b")};
  std::vector<TreeNode> b = a;
  // Neither versions nor transactions nor the order of an ACL make a difference.
  a[1].stat.mzxid = 7;
  b[1].stat.version = 3;
  a[2].acl = {{"ip", "10.0.0.1", 1}, {"world", "anyone", 31}};
  b[2].acl = {{"world", "anyone", 31}, {"ip", "10.0.0.1", 1}};
  EXPECT_THAT(Diff(a, b), ElementsAre());
  EXPECT_EQ(result_.a.znodes, 4);
  EXPECT_EQ(result_.a.digest, result_.b.digest);
}

TEST_F(TreeDiffTest, EveryWayToDifferIsNamed) {
  std::vector<TreeNode> a = {NodeAt(""),        NodeAt("/a"), NodeAt("/a/b"),
                             NodeAt("/c", "1"), NodeAt("/d"), NodeAt("/e"),
                             NodeAt("/f"),      NodeAt("/g"), NodeAt("/null")};
  std::vector<TreeNode> b = {NodeAt(""),   NodeAt("/b"), NodeAt("/c", "2"), NodeAt("/d"),
                             NodeAt("/e"), NodeAt("/f"), NodeAt("/g", "x"), NodeAt("/null")};
  b[3].acl = {{"world", "anyone", 1}};
  a[5].stat.ephemeral_owner = OwnerOfContainer();
  a[6].stat.ephemeral_owner = OwnerOfTtl(1000);
  b[5].stat.ephemeral_owner = OwnerOfTtl(2000);
  b[6].acl = {};
  b[7].null_data = true;
  EXPECT_THAT(Diff(a, b), ElementsAre("missing /a", "missing /a/b", "extra /b", "data /c", "acl /d",
                                      "kind /e", "kind /f", "data acl /g", "data /null"));
  EXPECT_EQ(result_.missing, 2);
  EXPECT_EQ(result_.extra, 1);
  EXPECT_EQ(result_.data, 3);
  EXPECT_EQ(result_.acl, 2);
  EXPECT_EQ(result_.kind, 2);
  EXPECT_EQ(result_.paths, 9);
  EXPECT_NE(result_.a.digest, result_.b.digest);
}

TEST_F(TreeDiffTest, EphemeralsAreLeftOutUnlessAskedFor) {
  const std::vector<TreeNode> a = {NodeAt(""), WithOwner(NodeAt("/e"), 7), NodeAt("/p")};
  const std::vector<TreeNode> b = {NodeAt(""), NodeAt("/p"), WithOwner(NodeAt("/q"), 8),
                                   WithOwner(NodeAt("/r"), 8)};
  EXPECT_THAT(Diff(a, b), ElementsAre());
  EXPECT_EQ(result_.a.ephemerals_left_out, 1);
  EXPECT_EQ(result_.b.ephemerals_left_out, 2);
  EXPECT_EQ(result_.b.znodes, 2);
  EXPECT_EQ(result_.a.digest, result_.b.digest);
  EXPECT_THAT(Diff(a, b, {.ephemerals = true}), ElementsAre("missing /e", "extra /q", "extra /r"));
}

TEST_F(TreeDiffTest, AclsAreComparedOnlyIfBothSidesHaveThem) {
  std::vector<TreeNode> a = {NodeAt("")};
  std::vector<TreeNode> b = a;
  b[0].acl = {};
  ListedTree source_a(a);
  ListedTree source_b(b);
  source_b.head_.has_acls = false;
  EXPECT_THAT(Diff(&source_a, &source_b), ElementsAre());
  EXPECT_FALSE(result_.acls_compared);
  EXPECT_THAT(Diff(a, b, {.acls = false}), ElementsAre());
  EXPECT_THAT(Diff(a, b), ElementsAre("acl /"));
}

// A running server shows its clients no owner of them.
TEST_F(TreeDiffTest, ContainersAndTtlsDifferOnlyIfBothSidesKnowThem) {
  const std::vector<TreeNode> a = {NodeAt(""), WithOwner(NodeAt("/c"), OwnerOfContainer()),
                                   WithOwner(NodeAt("/t"), OwnerOfTtl(5))};
  ListedTree source_a(a);
  ListedTree source_b({NodeAt(""), NodeAt("/c"), NodeAt("/t")});
  source_b.head_.has_kinds = false;
  EXPECT_THAT(Diff(&source_a, &source_b), ElementsAre());
  EXPECT_FALSE(result_.kinds_compared);
  EXPECT_EQ(result_.a.digest, result_.b.digest);
  EXPECT_THAT(Diff(a, {NodeAt(""), NodeAt("/c"), NodeAt("/t")}), ElementsAre("kind /c", "kind /t"));
}

TEST_F(TreeDiffTest, NothingIsATreeToo) {
  NoTree nothing;
  ListedTree tree({NodeAt(""), NodeAt("/a")});
  EXPECT_THAT(Diff(&tree, &nothing), ElementsAre("missing /", "missing /a"));
}

TEST_F(TreeDiffTest, TheDigestOfTheDifferencesSaysWhatDiffersHow) {
  const std::vector<TreeNode> a = {NodeAt(""), NodeAt("/a", "1")};
  Diff(a, {NodeAt("")});
  const std::string missing = result_.digest;
  Diff({NodeAt("")}, a);
  const std::string extra = result_.digest;
  Diff(a, {NodeAt(""), NodeAt("/a", "2")});
  const std::string data = result_.digest;
  Diff(a, {NodeAt(""), NodeAt("/a", "3")});
  EXPECT_EQ(std::set<std::string>({missing, extra, data, result_.digest}).size(), 4u);
  Diff(a, {NodeAt("")});
  EXPECT_EQ(result_.digest, missing);
}

TEST_F(TreeDiffTest, ASideThatFailsIsNamedAndNotTakenForItsEnd) {
  ListedTree a({NodeAt(""), NodeAt("/a")});
  ListedTree b({NodeAt("")}, absl::UnavailableError("the session is lost"));
  b.head_.source = "zk2:2181";
  const auto result = RunAlone(&io_, DiffTrees(&a, &b, {}, [](const TreeDifference&) {}));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(result.status().message(),
              AllOf(HasSubstr("the session is lost"), HasSubstr("zk2:2181")));
}

TEST(TreeNodeTest, PathsAreOrderedAsTreesAreWalked) {
  const std::vector<std::string> ordered = {
      "",     "/A",  "/a",  "/a/", "/a/a", "/a/a/a/a/a/a/a/a", "/a/a/a/a/a/a/a/b", "/a/b", "/a\x01",
      "/a b", "/a-", "/aa", "/b",  "/\xc3"};
  for (size_t i = 0; i < ordered.size(); ++i) {
    for (size_t j = 0; j < ordered.size(); ++j) {
      const int order = ComparePaths(ordered[i], ordered[j]);
      EXPECT_EQ(order < 0, i < j) << ordered[i] << " " << ordered[j];
      EXPECT_EQ(order == 0, i == j) << ordered[i] << " " << ordered[j];
    }
  }
}

TEST(TreeNodeTest, TheOwnerSaysOfWhatKindAZnodeIs) {
  EXPECT_EQ(KindOfOwner(0), NodeKind::kPersistent);
  EXPECT_EQ(KindOfOwner(0x100000001), NodeKind::kEphemeral);
  EXPECT_EQ(KindOfOwner(OwnerOfContainer()), NodeKind::kContainer);
  EXPECT_EQ(KindOfOwner(OwnerOfTtl(1)), NodeKind::kTtl);
  EXPECT_EQ(TtlOfOwner(OwnerOfTtl(kTtlMaxMs)), kTtlMaxMs);
}

}  // namespace
}  // namespace metarec
