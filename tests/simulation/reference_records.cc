#include "reference_records.h"

#include <algorithm>
#include <tuple>

#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "reference_values.h"

namespace metarec::simulation {

const std::string* RecordModel::Decision(const std::string& key) {
  const auto found = options_.settlements.find(key);
  if (found == options_.settlements.end()) return nullptr;
  used_.insert(key);
  return &found->second;
}

void RecordModel::Refuse(const std::string& key) {
  METAREC_RARE_BRANCH("an operator's decision settles nothing, or cannot be");
  plan_.wrong_settlements.insert(key);
}

void RecordModel::SettleByIgnoring(const std::string& key, const std::string& conflict) {
  const std::string* const decision = Decision(key);
  if (decision == nullptr) {
    plan_.conflicts.insert(conflict);
  } else if (*decision != "ignore") {
    Refuse(key);
  } else {
    METAREC_RARE_BRANCH("an operator leaves replicas out");
  }
}

void RecordModel::SayWhoIs(const ModelNode& node) {
  const std::string address = node.address.ToString();
  if (node.is_complete && node.own_address != Ipv4Endpoint{} && node.own_address != node.address) {
    plan_.said.insert(address + " gives another address");
  }
  if (!node.other_addresses.empty()) plan_.said.insert(address + " is one of several");
}

std::set<const ModelNode*> RecordModel::AddSecondaries(const std::vector<Replica>& replicas,
                                                       size_t members,
                                                       PartitionZnode* znode) const {
  std::set<const ModelNode*> secondaries;
  const ReplicaRecord& best = replicas[0].record;
  const int64_t ballot = znode->ballot;
  const bool can_lead = options_.is_warm && best.ballot == ballot && ballot < int64_t{1} << 53 &&
                        static_cast<int32_t>(best.status) == 1;
  for (size_t i = 1; i < members && can_lead; ++i) {
    const ReplicaRecord& replica = replicas[i].record;
    if (replica.ballot != ballot || static_cast<int32_t>(replica.status) != 1 ||
        replica.last_committed_decree != best.last_committed_decree) {
      continue;
    }
    METAREC_RARE_BRANCH("a replica is a secondary at once");
    secondaries.insert(replicas[i].node);
    znode->secondaries.push_back(replicas[i].node->address.ToString());
    znode->hp_secondaries.push_back(replicas[i].node->name);
  }
  if (!secondaries.empty()) ++znode->ballot;
  return secondaries;
}

int64_t RecordModel::WeightOf(const ModelNode* node, int32_t app_id) {
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

std::vector<RecordModel::Vote> RecordModel::Count(
    int32_t app_id, const Records& records,
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

std::string RecordModel::Elect(int32_t app_id, const Records& records, const std::string& field,
                               bool must_agree,
                               const std::function<std::string(const TableRecord&)>& text) {
  std::string held;
  const std::vector<Vote> votes = Count(app_id, records, [&](const TableRecord& record) {
    held = text(record);
    return &held;
  });
  if (votes.size() == 1) return votes[0].value;
  const bool is_tied = votes[0].weight == votes[1].weight && votes[0].nodes == votes[1].nodes;
  const std::string key = absl::StrCat(app_id, ".", field);
  const std::string* const decision = Decision(key);
  if (decision == nullptr) {
    if (is_tied || must_agree) plan_.conflicts.insert(key);
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

int64_t RecordModel::Highest(int32_t app_id, const Records& records, const std::string& field,
                             const std::function<int64_t(const TableRecord&)>& value,
                             bool is_flag) {
  std::map<std::string, int64_t> values;
  int64_t highest = 0;
  for (const auto& [node, record] : records) {
    highest = std::max(highest, value(record));
    const bool is_set = value(record) != 0;
    values[is_flag ? (is_set ? "true" : "false") : absl::StrCat(value(record))] = value(record);
  }
  const std::string key = absl::StrCat(app_id, ".", field);
  const std::string* const decision = values.size() == 1 ? nullptr : Decision(key);
  if (decision == nullptr) return highest;
  if (values.contains(*decision)) return values[*decision];
  Refuse(key);
  return highest;
}

const std::string* RecordModel::ChooseEnv(int32_t app_id, const std::string& key,
                                          const std::vector<Vote>& votes, bool is_any_weighty) {
  const std::string settlement = absl::StrCat(app_id, ".envs.", key);
  const std::string* const decision = Decision(settlement);
  if (decision != nullptr && *decision != "ignore" && IsOfOperation(key, *decision)) {
    Refuse(settlement);
    return nullptr;
  }
  if (decision == nullptr && IsOfOperation(key, votes[0].value)) {
    plan_.said.insert(absl::StrCat(settlement, " belongs to an operation"));
    return nullptr;
  }
  if (decision == nullptr) {
    return votes[0].weight == 0 && is_any_weighty ? nullptr : &votes[0].value;
  }
  for (const Vote& vote : votes) {
    if (vote.value == *decision) return &vote.value;
  }
  if (*decision != "ignore") Refuse(settlement);
  return nullptr;
}

bool RecordModel::HasCompleteReplica(int32_t app_id) {
  for (const auto& [index, replicas] : replicas_[app_id]) {
    for (const Replica& replica : replicas) {
      if (IsComplete(replica.record)) return true;
    }
  }
  return false;
}

}  // namespace metarec::simulation
