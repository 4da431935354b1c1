#include "reference_model.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include <absl/strings/str_cat.h>

#include "reference_values.h"
#include "zk_store/topology/znode_json.h"

namespace metarec::simulation {
namespace {

using reference::Fields;
using reference::IsComplete;
using reference::MakesSense;
using reference::Merits;

struct Replica {
  const ModelNode* node;
  ReplicaRecord record;
};

bool IsBetterThan(const Replica& a, const Replica& b) {
  if (Merits(a.record) != Merits(b.record)) return Merits(a.record) > Merits(b.record);
  return a.node->address < b.node->address;
}

class Model {
 public:
  Model(const std::vector<ModelNode>& nodes, const ModelOptions& options)
      : nodes_(nodes), options_(options) {}

  ModelPlan Run() {
    if (ListNodes()) {
      for (const ModelNode& node : nodes_) {
        if (node.is_complete) Read(node);
      }
      for (auto& [app_id, by_index] : replicas_) {
        for (auto& [index, replicas] : by_index) {
          std::sort(replicas.begin(), replicas.end(), IsBetterThan);
        }
      }
      for (const auto& [app_id, records] : records_) DescribeTable(app_id, records);
      for (const auto& [app_id, by_index] : replicas_) {
        if (!records_.contains(app_id)) Homeless(app_id);
      }
      FillGaps();
      Rename();
      for (const auto& [app_id, table] : tables_) WriteTable(table);
    }
    if (!plan_.errors.empty()) plan_.outcome = PlanOutcome::kTryAgain;
    if (!plan_.conflicts.empty()) plan_.outcome = PlanOutcome::kConflict;
    if (plan_.outcome != PlanOutcome::kReady) plan_.znodes.clear();
    return std::move(plan_);
  }

 private:
  struct Vote {
    std::string value;
    int64_t weight = 0;
    int64_t nodes = 0;
  };

  bool ListNodes() {
    std::set<std::string> bad;
    for (const ModelNode& node : nodes_) {
      if (!node.is_complete) bad.insert(node.name);
    }
    if (bad.empty() || (options_.skip_bad_nodes && bad.size() < nodes_.size())) return true;
    plan_.errors = bad;
    return false;
  }

  // Whether an id may be; one far above the others is a conflict.
  bool IsIdInRange(int32_t app_id) {
    if (app_id <= options_.max_app_id) return true;
    plan_.conflicts.insert(absl::StrCat(app_id));
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

  using Records = std::map<const ModelNode*, TableRecord>;

  // Took part in how many of the table's latest changes?
  int64_t WeightOf(const ModelNode* node, int32_t app_id) {
    int64_t weight = 0;
    for (const auto& [index, replicas] : replicas_[app_id]) {
      int64_t highest = 0;
      for (const Replica& replica : replicas) highest = std::max(highest, replica.record.ballot);
      for (const Replica& replica : replicas) {
        weight +=
            replica.node == node && IsComplete(replica.record) && replica.record.ballot == highest;
      }
    }
    return weight;
  }

  // The best supported first.
  std::vector<Vote> Count(int32_t app_id, const Records& records,
                          const std::function<const std::string*(const TableRecord&)>& value) {
    std::map<std::string, Vote> votes;
    for (const auto& [node, record] : records) {
      const std::string* text = value(record);
      if (text == nullptr) continue;
      Vote& vote = votes[*text];
      vote.value = *text;
      vote.weight += WeightOf(node, app_id);
      ++vote.nodes;
    }
    std::vector<Vote> sorted;
    for (const auto& [text, vote] : votes) sorted.push_back(vote);
    std::sort(sorted.begin(), sorted.end(), [](const Vote& a, const Vote& b) {
      return std::tie(a.weight, a.nodes, a.value) > std::tie(b.weight, b.nodes, b.value);
    });
    return sorted;
  }

  std::string Elect(int32_t app_id, const Records& records, const std::string& field,
                    bool must_agree, const std::function<std::string(const TableRecord&)>& text) {
    std::string held;
    const std::vector<Vote> votes = Count(app_id, records, [&](const TableRecord& record) {
      held = text(record);
      return &held;
    });
    const bool is_tied =
        votes.size() > 1 && votes[0].weight == votes[1].weight && votes[0].nodes == votes[1].nodes;
    if (is_tied || (must_agree && votes.size() > 1)) {
      plan_.conflicts.insert(absl::StrCat(app_id, ".", field));
    }
    return votes[0].value;
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
    app.atomic_idempotent = Elect(app_id, records, "atomic_idempotent", false,
                                  number(&TableRecord::atomic_idempotent)) == "1";
    app.app_type =
        Elect(app_id, records, "app_type", true, [](const TableRecord& r) { return r.app_type; });
    app.is_stateful =
        Elect(app_id, records, "is_stateful", true, number(&TableRecord::is_stateful)) == "1";
    app.create_second = std::stoll(
        Elect(app_id, records, "create_second", true, number(&TableRecord::create_second)));
    std::set<std::string> keys;
    std::set<int64_t> counts;
    for (const auto& [node, record] : records) {
      for (const auto& [key, value] : record.envs) keys.insert(key);
      counts.insert(record.partition_count);
      app.drop_second = std::max(app.drop_second, record.drop_second);
      app.expire_second = std::max(app.expire_second, record.expire_second);
      app.duplicating |= record.duplicating;
      app.is_bulk_loading |= record.is_bulk_loading;
    }
    for (const std::string& key : keys) {
      app.envs[key] = Count(app_id, records,
                            [&](const TableRecord& record) {
                              const auto found = record.envs.find(key);
                              return found == record.envs.end() ? nullptr : &found->second;
                            })[0]
                          .value;
    }
    DecideCount(counts, &table);
  }

  struct Table {
    AppZnode app;
    bool is_placeholder = false;
    bool is_undecided = false;
    std::set<int32_t> unregistered;
  };

  void DecideCount(const std::set<int64_t>& counts, Table* table) {
    AppZnode& app = table->app;
    const int64_t least = *counts.begin();
    const int64_t most = *counts.rbegin();
    if (counts.size() > 1 && (counts.size() != 2 || most != 2 * least)) {
      plan_.conflicts.insert(absl::StrCat(app.app_id, ".partition_count"));
      table->is_undecided = true;
      return;
    }
    app.partition_count = app.init_partition_count = static_cast<int32_t>(most);
    for (const auto& [index, replicas] : replicas_[app.app_id]) {
      if (index < most) continue;
      plan_.conflicts.insert(absl::StrCat(app.app_id, ".partition_count,", app.app_id, ".", index));
    }
    if (counts.size() == 1) return;
    for (int32_t child = static_cast<int32_t>(least); child < most; ++child) {
      const std::vector<Replica>& replicas = replicas_[app.app_id][child];
      if (std::none_of(replicas.begin(), replicas.end(), [](const Replica& replica) {
            return static_cast<int32_t>(replica.record.status) != 6;
          })) {
        table->unregistered.insert(child);
      }
    }
    if (!table->unregistered.empty()) app.init_partition_count = static_cast<int32_t>(least);
  }

  void Homeless(int32_t app_id) {
    plan_.conflicts.insert(absl::StrCat(app_id));
    tables_[app_id].is_placeholder = true;
  }

  void FillGaps() {
    const int32_t highest = tables_.empty() ? 0 : tables_.rbegin()->first;
    for (int32_t app_id = 1; app_id <= highest; ++app_id) {
      const bool is_new = !tables_.contains(app_id);
      Table& table = tables_[app_id];
      if (!is_new && !table.is_placeholder) continue;
      table.is_placeholder = true;
      table.app.app_id = app_id;
      table.app.status = TableStatus::kDropped;
      table.app.app_type = "pegasus";
      table.app.app_name = absl::StrCat("__drop_holder__", app_id);
      table.app.partition_count = table.app.init_partition_count = 1;
    }
  }

  void Rename() {
    std::set<std::string> names;
    std::set<std::string> kept;
    for (const auto& [app_id, table] : tables_) {
      if (!table.is_placeholder) names.insert(table.app.app_name);
    }
    for (auto it = tables_.rbegin(); it != tables_.rend(); ++it) {
      if (it->second.is_placeholder) continue;
      std::string& name = it->second.app.app_name;
      if (kept.insert(name).second) continue;
      do {
        absl::StrAppend(&name, options_.separator, it->first);
      } while (names.contains(name));
      names.insert(name);
    }
  }

  void WriteTable(const Table& table) {
    EncodeApp(table.app, &plan_.znodes[absl::StrCat(table.app.app_id)]);
    if (table.is_undecided) return;
    for (int32_t index = 0; index < table.app.partition_count; ++index) {
      if (!table.unregistered.contains(index)) WritePartition(table, index);
    }
  }

  void WritePartition(const Table& table, int32_t index) {
    PartitionZnode znode;
    znode.app_id = table.app.app_id;
    znode.index = index;
    znode.max_replica_count = table.app.max_replica_count;
    const std::vector<Replica>& replicas = replicas_[table.app.app_id][index];
    if (table.is_placeholder) {
      znode.partition_flags = 1;
    } else if (replicas.empty()) {
      if (!options_.skip_lost_partitions) {
        plan_.errors.insert(absl::StrCat(table.app.app_id, ".", index));
      }
    } else {
      znode.primary = replicas[0].node->address.ToString();
      znode.hp_primary = replicas[0].node->name;
      znode.last_committed_decree = replicas[0].record.last_committed_decree;
      for (const Replica& replica : replicas) {
        znode.ballot = std::max(znode.ballot, replica.record.ballot);
      }
      const size_t members = std::min<size_t>(replicas.size(), table.app.max_replica_count);
      for (size_t i = members; i-- > 1;) {
        znode.last_drops.push_back(replicas[i].node->address.ToString());
        znode.hp_last_drops.push_back(replicas[i].node->name);
      }
    }
    EncodePartition(znode, &plan_.znodes[absl::StrCat(table.app.app_id, "/", index)]);
  }

  const std::vector<ModelNode>& nodes_;
  const ModelOptions& options_;
  std::map<int32_t, Records> records_;
  std::map<int32_t, std::map<int32_t, std::vector<Replica>>> replicas_;
  std::map<int32_t, Table> tables_;
  ModelPlan plan_;
};

}  // namespace

ModelPlan MakeModelPlan(const std::vector<ModelNode>& nodes, const ModelOptions& options) {
  return Model(nodes, options).Run();
}

}  // namespace metarec::simulation
