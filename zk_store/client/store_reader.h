#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/flow_control.h"
#include "zk_store/client/meta_store.h"
#include "zk_store/client/retry_budget.h"

namespace metarec {

// Reads that are repeated after a lost connection, as often as the budget allows. A node that does
// not exist is an answer, not an error.
//
// Used on one executor (a single thread or a strand). Store and budget must outlive it.
class StoreReader {
 public:
  StoreReader(MetaStore* store, RetryBudget* budget) : store_(store), budget_(budget) {}

  // The watch is set if there is such a node.
  asio::awaitable<absl::StatusOr<std::optional<NodeData>>> Get(
      std::string path, std::shared_ptr<Watch> watch = nullptr);
  asio::awaitable<absl::StatusOr<std::optional<NodeChildren>>> Children(std::string path);
  asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> Exists(std::string path);
  // Whether all of `checks` hold, in one transaction, which changes nothing, or in several if
  // `size` wants it. The errors kNoNode and kBadVersion mean that they do not.
  asio::awaitable<absl::Status> Check(std::vector<StoreOp> checks, RequestSize* size);
  // What is read afterwards is at least as new as this moment, unless the server has lost its
  // quorum and only reads (SessionState::kReadOnly).
  asio::awaitable<absl::Status> Sync(std::string path);

  MetaStore* store() const { return store_; }

 private:
  MetaStore* const store_;
  RetryBudget* const budget_;
};

// Whether both sessions see one znode there (IsOneZnode): one ensemble can go by many names.
asio::awaitable<absl::StatusOr<bool>> IsOneInBoth(StoreReader* a, StoreReader* b, std::string path);

}  // namespace metarec
