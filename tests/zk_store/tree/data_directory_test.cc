// Files written by hand: every type of transaction, every tail of a snapshot.

#include "zk_store/tree/data_directory/data_directory.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <snappy.h>
#include <zlib.h>

#include "base/runtime/cancellation.h"
#include "base/text/time_text.h"
#include "data_directory_reading.h"

namespace metarec {
namespace {

using testing::DataDirectoryWriter;
using ::testing::HasSubstr;
using testing::SnapshotTail;

TEST(DataDirectoryTest, AllTransactionsAreReplayedAndProved) {
  DataDirectoryWriter writer;
  WriteEverything(&writer);
  DataFolder folder;
  folder.WriteLog(&writer, 1000);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), TreeText(writer));
  const DataDirectoryReport& report = tree->report();
  EXPECT_EQ(report.proof, DataProof::kProved);
  EXPECT_TRUE(report.is_complete);
  EXPECT_EQ(report.last_zxid, writer.zxid());
  EXPECT_EQ(report.last_time_ms, writer.time_ms);
  EXPECT_EQ(report.transactions, writer.zxid());
  EXPECT_EQ(report.digests_compared, writer.zxid() - 1);  // a failed request has none
  EXPECT_EQ(FindingsText(report), "");
  ASSERT_EQ(report.sessions.size(), 1u);
  EXPECT_EQ(report.sessions[0].timeout_ms, 30000);
  ASSERT_EQ(report.ephemerals.size(), 1u);
  EXPECT_EQ(report.ephemerals[0].path, "/a/lock");
  EXPECT_EQ(report.ephemerals[0].session, kSession);
  EXPECT_THAT(DataDirectoryReportText(report), HasSubstr("say nothing about who is alive"));
}

// It is read once for all that a copy does with it.
TEST(DataDirectoryTest, FilesThatChangeAfterTheyWereReadAreNoticed) {
  DataDirectoryWriter writer;
  WriteEverything(&writer);
  DataFolder folder;
  const std::string log = folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_TRUE(tree->CheckUnchanged().ok()) << tree->CheckUnchanged();
  EXPECT_EQ(TreeText(*tree), TreeText(*tree)) << "read twice";
  folder.WriteFile("log.ffff", "");
  EXPECT_TRUE(absl::IsAborted(tree->CheckUnchanged())) << "a server was started there";
  const auto again = Read(folder);
  ASSERT_TRUE(again.ok()) << again.status();
  folder.WriteFile(log, folder.ReadFile(log) + std::string(1, '\0'));
  EXPECT_THAT(std::string(again->CheckUnchanged().message()), HasSubstr(log));
}

TEST(DataDirectoryTest, ASubtreeIsReadFromItsRoot) {
  DataDirectoryWriter writer;
  WriteEverything(&writer);
  DataFolder folder;
  folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  const auto below = ReadNodes(*tree, "/a");
  ASSERT_TRUE(below.ok()) << below.status();
  EXPECT_EQ(below->size(), 4u);
  EXPECT_EQ(below->at("/a").path, "");
  EXPECT_EQ(below->at("/a/ours").acl.size(), 2u);
  EXPECT_TRUE(ReadNodes(*tree, "/no/such/path")->empty());
  EXPECT_EQ(ReadNodes(*tree, "/ttl")->at("/ttl").kind(), NodeKind::kTtl);
  EXPECT_EQ(ReadNodes(*tree, "/container")->at("/container").kind(), NodeKind::kContainer);
}

TEST(DataDirectoryTest, EveryTailOfASnapshotIsRead) {
  for (const SnapshotTail tail : {SnapshotTail::kNothing, SnapshotTail::kDigest,
                                  SnapshotTail::kZxid, SnapshotTail::kDigestAndZxid}) {
    DataDirectoryWriter writer;
    WriteEverything(&writer);
    DataFolder folder;
    folder.WriteSnapshot(writer, tail);
    const auto tree = Read(folder);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(TreeText(*tree), TreeText(writer));
    EXPECT_EQ(tree->report().last_zxid, writer.zxid());
    const bool has_digest = tail == SnapshotTail::kDigest || tail == SnapshotTail::kDigestAndZxid;
    EXPECT_EQ(tree->report().proof, has_digest ? DataProof::kProved : DataProof::kNoDigests);
    EXPECT_EQ(FindingsText(tree->report()), "");
  }
}

std::string Gzip(const std::string& bytes) {
  std::string out(compressBound(bytes.size()) + 64, '\0');
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string Snap(const std::string& bytes) {
  std::string out("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16);
  constexpr size_t kBlock = 100;
  for (size_t at = 0; at < bytes.size(); at += kBlock) {
    std::string block;
    snappy::Compress(bytes.data() + at, std::min(kBlock, bytes.size() - at), &block);
    DataDirectoryWriter::PutBytes(block, &out);
  }
  return out;
}

TEST(DataDirectoryTest, CompressedSnapshotsAreRead) {
  DataDirectoryWriter writer;
  WriteEverything(&writer);
  for (const bool is_gzip : {true, false}) {
    const std::string bytes = is_gzip ? Gzip(writer.Snapshot()) : Snap(writer.Snapshot());
    const std::string end = is_gzip ? ".gz" : ".snappy";
    DataFolder folder;
    folder.WriteSnapshot(writer.zxid(), bytes, end);
    const auto tree = Read(folder);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(TreeText(*tree), TreeText(writer));
    for (size_t size = 0; size < bytes.size(); ++size) {
      DataFolder cut;
      cut.WriteSnapshot(writer.zxid(), bytes.substr(0, size), end);
      EXPECT_FALSE(Read(cut).ok()) << size;
    }
    DataFolder longer;
    longer.WriteSnapshot(writer.zxid(), bytes + "x", end);
    EXPECT_FALSE(Read(longer).ok());
    DataDirectoryOptions small;
    small.decompressed_bytes_max = 100;
    EXPECT_TRUE(absl::IsResourceExhausted(Read(folder, small).status()));
  }
}

TEST(DataDirectoryTest, ASingleSnapshotFileIsRead) {
  DataDirectoryWriter writer;
  WriteEverything(&writer);
  DataFolder folder;
  folder.WriteSnapshot(writer);
  writer.Create("/later", "");
  folder.WriteLog(&writer);
  const auto tree = DataDirectory::Read(absl::StrCat(folder.path(), "/snapshot.12"));
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->report().last_zxid, 0x12);
  EXPECT_TRUE(ReadNodes(*tree, "/later")->empty());
  EXPECT_TRUE(DataDirectory::LooksLikeOne(folder.path()));
  EXPECT_FALSE(DataDirectory::LooksLikeOne(absl::StrCat(folder.path(), "/log.1")));
  EXPECT_FALSE(DataDirectory::LooksLikeOne("/no/such/file"));
}

TEST(DataDirectoryTest, LogsMayBeInAnotherFolder) {
  DataDirectoryWriter writer;
  DataFolder snapshots;
  DataFolder logs;
  snapshots.WriteSnapshot(writer);
  WriteEverything(&writer);
  logs.WriteLog(&writer);
  DataDirectoryOptions options;
  options.log_folder = logs.path();
  const auto tree = Read(snapshots, options);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), TreeText(writer));
}

TEST(DataDirectoryTest, NothingOfZooKeepersIsNotFound) {
  DataFolder folder;
  EXPECT_TRUE(absl::IsNotFound(Read(folder).status()));
  EXPECT_TRUE(absl::IsNotFound(DataDirectory::Read("/no/such/folder").status()));
  folder.WriteFile("snapshot.old", "");
  EXPECT_TRUE(absl::IsNotFound(Read(folder).status()));
}

TEST(DataDirectoryTest, TheTreeAtAZxidOrATime) {
  DataDirectoryWriter writer;
  DataFolder folder;
  std::vector<std::pair<int64_t, std::string>> moments;  // time, tree; by zxid
  moments.emplace_back(writer.time_ms, TreeText(writer));
  for (int i = 1; i <= 60; ++i) {
    writer.Create(absl::StrCat("/n", i), "x");
    moments.emplace_back(writer.time_ms, TreeText(writer));
    if (i % 10 == 0) folder.WriteLog(&writer);
    if (i % 20 == 0) folder.WriteSnapshot(writer);
  }
  for (int64_t zxid = 1; zxid <= 60; ++zxid) {
    DataDirectoryOptions at;
    at.at_zxid = zxid;
    auto tree = Read(folder, at);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(TreeText(*tree), moments[zxid].second) << zxid;
    EXPECT_EQ(tree->report().last_zxid, zxid);
    EXPECT_TRUE(tree->report().is_complete);
    DataDirectoryOptions then;
    then.at_time_ms = moments[zxid].first;
    tree = Read(folder, then);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(tree->report().last_zxid, zxid);
  }
  DataDirectoryOptions early;
  early.at_time_ms = moments[0].first;
  const absl::Status too_early = Read(folder, early).status();
  EXPECT_TRUE(absl::IsOutOfRange(too_early));
  // It says what can be asked for.
  const std::string first = UtcTextWithMs(absl::FromUnixMillis(moments[1].first));
  EXPECT_NE(too_early.message().find(absl::StrCat("ask for ", first, " or later")),
            absl::string_view::npos)
      << too_early;
}

TEST(DataDirectoryTest, BeforeTheOldestSnapshotIsOutOfRange) {
  DataDirectoryWriter writer;
  DataFolder folder;
  for (int i = 0; i < 10; ++i) writer.Create(absl::StrCat("/n", i), "x");
  int64_t unused = 0;
  writer.TakeLog(&unused);
  folder.WriteSnapshot(writer);
  writer.Create("/later", "");
  folder.WriteLog(&writer);
  DataDirectoryOptions at;
  at.at_zxid = 5;
  EXPECT_TRUE(absl::IsOutOfRange(Read(folder, at).status()));
}

TEST(DataDirectoryTest, AMultiWithAnErrorInsideChangesNothing) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  std::string inner;
  DataDirectoryWriter::PutBytes("/a", &inner);
  std::string body;
  DataDirectoryWriter::PutInt(2, 4, &body);
  DataDirectoryWriter::PutInt(2, 4, &body);
  DataDirectoryWriter::PutBytes(inner, &body);
  DataDirectoryWriter::PutInt(-1, 4, &body);
  // ZooKeeper writes all that it had reserved for the error.
  DataDirectoryWriter::PutBytes(std::string("\xff\xff\xff\x9b", 4) + std::string(546, '\0'), &body);
  writer.Append({.type = 14, .body = body}, true);
  folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), TreeText(writer));
  EXPECT_EQ(FindingsText(tree->report()), "");
  EXPECT_EQ(tree->report().last_zxid, 2);
}

TEST(DataDirectoryTest, ACreationOfZooKeeper34WithoutTheParentsVersion) {
  DataDirectoryWriter writer;
  writer.with_digests = false;
  DataFolder folder;
  std::string body;
  DataDirectoryWriter::PutBytes("/a", &body);
  DataDirectoryWriter::PutInt(-1, 4, &body);  // no data
  DataDirectoryWriter::PutInt(-1, 4, &body);  // no ACL: everyone's
  DataDirectoryWriter::PutInt(0, 1, &body);
  writer.Append({.type = 1, .body = body}, false);
  folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  const auto nodes = ReadNodes(*tree);
  ASSERT_TRUE(nodes.ok() && nodes->contains("/a"));
  EXPECT_TRUE(nodes->at("/a").null_data);
  EXPECT_EQ(nodes->at("/a").acl.size(), 1u);
  EXPECT_EQ(nodes->at("/").stat.child_version, 0);  // 2 * 1 - 2 children
  EXPECT_EQ(tree->report().proof, DataProof::kNoDigests);
}

TEST(DataDirectoryTest, ACloseOfASessionWithOnePathOfFourBytesIsNoDigest) {
  DataDirectoryWriter writer;
  writer.with_digests = false;
  DataFolder folder;
  writer.Create("/abc", "", kSession);
  writer.CloseSession(kSession);
  folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(TreeText(*tree), TreeText(writer));
}

TEST(DataDirectoryTest, ReadingATreeLetsOthersRunAndEndsWhenItIsCancelled) {
  DataDirectoryWriter writer;
  DataFolder folder;
  writer.Create("/a", "");
  folder.WriteSnapshot(writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  const std::unique_ptr<TreeSource> source = tree->Open("/");
  absl::Status status;
  const auto read = [&]() -> asio::awaitable<void> {
    for (;;) {
      const absl::StatusOr<std::vector<TreeNode>> nodes = co_await source->Next();
      status = nodes.status();
      if (!nodes.ok() || nodes->empty()) co_return;
    }
  };
  asio::io_context context;
  CancellableTask task;
  task.Start(context.get_executor(), read(), [] {});
  asio::post(context, [&] { task.Cancel(); });
  context.run();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST(DataDirectoryTest, NamesOfTwoHundredLevelsAndAHundredThousandChildren) {
  DataDirectoryWriter writer;
  DataFolder folder;
  std::string path;
  for (int i = 0; i < 200; ++i) {
    path += "/d";
    writer.Create(path, "");
  }
  writer.Create("/many", "");
  for (int i = 0; i < 100000; ++i) writer.Create(absl::StrCat("/many/", i * 7919 % 100000), "");
  folder.WriteLog(&writer);
  const auto tree = Read(folder);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->report().proof, DataProof::kProved);
  EXPECT_EQ(ReadNodes(*tree, "/many")->size(), 100001u);
  EXPECT_EQ(ReadNodes(*tree, path)->size(), 1u);
}

}  // namespace
}  // namespace metarec
