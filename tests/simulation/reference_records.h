// What the reference model makes of the records of one table, field by field.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "reference_model.h"
#include "replica_collector/replica_source.h"
#include "zk_store/topology/znode_json.h"

namespace metarec::simulation {

struct Replica {
  const ModelNode* node;
  ReplicaRecord record;
};

class RecordModel {
 protected:
  struct Vote {
    std::string value;
    int64_t weight = 0;
    int64_t nodes = 0;
  };

  using Records = std::map<const ModelNode*, TableRecord>;

  explicit RecordModel(const ModelOptions& options) : options_(options) {}

  // What the operator decided; null: nothing. The decision is of use then.
  const std::string* Decision(const std::string& key);
  void Refuse(const std::string& key);
  // A conflict that can only be settled by leaving something out.
  void SettleByIgnoring(const std::string& key, const std::string& conflict);

  void SayWhoIs(const ModelNode& node);
  // Those of a partition's replicas, the best first, that are secondaries at once; the first is the
  // primary.
  std::set<const ModelNode*> AddSecondaries(const std::vector<Replica>& replicas, size_t members,
                                            PartitionZnode* znode) const;

  // Took part in how many of the table's latest changes?
  int64_t WeightOf(const ModelNode* node, int32_t app_id);
  bool HasCompleteReplica(int32_t app_id);

  // The best supported first.
  std::vector<Vote> Count(int32_t app_id, const Records& records,
                          const std::function<const std::string*(const TableRecord&)>& value);
  std::string Elect(int32_t app_id, const Records& records, const std::string& field,
                    bool must_agree, const std::function<std::string(const TableRecord&)>& text);
  // The highest, or what the operator decides between several.
  int64_t Highest(int32_t app_id, const Records& records, const std::string& field,
                  const std::function<int64_t(const TableRecord&)>& value, bool is_flag);
  // Which value of an env is kept; null: none.
  const std::string* ChooseEnv(int32_t app_id, const std::string& key,
                               const std::vector<Vote>& votes, bool is_any_weighty);

  const ModelOptions& options_;
  std::map<int32_t, std::map<int32_t, std::vector<Replica>>> replicas_;
  std::set<std::string> used_;  // keys of decisions
  ModelPlan plan_;
};

}  // namespace metarec::simulation
