// The replicas of one partition on their servers, with what they send each other, a meta server
// that changes their configuration, and clients that write.

#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/string_view.h>

#include "seeded_run.h"
#include "stock_replica.h"

namespace metarec::simulation {

// What the meta server has.
struct GroupConfig {
  int64_t ballot = 0;
  int primary = -1;  // -1: none
  std::set<int> secondaries = {};
};

class ReplicaGroup {
 public:
  ReplicaGroup(Random* random, Trace* trace, int nodes, int max_replica_count);

  int size() const { return static_cast<int>(nodes_.size()); }
  bool IsUp(int node) const { return nodes_[node].is_up; }
  const StockReplica& replica(int node) const { return nodes_[node].replica; }
  const GroupConfig& config() const { return config_; }
  // What clients were told is written.
  const std::set<int64_t>& acked() const { return acked_; }
  const std::vector<std::string>& violations() const { return violations_; }
  int64_t steps() const { return steps_; }
  bool has_replica(int node) const { return nodes_[node].has_replica; }

  // A group of one.
  void Create(int node);
  // What a recovery wrote. From then on, what members commit must not differ. A server that is
  // down, and has a ballot that is not below, stays away, as the report asks of those left out.
  void Begin(GroupConfig config);

  // One thing happens: something is delivered, written, removed, learned, broken, ...
  // `calm`: nothing breaks.
  void Step(bool calm);
  // The meta server dies, and every lease ends, while messages are still delivered.
  void LoseMeta();
  // Servers start again; some of those that are down never come back.
  void RestartSome();
  // Everything that is sent arrives.
  void DeliverAll();
  // Nobody writes for a while: what the primary has committed, its secondaries have.
  void Rest();
  // Every server asks the meta server once, in any order.
  void SyncAll();

  // Compares what the members have committed.
  void CheckMembers();
  void Violate(std::string what);

 private:
  struct Node {
    StockReplica replica;
    bool is_up = true;
    bool has_replica = false;
    bool stays_away = false;  // returns no more
  };
  enum class MessageKind { kPrepare, kAnswer, kGroupCheck, kRemove };
  struct Message {
    MessageKind kind = MessageKind::kPrepare;
    Mutation mutation = {};
    int64_t ballot = 0;
    ReplicaStatus status = ReplicaStatus::kSecondary;  // of the receiver
    PrepareAnswer answer = PrepareAnswer::kOk;
  };

  void Send(int from, int to, Message message);
  void DeliverOne();
  void Deliver(int from, int to, const Message& message);
  void OnAnswer(int from, const Message& message);

  bool IsLed() const;
  void Write();
  void SendGroupChecks();
  void PrepareAll(const Mutation& mutation);
  void CommitReady();
  void BecomePrimary(int node);
  // The meta server changes the configuration, and its primary follows.
  void Change();
  void RemoveMember(int node, bool tell);
  void AddLearner();
  void GoOnLearning();
  void MovePrimary();
  void Fail(int node);
  void Return(int node);
  void Sync(int node);
  void OnCommit(int node, int64_t decree, int64_t content);

  Random* const random_;
  Trace* const trace_;
  const int max_replica_count_;
  std::vector<Node> nodes_;
  GroupConfig config_;
  bool has_meta_ = true;
  int last_primary_ = -1;
  // Of the primary: who has not answered yet, by decree; its learners.
  std::map<int64_t, std::set<int>> waiting_;
  std::set<int> learners_;
  std::map<std::pair<int, int>, std::deque<Message>> sent_;
  std::set<int64_t> acked_;
  std::vector<int64_t> truth_;  // what members have committed, by decree from 1
  int64_t last_content_ = 0;
  int64_t steps_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace metarec::simulation
