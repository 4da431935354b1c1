#include "replica_group.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

namespace metarec::simulation {
namespace {

// So many writes are under way at once.
constexpr size_t kUnderWayMax = 4;

// options.app_mutation_2pc_min_replica_count of a stock server.
size_t MembersToWrite(int max_replica_count) {
  return max_replica_count <= 2 ? 1 : static_cast<size_t>(max_replica_count / 2 + 1);
}

}  // namespace

ReplicaGroup::ReplicaGroup(Random* random, Trace* trace, int nodes, int max_replica_count)
    : random_(random), trace_(trace), max_replica_count_(max_replica_count) {
  for (int node = 0; node < nodes; ++node) {
    nodes_.push_back({.replica = StockReplica([this, node](int64_t decree, int64_t content) {
                        OnCommit(node, decree, content);
                      })});
  }
}

void ReplicaGroup::Violate(std::string what) {
  if (violations_.size() < 5) violations_.push_back(std::move(what));
}

void ReplicaGroup::OnCommit(int node, int64_t decree, int64_t content) {
  const bool is_member = config_.primary == node || config_.secondaries.contains(node);
  if (!is_member) return;
  if (decree == static_cast<int64_t>(truth_.size()) + 1) {
    truth_.push_back(content);
  } else if (decree <= static_cast<int64_t>(truth_.size()) &&
             truth_[static_cast<size_t>(decree - 1)] != content) {
    Violate(absl::StrCat("divergence: node ", node, " commits another write as decree ", decree,
                         " than other members"));
  }
}

void ReplicaGroup::CheckMembers() {
  std::set<int> members = config_.secondaries;
  if (config_.primary >= 0) members.insert(config_.primary);
  for (const int node : members) {
    const StockReplica& replica = nodes_[node].replica;
    if (!replica.aborted().empty()) {
      Violate(absl::StrCat("abort: node ", node, ": ", replica.aborted()));
    }
    for (size_t i = 0; i < std::min(truth_.size(), replica.app().size()); ++i) {
      if (truth_[i] == replica.app()[i]) continue;
      Violate(absl::StrCat("divergence: node ", node, " has another write as decree ", i + 1,
                           " than other members"));
      break;
    }
  }
}

void ReplicaGroup::Create(int node) {
  config_ = {.ballot = 0, .primary = node};
  nodes_[node].has_replica = true;
  nodes_[node].replica.Restart();
  Change();
}

void ReplicaGroup::Begin(GroupConfig config) {
  config_ = std::move(config);
  has_meta_ = true;
  waiting_.clear();
  learners_.clear();
  sent_.clear();
  for (Node& node : nodes_) {
    node.stays_away = !node.is_up && node.has_replica && node.replica.ballot() >= config_.ballot;
  }
  if (config_.primary < 0) return;
  Node& primary = nodes_[config_.primary];
  last_primary_ = config_.primary;
  truth_ = primary.replica.app();
}

bool ReplicaGroup::IsLed() const {
  return config_.primary >= 0 && nodes_[config_.primary].is_up &&
         nodes_[config_.primary].replica.status() == ReplicaStatus::kPrimary;
}

void ReplicaGroup::Send(int from, int to, Message message) {
  sent_[{from, to}].push_back(std::move(message));
}

void ReplicaGroup::DeliverOne() {
  if (sent_.empty()) return;
  auto chosen = sent_.begin();
  std::advance(chosen, random_->Pick(0, static_cast<int64_t>(sent_.size()) - 1));
  const auto [from, to] = chosen->first;
  const Message message = chosen->second.front();
  chosen->second.pop_front();
  if (chosen->second.empty()) sent_.erase(chosen);
  Deliver(from, to, message);
}

void ReplicaGroup::Deliver(int from, int to, const Message& message) {
  if (!nodes_[to].is_up) return;
  StockReplica& replica = nodes_[to].replica;
  switch (message.kind) {
    case MessageKind::kPrepare: {
      Message answer = message;
      answer.kind = MessageKind::kAnswer;
      answer.answer = nodes_[to].has_replica ? replica.OnPrepare(message.mutation, message.status)
                                             : PrepareAnswer::kInvalidState;
      if (answer.answer != PrepareAnswer::kNone) Send(to, from, answer);
      return;
    }
    case MessageKind::kAnswer:
      if (to == config_.primary) OnAnswer(from, message);
      return;
    case MessageKind::kGroupCheck:
      if (!nodes_[to].has_replica) return;
      return replica.OnGroupCheck(message.ballot, message.status, message.mutation.last_committed);
    case MessageKind::kRemove:
      return replica.OnRemove(message.ballot);
  }
}

void ReplicaGroup::OnAnswer(int from, const Message& message) {
  const StockReplica& primary = nodes_[config_.primary].replica;
  const bool is_of_now = primary.status() == ReplicaStatus::kPrimary &&
                         message.mutation.ballot == primary.ballot() &&
                         message.mutation.decree > primary.committed();
  if (!is_of_now) return;
  if (message.answer == PrepareAnswer::kOk) {
    waiting_[message.mutation.decree].erase(from);
    return CommitReady();
  }
  // The primary tries again for a while.
  if (message.answer == PrepareAnswer::kInactiveState && !random_->OneIn(4)) {
    Message again = message;
    again.kind = MessageKind::kPrepare;
    return Send(config_.primary, from, again);
  }
  if (has_meta_) RemoveMember(from, /*tell=*/false);
}

void ReplicaGroup::CommitReady() {
  if (!IsLed()) return;
  StockReplica& primary = nodes_[config_.primary].replica;
  while (!waiting_.empty() && waiting_.begin()->second.empty() &&
         waiting_.begin()->first == primary.committed() + 1) {
    waiting_.erase(waiting_.begin());
    primary.CommitNext();
    if (const int64_t content = primary.app().back(); content != 0) acked_.insert(content);
  }
}

void ReplicaGroup::PrepareAll(const Mutation& mutation) {
  std::set<int>& waiting = waiting_[mutation.decree];
  waiting.clear();
  for (const int node : config_.secondaries) {
    waiting.insert(node);
    Send(config_.primary, node, {.mutation = mutation});
  }
  for (const int node : learners_) {
    if (!nodes_[node].replica.takes_prepares()) continue;
    waiting.insert(node);
    Send(config_.primary, node,
         {.mutation = mutation, .status = ReplicaStatus::kPotentialSecondary});
  }
}

void ReplicaGroup::Write() {
  if (!IsLed() || waiting_.size() >= kUnderWayMax) return;
  if (config_.secondaries.size() + 1 < MembersToWrite(max_replica_count_)) return;
  PrepareAll(nodes_[config_.primary].replica.Prepare(++last_content_));
  CommitReady();
}

void ReplicaGroup::SendGroupChecks() {
  if (!IsLed()) return;
  // Who is not there is noticed, too.
  for (const int node : config_.secondaries) {
    if (!nodes_[node].is_up && has_meta_) return RemoveMember(node, /*tell=*/false);
  }
  const StockReplica& primary = nodes_[config_.primary].replica;
  for (const int node : config_.secondaries) {
    Send(config_.primary, node,
         {.kind = MessageKind::kGroupCheck,
          .mutation = {.last_committed = primary.committed()},
          .ballot = primary.ballot()});
  }
}

void ReplicaGroup::BecomePrimary(int node) {
  StockReplica& replica = nodes_[node].replica;
  waiting_.clear();
  if (!replica.Update(ReplicaStatus::kPrimary, config_.ballot)) return;
  last_primary_ = node;
  for (const Mutation& mutation : replica.ReplayList()) PrepareAll(mutation);
  CommitReady();
}

void ReplicaGroup::Change() {
  ++config_.ballot;
  trace_->Add(absl::UnixEpoch(), "meta",
              absl::StrCat("ballot ", config_.ballot, ", primary ", config_.primary));
  if (config_.primary >= 0 && nodes_[config_.primary].is_up) BecomePrimary(config_.primary);
}

void ReplicaGroup::RemoveMember(int node, bool tell) {
  if (learners_.erase(node) > 0) {
    for (auto& [decree, waiting] : waiting_) waiting.erase(node);
    return CommitReady();
  }
  if (config_.secondaries.erase(node) == 0) return;
  Change();
  if (tell) {
    Send(config_.primary, node, {.kind = MessageKind::kRemove, .ballot = config_.ballot});
  }
}

void ReplicaGroup::AddLearner() {
  if (!has_meta_ || !IsLed()) return;
  const auto members = static_cast<int>(1 + config_.secondaries.size() + learners_.size());
  const int node = static_cast<int>(random_->Pick(0, size() - 1));
  // Now and then one more, as balancing does.
  if (members >= max_replica_count_ + (random_->OneIn(4) ? 1 : 0)) return;
  if (!nodes_[node].is_up || node == config_.primary || config_.secondaries.contains(node) ||
      learners_.contains(node)) {
    return;
  }
  nodes_[node].has_replica = true;
  StockReplica& replica = nodes_[node].replica;
  replica.EndInitializing();
  if (replica.ballot() > config_.ballot) return;
  replica.BeginToLearn(config_.ballot);
  if (replica.status() == ReplicaStatus::kPotentialSecondary) learners_.insert(node);
}

void ReplicaGroup::GoOnLearning() {
  if (!has_meta_ || !IsLed() || learners_.empty()) return;
  const int node = *learners_.begin();
  StockReplica& replica = nodes_[node].replica;
  if (!nodes_[node].is_up || replica.status() != ReplicaStatus::kPotentialSecondary) {
    return RemoveMember(node, false);
  }
  if (!replica.takes_prepares()) {
    replica.LearnFrom(nodes_[config_.primary].replica);
    return;
  }
  learners_.erase(node);
  config_.secondaries.insert(node);
  Change();
}

void ReplicaGroup::MovePrimary() {
  if (!has_meta_ || !IsLed() || config_.secondaries.empty()) return;
  auto chosen = config_.secondaries.begin();
  std::advance(chosen, random_->Pick(0, static_cast<int64_t>(config_.secondaries.size()) - 1));
  const int next = *chosen;
  if (!nodes_[next].is_up || nodes_[next].replica.status() != ReplicaStatus::kSecondary) return;
  // Downgraded first, at a ballot of its own.
  const int before = config_.primary;
  ++config_.ballot;
  waiting_.clear();
  learners_.clear();
  nodes_[before].replica.Update(ReplicaStatus::kSecondary, config_.ballot);
  config_.secondaries.insert(before);
  config_.secondaries.erase(next);
  config_.primary = next;
  Change();
}

void ReplicaGroup::Fail(int node) {
  nodes_[node].is_up = false;
  std::erase_if(sent_, [node](const auto& entry) {
    return entry.first.first == node || entry.first.second == node;
  });
  if (!has_meta_) return;
  if (node != config_.primary) {
    if (IsLed()) RemoveMember(node, false);
    return;
  }
  learners_.clear();
  waiting_.clear();
  std::vector<int> heirs;
  for (const int secondary : config_.secondaries) {
    const bool can =
        nodes_[secondary].is_up && nodes_[secondary].replica.status() == ReplicaStatus::kSecondary;
    if (can) heirs.push_back(secondary);
  }
  if (heirs.empty()) {
    config_.primary = -1;
    config_.secondaries.clear();
    return;
  }
  config_.primary =
      heirs[static_cast<size_t>(random_->Pick(0, static_cast<int64_t>(heirs.size()) - 1))];
  config_.secondaries.erase(config_.primary);
  Change();
}

void ReplicaGroup::Return(int node) {
  if (nodes_[node].stays_away) return;
  nodes_[node].is_up = true;
  if (nodes_[node].has_replica) nodes_[node].replica.Restart();
  // All were dead: the last primary goes on alone.
  if (has_meta_ && config_.primary < 0 && node == last_primary_ && nodes_[node].has_replica) {
    config_.primary = node;
    nodes_[node].replica.EndInitializing();
    Change();
  }
}

void ReplicaGroup::Sync(int node) {
  if (!has_meta_ || !nodes_[node].is_up || !nodes_[node].has_replica) return;
  StockReplica& replica = nodes_[node].replica;
  const bool is_primary = config_.primary == node;
  const bool is_member = is_primary || config_.secondaries.contains(node);
  if (!is_member) {
    const bool is_left =
        !learners_.contains(node) && replica.status() != ReplicaStatus::kPotentialSecondary;
    if (is_left && random_->OneIn(2)) replica.Close();
    return;
  }
  if (replica.is_closed() || config_.ballot < replica.ballot()) return;
  if (replica.status() == ReplicaStatus::kPrimary) return;
  if (replica.is_initializing()) {
    if (is_primary && replica.status() == ReplicaStatus::kInactive && replica.is_transient()) {
      return Change();  // PRIMARY_FORCE_UPDATE_BALLOT
    }
    replica.EndInitializing();
  }
  if (is_primary) {
    if (replica.status() == ReplicaStatus::kInactive && replica.is_transient()) {
      BecomePrimary(node);
    }
    return;
  }
  replica.UpdateFromConfigSync(ReplicaStatus::kSecondary, config_.ballot);
}

void ReplicaGroup::SyncAll() {
  std::vector<int> order;
  for (int node = 0; node < size(); ++node) order.push_back(node);
  for (size_t i = order.size(); i-- > 1;) {
    std::swap(order[i], order[static_cast<size_t>(random_->Pick(0, static_cast<int64_t>(i)))]);
  }
  for (const int node : order) Sync(node);
}

void ReplicaGroup::Step(bool calm) {
  ++steps_;
  const int node = static_cast<int>(random_->Pick(0, size() - 1));
  const int64_t what = random_->Pick(1, 100);
  if (what <= 35) return Write();
  if (what <= 75) return DeliverOne();
  if (what <= 79) return SendGroupChecks();
  if (what <= 82) return Sync(node);
  if (what <= 84) return nodes_[node].replica.Checkpoint();
  if (what <= 88) return AddLearner();
  if (what <= 93) return GoOnLearning();
  if (calm) return Write();
  if (what <= 95) return MovePrimary();
  if (what <= 96) {
    if (has_meta_ && IsLed()) RemoveMember(node, /*tell=*/true);
    return;
  }
  nodes_[node].is_up ? Fail(node) : Return(node);
}

void ReplicaGroup::LoseMeta() {
  has_meta_ = false;
  std::set<int> left;
  for (int node = 0; node < size(); ++node) left.insert(node);
  while (!left.empty()) {
    const int node = static_cast<int>(random_->Pick(0, size() - 1));
    if (random_->OneIn(3)) {
      if (left.erase(node) > 0 && nodes_[node].is_up) nodes_[node].replica.LoseLease();
    } else if (random_->OneIn(3)) {
      Write();
    } else {
      DeliverOne();
    }
  }
  DeliverAll();
}

void ReplicaGroup::DeliverAll() {
  for (int64_t i = 0; i < 10'000 && !sent_.empty(); ++i) DeliverOne();
}

void ReplicaGroup::Rest() {
  DeliverAll();
  SendGroupChecks();
  DeliverAll();
}

void ReplicaGroup::RestartSome() {
  const bool is_power_failure = random_->OneIn(4);
  for (int node = 0; node < size(); ++node) {
    if (!nodes_[node].is_up) {
      if (!random_->OneIn(3)) Return(node);
    } else if (nodes_[node].has_replica && (is_power_failure || random_->OneIn(6))) {
      nodes_[node].replica.Restart();
    }
  }
}

}  // namespace metarec::simulation
