#include "tests/scenarios/znode_snapshot.h"

#include <algorithm>
#include <map>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/store_error.h"

namespace metarec::scenarios {
namespace {

constexpr size_t kNodesMax = 10'000;

bool BeforeInTree(const std::string& a, const std::string& b) {
  const bool numbers = a.find_first_not_of("0123456789") == std::string::npos &&
                       b.find_first_not_of("0123456789") == std::string::npos;
  return numbers && a.size() != b.size() ? a.size() < b.size() : a < b;
}

std::string DescribeStat(const NodeStat& stat) {
  return absl::StrCat("version ", stat.version, ", child version ", stat.child_version, ", czxid ",
                      stat.czxid, ", mzxid ", stat.mzxid, ", pzxid ", stat.pzxid);
}

}  // namespace

asio::awaitable<absl::StatusOr<std::vector<SnapshotEntry>>> TakeSnapshot(MetaStore* store,
                                                                         std::string root) {
  std::vector<SnapshotEntry> entries;
  std::vector<std::string> pending = {root};
  while (!pending.empty()) {
    if (entries.size() == kNodesMax) co_return absl::ResourceExhaustedError("too many znodes");
    const std::string path = std::move(pending.back());
    pending.pop_back();
    absl::StatusOr<NodeData> node = co_await store->Get(path);
    if (StoreErrorOf(node.status()) == StoreError::kNoNode) continue;
    METAREC_CO_RETURN_IF_ERROR(node.status());
    entries.push_back({path, node->data, node->stat});
    absl::StatusOr<NodeChildren> children = co_await store->Children(path);
    METAREC_CO_RETURN_IF_ERROR(children.status());
    std::sort(children->names.begin(), children->names.end(), BeforeInTree);
    for (auto name = children->names.rbegin(); name != children->names.rend(); ++name) {
      pending.push_back(absl::StrCat(path == "/" ? "" : path, "/", *name));
    }
  }
  co_return entries;
}

asio::awaitable<absl::Status> PutZnode(MetaStore* store, std::string path, std::string data) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const auto parent = co_await store->Create(path.substr(0, slash), "");
    if (!parent.ok() && StoreErrorOf(parent.status()) != StoreError::kNodeExists) {
      co_return parent.status();
    }
  }
  const auto created = co_await store->Create(path, data);
  if (StoreErrorOf(created.status()) != StoreError::kNodeExists) co_return created.status();
  const auto set = co_await store->Set(path, data);
  co_return set.status();
}

std::string DescribeChanges(const std::vector<SnapshotEntry>& before,
                            const std::vector<SnapshotEntry>& after) {
  std::map<std::string, const SnapshotEntry*> known;
  for (const SnapshotEntry& entry : before) known[entry.path] = &entry;
  std::string changes;
  for (const SnapshotEntry& entry : after) {
    const auto found = known.find(entry.path);
    if (found == known.end()) {
      absl::StrAppend(&changes, "new: ", entry.path, "\n");
      continue;
    }
    const std::string was = DescribeStat(found->second->stat);
    const std::string is = DescribeStat(entry.stat);
    if (was != is) absl::StrAppend(&changes, "changed: ", entry.path, ": ", was, " -> ", is, "\n");
    known.erase(found);
  }
  for (const auto& [path, entry] : known) absl::StrAppend(&changes, "gone: ", path, "\n");
  return changes;
}

}  // namespace metarec::scenarios
