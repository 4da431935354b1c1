#include "zk_store/tree/copy_overlap.h"

#include <optional>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/znode_path.h"

namespace metarec {
namespace {

// A path that can show whether the target's servers are the source's; "" if there is none.
asio::awaitable<absl::StatusOr<std::string>> FindWitness(StoreReader* source, std::string root) {
  if (root != "/") co_return root;
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await source->Children("/"));
  if (!children.has_value()) co_return "";
  for (const std::string& name : children->names) {
    if (name != kSystemPath.substr(1)) co_return absl::StrCat("/", name);
  }
  co_return "";
}

absl::Status InOneAnother(const CopyFrom& from, const CopyInto& into, absl::string_view witness,
                          absl::string_view what_was_written) {
  const bool is_same = from.root == into.root;
  return MarkedError(
      ErrorMark::kRefused,
      absl::StrCat(from.name, " and ", into.name, " are in one ZooKeeper, and ",
                   is_same                          ? "are the same tree"
                   : IsWithin(into.root, from.root) ? "the target lies in the source"
                                                    : "the source lies in the target",
                   " (", Printable(witness),
                   " was created by the same transaction at the same time in both). ",
                   what_was_written));
}

}  // namespace

asio::awaitable<absl::StatusOr<bool>> AreApart(const CopyFrom* from, const CopyInto* into,
                                               RetryBudget* budget) {
  if (from->store == nullptr) co_return true;
  if (!IsWithin(into->root, from->root) && !IsWithin(from->root, into->root)) co_return true;
  StoreReader source(from->store, budget);
  StoreReader target(into->store, budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::string witness, co_await FindWitness(&source, from->root));
  if (witness.empty()) co_return false;
  METAREC_CO_ASSIGN_OR_RETURN(const bool is_one, co_await IsOneInBoth(&source, &target, witness));
  if (!is_one) co_return true;
  co_return InOneAnother(*from, *into, witness, "Nothing was written");
}

asio::awaitable<absl::Status> CheckApartByJournal(const CopyFrom* from, const CopyInto* into,
                                                  RetryBudget* budget, TreeJournalZnode* journal,
                                                  std::vector<std::string> made_paths) {
  StoreReader source(from->store, budget);
  StoreReader target(into->store, budget);
  METAREC_CO_RETURN_IF_ERROR(co_await source.Sync(from->root));
  METAREC_CO_ASSIGN_OR_RETURN(const bool is_one,
                              co_await IsOneInBoth(&source, &target, journal->path()));
  if (!is_one) co_return absl::OkStatus();
  METAREC_CO_RETURN_IF_ERROR(co_await journal->Delete());
  for (auto path = made_paths.rbegin(); path != made_paths.rend(); ++path) {
    const absl::Status deleted = co_await Retry(
        budget, [&into, &path] { return into->store->Delete(*path, /*version=*/0); });
    if (!deleted.ok() && StoreErrorOf(deleted) != StoreError::kNoNode) co_return deleted;
  }
  co_return InOneAnother(*from, *into, journal->path(),
                         "What was written to find that out is deleted again");
}

}  // namespace metarec
