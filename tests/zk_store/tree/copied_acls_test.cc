// What a copy does with ACLs.

#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copy_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/tree/tree_copy.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CopiedAclsTest : public CopyWorld {
 protected:
  void SetUp() override { FillSource(); }
};

TEST_F(CopiedAclsTest, AnAclThatWouldLockTheCopyOutIsSetWhenAllBelowItIsThere) {
  ASSERT_TRUE(Copy().ok());
  std::vector<std::string> narrow;
  for (const std::string& step : steps_) {
    if (absl::StrContains(step, "/narrow")) narrow.push_back(step);
  }
  EXPECT_THAT(narrow, ElementsAre("create /narrow", "create /narrow/in", "create /narrow/in/in",
                                  "set_acl /narrow/in", "set_acl /narrow"));
}

// Nothing can be deleted below such a root by who has written it.
TEST_F(CopiedAclsTest, ARootWhoseAclKeepsTheMarkInPlaceIsSaidToBeCopied) {
  const Store admin = Open(from_);
  ASSERT_TRUE(RunAlone(&io_, admin->SetAcl(kFrom, Narrow(), kAnyVersion)).ok());
  const auto result = Copy();
  EXPECT_EQ(StoreErrorOf(result.status()), StoreError::kNoAuth) << result.status();
  EXPECT_THAT(std::string(result.status().message()),
              AllOf(HasSubstr("metarec_tree_journal"), HasSubstr("all is copied and equal")));
  EXPECT_EQ(Differences(), "/metarec_tree_journal extra; ");
}

TEST_F(CopiedAclsTest, WithoutCredentialsNothingIsOpenedThatTheAclCloses) {
  const Store from = Open(from_);
  const Store into = Open(into_, {.injector = nullptr, .user = ""});
  const auto result = Copy(from.get(), into.get());
  EXPECT_TRUE(absl::IsPermissionDenied(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("/narrow"));
}

TEST_F(CopiedAclsTest, TheAclsOfTheTargetCanBeChosen) {
  TreeCopyOptions options = SmallSteps();
  options.acl = CopiedAcl::kOpen;
  ASSERT_TRUE(Copy(options).ok());
  EXPECT_EQ(Differences(), "/closed acl; /narrow acl; /narrow/in acl; ");
  StartTargetAfresh();
  options.acl = CopiedAcl::kCreator;
  ASSERT_TRUE(Copy(options).ok());
  const Store into = Open(into_);
  EXPECT_EQ(RunAlone(&io_, into->GetAcl(In(kInto, "/a")))->acl, AdminOnly());
  EXPECT_EQ(RunAlone(&io_, into->GetAcl(kInto))->acl, AdminOnly());
  StartTargetAfresh();
  const Store from = Open(from_);
  const Store nobody = Open(into_, {.injector = nullptr, .user = ""});
  EXPECT_FALSE(Copy(from.get(), nobody.get(), options).ok());
}

TEST_F(CopiedAclsTest, AnAclMapPutsOtherIdentitiesInTheirPlace) {
  TreeCopyOptions options = SmallSteps();
  auto map = AclMap::Parse("# who is who\ndigest:carol:hash  digest:dave:hash2\n");
  ASSERT_TRUE(map.ok()) << map.status();
  options.acl_map = *map;
  ASSERT_TRUE(Copy(options).ok());
  const Store into = Open(into_);
  const Acl acl = RunAlone(&io_, into->GetAcl(In(kInto, "/narrow")))->acl;
  EXPECT_THAT(acl, Contains(AclEntry{"digest", "dave:hash2", 31}));
  EXPECT_EQ(acl.size(), 2u);

  EXPECT_FALSE(AclMap::Parse("digest:a:b").ok());
  EXPECT_FALSE(AclMap::Parse("digest:a:b nonsense").ok());
  EXPECT_FALSE(AclMap::Parse("digest:a:b -\ndigest:a:b -").ok());
  auto nothing = AclMap::Parse("world:anyone -");
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing->Apply(OpenAcl()).ok());
}

TEST_F(CopiedAclsTest, AnAclMapThatNeverEndsIsRefused) {
  const auto map = AclMap::Parse(std::string(AclMap::kTextBytesMax + 1, '#'));
  EXPECT_TRUE(absl::IsInvalidArgument(map.status())) << map.status();
}

TEST_F(CopiedAclsTest, ASourceWhoseAclsAreHiddenIsNotCopiedWithoutThem) {
  CreateOp readable{"/readable", "r"};
  readable.acl = AdminOnly();
  readable.acl->push_back(AclEntry{"world", "anyone", 1});
  const Store admin = Open(from_);
  Put(admin.get(), readable);
  const Store guest = Open(from_, {.injector = nullptr, .user = "guest:pw"});
  const Store into = Open(into_);
  const CopyInto place{into.get(), kInto, "target"};
  const auto result =
      RunAlone(&io_, CopyTree(From(guest.get(), "/readable"), place, SmallSteps(), {}, &clock_));
  EXPECT_TRUE(absl::IsPermissionDenied(result.status())) << result.status();
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("hides the ACL of /readable"));
  EXPECT_EQ(into_->Dump().size(), 1u);
}

}  // namespace
}  // namespace metarec
