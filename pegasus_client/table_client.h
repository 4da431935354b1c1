#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "pegasus_client/row.h"
#include "replica_collector/node_list.h"
#include "rpc/client.h"

namespace metarec {

struct DataRequest;
class TableRoutes;

struct TableClientOptions {
  absl::Duration timeout = absl::Seconds(10);  // of one operation, with all its attempts
  // After this a server is not waited for any more, and the operation is tried again. Each time it
  // waits twice as long: servers that are slow would get slower by requests that nobody waits for.
  absl::Duration attempt_timeout = absl::Seconds(5);
  // Between two attempts; doubled each time.
  absl::Duration backoff_min = absl::Milliseconds(8);
  absl::Duration backoff_max = absl::Seconds(1);
};

struct TableShape {
  int32_t app_id = 0;
  int32_t partition_count = 0;

  friend bool operator==(const TableShape&, const TableShape&) = default;
};

// Sets `row` if what is there passes the check. Servers refuse this with ERR_OPERATION_DISABLED on
// a table that is duplicated.
struct CheckAndSet {
  // By the numbers of the protocol (cas_check_type).
  enum class Check : int32_t {
    kNotExist = 1,         // an expired row does not exist
    kNotExistOrEmpty = 2,  // or its value is empty
    kExist = 3,
    kNotEmpty = 4,
    kMatchAnywhere = 5,  // of the value, with `operand`
    kMatchPrefix = 6,
    kMatchPostfix = 7,
  };
  Check check = Check::kNotExist;
  std::string operand;
  Row row;
};

struct CheckAndSetResult {
  bool was_set = false;
  // The answer to an earlier attempt was lost: if the check failed now, that may be because of what
  // that attempt set.
  bool was_repeated = false;
};

// How often something happened since the client was made.
struct TableClientCounts {
  int64_t attempts = 0;
  int64_t retries = 0;
  int64_t look_ups = 0;       // of the table, at the meta servers
  int64_t busy = 0;           // a server asked us to slow down
  int64_t resumed_scans = 0;  // begun again behind the last row
};

// Reads and writes the rows of one table of a Pegasus cluster, asynchronously. It asks the meta
// servers where the primaries are, and again whenever a server says that it is not one (any more),
// cannot be reached or does not answer. It backs off while servers are busy. There is no way to
// express a request that a stock server aborts on.
//
// Every operation is tried until its deadline. Its errors are PegasusErrors (rpc/pegasus_status.h):
//  - ERR_TIMEOUT: the deadline has passed; the message tells the last attempt's failure;
//  - ERR_OBJECT_NOT_FOUND: there is no such table (any more);
//  - ERR_INVALID_STATE: the table was made anew, or its partition count has changed;
//  - ERR_OPERATION_DISABLED, ERR_ACL_DENY, ...: what the server says, when that would not change;
//  - ERR_INVALID_DATA: a server sent something that is no answer;
// or kInvalidArgument, and nothing was sent; or kCancelled. A write that ended with an error may or
// may not have been done. One that was tried again may undo what others wrote between the attempts.
//
// Not thread-safe: used on `executor` (a single thread or a strand). Operations may overlap; all
// must have ended before it is destroyed. `clock` must outlive it and the moment after that in
// which a look-up in the background is unwound.
class TableClient {
 public:
  TableClient(asio::any_io_executor executor, Clock* clock, NodeList metas, std::string table,
              TableClientOptions options);
  ~TableClient();
  TableClient(const TableClient&) = delete;
  TableClient& operator=(const TableClient&) = delete;

  // Looks the table up. The other operations do so themselves, if nobody has.
  asio::awaitable<absl::StatusOr<TableShape>> Open();

  // nullopt: there is no such row.
  asio::awaitable<absl::StatusOr<std::optional<std::string>>> Get(RowKey key);
  // With its expiry.
  asio::awaitable<absl::StatusOr<std::optional<Row>>> GetRow(RowKey key);
  // The time that the row still has, InfiniteDuration if it does not expire; nullopt as above.
  asio::awaitable<absl::StatusOr<std::optional<absl::Duration>>> Ttl(RowKey key);

  asio::awaitable<absl::Status> Put(Row row);
  // In one atomic write. All rows have the same hash key, which is not empty, and the same expiry.
  asio::awaitable<absl::Status> MultiPut(std::vector<Row> rows);
  // OK if there is no such row, too.
  asio::awaitable<absl::Status> Remove(RowKey key);
  asio::awaitable<absl::StatusOr<CheckAndSetResult>> Set(CheckAndSet check_and_set);

  const std::string& table() const { return table_; }
  // Known after Open; zeros before.
  TableShape shape() const;
  // Whether both are the same table of the same cluster, by its id and its primaries. Both are
  // open.
  bool IsSameTable(const TableClient& other) const;
  const TableClientCounts& counts() const { return counts_; }

 private:
  friend class PartitionScanner;

  // Makes the request, once the table's shape is known.
  using RequestMaker = std::function<DataRequest(TableShape)>;

  absl::Time Deadline() const { return clock_->Now() + options_.timeout; }
  asio::awaitable<absl::Status> LookUp(absl::Time deadline);
  // Tries until the deadline; the body of an answer. `*repeated`: an answer may have been lost.
  asio::awaitable<absl::StatusOr<std::string>> Ask(RequestMaker make, absl::Time deadline,
                                                   bool* repeated = nullptr);
  // One attempt, until `deadline`.
  asio::awaitable<absl::StatusOr<std::string>> AskOnce(const DataRequest& request,
                                                       absl::Time deadline);
  absl::StatusOr<Ipv4Endpoint> PrimaryFor(const DataRequest& request) const;
  rpc::CallOptions CallFor(const DataRequest& request, absl::Time deadline);
  static absl::StatusOr<std::string> BodyOf(absl::StatusOr<rpc::Reply> reply,
                                            const DataRequest& request, Ipv4Endpoint primary);
  // The same of writes, whose answers have an error and nothing else of interest.
  asio::awaitable<absl::Status> Write(RequestMaker make);
  // Waits before the next attempt, and looks the table up again if the error asks for that and
  // nobody has since `seen_version`. The error that ends the operation, if that is to be.
  asio::awaitable<absl::Status> Recover(absl::Status error, uint64_t seen_version,
                                        absl::Time deadline, absl::Duration* backoff);

  const asio::any_io_executor executor_;
  Clock* const clock_;
  const std::string table_;
  const TableClientOptions options_;
  rpc::Client rpc_;
  std::shared_ptr<TableRoutes> routes_;
  TableClientCounts counts_;
};

}  // namespace metarec
