// One replica of a partition as a stock replica server has it: its prepare list, its log, and what
// it makes of prepares and configurations. After INTEROP.md 10.3 and Pegasus's sources: on_prepare
// (replica_2pc.cpp), prepare_list.cpp, update_local_configuration and on_config_sync
// (replica_config.cpp), init_learn (replica_learn.cpp), replay_mutation (replica_init.cpp). Not
// simulated: that a stock server aborts if ballots descend in what it commits at once. That can be
// so after a primary has moved to and fro, with and without a recovery.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "replica_collector/evidence.h"

namespace metarec::simulation {

struct Mutation {
  int64_t decree = 0;
  int64_t ballot = 0;
  int64_t last_committed = 0;  // the primary's, when it prepared this
  int64_t content = 0;         // what a client wrote; 0: nothing

  friend bool operator==(const Mutation&, const Mutation&) = default;
};

enum class PrepareAnswer {
  kOk,
  kNone,           // it is of an old ballot
  kInactiveState,  // ERR_INACTIVE_STATE: to be tried again
  kInvalidState,   // ERR_INVALID_STATE: the primary removes the replica
};

class StockReplica {
 public:
  // `on_commit(decree, content)` is called for what is committed.
  explicit StockReplica(std::function<void(int64_t, int64_t)> on_commit)
      : on_commit_(std::move(on_commit)) {}

  ReplicaStatus status() const { return status_; }
  int64_t ballot() const { return ballot_; }
  bool is_transient() const { return is_transient_; }
  bool is_initializing() const { return is_initializing_; }
  bool is_closed() const { return status_ == ReplicaStatus::kError; }
  int64_t committed() const { return static_cast<int64_t>(app_.size()); }
  int64_t max_decree() const { return list_.empty() ? committed() : list_.rbegin()->first; }
  // What the list holds beyond that.
  std::vector<int64_t> Uncommitted() const;
  // By decree, from 1.
  const std::vector<int64_t>& app() const { return app_; }
  // last_prepared_decree: up to where all that follows what is committed is there.
  int64_t LastPrepared() const;
  // Why a stock server would have aborted; empty: it would not.
  const std::string& aborted() const { return aborted_; }

  // A new configuration in which this replica is `status`. False if it is refused.
  bool Update(ReplicaStatus status, int64_t ballot);
  // A change of the status without one of the ballot that is allowed; what on_config_sync does.
  bool UpdateFromConfigSync(ReplicaStatus status, int64_t ballot);
  // What `config_sync` notes while it is not primary.
  void EndInitializing() { is_initializing_ = false; }

  PrepareAnswer OnPrepare(const Mutation& mutation, ReplicaStatus status);
  void OnGroupCheck(int64_t ballot, ReplicaStatus status, int64_t committed);

  // As primary: the next mutation, and all that are not committed at the ballot of now; both are in
  // the list and logged then.
  Mutation Prepare(int64_t content);
  std::vector<Mutation> ReplayList();
  // The one after what is committed is ready.
  void CommitNext();

  // The lease ends: a member becomes inactive, and may be one again; a learner may not.
  void LoseLease();
  // Removed by its primary: it closes.
  void OnRemove(int64_t ballot);
  void Close() { status_ = ReplicaStatus::kError; }
  // What is committed is durable.
  void Checkpoint() { durable_ = committed(); }
  // Loaded from what is durable and from the log.
  void Restart();
  // Begins to learn at this ballot; takes over all that the primary has. False: the primary has to
  // commit first what the learner has committed.
  void BeginToLearn(int64_t ballot);
  bool LearnFrom(const StockReplica& primary);
  bool takes_prepares() const { return takes_prepares_; }

 private:
  void Abort(std::string why);
  void CommitHard(int64_t decree);
  void Put(const Mutation& mutation);
  void Commit(const Mutation& mutation);

  std::function<void(int64_t, int64_t)> on_commit_;
  ReplicaStatus status_ = ReplicaStatus::kInactive;
  int64_t ballot_ = 0;
  bool is_transient_ = false;
  bool is_initializing_ = true;
  bool takes_prepares_ = false;  // as a learner
  std::vector<int64_t> app_;
  std::map<int64_t, Mutation> list_;  // the prepare list: what is not committed
  int64_t durable_ = 0;
  std::vector<Mutation> log_;
  std::string aborted_;
};

}  // namespace metarec::simulation
