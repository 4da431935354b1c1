#include "reference_model.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "zk_store/topology/znode_json.h"

namespace metarec::simulation {
namespace {

// Which records are believed, and which are preferred.

constexpr int64_t kLargest = int64_t{1} << 53;
constexpr int64_t kYear9999 = 253'402'300'799;

bool IsComplete(const ReplicaRecord& replica) {
  const auto status = static_cast<int32_t>(replica.status);
  return status != 2 && status != 5 && status != 6;
}

auto Merits(const ReplicaRecord& replica) {
  return std::make_tuple(IsComplete(replica), replica.ballot, static_cast<int>(replica.status) == 3,
                         replica.last_committed_decree, replica.last_prepared_decree);
}

auto Fields(const TableRecord& r) {
  return std::tie(r.status, r.app_type, r.app_name, r.partition_count, r.envs, r.is_stateful,
                  r.max_replica_count, r.expire_second, r.create_second, r.drop_second,
                  r.duplicating, r.init_partition_count, r.is_bulk_loading, r.atomic_idempotent);
}

bool MakesSense(const ReplicaRecord& r, const ModelOptions& options) {
  return r.app_id >= 1 && r.partition_index >= 0 &&
         r.partition_index < options.max_partition_count && r.ballot >= 0 && r.ballot <= kLargest &&
         r.last_committed_decree >= -1 && r.last_prepared_decree >= -1 &&
         r.last_committed_decree <= kLargest && r.last_prepared_decree <= kLargest;
}

bool MakesSense(const TableRecord& t, const ModelOptions& options) {
  const auto is_time = [](int64_t second) { return second >= 0 && second <= kYear9999; };
  return t.app_id >= 1 && !t.app_name.empty() && t.partition_count >= 1 &&
         t.partition_count <= options.max_partition_count && t.max_replica_count >= 1 &&
         t.max_replica_count <= 1000 && is_time(t.create_second) && is_time(t.drop_second) &&
         is_time(t.expire_second);
}

struct Replica {
  const ModelNode* node;
  ReplicaRecord record;
};

bool IsBetterThan(const Replica& a, const Replica& b) {
  if (Merits(a.record) != Merits(b.record)) return Merits(a.record) > Merits(b.record);
  return a.node->address < b.node->address;
}

bool IsNumber(const std::string& text, int32_t least) {
  int32_t number = 0;
  return absl::SimpleAtoi(text, &number) && number >= least && absl::StrCat(number) == text;
}

// <app id>, <app id>.<partition index> or <app id>.<field>.
bool IsKey(const std::string& key) {
  static const std::set<std::string> kFields = {
      "app_name",    "app_type",          "atomic_idempotent", "create_second",
      "is_stateful", "max_replica_count", "partition_count"};
  const size_t dot = key.find('.');
  if (dot == std::string::npos) return IsNumber(key, 1);
  const std::string what = key.substr(dot + 1);
  return IsNumber(key.substr(0, dot), 1) && (IsNumber(what, 0) || kFields.contains(what));
}

std::string Word(bool value) { return value ? "true" : "false"; }

class Model {
 public:
  Model(const std::vector<ModelNode>& nodes, const ModelOptions& options)
      : nodes_(nodes), options_(options) {}

  ModelPlan Run() {
    for (const auto& [key, value] : options_.settlements) {
      if (!IsKey(key)) Refuse(key);
    }
    if (plan_.wrong_settlements.empty() && ListNodes()) {
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
      for (const auto& [key, value] : options_.settlements) {
        if (!used_.contains(key)) Refuse(key);
      }
    }
    if (!plan_.errors.empty()) plan_.outcome = PlanOutcome::kTryAgain;
    if (!plan_.conflicts.empty() || !plan_.wrong_settlements.empty())
      plan_.outcome = PlanOutcome::kConflict;
    if (plan_.outcome != PlanOutcome::kReady) plan_.znodes.clear();
    return std::move(plan_);
  }

 private:
  struct Vote {
    std::string value;
    int64_t weight = 0;
    int64_t nodes = 0;
  };

  // What the operator decided; null: nothing. The decision is of use then.
  const std::string* Decision(const std::string& key) {
    const auto found = options_.settlements.find(key);
    if (found == options_.settlements.end()) return nullptr;
    used_.insert(key);
    return &found->second;
  }

  void Refuse(const std::string& key) {
    METAREC_RARE_BRANCH("an operator's decision settles nothing, or cannot be");
    plan_.wrong_settlements.insert(key);
  }

  // A conflict that can only be settled by leaving something out.
  void SettleByIgnoring(const std::string& key, const std::string& conflict) {
    const std::string* const decision = Decision(key);
    if (decision == nullptr) {
      plan_.conflicts.insert(conflict);
    } else if (*decision != "ignore") {
      Refuse(key);
    } else {
      METAREC_RARE_BRANCH("an operator leaves replicas out");
    }
  }

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
    if (!is_tied && (!must_agree || votes.size() == 1)) return votes[0].value;
    const std::string key = absl::StrCat(app_id, ".", field);
    const std::string* const decision = Decision(key);
    if (decision == nullptr) {
      plan_.conflicts.insert(key);
      return votes[0].value;
    }
    for (const Vote& vote : votes) {
      if (vote.value != *decision) continue;
      METAREC_RARE_BRANCH("an operator decides which node's record counts");
      return vote.value;
    }
    Refuse(key);
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
    app.atomic_idempotent =
        Elect(app_id, records, "atomic_idempotent", false,
              [](const TableRecord& r) { return Word(r.atomic_idempotent); }) == "true";
    app.app_type =
        Elect(app_id, records, "app_type", true, [](const TableRecord& r) { return r.app_type; });
    app.is_stateful = Elect(app_id, records, "is_stateful", true,
                            [](const TableRecord& r) { return Word(r.is_stateful); }) == "true";
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
    int32_t placeholder_count = 1;
    bool is_undecided = false;
    std::set<int32_t> unregistered;
  };

  void DecideCount(const std::set<int64_t>& counts, Table* table) {
    AppZnode& app = table->app;
    const std::string key = absl::StrCat(app.app_id, ".partition_count");
    int64_t most = *counts.rbegin();
    int64_t split_from = counts.size() == 2 && most == 2 * *counts.begin() ? *counts.begin() : 0;
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
      const size_t last = decision->rfind(':');
      const size_t middle =
          last == 0 || last == std::string::npos ? last : decision->rfind(':', last - 1);
      int32_t count = 0;
      int32_t replica_count = 0;
      if (last == std::string::npos || middle == std::string::npos || middle == 0 ||
          !absl::SimpleAtoi(decision->substr(middle + 1, last - middle - 1), &count) ||
          !absl::SimpleAtoi(decision->substr(last + 1), &replica_count) || count <= highest ||
          count > options_.max_partition_count || replica_count < 1 || replica_count > 1000) {
        return Refuse(key);
      }
      table.app.app_id = app_id;
      table.app.app_type = "pegasus";
      table.app.app_name = decision->substr(0, middle);
      table.app.partition_count = table.app.init_partition_count = count;
      table.app.max_replica_count = replica_count;
      table.app.is_stateful = true;
      table.app.create_second = 0;
    }
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
      table.app.partition_count = table.app.init_partition_count = table.placeholder_count;
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
  std::set<std::string> used_;  // keys of decisions
  ModelPlan plan_;
};

}  // namespace

ModelPlan MakeModelPlan(const std::vector<ModelNode>& nodes, const ModelOptions& options) {
  return Model(nodes, options).Run();
}

}  // namespace metarec::simulation
