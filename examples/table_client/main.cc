// Reads and writes rows of a Pegasus table from a program of your own, asynchronously: everything
// runs on your executor.
//
//   table_client META TABLE    a table of your cluster, where META is host:port,...
//   table_client               a table of a simulated cluster, as your own tests can have it

#include <cstdio>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

#include "metarec/base/runtime/system_clock.h"
#include "metarec/pegasus_client/partition_scanner.h"
#include "metarec/pegasus_client/table_client.h"
#include "metarec/testing/simulated_tables.h"

namespace {

asio::awaitable<absl::Status> CountRows(metarec::TableClient* table) {
  const auto shape = co_await table->Open();
  if (!shape.ok()) co_return shape.status();
  int64_t rows = 0;
  for (int32_t partition = 0; partition < shape->partition_count; ++partition) {
    metarec::ScanOptions options;
    options.no_value = true;
    metarec::PartitionScanner scanner(table, partition, options);
    for (bool is_last = false; !is_last;) {
      const auto page = co_await scanner.Next();
      if (!page.ok()) co_return page.status();
      rows += static_cast<int64_t>(page->rows.size());
      is_last = page->is_last;
    }
  }
  std::printf("%lld rows in %d partitions\n", static_cast<long long>(rows), shape->partition_count);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> UseTable(metarec::TableClient* table, metarec::Clock* clock) {
  // A key that servers could not read cannot be made.
  const auto key = metarec::RowKey::Make("user_1", "greeting");
  if (!key.ok()) co_return key.status();
  metarec::Row row;
  row.key = *key;
  row.value = "hello";
  row.expires_at = metarec::ExpiryAt(clock->Now() + absl::Hours(1));
  const absl::Status put = co_await table->Put(row);
  if (!put.ok()) co_return put;
  const auto value = co_await table->Get(*key);
  if (!value.ok()) co_return value.status();
  std::printf("%s = %s\n", key->ToString().c_str(), value->value_or("(none)").c_str());
  const absl::Status counted = co_await CountRows(table);
  if (!counted.ok()) co_return counted;
  co_return co_await table->Remove(*key);
}

}  // namespace

int main(int argc, char** argv) {
  asio::io_context io(1);
  metarec::SystemClock clock;
  metarec::testing::SimulatedTablesOptions simulated;
  metarec::testing::SimulatedTables cluster(io.get_executor(), &clock, simulated);
  std::string metas = argc > 1 ? argv[1] : "";
  const std::string name = argc > 2 ? argv[2] : "temp";
  if (metas.empty()) {
    const absl::Status started = cluster.Start();
    if (!started.ok()) return 1;
    cluster.AddTable(name, 8);
    metas = cluster.meta();
  }
  const auto servers = metarec::ParseNodeListString(metas);
  if (!servers.ok()) {
    std::fprintf(stderr, "%s\n", std::string(servers.status().message()).c_str());
    return 1;
  }
  const metarec::TableClientOptions options;
  metarec::TableClient table(io.get_executor(), &clock, *servers, name, options);
  absl::Status status = absl::UnknownError("interrupted");
  asio::co_spawn(io, UseTable(&table, &clock), [&](std::exception_ptr, absl::Status result) {
    status = std::move(result);
    io.stop();
  });
  io.run();
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
