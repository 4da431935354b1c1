#include "meta_recovery/planner/old_tree_carrying.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>
#include <absl/time/time.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/record_reconciliation.h"
#include "meta_recovery/planner/replica_index.h"
#include "meta_recovery/planner/sane_values.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

constexpr absl::string_view kEnvs = "envs";

bool IsDescribed(const PlannedTable& planned) { return !planned.decision.described_by.empty(); }

// A tree that is used, and one of its tables.
struct Account {
  int32_t tree = -1;  // in RecoveryPlan::old_trees; -1: none
  const OldTree* of = nullptr;
  const OldTable* table = nullptr;
};

// Ballots only grow, so they tell first which account of a table is the newer one; then clocks do.
auto AgeOf(const Account& account) {
  int64_t ballots = 0;
  for (const int64_t ballot : account.table->ballots) ballots += std::max<int64_t>(ballot, 0);
  return std::make_tuple(ballots, account.table->changed_ms, account.of->time_ms, account.of->zxid,
                         absl::string_view(account.of->source),
                         absl::string_view(account.of->root));
}

// Of how many partitions a server knows a higher ballot than the tree.
int32_t BallotsAbove(absl::Span<const ReplicaClaim> claims, const OldTable& old) {
  int32_t above = 0;
  ForEachPartition(claims, [&](int32_t index, absl::Span<const ReplicaClaim> replicas) {
    int64_t highest = -1;
    for (const ReplicaClaim& replica : replicas) highest = std::max(highest, replica.ballot);
    const auto at = static_cast<size_t>(index);
    above += highest > (at < old.ballots.size() ? old.ballots[at] : -1);
  });
  return above;
}

// Parents first, and level by level, so that each level can be written at once.
bool IsWrittenBefore(const CarriedZnode& a, const CarriedZnode& b) {
  const auto depth = [](const CarriedZnode& znode) {
    return std::count(znode.path.begin(), znode.path.end(), '/');
  };
  return std::make_pair(depth(a), absl::string_view(a.path)) <
         std::make_pair(depth(b), absl::string_view(b.path));
}

class Carrier {
 public:
  Carrier(absl::Span<const OldTree> trees, const Settlements& settlements, const IdsBeyond& beyond,
          std::vector<PlannedTable>& tables, FindingsList& findings, RecoveryPlan& plan)
      : trees_(trees),
        settlements_(settlements),
        beyond_(beyond),
        tables_(tables),
        findings_(findings),
        plan_(plan) {}

  absl::Status Run() {
    METAREC_RETURN_IF_ERROR(TakeTreesOfThisCluster());
    AddIdsAbove();
    accounts_.resize(tables_.size());
    for (size_t i = 0; i < tables_.size(); ++i) {
      accounts_[i] = NewestOf(tables_[i]);
      if (accounts_[i].table != nullptr) Carry(accounts_[i], tables_[i]);
    }
    for (size_t i = 0; i < tables_.size(); ++i) CarryDuplications(accounts_[i], tables_[i]);
    CarryBeside();
    TakeFindingsBack();
    std::sort(plan_.topology.carried.begin(), plan_.topology.carried.end(), IsWrittenBefore);
    return absl::OkStatus();
  }

 private:
  // Compares them with what the servers describe. Whoever names a wrong tree hears it.
  absl::Status TakeTreesOfThisCluster() {
    std::map<std::string, std::string> strangers;  // by source: why
    std::set<std::string> used;
    for (const OldTree& tree : trees_) {
      OldTreeSource source = {.source = tree.source,
                              .kind = tree.kind,
                              .root = tree.root,
                              .zxid = tree.zxid,
                              .time_second = SecondOf(tree.time_ms),
                              .committed_zxid = tree.committed_zxid,
                              .confirmed_by = tree.confirmed_by,
                              .problems_count = tree.problems_count,
                              .problems = tree.problems};
      std::string other;
      for (const OldTable& table : tree.tables) Compare(table, &source, &other);
      if (source.tables_same == 0) {
        std::string& why = strangers[tree.source];
        if (why.empty() || !other.empty()) why = other;
        continue;
      }
      used.insert(tree.source);
      plan_.old_trees.push_back(std::move(source));
      used_trees_.push_back(&tree);
    }
    for (const auto& [source, why] : strangers) {
      if (used.contains(source)) continue;
      METAREC_RARE_BRANCH("an old tree is of another cluster");
      return absl::InvalidArgumentError(absl::StrCat(
          "--old_tree ", Printable(source),
          why.empty()
              ? " cannot be shown to be of this cluster: the servers describe no table with "
                "the id and create time of one of its tables"
              : absl::StrCat(" is of another cluster: ", why),
          ". Leave it out, or name an old tree of this cluster"));
    }
    return absl::OkStatus();
  }

  void TakeFindingsBack() {
    findings_.RemoveIf([this](const Finding& finding) {
      return (finding.kind() == FindingKind::kTableLostState &&
              not_lost_.contains(finding.app_id)) ||
             (finding.kind() == FindingKind::kSplitUnfinished &&
              not_splitting_.contains(finding.app_id));
    });
  }

  static int64_t SecondOf(int64_t ms) {
    return std::clamp<int64_t>(ms / 1000, kTime.least, kTime.most);
  }

  void Compare(const OldTable& old, OldTreeSource* source, std::string* other) const {
    const int32_t app_id = old.description.app_id;
    if (app_id > static_cast<int64_t>(tables_.size())) return;
    const PlannedTable& planned = tables_[app_id - 1];
    const int64_t here = planned.table.create_second;
    const int64_t there = old.description.create_second;
    if (!IsDescribed(planned) || here == 0 || there == 0) return;
    ++(here == there ? source->tables_same : source->tables_other);
    if (here == there || !other->empty()) return;
    *other = absl::StrCat(
        "its table ", app_id, " (", Printable(Shortened(old.description.app_name)),
        ") was created at ", UtcText(absl::FromUnixSeconds(there)),
        ", while servers describe one that was created at ", UtcText(absl::FromUnixSeconds(here)));
  }

  // Of ids above all that the servers know, none may be used again either.
  void AddIdsAbove() {
    std::set<int32_t> ids;
    for (size_t i = 0; i < used_trees_.size(); ++i) {
      if (!plan_.old_trees[i].is_of_cluster()) continue;
      for (const OldTable& old : used_trees_[i]->tables) {
        const int32_t id = old.description.app_id;
        if (id > static_cast<int64_t>(tables_.size()) && id <= plan_.options.max_app_id) {
          ids.insert(id);
        }
      }
    }
    if (ids.empty()) return;
    METAREC_RARE_BRANCH("only an old tree knows a table above all others");
    for (auto id = static_cast<int32_t>(tables_.size()) + 1; id <= *ids.rbegin(); ++id) {
      const auto left_out = beyond_.find(id);
      const bool is_gap = left_out == beyond_.end();
      tables_.push_back(MakePlaceholder(id, is_gap ? 1 : left_out->second));
      tables_.back().is_gap = is_gap;
    }
  }

  Account NewestOf(const PlannedTable& planned) const {
    Account newest;
    if (planned.decision.placeholder && !planned.is_gap) return newest;  // as it was decided
    for (size_t i = 0; i < used_trees_.size(); ++i) {
      const OldTree& tree = *used_trees_[i];
      const auto found = std::lower_bound(
          tree.tables.begin(), tree.tables.end(), planned.table.app_id,
          [](const OldTable& table, int32_t id) { return table.description.app_id < id; });
      if (found == tree.tables.end() || found->description.app_id != planned.table.app_id) continue;
      if (!IsSame(planned, found->description, plan_.old_trees[i])) continue;
      if (!ProblemOf(found->description, plan_.options).empty()) continue;
      const Account account = {.tree = static_cast<int32_t>(i), .of = &tree, .table = &*found};
      if (newest.table != nullptr) METAREC_RARE_BRANCH("two old trees have a table");
      if (newest.table == nullptr || AgeOf(newest) < AgeOf(account)) newest = account;
    }
    return newest;
  }

  static bool IsSame(const PlannedTable& planned, const TableDescription& old,
                     const OldTreeSource& source) {
    const int64_t here = IsDescribed(planned) ? planned.table.create_second : 0;
    // Ids are never used again in a cluster.
    if (here == 0 || old.create_second == 0) return source.is_of_cluster();
    return here == old.create_second;
  }

  void Carry(const Account& account, PlannedTable& planned) {
    const TableDescription& old = account.table->description;
    const bool was_dropped = old.status == TableStatus::kDropped;
    const int32_t above = BallotsAbove(planned.claims, *account.table);
    OldTreeUse& use = planned.decision.old_tree;
    if (planned.is_gap) {
      use = was_dropped ? OldTreeUse::kStaysDropped : OldTreeUse::kOnlyThere;
      const PlannedTable kept = MakePlaceholder(old.app_id, old.partition_count);
      planned.table = kept.table;
      if (was_dropped) TakeDropped(old, planned);
    } else if (above > 0) {
      use = OldTreeUse::kOlder;
      TakeValues(Completed(old, planned), planned);
    } else if (was_dropped && !IsDecided(old.app_id, "status")) {
      use = OldTreeUse::kStaysDropped;
      TakeDropped(old, planned);
    } else {
      use = OldTreeUse::kCurrent;
      TakeValues(AsThere(account, planned), planned);
    }
    if (use != OldTreeUse::kOlder) not_lost_.insert(old.app_id);
    const bool is_committed =
        IsCommitted(plan_.old_trees[account.tree], account.table->changed_zxid);
    const bool is_as_there = use == OldTreeUse::kCurrent || use == OldTreeUse::kStaysDropped;
    findings_.Add(is_as_there && is_committed ? Severity::kNote : Severity::kWarning,
                  FindingSubject::Table(old.app_id),
                  found::TableInOldTree{.tree = account.tree,
                                        .name = old.app_name,
                                        .changed_zxid = account.table->changed_zxid,
                                        .changed_second = SecondOf(account.table->changed_ms),
                                        .ballots_above = above,
                                        .was_dropped = was_dropped});
    const bool is_known = !planned.is_gap && !planned.partition_count_undecided;
    if (!is_known || old.partition_count == planned.table.partition_count) return;
    findings_.Add(
        Severity::kWarning, FindingSubject::Table(old.app_id),
        found::CountInOldTree{.tree = account.tree, .partition_count = old.partition_count});
  }

  // It keeps the partition count that the servers know, if they know any.
  void TakeDropped(const TableDescription& old, PlannedTable& planned) {
    METAREC_RARE_BRANCH("a table stays dropped, as an old tree says");
    TableDescription dropped = old;
    if (!planned.is_gap) {
      dropped.partition_count = planned.table.partition_count;
      dropped.app_type = planned.table.app_type;
      dropped.is_stateful = planned.table.is_stateful;
    }
    if (dropped.partition_count != old.partition_count || !IsSaneInitCount(old)) {
      dropped.init_partition_count = dropped.partition_count;
    }
    planned.split_unfinished = false;
    planned.registered_children.clear();
    planned.decision.partition_count_before_split = 0;
    planned.decision.placeholder = false;
    not_splitting_.insert(old.app_id);
    if (!planned.is_gap) {
      TakeValues(std::move(dropped), planned);
    } else {
      static_cast<TableDescription&>(planned.table) = std::move(dropped);
    }
    planned.decision.old_name = planned.table.app_name;
  }

  // -1 is what stock meta servers write for tables that they made themselves.
  static bool IsSaneInitCount(const TableDescription& table) {
    return table.init_partition_count == -1 ||
           (table.init_partition_count > 0 && table.init_partition_count <= table.partition_count);
  }

  int32_t InitCountOf(const TableDescription& old, const PlannedTable& planned) const {
    const bool fits = old.partition_count == planned.table.partition_count &&
                      !planned.split_unfinished && !planned.partition_count_undecided;
    return fits && IsSaneInitCount(old) ? old.init_partition_count
                                        : planned.table.init_partition_count;
  }

  // The table as a tree says that knows all the servers know.
  TableDescription AsThere(const Account& account, const PlannedTable& planned) const {
    const TableDescription& old = account.table->description;
    const TableDescription& here = planned.table;
    TableDescription table = old;
    table.status = here.status;
    table.app_type = here.app_type;
    table.is_stateful = here.is_stateful;
    table.partition_count = here.partition_count;
    table.init_partition_count = InitCountOf(old, planned);
    if (table.create_second == 0) table.create_second = here.create_second;
    if (old.status != here.status) {  // as the operator decided
      table.drop_second = here.drop_second;
      table.expire_second = here.expire_second;
    }
    // Servers had heard by then what the tree says. If they say otherwise, that came later.
    if (account.of->known_until_ms - account.table->changed_ms >= kHeardByServersMs) {
      table.app_name = here.app_name;
      table.max_replica_count = here.max_replica_count;
      table.atomic_idempotent = here.atomic_idempotent;
    }
    return table;
  }

  // The table as servers say, which know more than the tree, with what they cannot know.
  TableDescription Completed(const TableDescription& old, const PlannedTable& planned) const {
    TableDescription table = planned.table;
    if (table.create_second == 0) table.create_second = old.create_second;
    table.init_partition_count = InitCountOf(old, planned);
    for (const auto& [key, value] : old.envs) {
      if (!BelongsToOperation(key, value)) table.envs.emplace(key, value);
    }
    return table;
  }

  bool IsDecided(int32_t app_id, absl::string_view field) const {
    return settlements_.Find(SettlementKey(app_id, field)) != nullptr;
  }

  // Takes over what differs, but not what the operator has decided, and tells it.
  void TakeValues(TableDescription carried, PlannedTable& planned) {
    const TableDescription before = planned.table;
    KeepWhatIsDecided(before, &carried);
    if (!IsDescribed(planned)) {  // but by the operator
      carried.app_name = before.app_name;
      carried.max_replica_count = before.max_replica_count;
    }
    RemoveEnvsBeyondBound(&carried);
    static_cast<TableDescription&>(planned.table) = carried;
    planned.decision.old_name = planned.table.app_name;
    VisitTableFields([&](auto field) {
      if constexpr (field.kRule == TableFieldRule::kVoteByKey) {
        NoteEnvs(field.of(before), field.of(carried), planned);
      } else if (field.of(before) != field.of(carried)) {
        Note(field.name, TextOfField(before, field.name), planned);
      }
    });
    std::sort(planned.decision.carried_fields.begin(), planned.decision.carried_fields.end());
  }

  void KeepWhatIsDecided(const TableDescription& before, TableDescription* carried) const {
    VisitTableFields([&](auto field) {
      if constexpr (field.kRule == TableFieldRule::kVoteByKey) {
        std::set<std::string> keys;
        for (const auto& [key, value] : field.of(before)) keys.insert(key);
        for (const auto& [key, value] : field.of(*carried)) keys.insert(key);
        for (const std::string& key : keys) {
          if (!IsDecided(before.app_id, absl::StrCat(field.name, ".", key))) continue;
          field.of(*carried).erase(key);
          const auto kept = field.of(before).find(key);
          if (kept != field.of(before).end()) field.of(*carried).insert(*kept);
        }
      } else if (IsDecided(before.app_id, field.name)) {
        field.of(*carried) = field.of(before);
      }
    });
  }

  void NoteEnvs(const std::map<std::string, std::string>& before,
                const std::map<std::string, std::string>& carried, PlannedTable& planned) {
    std::set<std::string> keys;
    for (const auto& [key, value] : before) keys.insert(key);
    for (const auto& [key, value] : carried) keys.insert(key);
    for (const std::string& key : keys) {
      const auto was = before.find(key);
      const auto is = carried.find(key);
      if (was != before.end() && is != carried.end() && was->second == is->second) continue;
      std::optional<std::string> instead;
      if (was != before.end()) instead = was->second;
      Note(absl::StrCat(kEnvs, ".", key), std::move(instead), planned);
    }
  }

  void Note(std::string field, std::optional<std::string> instead, PlannedTable& planned) {
    planned.decision.carried_fields.push_back(field);
    findings_.Add(Severity::kNote, FindingSubject::Table(planned.table.app_id),
                  found::ValueCarried{.field = std::move(field),
                                      .was_known = instead.has_value(),
                                      .instead = instead.value_or("")});
  }

  void CarryDuplications(const Account& account, const PlannedTable& planned) {
    if (account.table == nullptr || account.table->duplications.empty()) return;
    CarriedZnodes fate = CarriedZnodes::kCarried;
    if (planned.decision.old_tree == OldTreeUse::kOnlyThere) {
      fate = CarriedZnodes::kTableNotThere;
    } else if (!plan_.options.carry_duplications) {
      fate = CarriedZnodes::kNotAsked;
    }
    NoteZnodes(FindingSubject::Table(planned.table.app_id), kDuplicationName, fate, account.tree,
               account.table->duplications);
  }

  void NoteZnodes(FindingSubject subject, absl::string_view name, CarriedZnodes fate, int32_t tree,
                  absl::Span<const OldZnode> znodes) {
    findings_.Add(fate == CarriedZnodes::kCarried ? Severity::kNote : Severity::kWarning, subject,
                  found::ZnodesCarried{.name = std::string(name),
                                       .fate = fate,
                                       .tree = tree,
                                       .znodes = static_cast<int64_t>(znodes.size())});
    if (fate != CarriedZnodes::kCarried) return;
    for (const OldZnode& znode : znodes) {
      plan_.topology.carried.push_back({.path = znode.path, .data = znode.data});
    }
  }

  // From one tree, the newest that has any: what is not there was deleted.
  void CarryBeside() {
    int32_t newest = -1;
    const auto age = [this](int32_t i) {
      const OldTree& tree = *used_trees_[i];
      return std::make_tuple(tree.known_until_ms, tree.time_ms, tree.zxid,
                             absl::string_view(tree.source), absl::string_view(tree.root));
    };
    for (int32_t i = 0; i < static_cast<int32_t>(used_trees_.size()); ++i) {
      if (!plan_.old_trees[i].is_of_cluster() || used_trees_[i]->beside.empty()) continue;
      if (newest < 0 || age(newest) < age(i)) newest = i;
    }
    if (newest < 0) return;
    std::map<std::pair<int32_t, std::string>, std::vector<OldZnode>> parts;
    for (const OldZnode& znode : used_trees_[newest]->beside) {
      parts[PartOf({.path = znode.path, .data = ""})].push_back(znode);
    }
    for (const auto& [part, znodes] : parts) {
      const auto& [app_id, name] = part;
      if (app_id > 0) {
        CarryBulkLoad(app_id, newest, znodes);
      } else {
        NoteZnodes(FindingSubject::Cluster(), name, CarriedZnodes::kCarried, newest, znodes);
      }
    }
  }

  // Half a bulk load may have ended since.
  void CarryBulkLoad(int32_t app_id, int32_t tree, absl::Span<const OldZnode> znodes) {
    const bool is_there =
        app_id <= static_cast<int64_t>(tables_.size()) && !tables_[app_id - 1].decision.placeholder;
    CarriedZnodes fate = CarriedZnodes::kTableNotThere;
    if (is_there) {
      const bool is_current = tables_[app_id - 1].decision.old_tree == OldTreeUse::kCurrent &&
                              accounts_[app_id - 1].tree == tree;
      fate = is_current ? CarriedZnodes::kCarried : CarriedZnodes::kOutdated;
    }
    const bool is_in_plan = app_id <= static_cast<int64_t>(tables_.size());
    if (is_in_plan) NoteZnodes(FindingSubject::Table(app_id), kBulkLoadName, fate, tree, znodes);
  }

  const absl::Span<const OldTree> trees_;
  const Settlements& settlements_;
  const IdsBeyond& beyond_;
  std::vector<PlannedTable>& tables_;
  FindingsList& findings_;
  RecoveryPlan& plan_;
  std::vector<const OldTree*> used_trees_;      // parallel to RecoveryPlan::old_trees
  std::vector<Account> accounts_;               // parallel to tables_
  absl::flat_hash_set<int32_t> not_lost_;       // tables that are as a tree says
  absl::flat_hash_set<int32_t> not_splitting_;  // and those that stay dropped
};

}  // namespace

std::pair<int32_t, std::string> PartOf(const CarriedZnode& znode) {
  int32_t app_id = 0;
  const std::string name(CarriedName(znode.path, &app_id));
  absl::string_view path = znode.path;
  if (name != kBulkLoadName || !absl::ConsumePrefix(&path, absl::StrCat("/", name, "/"))) {
    return {app_id, name};
  }
  return {std::max(ParseChildName(path.substr(0, path.find('/'))), 0), name};
}

absl::Status CarryFromOldTrees(absl::Span<const OldTree> trees, const Settlements& settlements,
                               const IdsBeyond& beyond, std::vector<PlannedTable>& tables,
                               FindingsList& findings, RecoveryPlan& plan) {
  if (trees.empty()) return absl::OkStatus();
  return Carrier(trees, settlements, beyond, tables, findings, plan).Run();
}

}  // namespace metarec
