#include "migration/zookeeper/same_zookeeper.h"

#include <vector>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/znode_path.h"

namespace metarec {

asio::awaitable<absl::StatusOr<bool>> AreOneZooKeeper(MoveWorld* world) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const from, co_await world->Store(MoveEnd::kFrom));
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const to, co_await world->Store(MoveEnd::kTo));
  RetryBudget from_budget(world->clock());
  RetryBudget to_budget(world->clock());
  StoreReader old_reader(from, &from_budget);
  StoreReader new_reader(to, &to_budget);
  METAREC_CO_RETURN_IF_ERROR(co_await old_reader.Sync("/"));
  METAREC_CO_RETURN_IF_ERROR(co_await new_reader.Sync("/"));
  const std::string root = world->side(MoveEnd::kFrom).RealRoot();
  std::vector<std::string> paths;
  for (size_t slash = root.find('/', 1); slash != std::string::npos;
       slash = root.find('/', slash + 1)) {
    paths.push_back(root.substr(0, slash));
  }
  paths.push_back(root);
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await world->Candidates(MoveEnd::kFrom));
  for (const MetaCandidate& candidate : candidates) paths.push_back(candidate.path);
  for (const std::string& path : paths) {
    METAREC_CO_ASSIGN_OR_RETURN(const bool is_one,
                                co_await IsOneInBoth(&old_reader, &new_reader, path));
    if (!is_one) co_return false;
  }
  co_return true;
}

std::string WhyNotWithinOne(const MoveSide& from, const MoveSide& to) {
  const std::string old_root = from.RealRoot();
  const std::string new_root = to.RealRoot();
  const std::string both = absl::StrCat(from.Text(), " and ", to.Text());
  if (old_root == new_root) {
    return absl::StrCat("the old and the new place are the same: ", both,
                        " are one root in one ZooKeeper");
  }
  if (IsWithin(new_root, old_root) || IsWithin(old_root, new_root)) {
    return absl::StrCat(both,
                        " are in one ZooKeeper, and one root lies inside the other: give a "
                        "--to_root beside it");
  }
  if (from.RealLockRoot() == to.RealLockRoot()) {
    return absl::StrCat(both, " are in one ZooKeeper and would have one lock root, ",
                        from.RealLockRoot(), ": give another with --to_lock_root");
  }
  return "";
}

}  // namespace metarec
