// What a preflight finds in the old and the new tree.

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "migration/zookeeper/moved_root.h"
#include "migration/zookeeper/preflight_looks.h"
#include "migration/zookeeper/same_zookeeper.h"
#include "migration/zookeeper/tree_transfer.h"
#include "zk_store/client/retry_budget.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/topology/root_inspection.h"
#include "zk_store/topology/topology_reader.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

// No znode has this version.
constexpr int32_t kNoVersion = 2'000'000'000;
// ZooKeeper's default, less what a request has beside the data.
constexpr size_t kUsualBytesMax = 1'000'000;

// Whether we may write there: a transaction that would make the mark, and that always fails.
asio::awaitable<absl::Status> TryToWrite(MetaStore* store, std::string root) {
  std::string parent = root;
  for (;;) {
    const size_t slash = parent.rfind('/');
    parent = slash == 0 ? "/" : parent.substr(0, slash);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> stat, co_await store->Exists(parent));
    if (stat.has_value() || parent == "/") break;
  }
  std::vector<StoreOp> ops;
  CreateOp create;
  create.path = absl::StrCat(parent == "/" ? "" : parent, "/metarec_move_trial");
  ops.emplace_back(create);
  CheckOp check;
  check.path = parent;
  check.version = kNoVersion;
  ops.emplace_back(check);
  const absl::Status tried = (co_await store->Multi(std::move(ops))).status();
  const bool is_allowed = StoreErrorOf(tried) == StoreError::kBadVersion;
  co_return is_allowed ? absl::OkStatus() : tried;
}

// A root that is not free: it may have the mark by which a former move away from it ended.
asio::awaitable<absl::Status> LookAtFormerMove(Looking looking, TreePlace place,
                                               RootInspection root) {
  Preflight& found = *looking.found;
  std::optional<MovedRoot> moved;
  if (!root.enclosing.has_value()) {
    METAREC_CO_ASSIGN_OR_RETURN(
        moved, co_await ReadMovedRoot(place, looking.world->side(MoveEnd::kTo).RealLockRoot(),
                                      looking.clock()));
  }
  if (!moved.has_value()) {
    found.refusals.push_back(root.Describe());
  } else if (!moved->is_finished) {
    found.refusals.push_back(absl::StrCat(
        "a former move away from ", place.text, " is not finished (", place.text, "/apps says '",
        Printable(moved->text), "', and not all else is gone): finish it with its own state file, ",
        "or remove what is left with metarec zk rm"));
  } else {
    found.facts.push_back(absl::StrCat(place.text, " has only the mark of a former move ('",
                                       Printable(moved->text), "'), which this one replaces"));
  }
  co_return absl::OkStatus();
}

void NoteLosses(const RootContents& tree, Preflight* found) {
  for (const TableZnodes& table : tree.tables) {
    const AppZnode& app = table.app;
    if (!app.envs.empty()) {
      std::vector<std::string> envs;
      for (const auto& [key, value] : app.envs) envs.push_back(absl::StrCat(key, "=", value));
      const std::string line = Printable(
          absl::StrCat("table ", app.app_name, ": envs ", CutList(envs, kPreflightNamesMax)));
      found->lost_by_recovery.push_back(line);
      found->kept_by_carry_over.push_back(line);
    }
    if (app.status == TableStatus::kDropped && !absl::StartsWith(app.app_name, "__drop_holder__")) {
      const std::string line = Printable(absl::StrCat(
          "table ", app.app_name, ": that it is dropped; it may come back as available"));
      found->lost_by_recovery.push_back(line);
      found->kept_by_carry_over.push_back(line);
    }
  }
}

}  // namespace

asio::awaitable<absl::Status> LookWhetherOne(Looking looking) {
  const MoveSide& from = looking.world->side(MoveEnd::kFrom);
  const MoveSide& to = looking.world->side(MoveEnd::kTo);
  bool is_one = from.hosts == to.hosts;
  if (!is_one) {
    METAREC_CO_ASSIGN_OR_RETURN(is_one, co_await AreOneZooKeeper(looking.world));
  }
  if (!is_one) co_return absl::OkStatus();
  const std::string why_not = WhyNotWithinOne(from, to);
  if (!why_not.empty()) {
    looking.found->refusals.push_back(why_not);
  } else {
    looking.found->facts.push_back(
        absl::StrCat(from.hosts, " and ", to.hosts, " are one ZooKeeper: only the root changes"));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LookAtTarget(Looking looking) {
  Preflight& found = *looking.found;
  const MoveSide& to = looking.world->side(MoveEnd::kTo);
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store, co_await looking.world->Store(MoveEnd::kTo));
  TreePlace place;
  place.store = store;
  place.root = to.RealRoot();
  place.text = to.Text();
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::string> mark,
                              co_await ReadMoveMark(place, looking.clock()));
  if (mark.has_value()) {
    found.refusals.push_back(absl::StrCat(to.Text(), " was begun by another run, ",
                                          Printable(*mark), " (", MoveMarkPath(place.root),
                                          "): abort that one with its own state file"));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await looking.world->Candidates(MoveEnd::kTo));
  if (!candidates.empty()) {
    found.refusals.push_back(absl::StrCat("in the new lock directory there is already ",
                                          NamesOf(candidates), ": a meta server lives there"));
  }
  RetryBudget budget(looking.clock());
  StoreReader reader(store, &budget);
  RootInspectionOptions options;
  options.lock_root = to.RealLockRoot();
  METAREC_CO_ASSIGN_OR_RETURN(const RootInspection root,
                              co_await InspectRoot(&reader, place.root, options));
  if (!root.IsFree() && !mark.has_value()) {
    METAREC_CO_RETURN_IF_ERROR(co_await LookAtFormerMove(looking, place, root));
  }
  const absl::Status may_write = co_await TryToWrite(store, place.root);
  if (absl::IsCancelled(may_write)) co_return may_write;
  if (!may_write.ok()) {
    found.refusals.push_back(absl::StrCat(to.Text(), " cannot be written: ", may_write.message()));
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> LookAtOldTree(Looking looking) {
  Preflight& found = *looking.found;
  METAREC_CO_ASSIGN_OR_RETURN(MetaStore* const store,
                              co_await looking.world->Store(MoveEnd::kFrom));
  const std::string root = looking.world->side(MoveEnd::kFrom).RealRoot();
  RetryBudget budget(looking.clock());
  StoreReader reader(store, &budget);
  SilentProgress silent;
  const absl::Time began = looking.clock()->Now();
  METAREC_CO_ASSIGN_OR_RETURN(
      const RootContents tree,
      co_await ReadTopology(&reader, root, TopologyReaderOptions(), &silent));
  const double seconds = absl::ToDoubleSeconds(looking.clock()->Now() - began);
  int64_t partitions = 0;
  size_t largest = 0;
  for (const TableZnodes& table : tree.tables) {
    partitions += static_cast<int64_t>(table.partitions.size());
    std::string json;
    EncodeApp(table.app, &json);
    largest = std::max(largest, json.size());
  }
  found.facts.push_back(absl::StrCat(
      "old tree: ", Counted(static_cast<int64_t>(tree.tables.size()), "table"), ", ",
      Counted(partitions, "partition"), ", read in ", absl::StrFormat("%.1f", seconds), " s"));
  for (size_t i = 0; i < std::min(tree.problems.size(), kPreflightNamesMax); ++i) {
    found.warnings.push_back(absl::StrCat("the old tree: ", Printable(tree.problems[i].message)));
  }
  if (largest > kUsualBytesMax) {
    found.warnings.push_back(
        absl::StrCat("the old tree has a znode of ", largest,
                     " bytes: the new servers need the same jute.maxbuffer as the old ones"));
  }
  NoteLosses(tree, &found);
  TreePlace place;
  place.store = store;
  place.root = root;
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::vector<std::string> strangers,
      co_await StrangersBelow(place, looking.world->side(MoveEnd::kFrom).RealLockRoot(),
                              looking.clock()));
  if (!strangers.empty()) {
    found.warnings.push_back(absl::StrCat("below the old root there is what is not Pegasus's: ",
                                          Printable(CutList(strangers, kPreflightNamesMax)),
                                          "; finish refuses until it is moved or removed"));
  }
  const ClusterPaths paths(root);
  for (const TableZnodes& table : tree.tables) {
    const std::string path = paths.Duplications(table.app.app_id);
    METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                                co_await reader.Children(path));
    if (!children.has_value() || children->names.empty()) continue;
    const std::string line = Printable(
        absl::StrCat("table ", table.app.app_name, ": its duplications and their progress"));
    found.lost_by_recovery.push_back(line);
    found.kept_by_carry_over.push_back(line);
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> policies,
                              co_await reader.Children(paths.backup()));
  if (policies.has_value() && !policies->names.empty()) {
    const std::string line =
        Printable(absl::StrCat("backup policies: ", CutList(policies->names, kPreflightNamesMax)));
    found.lost_by_recovery.push_back(line);
    found.kept_by_carry_over.push_back(line);
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> loads,
                              co_await reader.Children(paths.bulk_load()));
  if (loads.has_value() && !loads->names.empty()) {
    found.lost_by_recovery.push_back(
        Printable(absl::StrCat("bulk loads under way, of the tables with the ids ",
                               CutList(loads->names, kPreflightNamesMax))));
  }
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<MetaCandidate> candidates,
                              co_await looking.world->Candidates(MoveEnd::kFrom));
  if (candidates.size() != found.request.metas.size()) {
    found.warnings.push_back(
        absl::StrCat("in the old lock directory there are ", candidates.size(), " candidates (",
                     NamesOf(candidates), "), and the cluster lists ", found.request.metas.size(),
                     " meta servers; if none is seen, say where it is with --lock_root"));
  }
  if (candidates.empty()) {
    found.refusals.push_back(
        "nobody is seen in the old lock directory, so that it could not be "
        "looked after; say where it is with --lock_root");
  }
  co_return absl::OkStatus();
}

}  // namespace metarec
