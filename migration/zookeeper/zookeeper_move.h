// The steps of moving a cluster to another ZooKeeper, by copying the old tree or by recovery.
//
// Two leaders at once are the danger of both ways. Whatever is written into the new ZooKeeper is
// therefore written only while nobody is a candidate in its lock directory, and while the only meta
// server that may write into the old one is blind or stopped. Each step looks at that again before
// it begins, and the long ones while they run. docs/migration.md has the whole procedure.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <asio/awaitable.hpp>

#include "migration/procedure/procedure_state.h"
#include "migration/procedure/step.h"
#include "migration/zookeeper/move_names.h"
#include "migration/zookeeper/move_request.h"
#include "migration/zookeeper/move_world.h"
#include "migration/zookeeper/recovery_outlook.h"
#include "migration/zookeeper/tree_transfer.h"

namespace metarec {

// Makes the steps. They refer to it. Not thread-safe, as its world.
class ZooKeeperMove {
 public:
  // `world` may be null if the steps are only shown. `state_path` is the state's file; what is kept
  // beside it has its name in front. `on_progress` hears of znodes, for people; may be null.
  ZooKeeperMove(MoveRequest request, ProcedureState* state, std::string state_path,
                MoveWorld* world, ProgressListener* progress = nullptr);
  ZooKeeperMove(const ZooKeeperMove&) = delete;
  ZooKeeperMove& operator=(const ZooKeeperMove&) = delete;

  std::vector<Step> Steps();

  // Partitions that a recovery has created empty, as it was allowed to.
  static int64_t PartitionsLost(const ProcedureState& state);
  // From now on, replica servers that do not answer are no obstacle to going on or back.
  static void AcceptBadNodes(ProcedureState* state) {
    state->Note(move_fact::kBadNodesAccepted, "yes");
  }

 private:
  using Seen = absl::StatusOr<Sight>;

  bool is_copy() const { return request_.way == MoveWay::kCopy; }
  absl::Duration wait_max() const { return absl::Seconds(request_.wait_seconds); }
  std::vector<std::string> MetaAddresses() const { return AddressesOf(request_.metas); }
  asio::awaitable<absl::StatusOr<TreePlace>> Place(MoveEnd end);

  // Steps that both ways share, and what several steps are made of; switch_steps.cc.
  Step Check();
  Step Backup();
  Step StartLeader();
  Step CheckTables();
  Step StartFollowers();
  Step RestoreLevel();
  Step CheckNodes();
  // A step that changes nothing: it waits until `after` holds.
  Step LookStep(std::string name, std::string title, std::string result,
                std::vector<std::string> by_hand, Look after);
  // The guard of all that follows the start of the new leader.
  void GuardAfterSwitch(Step* step);
  asio::awaitable<absl::Status> NoteTarget();
  asio::awaitable<absl::Status> WriteBackups();
  std::string BackupPath(const char* what) const { return state_path_ + "." + what; }

  // Stopping and starting, by commands or by people; switch_steps.cc.
  Deed StopDeed(std::vector<MoveServer> servers);
  // The world after it is seen at `end`.
  Deed StartDeed(std::vector<MoveServer> servers, MoveEnd end);
  // A command of the operator's for some servers.
  struct OperatorAct {
    std::string command;
    std::string what;                 // how a person does it; the server comes behind it: "stop"
    std::string then;                 // and behind that
    std::optional<PortState> wanted;  // what the port is when it is done
    bool back = false;
  };
  void DoForEach(const std::vector<MoveServer>& servers, OperatorAct act, Deed* deed);
  // When the step was begun before, servers whose port is as wanted are left out.
  asio::awaitable<absl::Status> RunFor(std::vector<MoveServer> servers, OperatorAct act);
  std::vector<std::pair<std::string, std::string>> EnvironmentFor(const MoveServer& server,
                                                                  bool back) const;

  // By copy; copy_steps.cc.
  Step StopFollowers();
  Step SetBlind();
  Step FirstPass();
  Step Rehearse();
  Step StopLeader();
  Step LastPass();
  enum class Pass { kFirst, kRehearsal, kLast };
  asio::awaitable<absl::Status> CopyOnce(Pass pass);

  // What either way writes into the target, and how that is undone; move_target.cc.
  //
  // Marks the target as this run's, and takes the mark of a former move away.
  asio::awaitable<absl::Status> BeginToWrite(TreePlace to);
  void NoteNewTree(TreeMoment moment);
  // Notes the new tree, unless that was done already. If somebody else has written there, notes
  // nothing and says what.
  asio::awaitable<Seen> NoteNewTreeOnce();
  // The last transaction by which this run has written there; 0: it is not known, or meta servers
  // have gone on with it.
  int64_t NewestOfNewTree() const;
  // Nothing in the new tree is of anybody but this run, or the meta servers that it has started
  // there.
  asio::awaitable<Seen> NothingOfOthersInTarget();
  // The mark of a former move, which was there before this run, is there.
  asio::awaitable<absl::StatusOr<bool>> HasMovedText(TreePlace to);
  Deed RemoveTargetDeed();
  asio::awaitable<absl::Status> RemoveTarget();

  // By recovery; recovery_steps.cc.
  Step StopMetas();
  Step AwaitInactive();
  Step Recover();
  Step CarryOver();
  asio::awaitable<absl::Status> RecoverIntoTarget();
  asio::awaitable<absl::Status> CarryOverFromOldTree();
  RecoveryAccepts RecoveryAcceptedNow() const {
    return {.skip_bad_nodes = AcceptsBadNodes(),
            .skip_lost_partitions = request_.skip_lost_partitions};
  }
  bool AcceptsBadNodes() const {
    return request_.skip_bad_nodes || !state_->Fact(move_fact::kBadNodesAccepted).empty();
  }

  // Configurations; config_steps.cc.
  Step EditConfigs();
  void FillEditDeed(bool back, Deed* deed);
  asio::awaitable<absl::Status> EditAllConfigs(bool back);
  asio::awaitable<Seen> ConfigsAre(bool edited);
  std::string BackupSuffix() const { return "metarec-" + state_->head().run_id; }
  // What is noted once --edit_config has ended with 0 for all servers.
  static const char* ConfigsFact(bool back) {
    return back ? move_fact::kConfigsBack : move_fact::kConfigsEdited;
  }
  // The file by which the operator says so of what this program can neither see nor do.
  std::string ConfirmationPath(bool back) const {
    return absl::StrCat(BackupPath(ConfigsFact(back)), ".", state_->head().run_id);
  }

  // The end, after which there is no way back; finish_steps.cc.
  Step MarkOldRoot();
  Step RemoveOldTree();
  Step RemoveMark();
  // The old tree is, at this moment, what the new one is made of.
  void NoteOldTree(TreeMoment moment);
  asio::awaitable<absl::Status> NoteOldTreeIfReadable();
  // zxid 0: it was not noted.
  TreeMoment OldTreeThen() const;
  asio::awaitable<Seen> OldRootHasNoStrangers();
  // Nothing in the old tree was created or set since the new one was made. `is_marked`: but for the
  // mark of the move.
  asio::awaitable<Seen> OldTreeIsAsItWas(bool is_marked);
  asio::awaitable<Seen> OldRootIsMarked();
  asio::awaitable<Seen> OldTreeIsGone();
  std::string MovedMark() const;
  asio::awaitable<absl::Status> MarkOld();
  asio::awaitable<absl::Status> RemoveOld();

  // Who may lead; lock_looks.cc.
  asio::awaitable<Seen> OnlyLeaderInOldLock();
  asio::awaitable<Seen> NobodyInNewLock();
  asio::awaitable<Seen> NobodyNewInOldLock();
  // When the old lock directory cannot be read: by the ports and the new lock directory.
  asio::awaitable<Seen> NobodyCanLeadThere();
  // Since the act that made the new tree noted how the old lock directories were: also a meta
  // server that was started and stopped again is seen.
  asio::awaitable<Seen> NobodyLedSince();
  // Empty: they cannot be read.
  asio::awaitable<absl::StatusOr<std::vector<std::string>>> OldLocks();
  asio::awaitable<absl::Status> NoteOldLocks();

  // What the replica servers say; replica_looks.cc.
  asio::awaitable<Seen> ReplicasAreInactive();
  asio::awaitable<Seen> NodesAreAsBefore();
  asio::awaitable<Seen> TablesAreAsBefore();
  asio::awaitable<Seen> OldTreeIsStillTrue();
  // Asked again once all meta servers are stopped: until then ballots could still rise.
  asio::awaitable<Seen> OldLeaderMayStart();

  // All else that is looked at; move_looks.cc.
  asio::awaitable<Seen> CanBegin();
  asio::awaitable<Seen> AllPortsClosed(std::vector<MoveServer> servers);
  asio::awaitable<Seen> Serves(std::vector<MoveServer> servers, MoveEnd end);
  asio::awaitable<Seen> LevelIs(std::string level);
  asio::awaitable<Seen> IsBlind();
  asio::awaitable<Seen> MayWriteBlind();    // before the leader is stopped
  asio::awaitable<Seen> MayWriteStopped();  // after that
  asio::awaitable<Seen> IsTargetOurs();
  asio::awaitable<Seen> TargetIsGone();
  asio::awaitable<Seen> TreesAreEqual();
  asio::awaitable<Seen> OutageFits();
  asio::awaitable<Seen> IsRecovered();
  // "; 1 partition created EMPTY, as accepted"; empty: no losses.
  std::string LossesText() const;

  const MoveRequest request_;
  ProcedureState* const state_;
  const std::string state_path_;
  MoveWorld* const world_;
  ProgressListener* const progress_;
  SilentProgress silent_;
};

// How many examples a sight names.
inline constexpr size_t kSightExamplesMax = 3;

// Holds if nothing is wrong.
Sight SightOf(const std::vector<std::string>& wrong, absl::string_view right);

}  // namespace metarec
