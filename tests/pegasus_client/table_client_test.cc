#include "pegasus_client/table_client.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "base/runtime/task_group.h"
#include "idl/error_names.h"
#include "pegasus_client/partition_scanner.h"
#include "replica_collector/node_list.h"
#include "rpc/pegasus_status.h"
#include "testing/simulated_tables.h"
#include "tests/rpc/loopback.h"

namespace metarec {
namespace {

using testing::SimulatedTables;
using testing::TableFaults;

Row MakeRow(const std::string& hash_key, const std::string& sort_key, const std::string& value,
            ExpirySeconds expires_at = 0) {
  Row row;
  row.key = *RowKey::Make(hash_key, sort_key);
  row.value = value;
  row.expires_at = expires_at;
  return row;
}

class TableClientTest : public ::testing::Test {
 protected:
  explicit TableClientTest(int replica_servers = 4)
      : cluster_(io_.get_executor(), &clock_, {.replica_servers = replica_servers}) {
    EXPECT_TRUE(cluster_.Start().ok());
    cluster_.AddTable("temp", 8);
    MakeClient("temp");
  }
  ~TableClientTest() override {
    EXPECT_TRUE(cluster_.aborts().empty()) << cluster_.aborts()[0];
    client_.reset();
    Run(Stopped());
  }

  // `attempt_timeout`: brief where requests get lost, else long enough for any machine.
  void MakeClient(const std::string& table, absl::Duration timeout = absl::Seconds(20),
                  absl::Duration attempt_timeout = absl::Seconds(10)) {
    TableClientOptions options;
    options.timeout = timeout;
    options.attempt_timeout = attempt_timeout;
    options.backoff_min = absl::Milliseconds(1);
    options.backoff_max = absl::Milliseconds(50);
    client_ = std::make_unique<TableClient>(io_.get_executor(), &clock_,
                                            *ParseNodeListString(cluster_.meta()), table, options);
  }

  template <typename T>
  T Run(asio::awaitable<T> work) {
    std::optional<T> result = rpc::RunToEnd(&io_, std::move(work));
    EXPECT_TRUE(result.has_value()) << "it did not end";
    return *std::move(result);
  }

  asio::awaitable<absl::StatusOr<std::vector<Row>>> ScanPartitions(ScanOptions options) {
    std::vector<Row> rows;
    const absl::StatusOr<TableShape> shape = co_await client_->Open();
    if (!shape.ok()) co_return shape.status();
    for (int32_t i = 0; i < shape->partition_count; ++i) {
      PartitionScanner scanner(client_.get(), i, options);
      for (bool is_last = false; !is_last;) {
        absl::StatusOr<ScanPage> page = co_await scanner.Next();
        if (!page.ok()) co_return page.status();
        for (Row& row : page->rows) rows.push_back(std::move(row));
        is_last = page->is_last;
      }
    }
    co_return rows;
  }

  // Rows as a map, for comparing with what the servers have.
  static testing::TableStorage::Partition MapOf(const std::vector<Row>& rows) {
    testing::TableStorage::Partition map;
    for (const Row& row : rows) {
      EXPECT_TRUE(
          map.emplace(row.key.encoded(), testing::TableStorage::Stored{row.value, row.expires_at})
              .second)
          << "twice: " << row.key.ToString();
    }
    return map;
  }

  void LoadRows(int count) {
    for (int i = 0; i < count; ++i) {
      cluster_.table("temp").Put(MakeRow(
          i % 5 == 0 ? "" : absl::StrCat("h", i % 100), absl::StrCat("s", i), absl::StrCat("v", i),
          i % 3 == 0 ? 2'000'000'000u + static_cast<uint32_t>(i) : 0));
    }
  }

  asio::io_context io_;
  SystemClock clock_;
  SimulatedTables cluster_;
  std::unique_ptr<TableClient> client_;

 private:
  asio::awaitable<bool> Stopped() {
    co_await cluster_.Stop();
    co_return true;
  }
};

TEST_F(TableClientTest, WhatIsPutIsRead) {
  const Row row = MakeRow("user", "profile", "v", ExpiryAt(clock_.Now()) + 100);
  EXPECT_TRUE(Run(client_->Put(row)).ok());
  const auto value = Run(client_->Get(row.key));
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, "v");
  const auto read = Run(client_->GetRow(row.key));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, row);
  const auto ttl = Run(client_->Ttl(row.key));
  ASSERT_TRUE(ttl.ok()) << ttl.status();
  ASSERT_TRUE(ttl->has_value());
  EXPECT_GT(**ttl, absl::Seconds(90));
  EXPECT_LE(**ttl, absl::Seconds(100));
  EXPECT_TRUE(Run(client_->Remove(row.key)).ok());
  EXPECT_EQ(*Run(client_->Get(row.key)), std::nullopt);
  EXPECT_EQ(*Run(client_->GetRow(row.key)), std::nullopt);
  EXPECT_EQ(*Run(client_->Ttl(row.key)), std::nullopt);
}

TEST_F(TableClientTest, ARowThatDoesNotExpireHasAllTime) {
  const Row row = MakeRow("", "only sort key", "");
  EXPECT_TRUE(Run(client_->Put(row)).ok());
  EXPECT_EQ(**Run(client_->Ttl(row.key)), absl::InfiniteDuration());
  EXPECT_EQ(*Run(client_->Get(row.key)), "");
}

TEST_F(TableClientTest, RowsOfOneHashKeyAreWrittenInOneGo) {
  const std::vector<Row> rows = {MakeRow("h", "a", "1", 2'000'000'000),
                                 MakeRow("h", "b", "2", 2'000'000'000)};
  EXPECT_TRUE(Run(client_->MultiPut(rows)).ok());
  EXPECT_EQ(cluster_.table("temp").Rows(clock_.Now()), MapOf(rows));
  EXPECT_EQ(cluster_.requests(), 1);
}

TEST_F(TableClientTest, RowsThatCannotBeWrittenInOneGoAreRefused) {
  const std::vector<std::vector<Row>> bad = {{MakeRow("h", "a", "1"), MakeRow("i", "b", "2")},
                                             {MakeRow("h", "a", "1", 5), MakeRow("h", "b", "2", 6)},
                                             {MakeRow("", "a", "1"), MakeRow("", "b", "2")}};
  for (const std::vector<Row>& rows : bad) {
    EXPECT_EQ(Run(client_->MultiPut(rows)).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(cluster_.requests(), 0);
}

TEST_F(TableClientTest, ARowIsSetOnlyIfItIsMissing) {
  for (const std::string hash_key : {"h", ""}) {
    CheckAndSet set;
    set.row = MakeRow(hash_key, "s", "first");
    auto result = Run(client_->Set(set));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->was_set);
    set.row.value = "second";
    result = Run(client_->Set(set));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(result->was_set);
    EXPECT_FALSE(result->was_repeated);
    // A get looks in the partition of the key.
    EXPECT_EQ(*Run(client_->Get(set.row.key)), "first");
  }
}

TEST_F(TableClientTest, AScanReadsEveryRowOnce) {
  LoadRows(1000);
  const auto rows = Run(ScanPartitions({}));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->size(), 1000u);
  EXPECT_EQ(MapOf(*rows), cluster_.table("temp").Rows(clock_.Now()));
  EXPECT_EQ(client_->counts().retries, 0);
}

TEST_F(TableClientTest, AScanLeavesOutWhatItsFiltersExclude) {
  LoadRows(300);
  ScanOptions options;
  options.hash_key_filter = {KeyFilter::Type::kPrefix, "h1"};
  options.sort_key_filter = {KeyFilter::Type::kPostfix, "7"};
  options.no_value = true;
  const auto rows = Run(ScanPartitions(options));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_FALSE(rows->empty());
  for (const Row& row : *rows) {
    EXPECT_EQ(row.key.hash_key().substr(0, 2), "h1");
    EXPECT_EQ(row.key.sort_key().back(), '7');
    EXPECT_EQ(row.value, "");
  }
}

TEST_F(TableClientTest, AScanThatLosesItsPlaceReadsEveryRowOnce) {
  LoadRows(2000);
  MakeClient("temp", absl::Seconds(20), absl::Milliseconds(200));
  cluster_.SetFaults({.busy = 20,
                      .lost_request = 5,
                      .lost_answer = 5,
                      .moved_primary = 40,
                      .lost_scan = 100,
                      .restart = 10,
                      .short_page = 200});
  ScanOptions options;
  options.batch_size = 10;
  const auto rows = Run(ScanPartitions(options));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(MapOf(*rows), cluster_.table("temp").Rows(clock_.Now()));
  EXPECT_GT(client_->counts().resumed_scans, 10);
}

TEST_F(TableClientTest, WritesArriveWhateverGoesWrong) {
  MakeClient("temp", absl::Seconds(20), absl::Milliseconds(200));
  cluster_.SetFaults(
      {.busy = 50, .lost_request = 10, .lost_answer = 10, .moved_primary = 50, .restart = 10});
  std::vector<Row> rows;
  for (int i = 0; i < 500; ++i) {
    rows.push_back(MakeRow(absl::StrCat("h", i), "s", absl::StrCat("v", i)));
  }
  const auto put_all = [&]() -> asio::awaitable<int> {
    int failed = 0;
    co_await ForEachBounded(rows.size(), 50, [&](size_t i) -> asio::awaitable<void> {
      const absl::Status put = co_await client_->Put(rows[i]);
      failed += !put.ok();
      if (!put.ok()) ADD_FAILURE() << put;
    });
    co_return failed;
  };
  EXPECT_EQ(Run(put_all()), 0);
  EXPECT_EQ(cluster_.table("temp").Rows(clock_.Now()), MapOf(rows));
  EXPECT_GT(client_->counts().retries, 0);
  EXPECT_GT(client_->counts().busy, 0);
  EXPECT_GT(client_->counts().look_ups, 1);
}

TEST_F(TableClientTest, AnOperationEndsAtItsDeadline) {
  MakeClient("temp", absl::Milliseconds(300), absl::Milliseconds(200));
  for (const bool by_timeout : {false, true}) {
    cluster_.SetDenial("temp", {.reads = true, .writes = true, .by_timeout = by_timeout});
    const absl::Status put = Run(client_->Put(MakeRow("h", "s", "v")));
    EXPECT_EQ(rpc::PegasusErrorName(put), idl::kErrTimeout) << put;
    EXPECT_NE(put.message().find("not done within 300ms; the last attempt: ERR_"),
              absl::string_view::npos)
        << put;
  }
  // One in 50 ms at most, however often it is tried.
  EXPECT_LT(client_->counts().look_ups, 25);
  cluster_.SetDenial("temp", {});
  cluster_.SetMetaSilent(true);
  MakeClient("temp", absl::Milliseconds(300));
  const absl::Status put = Run(client_->Put(MakeRow("h", "s", "v")));
  EXPECT_EQ(rpc::PegasusErrorName(put), idl::kErrTimeout) << put;
}

TEST_F(TableClientTest, ATableThatDoesNotExistIsSaidAtOnce) {
  MakeClient("none");
  const auto shape = Run(client_->Open());
  EXPECT_EQ(rpc::PegasusErrorName(shape.status()), idl::kErrObjectNotFound);
  EXPECT_NE(shape.status().message().find("table none does not exist"), absl::string_view::npos)
      << shape.status();
}

TEST_F(TableClientTest, ATableThatIsDroppedOrMadeAnewEndsWhatIsDoneWithIt) {
  ASSERT_TRUE(Run(client_->Put(MakeRow("h", "s", "v"))).ok());
  cluster_.DropTable("temp");
  const absl::Status after_drop = Run(client_->Put(MakeRow("h", "s", "v")));
  EXPECT_EQ(rpc::PegasusErrorName(after_drop), idl::kErrObjectNotFound) << after_drop;
  cluster_.AddTable("temp", 16);
  const absl::Status after_return = Run(client_->Put(MakeRow("h", "s", "v")));
  EXPECT_EQ(rpc::PegasusErrorName(after_return), idl::kErrInvalidState) << after_return;
  EXPECT_NE(after_return.message().find("made anew"), absl::string_view::npos) << after_return;
}

}  // namespace
}  // namespace metarec
