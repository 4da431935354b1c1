// Whether the source and the target of a copy lie in one another, by whatever names their servers
// go.

#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <asio/awaitable.hpp>

#include "zk_store/client/retry_budget.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_journal.h"

namespace metarec {

// kRefused (error_mark.h) if they do; false if nothing shows it: an empty "/" is in every
// ZooKeeper. Writes nothing. All must outlive the call.
asio::awaitable<absl::StatusOr<bool>> AreApart(const CopyFrom* from, const CopyInto* into,
                                               RetryBudget* budget);

// Once the copy's journal is there, it shows in the source, too, if the target lies there. Then
// that and `made_paths`, what the copy has made above it, are deleted again; kRefused.
asio::awaitable<absl::Status> CheckApartByJournal(const CopyFrom* from, const CopyInto* into,
                                                  RetryBudget* budget, TreeJournalZnode* journal,
                                                  std::vector<std::string> made_paths);

}  // namespace metarec
