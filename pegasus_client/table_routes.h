// Private to pegasus_client/: where a table's primaries are, as the meta servers said last.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/clock.h"
#include "base/runtime/event.h"
#include "idl/ipv4_endpoint.h"
#include "pegasus_client/meta_client.h"
#include "pegasus_client/table_client.h"

namespace metarec {

// A look-up runs in the background and keeps this alive, so that operations whose deadline passes
// need not wait for its end.
//
// Not thread-safe: used on one executor.
class TableRoutes : public std::enable_shared_from_this<TableRoutes> {
 public:
  TableRoutes(asio::any_io_executor executor, Clock* clock, NodeList metas, std::string table,
              absl::Duration look_up_timeout);

  // Counts successful look-ups; 0 before the first.
  uint64_t version() const { return version_; }
  TableShape shape() const { return shape_; }
  std::optional<Ipv4Endpoint> PrimaryOf(int32_t partition) const;

  // Looks the table up, unless that was done since `seen_version`, or a moment ago. Callers share a
  // look-up that runs. An error for which IsFinal holds will not go away by itself.
  asio::awaitable<absl::Status> Refresh(uint64_t seen_version, absl::Time deadline);
  static bool IsFinal(const absl::Status& error);

  // Cancels a look-up that runs.
  void Close() { task_.Cancel(); }

  int64_t look_ups() const { return look_ups_; }

 private:
  struct LookUp {
    explicit LookUp(const asio::any_io_executor& executor) : ended(executor) {}
    Event ended;
    absl::Status status;
  };

  static asio::awaitable<void> Run(std::shared_ptr<TableRoutes> self,
                                   std::shared_ptr<LookUp> look_up);
  static asio::awaitable<void> Await(std::shared_ptr<LookUp> look_up, absl::Status* waited);
  absl::Status Take(const idl::query_cfg_response& response);

  const asio::any_io_executor executor_;
  Clock* const clock_;
  const std::string table_;
  MetaClient metas_;
  TableShape shape_;
  std::vector<std::optional<Ipv4Endpoint>> primaries_;
  uint64_t version_ = 0;
  int64_t look_ups_ = 0;
  absl::Time looked_up_at_ = absl::InfinitePast();
  std::shared_ptr<LookUp> running_;
  CancellableTask task_;
};

}  // namespace metarec
