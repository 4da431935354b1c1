// Two simulated clusters and a client of a table in each, for tests of moving tables.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "pegasus_client/table_client.h"
#include "replica_collector/node_list.h"
#include "testing/simulated_tables.h"
#include "tests/rpc/loopback.h"

namespace metarec {

inline Row MakeRow(const std::string& hash_key, const std::string& sort_key,
                   const std::string& value, ExpirySeconds expires_at = 0) {
  Row row;
  row.key = *RowKey::Make(hash_key, sort_key);
  row.value = value;
  row.expires_at = expires_at;
  return row;
}

class TwoClusters : public ::testing::Test {
 protected:
  TwoClusters()
      : source_cluster_(io_.get_executor(), &clock_, {.replica_servers = 3, .seed = 1}),
        target_cluster_(io_.get_executor(), &clock_, {.replica_servers = 4, .seed = 2}) {
    EXPECT_TRUE(source_cluster_.Start().ok());
    EXPECT_TRUE(target_cluster_.Start().ok());
  }
  ~TwoClusters() override {
    for (const auto* cluster : {&source_cluster_, &target_cluster_}) {
      EXPECT_TRUE(cluster->aborts().empty()) << cluster->aborts()[0];
    }
    source_.reset();
    target_.reset();
    Run(Stopped());
  }

  // `attempt_timeout`: brief where requests get lost, else long enough for any machine.
  void MakeTables(int32_t source_partitions, int32_t target_partitions,
                  absl::Duration attempt_timeout = absl::Seconds(10)) {
    attempt_timeout_ = attempt_timeout;
    source_cluster_.AddTable("from", source_partitions);
    target_cluster_.AddTable("to", target_partitions);
    source_ = MakeClient(source_cluster_, "from");
    target_ = MakeClient(target_cluster_, "to");
  }

  std::unique_ptr<TableClient> MakeClient(const testing::SimulatedTables& cluster,
                                          const std::string& table,
                                          absl::Duration timeout = absl::Seconds(20)) {
    TableClientOptions options;
    options.timeout = timeout;
    options.attempt_timeout = attempt_timeout_;
    options.backoff_min = absl::Milliseconds(1);
    options.backoff_max = absl::Milliseconds(50);
    return std::make_unique<TableClient>(io_.get_executor(), &clock_,
                                         *ParseNodeListString(cluster.meta()), table, options);
  }

  // Rows of all kinds: long and empty parts and values, with and without expiry.
  static Row RowOf(int i) {
    const std::string hash_key = i % 7 == 0 ? "" : absl::StrCat("hash", i / 3);
    const std::string sort_key = i % 7 != 0 && i % 3 == 0 ? "" : absl::StrCat("sort", i);
    const std::string value = i % 11 == 0 ? "" : std::string(static_cast<size_t>(i % 200), 'v');
    return MakeRow(hash_key, sort_key, value,
                   i % 2 == 0 ? 0 : 2'000'000'000u + static_cast<ExpirySeconds>(i));
  }
  void LoadSource(int count) {
    for (int i = 0; i < count; ++i) source_cluster_.table("from").Put(RowOf(i));
  }
  void LoadTarget(int count) {
    for (int i = 0; i < count; ++i) target_cluster_.table("to").Put(RowOf(i));
  }
  testing::TableStorage::Partition SourceRows() {
    return source_cluster_.table("from").Rows(clock_.Now());
  }
  testing::TableStorage::Partition TargetRows() {
    return target_cluster_.table("to").Rows(clock_.Now());
  }

  template <typename T>
  T Run(asio::awaitable<T> work) {
    std::optional<T> result = rpc::RunToEnd(&io_, std::move(work));
    EXPECT_TRUE(result.has_value()) << "it did not end";
    return *std::move(result);
  }

  absl::Duration attempt_timeout_ = absl::Seconds(10);
  asio::io_context io_;
  SystemClock clock_;
  testing::SimulatedTables source_cluster_;
  testing::SimulatedTables target_cluster_;
  std::unique_ptr<TableClient> source_;
  std::unique_ptr<TableClient> target_;

 private:
  asio::awaitable<bool> Stopped() {
    co_await source_cluster_.Stop();
    co_await target_cluster_.Stop();
    co_return true;
  }
};

}  // namespace metarec
