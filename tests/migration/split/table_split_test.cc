#include "migration/split/table_split.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/migration/split/backup_world.h"

namespace metarec {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

absl::StatusOr<TableSplitResult> Split(const TableSplitOptions& options) {
  TableSplitProgress progress;
  return SplitTable(options, &progress);
}

TableSplitResult SplitOrFail(const TableSplitOptions& options) {
  const auto result = Split(options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : TableSplitResult();
}

// Many small units, so that there is something to resume, to cut and to share.
TableSplitOptions InPieces(TableSplitOptions options, int64_t unit_bytes = 20'000) {
  options.plan.unit_bytes_min = 0;
  options.plan.unit_bytes_max = unit_bytes;
  return options;
}

struct Counts {
  int32_t from;
  int32_t to;
};

class AnyCounts : public ::testing::TestWithParam<Counts> {};

TEST_P(AnyCounts, KeepTheRows) {
  BackupWorld world(GetParam().from);
  world.Fill(3000, 7);
  const TableSplitResult result = SplitOrFail(InPieces(world.SplitTo(GetParam().to)));
  EXPECT_TRUE(result.is_whole);
  EXPECT_EQ(result.counts.copied.rows, static_cast<int64_t>(world.rows().size()));
  EXPECT_TRUE(SameRows(ReadBulkLoad(result.folder, GetParam().to), world.rows()));
}

INSTANTIATE_TEST_SUITE_P(Of, AnyCounts,
                         ::testing::Values(Counts{1, 1}, Counts{1, 5}, Counts{4, 4}, Counts{4, 8},
                                           Counts{8, 4}, Counts{3, 4}, Counts{4, 70}, Counts{6, 4}),
                         [](const auto& info) {
                           return absl::StrCat(info.param.from, "to", info.param.to);
                         });

TEST(TableSplit, WritesWhatBulkLoadWantsByteForByte) {
  BackupWorld world(2);
  world.Put("h", "s", "v");
  const TableSplitResult result = SplitOrFail(world.SplitTo(2));
  EXPECT_EQ(ReadWhole(result.folder + "/bulk_load_info"),
            R"({"app_id":12,"app_name":"dst","partition_count":2})");
  EXPECT_EQ(result.folder, world.Path("bulk/onebox2/dst"));
}

TEST(TableSplit, LeavesOutWhatHasExpiredAndKeepsExpiryAndTimetag) {
  BackupWorld world(2);
  world.Put("expired", "", "v", kNowExpiry);
  world.Put("long expired", "", "v", 1);
  world.Put("expires next", "", "v", kNowExpiry + 1, 0x1122334455667788);
  world.Put("stays", "", "v", 0, 5);
  const TableSplitResult result = SplitOrFail(world.SplitTo(3));
  EXPECT_EQ(result.counts.expired, 2);
  const Rows rows = ReadBulkLoad(result.folder, 3);
  EXPECT_EQ(rows.size(), 2);
  EXPECT_EQ(rows.at(testing::PegasusKey("expires next", "")),
            testing::PegasusValue(kNowExpiry + 1, 0x1122334455667788, "v"));
}

TEST(TableSplit, ReadsTheMergedRowsOfManyFiles) {
  BackupWorld world(2);
  for (uint32_t i = 0; i < 5; ++i) {
    world.Fill(200, i);
    world.Put("changes", "", absl::StrCat("value ", i));
    world.Put("goes", absl::StrCat(i), "v");
    if (i > 0) world.Delete("goes", absl::StrCat(i - 1));
    world.Flush();
  }
  const TableSplitResult result = SplitOrFail(world.SplitTo(4));
  EXPECT_TRUE(SameRows(ReadBulkLoad(result.folder, 4), world.rows()));
}

// A partition that was split once still has the other half's rows, until a compaction.
TEST(TableSplit, LeavesOutWhatASplitLeftBehind) {
  BackupWorld world(2);
  world.Fill(100, 3);
  BackupWorld half(1);
  half.Fill(100, 4);
  int64_t stale = 0;
  for (const auto& [key, value] : half.rows()) {
    for (int32_t partition = 0; partition < 2; ++partition) {
      world.PutStored(partition, key, value);
    }
    ++stale;
  }
  // Of a key that both have, the stale row overwrote the other one in its own partition.
  Rows expected = half.rows();
  expected.insert(world.rows().begin(), world.rows().end());
  const TableSplitResult result = SplitOrFail(world.SplitTo(3));
  EXPECT_EQ(result.counts.misplaced, stale);
  EXPECT_TRUE(SameRows(ReadBulkLoad(result.folder, 3), expected));
}

TEST(TableSplit, LeavesOutEmptyWrites) {
  BackupWorld world(1);
  world.PutStored(0, "", EmptyWriteValue());
  world.Put("", "", "a row with two empty keys");
  world.Put("h", "s", "v");
  const TableSplitResult result = SplitOrFail(world.SplitTo(1));
  EXPECT_EQ(result.counts.empty_writes, 1);
  EXPECT_TRUE(SameRows(ReadBulkLoad(result.folder, 1), world.rows()));
}

TEST(TableSplit, APartitionWithoutRowsGetsAFile) {
  BackupWorld world(1);
  world.Put("h", "s", "v");
  const TableSplitResult result = SplitOrFail(world.SplitTo(16));
  EXPECT_EQ(result.empty_partitions, 15);
  EXPECT_TRUE(SameRows(ReadBulkLoad(result.folder, 16), world.rows()));
}

TEST(TableSplit, OfATableWithoutRowsIsComplete) {
  BackupWorld world(2);
  const TableSplitResult result = SplitOrFail(world.SplitTo(3));
  EXPECT_TRUE(result.is_whole);
  EXPECT_TRUE(ReadBulkLoad(result.folder, 3).empty());
}

TEST(TableSplit, UpgradesRowsOfVersion0) {
  BackupWorld world(2, /*data_version=*/0);
  world.Fill(300, 11);
  world.Put("expired", "", "v", 1);
  const TableSplitResult result = SplitOrFail(world.SplitTo(3));
  EXPECT_EQ(result.counts.expired, 1);
  EXPECT_TRUE(SameRows(ReadBulkLoad(result.folder, 3), world.rows()));
}

TEST(TableSplit, RefusesADataVersionThatItDoesNotKnow) {
  BackupWorld world(1, /*data_version=*/2);
  world.Put("h", "s", "v");
  const auto result = Split(world.SplitTo(1));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("data version 2"));
}

TEST(TableSplit, RowsThatMakeNoSenseStopIt) {
  BackupWorld key(1);
  key.PutStored(0, absl::string_view("\x00\x09short", 7), testing::PegasusValue(0, 0, ""));
  EXPECT_EQ(Split(key.SplitTo(1)).status().code(), absl::StatusCode::kDataLoss);
  BackupWorld value(1);
  value.PutStored(0, testing::PegasusKey("h", ""), "short");
  const auto result = Split(value.SplitTo(1));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("a value of 5 bytes"));
}

// Each file of a backup in turn is gone, empty, cut, and has one byte flipped.
TEST(TableSplit, ABackupWithAnyDamagedFileIsRefused) {
  BackupWorld world(2);
  world.Fill(500, 5);
  const std::string backup = world.Backup();
  int damages = 0;
  for (const auto& [path, whole] : Everything(backup)) {
    const std::string name = fs::path(path).filename();
    if (!fs::is_regular_file(path) || name[0] == '.') continue;
    std::string flipped = whole;
    if (!flipped.empty()) flipped[flipped.size() / 2] ^= 0x20;
    for (const std::string& damaged : {std::string(), whole.substr(0, whole.size() / 2), flipped}) {
      if (damaged == whole) continue;
      std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
      const auto result = Split(world.SplitTo(3));
      EXPECT_FALSE(result.ok()) << path;
      EXPECT_FALSE(fs::exists(world.Path("bulk/onebox2/dst/bulk_load_info"))) << path;
      ++damages;
    }
    fs::remove(path);
    const auto result = Split(world.SplitTo(3));
    EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound) << path;
    EXPECT_THAT(std::string(result.status().message()), HasSubstr("take the backup again"));
    ++damages;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole;
    fs::remove_all(world.Path("bulk"));
  }
  EXPECT_GT(damages, 30);
  EXPECT_TRUE(SplitOrFail(world.SplitTo(3)).is_whole);
}

// Without the MD5 it is RocksDB's checksums that find it: the rows end early, without an error
// but for the iterator's status.
TEST(TableSplit, AFlippedByteAmongTheRowsIsFoundWithoutMd5) {
  BackupWorld world(1);
  world.Fill(5000, 5);
  const std::string backup = world.Backup();
  int found = 0;
  for (const auto& [path, whole] : Everything(backup)) {
    if (fs::path(path).extension() != ".sst" || whole.size() < 50'000) continue;
    for (const size_t at : {whole.size() / 10, whole.size() / 2}) {
      std::string bytes = whole;
      bytes[at] ^= 0x01;
      std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
      TableSplitOptions options = world.SplitTo(3);
      options.check_md5 = false;
      const auto result = Split(options);
      EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss) << result.status();
      ++found;
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole;
  }
  EXPECT_GE(found, 2);
}

TEST(TableSplit, TheBackupStaysAsItIs) {
  BackupWorld world(2);
  world.Fill(300, 6);
  const std::string backup = world.Backup();
  const auto before = Everything(backup);
  SplitOrFail(InPieces(world.SplitTo(3)));
  EXPECT_EQ(Everything(backup), before);
}

TEST(TableSplit, RunAgainChangesNothing) {
  BackupWorld world(2);
  world.Fill(1000, 8);
  const TableSplitResult first = SplitOrFail(InPieces(world.SplitTo(3)));
  const auto before = Everything(world.Path("bulk"));
  TableSplitOptions later = InPieces(world.SplitTo(3));
  later.now += absl::Hours(24 * 365 * 20);  // what had not expired when it began stays
  const TableSplitResult again = SplitOrFail(later);
  EXPECT_EQ(again.units_resumed, again.units);
  EXPECT_EQ(again.counts, first.counts);
  EXPECT_EQ(Everything(world.Path("bulk")), before);
}

TEST(TableSplit, AFileThatWasDamagedSinceIsWrittenAgain) {
  BackupWorld world(2);
  world.Fill(1000, 8);
  const TableSplitResult first = SplitOrFail(InPieces(world.SplitTo(2)));
  const auto before = Everything(world.Path("bulk"));
  int damaged = 0;
  for (const auto& [path, bytes] : before) {
    if (fs::path(path).extension() != ".sst" || ++damaged > 3) continue;
    if (damaged == 1) fs::remove(path);
    if (damaged > 1) std::ofstream(path, std::ios::binary | std::ios::trunc) << "damaged";
  }
  ASSERT_GE(damaged, 3);
  const TableSplitResult again = SplitOrFail(InPieces(world.SplitTo(2)));
  EXPECT_LT(again.units_resumed, again.units);
  EXPECT_TRUE(SameRows(ReadBulkLoad(again.folder, 2), world.rows()));
}

TEST(TableSplit, AnythingElseInItsPlaceIsRefusedAndStays) {
  BackupWorld world(1);
  world.Put("h", "s", "v");
  fs::create_directories(world.Path("bulk/onebox2/dst/0"));
  std::ofstream(world.Path("bulk/onebox2/dst/0/data_0_0.sst")) << "somebody's";
  const auto result = Split(world.SplitTo(1));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReadWhole(world.Path("bulk/onebox2/dst/0/data_0_0.sst")), "somebody's");
}

TEST(TableSplit, OptionsThatMakeNoSenseAreRefused) {
  BackupWorld world(1);
  world.Put("h", "s", "v");
  const auto refused = [&](const std::function<void(TableSplitOptions&)>& change) {
    TableSplitOptions options = world.SplitTo(2);
    change(options);
    return Split(options).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](auto& options) { options.partition_count = 0; }));
  EXPECT_TRUE(refused([](auto& options) { options.app_id = 0; }));
  EXPECT_TRUE(refused([](auto& options) { options.app_name = "../other"; }));
  EXPECT_TRUE(refused([](auto& options) { options.cluster = ""; }));
  EXPECT_TRUE(refused([](auto& options) { options.jobs = 0; }));
  EXPECT_TRUE(refused([](auto& options) { options.shards = 0; }));
  EXPECT_TRUE(refused([](auto& options) { options.shard = 1; }));
}

TEST(TableSplit, StoppedItGoesOnWhereItWas) {
  BackupWorld world(3);
  world.Fill(3000, 9);
  TableSplitProgress progress;
  progress.work.stop = true;
  EXPECT_EQ(SplitTable(InPieces(world.SplitTo(4)), &progress).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_FALSE(fs::exists(world.Path("bulk/onebox2/dst/bulk_load_info")));
  const TableSplitResult result = SplitOrFail(InPieces(world.SplitTo(4)));
  EXPECT_TRUE(SameRows(ReadBulkLoad(result.folder, 4), world.rows()));
}

// Killed after a while, longer each time, until it is complete.
TEST(TableSplit, KilledAgainAndAgainItIsCompleteInTheEnd) {
  BackupWorld world(3);
  world.Fill(4000, 10);
  const TableSplitOptions options = InPieces(world.SplitTo(4));
  int kills = 0;
  bool is_done = false;
  for (double microseconds = 1000; !is_done && kills < 70; microseconds *= 1.2) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(Split(options).ok() ? 0 : 1);
    usleep(static_cast<useconds_t>(microseconds));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    is_done = WIFEXITED(status);
    kills += !is_done;
    if (is_done) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    if (!is_done && fs::exists(world.Path("bulk/onebox2/dst/bulk_load_info"))) {
      EXPECT_TRUE(SameRows(ReadBulkLoad(world.Path("bulk/onebox2/dst"), 4), world.rows()));
    }
  }
  EXPECT_TRUE(is_done);
  EXPECT_GT(kills, 3);
  EXPECT_TRUE(SameRows(ReadBulkLoad(world.Path("bulk/onebox2/dst"), 4), world.rows()));
}

// No file may grow beyond some bytes, as on a disk that is full.
TEST(TableSplit, ThatCannotWriteSaysSoAndGoesOnLater) {
  BackupWorld world(1);
  world.Fill(3000, 12, 400);
  const TableSplitOptions options = world.SplitTo(1);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {.rlim_cur = 200'000, .rlim_max = 200'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const absl::Status status = Split(options).status();
    const bool says_what = status.message().find("cannot write") != absl::string_view::npos &&
                           status.message().find("data_0_0.sst") != absl::string_view::npos;
    _exit(!status.ok() && says_what ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_FALSE(fs::exists(world.Path("bulk/onebox2/dst/bulk_load_info")));
  const TableSplitResult result = SplitOrFail(options);
  EXPECT_TRUE(SameRows(ReadBulkLoad(result.folder, 1), world.rows()));
}

TEST(TableSplitShards, TogetherAreTheWhole) {
  BackupWorld world(3);
  world.Fill(3000, 13);
  TableSplitOptions options = InPieces(world.SplitTo(4));
  options.shards = 3;
  options.shard = 2;
  EXPECT_FALSE(SplitOrFail(options).is_whole);
  options.shard = 0;
  EXPECT_FALSE(SplitOrFail(options).is_whole);
  EXPECT_FALSE(FinishSplit(options).ok());
  EXPECT_FALSE(fs::exists(world.Path("bulk/onebox2/dst/bulk_load_info")));
  options.shard = 1;
  SplitOrFail(options);
  const auto whole = FinishSplit(options);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_TRUE(whole->is_whole);
  EXPECT_EQ(whole->counts.copied.rows, static_cast<int64_t>(world.rows().size()));
  EXPECT_TRUE(SameRows(ReadBulkLoad(whole->folder, 4), world.rows()));
}

TEST(TableSplitShards, OneThatIsNotAtItsEndIsNamed) {
  BackupWorld world(3);
  world.Fill(3000, 13);
  TableSplitOptions options = InPieces(world.SplitTo(4));
  options.shards = 2;
  SplitOrFail(options);
  options.shard = 1;
  TableSplitProgress stopped;
  stopped.work.stop = true;
  EXPECT_FALSE(SplitTable(options, &stopped).ok());
  const auto early = FinishSplit(options);
  EXPECT_EQ(early.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(early.status().message()), HasSubstr("(--shard 1/2)"));
}

TEST(TableSplitShards, AllThatWereNotBegunAreNamedWithWhatToRun) {
  BackupWorld world(3);
  world.Fill(300, 13);
  TableSplitOptions options = InPieces(world.SplitTo(4));
  options.shards = 4;
  for (const int32_t shard : {0, 2}) {
    options.shard = shard;
    SplitOrFail(options);
  }
  const auto early = FinishSplit(options);
  EXPECT_EQ(early.status().code(), absl::StatusCode::kFailedPrecondition) << early.status();
  const std::string message(early.status().message());
  EXPECT_THAT(message, HasSubstr("2 shards of 4 were not begun"));
  EXPECT_THAT(message, HasSubstr("--shard 1/4, --shard 3/4 in place of --finish"));
  EXPECT_FALSE(fs::exists(world.Path("bulk/onebox2/dst/bulk_load_info")));
}

}  // namespace
}  // namespace metarec
