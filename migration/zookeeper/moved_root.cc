#include "migration/zookeeper/moved_root.h"

#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr absl::string_view kBeforePlace = "moved to ";
constexpr absl::string_view kBeforeRun = " by metarec run ";

}  // namespace

std::string MovedText(absl::string_view to, absl::string_view run_id) {
  return absl::StrCat(kBeforePlace, to, kBeforeRun, run_id);
}

asio::awaitable<absl::StatusOr<std::optional<MovedRoot>>> ReadMovedRoot(TreePlace place,
                                                                        std::string lock_root,
                                                                        Clock* clock) {
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> apps,
                              co_await reader.Get(ClusterPaths(place.root).apps()));
  if (!apps.has_value() || !absl::StartsWith(apps->data, kBeforePlace) ||
      !absl::StrContains(apps->data, kBeforeRun)) {
    co_return std::nullopt;
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader.Children(place.root));
  MovedRoot moved;
  moved.text = apps->data;
  moved.is_finished = apps->stat.num_children == 0;
  if (children.has_value()) {
    for (const std::string& name : children->names) {
      const bool is_left =
          name == kAppsName || KindOfRootChild(place.root, lock_root, name) == RootChild::kLock;
      moved.is_finished &= is_left;
    }
  }
  co_return moved;
}

asio::awaitable<absl::Status> RemoveMovedText(TreePlace place, std::string text, Clock* clock) {
  RetryBudget budget(clock);
  StoreReader reader(place.store, &budget);
  const std::string path = ClusterPaths(place.root).apps();
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> apps, co_await reader.Get(path));
  if (!apps.has_value() || apps->data != text) co_return absl::OkStatus();
  const absl::Status deleted = co_await place.store->Delete(path, apps->stat.version);
  co_return StoreErrorOf(deleted) == StoreError::kNoNode ? absl::OkStatus() : deleted;
}

asio::awaitable<absl::Status> PutBackMovedText(TreePlace place, std::string text) {
  const std::vector<std::string> paths = {place.root, ClusterPaths(place.root).apps()};
  for (const std::string& path : paths) {
    const std::string data = path == place.root ? "" : text;
    const absl::StatusOr<std::string> created = co_await place.store->Create(path, data);
    if (created.ok() || StoreErrorOf(created.status()) == StoreError::kNodeExists) continue;
    co_return created.status();
  }
  co_return absl::OkStatus();
}

}  // namespace metarec
