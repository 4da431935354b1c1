#include "migration/zookeeper/move_world.h"

#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/runtime/progress.h"
#include "base/runtime/status_macros.h"
#include "replica_collector/collector.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/election/lock_directory.h"

namespace metarec {
MoveWorld::MoveWorld(MoveSide from, MoveSide to, Surroundings surroundings)
    : from_(std::move(from)), to_(std::move(to)), surroundings_(std::move(surroundings)) {}

MoveWorld::~MoveWorld() = default;

asio::awaitable<absl::StatusOr<MetaStore*>> MoveWorld::Store(MoveEnd end) {
  std::unique_ptr<MetaStore>& store = end == MoveEnd::kFrom ? from_store_ : to_store_;
  if (store == nullptr || IsFinal(store->session_state())) {
    METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<MetaStore> opened, co_await Connect(end));
    // Another coroutine may have opened one meanwhile, which is in use.
    if (store == nullptr || IsFinal(store->session_state())) {
      if (store != nullptr) ended_stores_.push_back(std::move(store));
      store = std::move(opened);
    }
  }
  co_return store.get();
}

std::set<std::string> MoveWorld::LockDirectories(MoveEnd end) const {
  const std::string root = side(end).RealRoot();
  std::set<std::string> directories = {LockDirectoryPath(root),
                                       LockDirectoryPath(absl::StrCat(root, "/lock"))};
  if (!side(end).lock_root.empty()) {
    directories.insert(LockDirectoryPath(side(end).RealLockRoot()));
  }
  return directories;
}

asio::awaitable<absl::StatusOr<std::vector<LockDirectoryAge>>> MoveWorld::LockAges(MoveEnd end) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store, co_await Store(end));
  RetryBudget budget(clock());
  StoreReader reader(store, &budget);
  METAREC_CO_RETURN_IF_ERROR(co_await reader.Sync("/"));
  std::vector<LockDirectoryAge> ages;
  const std::set<std::string> directories = LockDirectories(end);
  for (const std::string& directory : directories) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat,
                                co_await reader.Exists(directory));
    LockDirectoryAge age;
    age.path = directory;
    if (stat.has_value()) {
      age.czxid = stat->czxid;
      // The version counts creations and deletions. So a candidate whose session expires later
      // changes nothing here.
      age.created = (int64_t{stat->child_version} + stat->num_children) / 2;
    }
    ages.push_back(std::move(age));
  }
  co_return ages;
}

asio::awaitable<absl::StatusOr<std::vector<MetaCandidate>>> MoveWorld::Candidates(MoveEnd end) {
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store, co_await Store(end));
  RetryBudget budget(clock());
  StoreReader reader(store, &budget);
  METAREC_CO_RETURN_IF_ERROR(co_await reader.Sync("/"));
  const std::set<std::string> directories = LockDirectories(end);
  std::vector<MetaCandidate> candidates;
  for (const std::string& directory : directories) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                                co_await reader.Children(directory));
    if (!children.has_value()) continue;
    for (const std::string& name : CandidatesInOrder(children->names)) {
      const std::string path = absl::StrCat(directory, "/", name);
      METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader.Get(path));
      if (node.has_value()) candidates.push_back({path, node->data});
    }
  }
  co_return candidates;
}

asio::awaitable<absl::StatusOr<Evidence>> MoveWorld::Collect(std::vector<std::string> nodes) {
  METAREC_CO_ASSIGN_OR_RETURN(NodeList list, ParseNodeListString(absl::StrJoin(nodes, ",")));
  SilentProgress silent;
  CollectorOptions options;
  Collector collector(std::move(options), surroundings_.source, clock(), &silent,
                      surroundings_.random);
  co_return co_await collector.Collect(std::move(list));
}

std::vector<std::string> AddressesOf(const std::vector<MoveServer>& servers) {
  std::vector<std::string> addresses;
  addresses.reserve(servers.size());
  for (const MoveServer& server : servers) addresses.push_back(server.address);
  return addresses;
}

std::string NamesOf(const std::vector<MoveServer>& servers) {
  return absl::StrJoin(AddressesOf(servers), " and ");
}

std::string NamesOf(const std::vector<MetaCandidate>& candidates) {
  return absl::StrJoin(candidates, " and ", [](std::string* out, const MetaCandidate& candidate) {
    absl::StrAppend(out, candidate.name);
  });
}

}  // namespace metarec
