// Files that do not fit together, and damaged ones: the longest prefix, with its reason.

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_directory_reading.h"
#include "zk_store/tree/data_directory/data_directory.h"

namespace metarec {
namespace {

using testing::DataDirectoryWriter;
using ::testing::HasSubstr;
using testing::SnapshotTail;

TEST(DamagedDataDirectory, AGapBetweenLogsEndsTheTree) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  writer.Create("/b", "");
  folder.WriteLog(&writer);
  const std::string before = TreeText(writer);
  writer.LoseNext();
  writer.Create("/c", "");
  writer.Create("/d", "");
  const std::string name = folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), before);
  EXPECT_FALSE(tree->report().is_complete);
  ASSERT_EQ(FindingsText(tree->report()), "gap 0x4");
  EXPECT_EQ(tree->report().findings[0].other_zxid, 2);
  EXPECT_EQ(tree->report().findings[0].file, name);
  EXPECT_EQ(tree->report().findings[0].offset, 28);
  // Who asks for that very transaction has all that was asked for.
  DataDirectoryOptions options;
  options.at_zxid = 2;
  EXPECT_TRUE(Read(folder, options)->report().is_complete);
}

TEST(DamagedDataDirectory, ANewEpochIsNoGapButAMissingEndOfTheOldOneIsNoticed) {
  for (const bool loses : {false, true}) {
    DataDirectoryWriter writer;
    DataFolder folder;
    writer.BeginEpoch(1);
    writer.Create("/a", "");
    folder.WriteLog(&writer);
    const std::string before = TreeText(writer);
    if (loses) {
      writer.LoseNext();
      writer.Create("/lost", "");
    }
    writer.BeginEpoch(3);
    writer.Create("/b", "");
    folder.WriteLog(&writer);
    const auto tree = Read(folder);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(TreeText(*tree), loses ? before : TreeText(writer));
    EXPECT_EQ(FindingsText(tree->report()), loses ? "digest_differs 0x300000001" : "");
    EXPECT_EQ(tree->report().is_complete, !loses);
    EXPECT_EQ(tree->report().proof, DataProof::kProved);
  }
}

// A snapshot of a server that worked meanwhile: it has the zxid of its beginning, some znodes of
// then, and some of later.
struct FuzzyWorld {
  DataDirectoryWriter writer;
  DataFolder folder;
  std::string before;

  explicit FuzzyWorld(SnapshotTail tail) {
    writer.with_digests = tail == SnapshotTail::kDigest;
    writer.Create("/a", "");
    writer.Create("/p", "old");
    writer.Create("/p/c", "");
    writer.Create("/e", "", kSession);
    folder.WriteLog(&writer);
    before = TreeText(writer);
    const int64_t begin = writer.zxid();
    std::map<std::string, DataDirectoryWriter::Znode> mixed = writer.tree();
    writer.Set("/a", "1");
    writer.CreateWithAcl("/x", "new", kOurs);
    writer.Delete("/p/c");
    writer.Delete("/p");
    writer.Create("/p", "new");
    writer.Create("/p/d", "");
    writer.CloseSession(kSession);
    writer.Create("/e", "", kSession + 1);
    writer.Set("/a", "2");
    writer.SetAcl("/a", kOurs);
    writer.Create("/last", "");
    for (const char* path : {"/a", "/x", "/p", "/p/d", "/e"}) mixed[path] = writer.tree().at(path);
    mixed.erase("/p/c");
    log = folder.WriteLog(&writer);
    folder.WriteSnapshot(begin, writer.SnapshotOf(mixed, tail, writer.zxid(), writer.digest()));
  }
  std::string log;
};

TEST(DamagedDataDirectory, AFuzzySnapshotBecomesTheTreeOfOneMoment) {
  for (const SnapshotTail tail : {SnapshotTail::kDigest, SnapshotTail::kNothing}) {
    const FuzzyWorld world(tail);
    const auto tree = Read(world.folder);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(TreeText(*tree), TreeText(world.writer));
    EXPECT_EQ(FindingsText(tree->report()), "");
  }
}

TEST(DamagedDataDirectory, AFuzzySnapshotWithoutItsLogsIsNotTaken) {
  for (const SnapshotTail tail : {SnapshotTail::kDigest, SnapshotTail::kNothing}) {
    const FuzzyWorld world(tail);
    const std::string log = world.folder.ReadFile(world.log);
    world.folder.WriteFile(world.log, log.substr(0, log.size() - 400));
    world.folder.WriteFile("log.1", "");
    const auto tree = Read(world.folder);
    ASSERT_TRUE(absl::IsDataLoss(tree.status())) << tree.status();
    EXPECT_THAT(std::string(tree.status().message()), HasSubstr("needs the logs up to zxid 0x"));
    DataDirectoryOptions options;
    options.accept_inconsistent = true;
    const auto accepted = Read(world.folder, options);
    ASSERT_TRUE(accepted.ok()) << accepted.status();
    EXPECT_EQ(accepted->report().proof, DataProof::kInconsistent);
    EXPECT_THAT(FindingsText(accepted->report()), HasSubstr("snapshot_fuzzy"));
  }
}

TEST(DamagedDataDirectory, BeforeAFuzzySnapshotTheLogsAreTakenAlone) {
  const FuzzyWorld world(SnapshotTail::kDigest);
  const std::string log = world.folder.ReadFile(world.log);
  world.folder.WriteFile(world.log, log.substr(0, 30));
  const auto tree = Read(world.folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), world.before);
  EXPECT_EQ(FindingsText(tree->report()), "snapshot_fuzzy 0x4, log_torn 0x4");
  EXPECT_FALSE(tree->report().is_complete) << "the snapshot shows that there was more";
}

// What the logs gave was called all.
TEST(DamagedDataDirectory, ASnapshotThatIsLaterThanTheLogsShowsThatTheTreeLacksItsEnd) {
  DataDirectoryWriter writer;
  DataFolder folder;
  folder.WriteSnapshot(writer);
  writer.Create("/a", "");
  folder.WriteLog(&writer);
  const std::string before = TreeText(writer);
  writer.Create("/b", "");
  const std::string snapshot = writer.Snapshot();
  folder.WriteSnapshot(writer.zxid(), snapshot.substr(0, snapshot.size() / 2));
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), before);
  EXPECT_FALSE(tree->report().is_complete);
  EXPECT_THAT(WhyIncomplete(tree->report()), HasSubstr("snapshot.2"));
  // What is asked for is there.
  DataDirectoryOptions options;
  options.at_zxid = 1;
  EXPECT_TRUE(Read(folder, options)->report().is_complete);
}

// A new leader writes one before it has executed anything.
TEST(DamagedDataDirectory, ATornSnapshotOfANewEpochLacksNothing) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  folder.WriteLog(&writer);
  folder.WriteSnapshot(int64_t{2} << 32, writer.Snapshot().substr(0, 40));
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), TreeText(writer));
  EXPECT_TRUE(tree->report().is_complete);
}

TEST(DamagedDataDirectory, ADamagedSnapshotIsNamedAndTheOlderOneIsTaken) {
  DataDirectoryWriter writer;
  DataFolder folder;
  folder.WriteSnapshot(writer);
  WriteEverything(&writer);
  folder.WriteLog(&writer);
  const std::string snapshot = writer.Snapshot();
  for (size_t at = 0; at < snapshot.size(); ++at) {
    // Version of the database, which nobody checks, but the seal does.
    std::string damaged = snapshot;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    folder.WriteSnapshot(writer.zxid(), damaged);
    auto tree = Read(folder);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(TreeText(*tree), TreeText(writer)) << at;
    EXPECT_THAT(FindingsText(tree->report()), HasSubstr("snapshot_damaged")) << at;
    folder.WriteSnapshot(writer.zxid(), snapshot.substr(0, at));
    tree = Read(folder);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(TreeText(*tree), TreeText(writer)) << at;
  }
}

TEST(DamagedDataDirectory, ADigestThatDiffersEndsTheTreeBeforeIt) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  writer.Create("/b", "");
  const std::string before = TreeText(writer);
  std::string body;
  DataDirectoryWriter::PutBytes("/a", &body);
  DataDirectoryWriter::PutBytes("what the server never had", &body);
  DataDirectoryWriter::PutInt(1, 4, &body);
  writer.Append({.type = 5, .body = body}, true);
  writer.Create("/c", "");
  folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), before);
  EXPECT_EQ(tree->report().last_zxid, 2);
  EXPECT_EQ(tree->report().proof, DataProof::kProved);
  EXPECT_EQ(FindingsText(tree->report()), "digest_differs 0x3");
  EXPECT_EQ(tree->report().findings[0].other_zxid, 2);
}

TEST(DamagedDataDirectory, ANewEpochDoesNotMakeUpForTheRestOfADamagedLog) {
  for (const bool is_damaged : {true, false}) {
    for (const bool goes_on : {false, true}) {
      DataDirectoryWriter writer;
      writer.with_digests = false;
      DataFolder folder;
      folder.WriteSnapshot(writer, SnapshotTail::kNothing);
      writer.BeginEpoch(1);
      writer.Create("/a", "");
      const std::string before = TreeText(writer);
      int64_t first = 0;
      std::string log = writer.TakeLog(&first);
      if (is_damaged) {
        // A record of one byte with a wrong checksum.
        DataDirectoryWriter::PutInt(1, 8, &log);
        DataDirectoryWriter::PutInt(1, 4, &log);
        log += "xB";
      } else {
        log += std::string(50, '\0') + "rest";
      }
      folder.WriteLog(first, log);
      if (!goes_on) writer.BeginEpoch(2);
      writer.Create("/b", "");
      folder.WriteLog(&writer);
      const auto tree = Read(folder);
      ASSERT_TRUE(tree.ok()) << tree.status();
      EXPECT_EQ(TreeText(*tree), goes_on ? TreeText(writer) : before);
      EXPECT_FALSE(tree->report().is_complete);
      EXPECT_EQ(FindingsText(tree->report()),
                absl::StrCat(is_damaged ? "log_damaged" : "log_unread_rest", " 0x100000001",
                             goes_on ? "" : ", gap 0x200000001"));
    }
  }
}

TEST(DamagedDataDirectory, LogsThatBeginWithALaterEpochAreNotTheWholeTree) {
  for (const int64_t epoch : {0, 1, 2, 7}) {
    DataDirectoryWriter writer;
    writer.with_digests = false;
    DataFolder folder;
    if (epoch > 0) writer.BeginEpoch(epoch);
    writer.Create("/a", "");
    folder.WriteLog(&writer);
    const auto tree = Read(folder);
    EXPECT_EQ(tree.ok(), epoch <= 1) << epoch << ": " << tree.status();
    EXPECT_EQ(absl::IsDataLoss(tree.status()), epoch > 1) << tree.status();
  }
}

TEST(DamagedDataDirectory, LogsThatChangeWhatTheyNeverCreateAreTakenOnlyIfAccepted) {
  DataDirectoryWriter writer;
  writer.with_digests = false;
  writer.Create("/older", "");
  int64_t first = 0;
  (void)writer.TakeLog(&first);
  for (const bool sets : {true, false}) {
    DataDirectoryWriter later = writer;
    // Its ensemble was set up anew, on top of data that it had.
    later.BeginEpoch(1);
    if (sets) {
      later.Set("/older", "x");
    } else {
      later.Create("/older/below", "x");
    }
    later.Create("/new", "");
    DataFolder folder;
    folder.WriteLog(&later);
    const auto tree = Read(folder);
    ASSERT_TRUE(absl::IsDataLoss(tree.status())) << tree.status();
    EXPECT_THAT(std::string(tree.status().message()),
                HasSubstr("the logs change znodes that they do not create"));
    DataDirectoryOptions options;
    options.accept_inconsistent = true;
    const auto accepted = Read(folder, options);
    ASSERT_TRUE(accepted.ok()) << accepted.status();
    EXPECT_EQ(accepted->report().proof, DataProof::kInconsistent);
    EXPECT_EQ(FindingsText(accepted->report()), "does_not_fit 0x100000001");
    EXPECT_THAT(TreeText(*accepted), HasSubstr("/new"));
  }
}

TEST(DamagedDataDirectory, TheEndOfASessionThatDeletesWhatIsNotThereIsNamed) {
  DataDirectoryWriter writer;
  writer.with_digests = false;
  DataFolder folder;
  folder.WriteSnapshot(writer, SnapshotTail::kNothing);
  writer.CreateSession(kSession, 30000);
  std::string body;
  DataDirectoryWriter::PutInt(1, 4, &body);
  DataDirectoryWriter::PutBytes("/never/there", &body);
  writer.Append({.type = -11, .body = body, .session = kSession}, false);
  writer.Create("/a", "");
  folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  ASSERT_EQ(FindingsText(tree->report()), "does_not_fit 0x2");
  EXPECT_EQ(tree->report().findings[0].path, "/never/there");
  EXPECT_THAT(TreeText(*tree), HasSubstr("/a"));
}

TEST(DamagedDataDirectory, AnUnknownTypeEndsTheTree) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  const std::string before = TreeText(writer);
  writer.Append({.type = 99, .body = "new"}, true);
  writer.Create("/b", "");
  folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), before);
  ASSERT_EQ(FindingsText(tree->report()), "log_damaged 0x1");
  EXPECT_EQ(tree->report().findings[0].damage, DataDamage::kUnknownType);
}

TEST(DamagedDataDirectory, WhatIsLoggedTwiceIsAppliedOnce) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  writer.Create("/b", "");
  int64_t first = 0;
  const std::string log = writer.TakeLog(&first);
  folder.WriteLog(1, log + log.substr(16));
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), TreeText(writer));
  EXPECT_EQ(FindingsText(tree->report()), "zxid_goes_back 0x1, zxid_goes_back 0x2");
}

TEST(DamagedDataDirectory, ATornRecordIsNoGapIfTheNextLogGoesOnFromThere) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  int64_t first = 0;
  const std::string log = writer.TakeLog(&first);
  folder.WriteLog(first,
                  log + std::string("\0\0\0\0\1\2\3\4\0\0\1\0half", 16) + std::string(1000, '\0'));
  writer.Create("/b", "");
  folder.WriteLog(&writer);
  folder.WriteLog(3, "");
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), TreeText(writer));
  EXPECT_EQ(FindingsText(tree->report()), "log_torn 0x1, log_empty 0x2");
  EXPECT_TRUE(tree->report().is_complete);
}

TEST(DamagedDataDirectory, BytesBehindTheEndOfALogAreNamed) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  int64_t first = 0;
  const std::string log = writer.TakeLog(&first);
  folder.WriteLog(first, log + std::string(5000, '\0') + "x" + std::string(10, '\0'));
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  ASSERT_EQ(FindingsText(tree->report()), "log_unread_rest 0x1");
  EXPECT_EQ(tree->report().findings[0].offset, static_cast<int64_t>(log.size()) + 5000);
  EXPECT_FALSE(tree->report().is_complete);
}

TEST(DamagedDataDirectory, LengthsBeyondTheFileTakeNoMemory) {
  DataDirectoryWriter writer;
  for (const int32_t length : {std::numeric_limits<int32_t>::max(), -5}) {
    DataFolder folder;
    std::string log = DataDirectoryWriter::LogHeader();
    DataDirectoryWriter::PutInt(1, 8, &log);
    DataDirectoryWriter::PutInt(length, 4, &log);
    folder.WriteLog(1, log);
    std::string snapshot = writer.Snapshot().substr(0, 16);
    DataDirectoryWriter::PutInt(length, 4, &snapshot);
    folder.WriteSnapshot(0, snapshot);
    EXPECT_TRUE(absl::IsDataLoss(Read(folder).status()));
  }
}

TEST(DamagedDataDirectory, AnAclThatNoFileHoldsIsNamed) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.CreateWithAcl("/ours", "", kOurs);
  std::string snapshot = writer.Snapshot(SnapshotTail::kNothing);
  snapshot.resize(snapshot.size() - 13);
  // The number of the first ACL, which no znode names any more.
  const size_t number = 16 + 4 + 4 + 7;
  snapshot[number] = 77;
  folder.WriteSnapshot(writer.zxid(), snapshot + DataDirectoryWriter::Seal(snapshot));
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(FindingsText(tree->report()), HasSubstr("unknown_acl"));
}

TEST(DamagedDataDirectory, FilesThatChangedSinceAreNoticed) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "some data");
  folder.WriteSnapshot(writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  std::string snapshot = folder.ReadFile("snapshot.1");
  snapshot.replace(snapshot.find("some data"), 4, "SOME");
  folder.WriteSnapshot(1, snapshot);
  EXPECT_TRUE(absl::IsDataLoss(ReadNodes(*tree).status()));
}

}  // namespace
}  // namespace metarec
