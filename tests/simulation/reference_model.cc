#include "reference_model.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "reference_old_trees.h"
#include "reference_records.h"
#include "reference_values.h"
#include "zk_store/topology/znode_json.h"

namespace metarec::simulation {
namespace {

class Model : private RecordModel {
 public:
  Model(const std::vector<ModelNode>& nodes, const ModelOptions& options,
        const std::vector<OldTree>& old_trees)
      : RecordModel(options),
        nodes_(nodes),
        old_trees_(old_trees),
        old_model_(old_trees, options) {}

  ModelPlan Run() {
    for (const auto& [key, value] : options_.settlements) {
      if (!IsKey(key)) Refuse(key);
    }
    for (const ModelNode& node : nodes_) SayWhoIs(node);
    if (plan_.wrong_settlements.empty() && ListNodes()) {
      for (const ModelNode& node : nodes_) {
        if (node.is_complete) Read(node);
      }
      SetAsideBeyondGaps();
      for (const auto& [app_id, records] : records_) {
        if (!LeaveOut(app_id, records)) DescribeTable(app_id, records);
      }
      for (const auto& [app_id, by_index] : replicas_) {
        if (!records_.contains(app_id)) Homeless(app_id);
      }
      FillGaps();
      FollowOldTrees();
      Rename();
      for (const auto& [app_id, table] : tables_) {
        WriteTable(table);
        if (!table.is_placeholder && !table.stays_dropped && !HasCompleteReplica(app_id)) {
          plan_.said.insert(absl::StrCat(app_id, " was probably dropped"));
        }
      }
      for (const auto& [key, value] : options_.settlements) {
        if (!used_.contains(key)) Refuse(key);
      }
    }
    plan_.unlisted = options_.outsiders;
    plan_.doubtful = options_.doubtful;
    if (!plan_.errors.empty()) plan_.outcome = PlanOutcome::kTryAgain;
    if (!plan_.conflicts.empty() || !plan_.wrong_settlements.empty())
      plan_.outcome = PlanOutcome::kConflict;
    if (plan_.outcome != PlanOutcome::kReady) plan_.znodes.clear();
    return std::move(plan_);
  }

 private:
  bool ListNodes() {
    const bool has_answer = std::any_of(nodes_.begin(), nodes_.end(),
                                        [](const ModelNode& node) { return node.is_complete; });
    for (const ModelNode& node : nodes_) {
      const bool is_skipped =
          options_.skip_bad_nodes || options_.bad_nodes_skipped.contains(node.name);
      if (!node.is_complete && !(is_skipped && has_answer)) plan_.errors.insert(node.name);
    }
    return plan_.errors.empty();
  }

  // Whether an id may be; one far above the others is a conflict.
  bool IsIdInRange(int32_t app_id) {
    if (app_id <= options_.max_app_id) return true;
    SettleByIgnoring(absl::StrCat(app_id), absl::StrCat(app_id));
    return false;
  }

  void Read(const ModelNode& node) {
    for (const ReplicaRecord& replica : node.replicas) {
      if (!MakesSense(replica, options_) || !IsIdInRange(replica.app_id)) continue;
      std::vector<Replica>& of_partition = replicas_[replica.app_id][replica.partition_index];
      const auto twin = std::find_if(of_partition.begin(), of_partition.end(),
                                     [&](const Replica& other) { return other.node == &node; });
      if (twin == of_partition.end()) {
        of_partition.push_back({&node, replica});
      } else if (Merits(replica) > Merits(twin->record)) {
        twin->record = replica;
      }
    }
    for (const TableRecord& table : node.tables) {
      if (!MakesSense(table, options_) || !IsIdInRange(table.app_id)) continue;
      const auto [found, is_new] = records_[table.app_id].emplace(&node, table);
      if (!is_new && Fields(found->second) < Fields(table)) found->second = table;
    }
  }

  // An id far above those that count, counts only if the operator says so.
  void SetAsideBeyondGaps() {
    std::set<int32_t> ids;
    for (const auto& [app_id, records] : records_) ids.insert(app_id);
    for (const auto& [app_id, replicas] : replicas_) ids.insert(app_id);
    int64_t highest = 0;
    for (const int32_t app_id : ids) {
      const int64_t unused = app_id - highest - 1;
      const bool is_far = unused > options_.max_id_gap && unused > 10 * highest;
      if (is_far && !Keeps(app_id)) {
        set_aside_.emplace(app_id,
                           replicas_[app_id].empty() ? 0 : replicas_[app_id].rbegin()->first);
        records_.erase(app_id);
        replicas_.erase(app_id);
      } else {
        highest = app_id;
      }
    }
  }

  bool Keeps(int32_t app_id) {
    const std::string key = absl::StrCat(app_id);
    const std::string* const decision = Decision(key);
    if (decision == nullptr) plan_.conflicts.insert(key);
    if (decision == nullptr || *decision == "ignore") return false;
    METAREC_RARE_BRANCH("an operator keeps an id far above the others");
    // A table that nobody describes is described by the decision.
    if (!records_.contains(app_id)) return true;
    if (*decision != "keep") Refuse(key);
    kept_.insert(app_id);
    return true;
  }

  // The operator may leave out a table that is described, if no replica of it is complete.
  bool LeaveOut(int32_t app_id, const Records& records) {
    const std::string key = absl::StrCat(app_id);
    const std::string* const decision = Decision(key);
    if (decision == nullptr || kept_.contains(app_id)) return DropAsDecided(app_id, records);
    if (*decision != "ignore" || HasCompleteReplica(app_id)) {
      Refuse(key);
      return false;
    }
    METAREC_RARE_BRANCH("an operator leaves a table out that was probably dropped");
    MakeLeftOut(app_id, records);
    return true;
  }

  // The operator may believe those nodes that report a table as dropped.
  bool DropAsDecided(int32_t app_id, const Records& records) {
    const std::string key = absl::StrCat(app_id, ".status");
    bool is_dropped = false;
    bool differs = false;
    for (const auto& [node, record] : records) {
      is_dropped |= record.status == TableStatus::kDropped;
      differs |= record.status != TableStatus::kAvailable;
    }
    const std::string* const decision = differs ? Decision(key) : nullptr;
    if (decision == nullptr || *decision == "AS_AVAILABLE") return false;
    if (*decision != "AS_DROPPED" || !is_dropped) {
      Refuse(key);
      return false;
    }
    METAREC_RARE_BRANCH("an operator leaves a table out that nodes report as dropped");
    MakeLeftOut(app_id, records);
    return true;
  }

  void MakeLeftOut(int32_t app_id, const Records& records) {
    Table& table = tables_[app_id];
    table.is_placeholder = true;
    for (const auto& [node, record] : records) {
      table.placeholder_count = std::max(table.placeholder_count, record.partition_count);
    }
    for (const auto& [index, replicas] : replicas_[app_id]) {
      table.placeholder_count = std::max(table.placeholder_count, index + 1);
    }
  }

  void DescribeTable(int32_t app_id, const Records& records) {
    Table& table = tables_[app_id];
    AppZnode& app = table.app;
    app.app_id = app_id;
    const auto number = [](auto field) {
      return [field](const TableRecord& r) { return absl::StrCat(r.*field); };
    };
    app.app_name =
        Elect(app_id, records, "app_name", false, [](const TableRecord& r) { return r.app_name; });
    app.max_replica_count = std::stoi(Elect(app_id, records, "max_replica_count", false,
                                            number(&TableRecord::max_replica_count)));
    app.atomic_idempotent =
        Elect(app_id, records, "atomic_idempotent", false, [](const TableRecord& r) {
          return std::string(r.atomic_idempotent ? "true" : "false");
        }) == "true";
    app.app_type =
        Elect(app_id, records, "app_type", true, [](const TableRecord& r) { return r.app_type; });
    app.is_stateful = Elect(app_id, records, "is_stateful", true, [](const TableRecord& r) {
                        return std::string(r.is_stateful ? "true" : "false");
                      }) == "true";
    app.create_second = std::stoll(
        Elect(app_id, records, "create_second", true, number(&TableRecord::create_second)));
    std::set<std::string> keys;
    std::set<int64_t> counts;
    bool is_any_weighty = false;
    for (const auto& [node, record] : records) {
      for (const auto& [key, value] : record.envs) keys.insert(key);
      counts.insert(record.partition_count);
      is_any_weighty |= WeightOf(node, app_id) > 0;
    }
    const auto highest = [&](const char* field, auto member, bool is_flag) {
      return Highest(
          app_id, records, field,
          [member](const TableRecord& record) -> int64_t { return record.*member; }, is_flag);
    };
    app.drop_second = highest("drop_second", &TableRecord::drop_second, false);
    app.expire_second = highest("expire_second", &TableRecord::expire_second, false);
    app.duplicating = highest("duplicating", &TableRecord::duplicating, true) != 0;
    app.is_bulk_loading = highest("is_bulk_loading", &TableRecord::is_bulk_loading, true) != 0;
    for (const std::string& key : keys) {
      const std::vector<Vote> votes = Count(app_id, records, [&](const TableRecord& record) {
        const auto found = record.envs.find(key);
        return found == record.envs.end() ? nullptr : &found->second;
      });
      const std::string* const value = ChooseEnv(app_id, key, votes, is_any_weighty);
      if (value != nullptr) app.envs[key] = *value;
    }
    DecideCount(counts, &table);
  }

  struct Table {
    AppZnode app;
    bool is_placeholder = false;
    int32_t placeholder_count = 1;
    bool is_undecided = false;
    std::set<int32_t> unregistered;
    bool is_free = false;  // nobody mentions the id
    bool stays_dropped = false;
  };

  void DecideCount(const std::set<int64_t>& counts, Table* table) {
    AppZnode& app = table->app;
    const std::string key = absl::StrCat(app.app_id, ".partition_count");
    int64_t most = *counts.rbegin();
    int64_t split_from = counts.size() == 2 && most == 2 * *counts.begin() ? *counts.begin() : 0;
    const auto settled = options_.settlements.find(key);
    // Also what looks like a split may be settled by one of the counts.
    const bool is_settled = counts.size() > 1 && settled != options_.settlements.end() &&
                            std::any_of(counts.begin(), counts.end(), [&](int64_t count) {
                              return absl::StrCat(count) == settled->second;
                            });
    if (is_settled) split_from = 0;
    const bool must_be_settled = counts.size() > 1 && split_from == 0;
    if (must_be_settled) {
      const std::string* const decision = Decision(key);
      if (decision == nullptr) plan_.conflicts.insert(key);
      table->is_undecided = decision == nullptr;
      if (table->is_undecided) return;
      const auto is_decided = [&](int64_t count) { return absl::StrCat(count) == *decision; };
      const auto found = std::find_if(counts.begin(), counts.end(), is_decided);
      if (found == counts.end()) return Refuse(key);
      METAREC_RARE_BRANCH("an operator decides how many partitions a table has");
      most = *found;
    } else {
      RaiseCount(key, &most, &split_from, app.app_id);
    }
    app.partition_count = app.init_partition_count = static_cast<int32_t>(most);
    for (const auto& [index, replicas] : replicas_[app.app_id]) {
      if (index < most) continue;
      const std::string of_index = absl::StrCat(app.app_id, ".", index);
      SettleByIgnoring(of_index, absl::StrCat(key, ",", of_index));
    }
    if (split_from == 0) return;
    for (int32_t child = static_cast<int32_t>(split_from); child < most; ++child) {
      const std::vector<Replica>& replicas = replicas_[app.app_id][child];
      if (std::none_of(replicas.begin(), replicas.end(), [](const Replica& replica) {
            return static_cast<int32_t>(replica.record.status) != 6;
          })) {
        table->unregistered.insert(child);
      }
    }
    if (!table->unregistered.empty()) app.init_partition_count = static_cast<int32_t>(split_from);
  }

  // Where there are replicas beyond the count, the operator may say that the table has more.
  void RaiseCount(const std::string& key, int64_t* count, int64_t* split_from, int32_t app_id) {
    int32_t highest = -1;
    for (const auto& [index, replicas] : replicas_[app_id]) {
      const auto decision = options_.settlements.find(absl::StrCat(app_id, ".", index));
      const bool is_ignored =
          decision != options_.settlements.end() && decision->second == "ignore";
      if (index >= *count && !is_ignored) highest = index;
    }
    const std::string* const decision = highest < 0 ? nullptr : Decision(key);
    if (decision == nullptr) return;
    int32_t decided = 0;
    if (!absl::SimpleAtoi(*decision, &decided) || decided <= highest ||
        decided > options_.max_partition_count) {
      return Refuse(key);
    }
    METAREC_RARE_BRANCH("an operator says that a table has more partitions than its records do");
    *split_from = *split_from == 0 && decided == 2 * *count ? *count : 0;
    *count = decided;
  }

  // Replicas of a table that no node describes. The operator may: NAME:PARTITIONS:REPLICAS.
  void Homeless(int32_t app_id) {
    Table& table = tables_[app_id];
    const std::string key = absl::StrCat(app_id);
    const std::string* const decision = Decision(key);
    const int32_t highest = replicas_[app_id].rbegin()->first;
    table.is_placeholder = decision == nullptr || *decision == "ignore";
    if (decision == nullptr) {
      plan_.conflicts.insert(key);
    } else if (table.is_placeholder) {
      METAREC_RARE_BRANCH("an operator leaves a table out that nobody describes");
      table.placeholder_count = highest + 1;
    } else {
      METAREC_RARE_BRANCH("an operator describes a table that nobody describes");
      std::string name;
      int32_t count = 0;
      int32_t replica_count = 0;
      if (!IsDescription(*decision, &name, &count, &replica_count) || count <= highest ||
          count > options_.max_partition_count) {
        return Refuse(key);
      }
      table.app.app_id = app_id;
      table.app.app_type = "pegasus";
      table.app.app_name = name;
      table.app.partition_count = table.app.init_partition_count = count;
      table.app.max_replica_count = replica_count;
      table.app.is_stateful = true;
      table.app.create_second = 0;
    }
  }

  void FillGaps() {
    const int32_t highest = tables_.empty() ? 0 : tables_.rbegin()->first;
    for (const auto& [app_id, highest_index] : set_aside_) {
      if (app_id > highest) continue;
      tables_[app_id].is_placeholder = true;
      tables_[app_id].is_free = false;
      tables_[app_id].placeholder_count = highest_index + 1;
    }
    for (int32_t app_id = 1; app_id <= highest; ++app_id) {
      const bool is_new = !tables_.contains(app_id);
      Table& table = tables_[app_id];
      if (!is_new && !table.is_placeholder) continue;
      table.is_placeholder = true;
      table.is_free |= is_new;
      table.app.app_id = app_id;
      table.app.status = TableStatus::kDropped;
      table.app.app_type = "pegasus";
      table.app.app_name = absl::StrCat("__drop_holder__", app_id);
      table.app.partition_count = table.app.init_partition_count = table.placeholder_count;
    }
  }

  void FollowOldTrees() {
    if (old_trees_.empty()) return;
    std::map<int32_t, int64_t> created;
    for (const auto& [app_id, table] : tables_) {
      if (!table.is_placeholder && records_.contains(app_id)) {
        created[app_id] = table.app.create_second;
      }
    }
    if (!old_model_.Choose(created)) return Refuse(kOldTree);
    if (tables_.empty()) return;
    const int32_t highest = old_model_.HighestId();
    if (highest > tables_.rbegin()->first) {
      tables_[highest].is_placeholder = tables_[highest].is_free = true;
      FillGaps();
    }
    for (auto& [app_id, table] : tables_) Follow(app_id, table);
    for (const auto& [path, data] : old_model_.Carried(options_.carry_duplications)) {
      const bool is_of_table = path.rfind("/apps/", 0) == 0;
      plan_.znodes[is_of_table ? path.substr(6) : path] = data;
    }
  }

  void Follow(int32_t app_id, Table& table) {
    OldTreeSubject subject = {.app = table.app,
                              .is_described = !table.is_placeholder && records_.contains(app_id),
                              .is_free = table.is_free,
                              .is_left_out = table.is_placeholder && !table.is_free,
                              .is_undecided = table.is_undecided,
                              .is_splitting = !table.unregistered.empty(),
                              .ballots = {}};
    for (const auto& [index, replicas] : replicas_[app_id]) {
      for (const Replica& replica : replicas) {
        int64_t& ballot = subject.ballots.emplace(index, -1).first->second;
        ballot = std::max(ballot, replica.record.ballot);
      }
    }
    const OldTreeFate fate = old_model_.Apply(&subject);
    table.app = subject.app;
    if (fate == OldTreeFate::kKept) table.placeholder_count = subject.app.partition_count;
    table.stays_dropped = fate == OldTreeFate::kStaysDropped;
    if (!table.stays_dropped) return;
    table.unregistered.clear();
    table.is_placeholder = false;
  }

  void Rename() {
    std::map<int32_t, std::string*> living;
    for (auto& [app_id, table] : tables_) {
      if (table.app.status != TableStatus::kDropped) living[app_id] = &table.app.app_name;
    }
    MakeUnique(living, options_.separator);
  }

  void WriteTable(const Table& table) {
    EncodeApp(table.app, &plan_.znodes[absl::StrCat(table.app.app_id)]);
    if (table.is_undecided) return;
    for (int32_t index = 0; index < table.app.partition_count; ++index) {
      if (!table.unregistered.contains(index)) WritePartition(table, index);
    }
  }

  // The best first. Of equal ones, where there are the fewest primaries of the table so far, then
  // of all tables, then the lower address.
  void Rank(std::vector<Replica>* replicas, int32_t app_id) {
    Sort(replicas, app_id);
    if (replicas->empty()) return;
    ++primaries_[{app_id, replicas->front().node}];
    ++primaries_[{0, replicas->front().node}];
  }

  void Sort(std::vector<Replica>* replicas, int32_t app_id) {
    const auto load = [&](const Replica& replica) {
      return std::make_tuple(primaries_[{app_id, replica.node}], primaries_[{0, replica.node}],
                             replica.node->address);
    };
    std::sort(replicas->begin(), replicas->end(), [&](const Replica& a, const Replica& b) {
      return Merits(a.record) != Merits(b.record) ? Merits(a.record) > Merits(b.record)
                                                  : load(a) < load(b);
    });
  }

  void WritePartition(const Table& table, int32_t index) {
    PartitionZnode znode;
    znode.app_id = table.app.app_id;
    znode.index = index;
    znode.max_replica_count = table.app.max_replica_count;
    std::vector<Replica>& replicas = replicas_[table.app.app_id][index];
    // Of a table that stays dropped nobody is the primary.
    const size_t primaries = table.stays_dropped ? 0 : 1;
    if (table.app.status == TableStatus::kDropped) znode.partition_flags = 1;
    if (replicas.empty() && table.app.status != TableStatus::kDropped) {
      const std::string id = absl::StrCat(table.app.app_id);
      const std::string pid = absl::StrCat(id, ".", index);
      const std::set<std::string>& skipped = options_.lost_partitions_skipped;
      if (options_.skip_lost_partitions || skipped.contains(id) || skipped.contains(pid)) {
        // It comes back empty.
      } else {
        plan_.errors.insert(pid);
        if (!HasCompleteReplica(table.app.app_id)) plan_.errors.insert(id);
      }
    } else if (!table.is_placeholder && !replicas.empty()) {
      primaries > 0 ? Rank(&replicas, table.app.app_id) : Sort(&replicas, table.app.app_id);
      if (primaries > 0) {
        znode.primary = replicas[0].node->address.ToString();
        znode.hp_primary = replicas[0].node->name;
      }
      znode.last_committed_decree = replicas[0].record.last_committed_decree;
      for (const Replica& replica : replicas) {
        znode.ballot = std::max(znode.ballot, replica.record.ballot);
      }
      const size_t members = std::min<size_t>(replicas.size(), table.app.max_replica_count);
      const std::set<const ModelNode*> warm =
          AddSecondaries(replicas, primaries == 1 ? members : 0, &znode);
      for (size_t i = members; i-- > primaries;) {
        if (warm.contains(replicas[i].node)) continue;
        znode.last_drops.push_back(replicas[i].node->address.ToString());
        znode.hp_last_drops.push_back(replicas[i].node->name);
      }
    }
    EncodePartition(znode, &plan_.znodes[absl::StrCat(table.app.app_id, "/", index)]);
  }

  const std::vector<ModelNode>& nodes_;
  const std::vector<OldTree>& old_trees_;
  OldTreeModel old_model_;
  std::map<int32_t, Records> records_;
  std::map<int32_t, Table> tables_;
  std::map<int32_t, int32_t> set_aside_;  // ids far above the others, with their highest index
  std::set<int32_t> kept_;
  std::map<std::pair<int32_t, const ModelNode*>, int64_t> primaries_;  // of app 0: of all
};

}  // namespace

ModelPlan MakeModelPlan(const std::vector<ModelNode>& nodes, const ModelOptions& options,
                        const std::vector<OldTree>& old_trees) {
  return Model(nodes, options, old_trees).Run();
}

}  // namespace metarec::simulation
