#include "migration/tables/table_copy.h"

#include <fstream>
#include <string>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "idl/error_names.h"
#include "rpc/pegasus_status.h"
#include "testing/scratch_folder.h"
#include "tests/migration/tables/two_clusters.h"

namespace metarec {
namespace {

using testing::TableFaults;

constexpr TableFaults kFaults = {.busy = 20,
                                 .lost_request = 1,
                                 .lost_answer = 1,
                                 .moved_primary = 20,
                                 .lost_scan = 20,
                                 .restart = 5,
                                 .short_page = 100};

class TableCopyTest : public TwoClusters {
 protected:
  absl::StatusOr<TableCopyResult> Copy(TableCopyOptions options) {
    TableCopy copy(source_.get(), target_.get(), &clock_, std::move(options));
    return Run(copy.Run([](const TableCopyProgress&) {}));
  }
};

TEST_F(TableCopyTest, EveryRowArrivesAsItIsWhateverThePartitionCounts) {
  const std::pair<int32_t, int32_t> counts[] = {{4, 8}, {8, 4}, {3, 5}, {1, 1}};
  for (const auto& [from, to] : counts) {
    SCOPED_TRACE(absl::StrCat(from, " to ", to));
    MakeTables(from, to);
    LoadSource(2000);
    const auto result = Copy({});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->progress.rows, static_cast<int64_t>(SourceRows().size()));
    EXPECT_EQ(result->progress.partitions_done, from);
    EXPECT_EQ(TargetRows(), SourceRows());
    source_cluster_.DropTable("from");
    target_cluster_.DropTable("to");
  }
}

TEST_F(TableCopyTest, DoneMeansDoneWhateverGoesWrong) {
  MakeTables(4, 3, absl::Milliseconds(200));
  LoadSource(2000);
  source_cluster_.SetFaults(kFaults);
  target_cluster_.SetFaults(kFaults);
  for (const bool multi_put : {false, true}) {
    TableCopyOptions options;
    options.multi_put = multi_put;
    options.scan_rows = 20;
    options.rows_in_flight = 50;
    const auto result = Copy(options);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(TargetRows(), SourceRows());
    EXPECT_GT(source_->counts().resumed_scans, 0);
    EXPECT_GT(target_->counts().retries, 0);
    for (int i = 0; i < 3; ++i) target_cluster_.table("to").partition(i).clear();
  }
}

TEST_F(TableCopyTest, RowsThatAreThereAreKeptAndThoseWithoutHashKeyGoWhereTheyAreFound) {
  MakeTables(4, 8);
  LoadSource(500);
  const Row present = MakeRow("hash1", "sort4", "old");
  target_cluster_.table("to").Put(present);
  TableCopyOptions options;
  options.no_overwrite = true;
  auto result = Copy(options);
  ASSERT_TRUE(result.ok()) << result.status();
  testing::TableStorage::Partition expected = SourceRows();
  ASSERT_TRUE(expected.contains(present.key.encoded()));
  expected[present.key.encoded()] = {"old", 0};
  EXPECT_EQ(TargetRows(), expected);
  EXPECT_EQ(result->progress.kept, 1);
  const Row without_hash_key = RowOf(7);
  ASSERT_EQ(without_hash_key.key.hash_key(), "");
  EXPECT_EQ(*Run(target_->Get(without_hash_key.key)), without_hash_key.value);
  result = Copy(options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->progress.rows, 0);
  EXPECT_EQ(result->progress.kept, static_cast<int64_t>(SourceRows().size()));
}

TEST_F(TableCopyTest, OnlyWhatTheFiltersMeanIsCopied) {
  MakeTables(4, 2);
  LoadSource(1000);
  TableCopyOptions options;
  options.filter.hash_key = {RowFilter::Match::kPrefix, "hash1"};
  options.filter.sort_key = {RowFilter::Match::kExact, "sort31"};
  ASSERT_TRUE(Copy(options).ok());
  ASSERT_EQ(TargetRows().size(), 1u);
  EXPECT_EQ(TargetRows().begin()->first, RowOf(31).key.encoded());
  target_cluster_.table("to").partition(0).clear();
  target_cluster_.table("to").partition(1).clear();
  options.filter = {};
  options.filter.value = {RowFilter::Match::kExact, "vvv"};
  ASSERT_TRUE(Copy(options).ok());
  EXPECT_FALSE(TargetRows().empty());
  for (const auto& [key, stored] : TargetRows()) EXPECT_EQ(stored.value, "vvv");
}

TEST_F(TableCopyTest, ExpiriesAndValuesAreLeftOutOnlyIfAsked) {
  MakeTables(2, 2);
  LoadSource(100);
  TableCopyOptions options;
  options.no_ttl = true;
  options.no_value = true;
  ASSERT_TRUE(Copy(options).ok());
  EXPECT_EQ(TargetRows().size(), SourceRows().size());
  for (const auto& [key, stored] : TargetRows()) {
    EXPECT_EQ(stored.value, "");
    EXPECT_EQ(stored.expires_at, 0u);
  }
}

TEST_F(TableCopyTest, OnePartitionIsCopiedAlone) {
  MakeTables(4, 1);
  LoadSource(400);
  TableCopyOptions options;
  options.partition = 2;
  const auto result = Copy(options);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->partitions.size(), 1u);
  EXPECT_EQ(result->partitions[0].index, 2);
  EXPECT_EQ(TargetRows(), source_cluster_.table("from").partition(2));
  options.partition = 4;
  EXPECT_EQ(Copy(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(TableCopyTest, ACopyThatFailedGoesOnWhereItWas) {
  MakeTables(4, 8);
  LoadSource(4000);
  const testing::ScratchFolder folder;
  TableCopyOptions options;
  options.state_file = folder.path() + "/state";
  options.rows_in_flight = 10;
  options.scan_rows = 10;
  // The target stops taking writes in the middle.
  target_ = MakeClient(target_cluster_, "to", absl::Milliseconds(300));
  asio::co_spawn(
      io_,
      [this]() -> asio::awaitable<void> {
        while (target_cluster_.requests() < 1500) {
          (void)co_await clock_.SleepFor(absl::Milliseconds(1));
        }
        target_cluster_.SetDenial("to", {.writes = true});
      },
      [](std::exception_ptr) {});
  const auto failed = Copy(options);
  EXPECT_EQ(rpc::PegasusErrorName(failed.status()), idl::kErrTimeout) << failed.status();
  const size_t written = TargetRows().size();
  EXPECT_LT(written, SourceRows().size());
  target_cluster_.SetDenial("to", {});
  const int64_t requests_before = target_cluster_.requests();
  const auto result = Copy(options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->was_resumed);
  EXPECT_EQ(TargetRows(), SourceRows());
  // What was known to be written is not written again.
  EXPECT_LT(target_cluster_.requests() - requests_before,
            static_cast<int64_t>(SourceRows().size() - written) + 200);
  int64_t rows = 0;
  for (const auto& partition : result->partitions) rows += partition.rows;
  EXPECT_EQ(rows, static_cast<int64_t>(SourceRows().size()));
}

TEST_F(TableCopyTest, AStateOfAnotherCopyIsRefused) {
  MakeTables(2, 2);
  LoadSource(10);
  const testing::ScratchFolder folder;
  TableCopyOptions options;
  options.state_file = folder.path() + "/state";
  options.scope["source cluster"] = "a";
  ASSERT_TRUE(Copy(options).ok());
  options.no_ttl = true;
  const auto other_way = Copy(options);
  EXPECT_EQ(other_way.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(other_way.status().message(), "no_ttl was false and is true"))
      << other_way.status();
  options.no_ttl = false;
  options.scope["source cluster"] = "b";
  EXPECT_EQ(Copy(options).status().code(), absl::StatusCode::kFailedPrecondition);
  std::fstream file(options.state_file);
  file.seekp(100);
  file << "X";
  file.close();
  options.scope["source cluster"] = "a";
  EXPECT_EQ(Copy(options).status().code(), absl::StatusCode::kDataLoss);
}

// The advice was to remove it.
TEST_F(TableCopyTest, AFileOfAnotherKindWasTakenForADamagedState) {
  MakeTables(2, 2);
  LoadSource(10);
  const testing::ScratchFolder folder;
  folder.Write("monday.plan", "{\"format\":\"metarec-plan\",\"version\":4}\n");
  TableCopyOptions options;
  options.state_file = folder.Path("monday.plan");
  const auto refused = Copy(options);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(refused.status().message(), "not the state of a table copy; give"))
      << refused.status();
}

TEST_F(TableCopyTest, TheRateIsKept) {
  MakeTables(2, 2);
  LoadSource(300);
  TableCopyOptions options;
  options.rows_per_second = 600;
  const absl::Time begin = clock_.Now();
  ASSERT_TRUE(Copy(options).ok());
  EXPECT_GT(clock_.Now() - begin, absl::Milliseconds(400));
  options.rows_per_second = 0;
  options.bytes_per_second = 60'000;  // of about 30,000
  const absl::Time begin_again = clock_.Now();
  ASSERT_TRUE(Copy(options).ok());
  EXPECT_GT(clock_.Now() - begin_again, absl::Milliseconds(300));
}

TEST_F(TableCopyTest, WhatCannotBeDoneIsSaid) {
  MakeTables(2, 2);
  LoadSource(100);
  target_cluster_.DropTable("to");
  const auto missing = Copy({});
  EXPECT_EQ(rpc::PegasusErrorName(missing.status()), idl::kErrObjectNotFound);
  EXPECT_TRUE(absl::StrContains(missing.status().message(), "table to does not exist"))
      << missing.status();
  TableCopyOptions options;
  options.state_file = "/nonexistent/state";
  target_cluster_.AddTable("to", 2);
  EXPECT_FALSE(Copy(options).ok());
  EXPECT_TRUE(TargetRows().empty());
}

}  // namespace
}  // namespace metarec
