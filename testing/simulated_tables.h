#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/clock.h"
#include "idl/ipv4_endpoint.h"
#include "pegasus_client/row.h"
#include "rpc/server.h"
#include "testing/table_storage.h"

namespace metarec::testing {

// What goes wrong, by chance, for one request in a thousand each.
struct TableFaults {
  int busy = 0;           // throttled: ERR_BUSY
  int lost_request = 0;   // nothing is done, and there is no answer
  int lost_answer = 0;    // it is done, and there is no answer
  int moved_primary = 0;  // to another server, before the request is looked at
  int lost_scan = 0;      // all places of scans of the partition are forgotten
  int restart = 0;        // of the server, which loses its connections and its scans
  int short_page = 0;     // a page of a scan that has one row at most
  absl::Duration delay = absl::ZeroDuration();  // of every answer: throttled by delay
};

// As the env replica.deny_client_request says.
struct Denial {
  bool reads = false;
  bool writes = false;
  bool by_timeout = false;  // else by ERR_INVALID_STATE
};

struct SimulatedTablesOptions {
  int replica_servers = 3;
  uint64_t seed = 1;
};

// A Pegasus cluster with data, as clients of tables meet it: one meta server that answers
// look-ups, and replica servers that read and write rows in memory, over the real protocol on real
// ports of loopback. Every partition has a primary and up to two secondaries.
//
// Where a stock replica server would abort, the server is restarted, and Aborts() tells why: a test
// must fail then.
//
// Not thread-safe: used on `executor` (a single thread or a strand). `clock` must outlive it. Stop
// must have ended before it is destroyed, or the executor's context must never run again.
class SimulatedTables {
 public:
  SimulatedTables(asio::any_io_executor executor, Clock* clock, SimulatedTablesOptions options);
  ~SimulatedTables();
  SimulatedTables(const SimulatedTables&) = delete;
  SimulatedTables& operator=(const SimulatedTables&) = delete;

  // Takes ports of the system's choice and listens.
  absl::Status Start();
  asio::awaitable<void> Stop();

  // "127.0.0.1:34601", for --meta.
  std::string meta() const;

  // The name must be free.
  TableStorage& AddTable(const std::string& name, int32_t partition_count);
  // The table of this name; it must exist.
  TableStorage& table(const std::string& name);
  bool HasTable(const std::string& name) const { return tables_.contains(name); }
  void DropTable(const std::string& name);

  void SetFaults(TableFaults faults) { faults_ = faults; }
  void SetDenial(const std::string& table, Denial denial);
  // Meta servers without a quorum do not answer.
  void SetMetaSilent(bool is_silent) { is_meta_silent_ = is_silent; }
  void MovePrimary(const std::string& table, int32_t partition);
  void RestartServer(int index);

  const std::vector<std::string>& aborts() const { return aborts_; }
  // Of replica servers.
  int64_t requests() const { return requests_; }

 private:
  struct Server;
  struct Table;
  // What a request is for, once it has passed the checks.
  struct Target {
    Table* table = nullptr;
    int32_t partition = 0;
  };

  absl::Status Listen(int index, uint16_t port);
  void RegisterHandlers(int index);
  asio::awaitable<rpc::HandlerResult> Serve(int server, rpc::Request request);
  asio::awaitable<rpc::HandlerResult> AnswerLookUp(rpc::Request request);
  // Why it is refused; nullopt: it is not.
  std::optional<rpc::HandlerResult> Refusal(int server, const rpc::Request& request,
                                            Target* target);
  rpc::HandlerResult Execute(int server, const rpc::Request& request, Target target);
  rpc::HandlerResult ExecuteWrite(int server, const rpc::Request& request, Target target);
  // The server aborts.
  rpc::HandlerResult Abort(int server, const rpc::Request& request, absl::string_view why);
  void RestartSoon(int server);
  void MovePrimaryOf(Table* table, int32_t partition);
  bool Happens(int per_thousand);

  const asio::any_io_executor executor_;
  Clock* const clock_;
  const SimulatedTablesOptions options_;
  std::mt19937_64 random_;
  std::unique_ptr<rpc::Server> meta_;
  Ipv4Endpoint meta_endpoint_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::map<std::string, std::unique_ptr<Table>> tables_;
  int32_t last_app_id_ = 1;
  TableFaults faults_;
  bool is_meta_silent_ = false;
  std::vector<std::string> aborts_;
  int64_t requests_ = 0;
  // Emptied by the destructor, for what is still queued on the executor.
  std::shared_ptr<SimulatedTables*> self_;
};

}  // namespace metarec::testing
