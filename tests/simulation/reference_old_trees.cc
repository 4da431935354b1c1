#include "reference_old_trees.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/runtime/rare_branch.h"
#include "reference_values.h"

namespace metarec::simulation {
namespace {

constexpr int64_t kTenMinutesMs = 600'000;

auto Age(const OldTable& table, const OldTree& tree) {
  int64_t sum = 0;
  for (const int64_t ballot : table.ballots) sum += ballot < 0 ? 0 : ballot;
  return std::make_tuple(sum, table.changed_ms, tree.time_ms, tree.zxid, tree.source, tree.root);
}

bool WentOn(const OldTable& table, const OldTreeSubject& subject) {
  for (const auto& [index, ballot] : subject.ballots) {
    const bool has = index < static_cast<int32_t>(table.ballots.size());
    if (ballot > (has ? table.ballots[static_cast<size_t>(index)] : -1)) return true;
  }
  return false;
}

}  // namespace

bool OldTreeModel::Choose(const std::map<int32_t, int64_t>& created) {
  std::set<std::string> named;
  std::set<std::string> good;
  for (const OldTree& tree : trees_) {
    named.insert(tree.source);
    int same = 0;
    int other = 0;
    for (const OldTable& table : tree.tables) {
      const auto here = created.find(table.description.app_id);
      const int64_t there = table.description.create_second;
      if (here == created.end() || here->second == 0 || there == 0) continue;
      here->second == there ? ++same : ++other;
    }
    if (same == 0) continue;
    if (other > 0) METAREC_RARE_BRANCH("an old tree agrees with the servers in some tables only");
    good.insert(tree.source);
    used_.push_back({&tree, other == 0});
  }
  return named == good;
}

int32_t OldTreeModel::HighestId() const {
  int32_t highest = 0;
  for (const Used& used : used_) {
    for (const OldTable& table : used.tree->tables) {
      const int32_t id = table.description.app_id;
      if (used.is_whole && id <= options_.max_app_id) highest = std::max(highest, id);
    }
  }
  return highest;
}

const OldTable* OldTreeModel::Newest(const OldTreeSubject& subject, const OldTree** of) const {
  const OldTable* newest = nullptr;
  for (const Used& used : used_) {
    for (const OldTable& table : used.tree->tables) {
      const AppZnode& old = table.description;
      if (old.app_id != subject.app.app_id || !MakesSense(old, options_)) continue;
      const int64_t here = subject.is_described ? subject.app.create_second : 0;
      const bool is_known = here != 0 && old.create_second != 0;
      if (is_known ? here != old.create_second : !used.is_whole) continue;
      if (newest == nullptr || Age(*newest, **of) < Age(table, *used.tree)) {
        newest = &table;
        *of = used.tree;
      }
    }
  }
  return newest;
}

OldTreeFate OldTreeModel::Apply(OldTreeSubject* subject) {
  if (subject->is_left_out) return OldTreeFate::kNone;
  const OldTree* tree = nullptr;
  const OldTable* const old = Newest(*subject, &tree);
  if (old == nullptr) return OldTreeFate::kNone;
  const AppZnode before = subject->app;
  const bool was_dropped = old->description.status == TableStatus::kDropped;
  const bool is_decided = options_.settlements.contains(absl::StrCat(before.app_id, ".status"));
  OldTreeFate fate = OldTreeFate::kFollowed;
  if (subject->is_free) {
    fate = was_dropped ? OldTreeFate::kStaysDropped : OldTreeFate::kKept;
  } else if (WentOn(*old, *subject)) {
    METAREC_RARE_BRANCH("servers have gone on since an old tree was taken");
    fate = OldTreeFate::kCompleted;
  } else if (was_dropped && !is_decided) {
    METAREC_RARE_BRANCH("an old tree proves that a table was dropped");
    fate = OldTreeFate::kStaysDropped;
  }
  if (fate == OldTreeFate::kKept) {
    METAREC_RARE_BRANCH("only an old tree knows a table that lived");
    subject->app.partition_count = subject->app.init_partition_count =
        old->description.partition_count;
  } else if (fate == OldTreeFate::kStaysDropped) {
    Drop(old->description, subject);
  } else if (fate == OldTreeFate::kCompleted) {
    Complete(old->description, subject);
  } else {
    Follow(*old, *tree, subject);
  }
  if (!subject->is_free) Undo(before, &subject->app);
  if (!subject->is_free && !subject->is_described) {
    subject->app.app_name = before.app_name;  // as the operator says
    subject->app.max_replica_count = before.max_replica_count;
  }
  fates_[before.app_id] = {fate, tree};
  tables_[before.app_id] = old;
  return fate;
}

int32_t OldTreeModel::InitCount(const AppZnode& old, const OldTreeSubject& subject) const {
  if (old.partition_count != subject.app.partition_count || subject.is_splitting ||
      subject.is_undecided) {
    return subject.app.init_partition_count;
  }
  const bool is_sane =
      old.init_partition_count == -1 ||
      (old.init_partition_count >= 1 && old.init_partition_count <= old.partition_count);
  return is_sane ? old.init_partition_count : subject.app.init_partition_count;
}

void OldTreeModel::Follow(const OldTable& table, const OldTree& tree,
                          OldTreeSubject* subject) const {
  const AppZnode here = subject->app;
  const AppZnode& old = table.description;
  AppZnode& app = subject->app;
  const bool have_heard = tree.known_until_ms - table.changed_ms >= kTenMinutesMs;
  if (!have_heard) {
    app.app_name = old.app_name;
    app.max_replica_count = old.max_replica_count;
    app.atomic_idempotent = old.atomic_idempotent;
  }
  app.envs = old.envs;
  if (old.status == here.status) {
    app.drop_second = old.drop_second;
    app.expire_second = old.expire_second;
  }
  if (old.create_second != 0) app.create_second = old.create_second;
  app.duplicating = old.duplicating;
  app.is_bulk_loading = old.is_bulk_loading;
  OldTreeSubject with_old_count = *subject;
  with_old_count.app = here;
  app.init_partition_count = InitCount(old, with_old_count);
}

void OldTreeModel::Complete(const AppZnode& old, OldTreeSubject* subject) const {
  AppZnode& app = subject->app;
  app.init_partition_count = InitCount(old, *subject);
  if (app.create_second == 0) app.create_second = old.create_second;
  for (const auto& [key, value] : old.envs) {
    if (!app.envs.contains(key) && !IsOfOperation(key, value)) app.envs[key] = value;
  }
}

void OldTreeModel::Drop(const AppZnode& old, OldTreeSubject* subject) const {
  AppZnode app = old;
  if (!subject->is_free) {
    app.partition_count = subject->app.partition_count;
    app.app_type = subject->app.app_type;
    app.is_stateful = subject->app.is_stateful;
  }
  const bool is_sane =
      old.init_partition_count == -1 ||
      (old.init_partition_count >= 1 && old.init_partition_count <= old.partition_count);
  if (!is_sane || app.partition_count != old.partition_count) {
    app.init_partition_count = app.partition_count;
  }
  subject->app = app;
}

// What the operator has decided stays.
void OldTreeModel::Undo(const AppZnode& before, AppZnode* app) const {
  const std::string prefix = absl::StrCat(before.app_id, ".");
  for (const auto& [key, value] : options_.settlements) {
    if (!absl::StartsWith(key, prefix)) continue;
    const std::string field = key.substr(prefix.size());
    if (field == "app_name") app->app_name = before.app_name;
    if (field == "max_replica_count") app->max_replica_count = before.max_replica_count;
    if (field == "atomic_idempotent") app->atomic_idempotent = before.atomic_idempotent;
    if (field == "create_second") app->create_second = before.create_second;
    if (field == "drop_second") app->drop_second = before.drop_second;
    if (field == "expire_second") app->expire_second = before.expire_second;
    if (field == "duplicating") app->duplicating = before.duplicating;
    if (field == "is_bulk_loading") app->is_bulk_loading = before.is_bulk_loading;
    if (!absl::StartsWith(field, "envs.")) continue;
    const std::string env = field.substr(5);
    app->envs.erase(env);
    const auto kept = before.envs.find(env);
    if (kept != before.envs.end()) app->envs.insert(*kept);
  }
}

std::map<std::string, std::string> OldTreeModel::Carried(bool with_duplications) const {
  std::map<std::string, std::string> carried;
  for (const auto& [id, table] : tables_) {
    if (!with_duplications || fates_.at(id).first == OldTreeFate::kKept) continue;
    for (const OldZnode& znode : table->duplications) carried[znode.path] = znode.data;
  }
  const OldTree* newest = nullptr;
  const auto age = [](const OldTree& tree) {
    return std::make_tuple(tree.known_until_ms, tree.time_ms, tree.zxid, tree.source, tree.root);
  };
  for (const Used& used : used_) {
    if (!used.is_whole || used.tree->beside.empty()) continue;
    if (newest == nullptr || age(*newest) < age(*used.tree)) newest = used.tree;
  }
  if (newest == nullptr) return carried;
  for (const OldZnode& znode : newest->beside) {
    const std::vector<std::string> parts = absl::StrSplit(znode.path, '/');
    int32_t id = 0;
    const bool is_load =
        parts.size() > 2 && parts[1] == "bulk_load" && absl::SimpleAtoi(parts[2], &id) && id > 0;
    const auto fate = fates_.find(id);
    const bool is_current =
        fate != fates_.end() && fate->second == std::make_pair(OldTreeFate::kFollowed, newest);
    if (!is_load || is_current) carried[znode.path] = znode.data;
  }
  return carried;
}

}  // namespace metarec::simulation
