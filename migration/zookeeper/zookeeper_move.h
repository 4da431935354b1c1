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
  static void AcceptBadNodes(ProcedureState* state) { state->Note(kBadNodesAcceptedFact, "yes"); }

 private:
  using Seen = absl::StatusOr<Sight>;

  // What steps note for later ones.
  static constexpr char kPassMsFact[] = "pass_ms";
  static constexpr char kOldLevelFact[] = "old_level";
  static constexpr char kOldCandidatesFact[] = "old_candidates";
  static constexpr char kPartitionsLostFact[] = "partitions_lost";
  static constexpr char kNodesLeftOutFact[] = "nodes_left_out";
  static constexpr char kBadNodesAcceptedFact[] = "bad_nodes_accepted";
  static constexpr char kTargetRootFact[] = "target_root";
  static constexpr char kTargetChildrenFact[] = "target_children";
  static constexpr char kMovedTextFact[] = "moved_text";

  // In the order of Steps; copy_steps.cc, recovery_steps.cc, switch_steps.cc, config_steps.cc,
  // finish_steps.cc.
  Step Check();
  Step Backup();
  Step StopFollowers();
  Step SetBlind();
  Step FirstPass();
  Step Rehearse();
  Step StopLeader();
  Step LastPass();
  Step StopMetas();
  Step AwaitInactive();
  Step Recover();
  Step CarryOver();
  Step EditConfigs();
  Step StartLeader();
  Step CheckTables();
  Step StartFollowers();
  Step RestoreLevel();
  Step CheckNodes();
  Step MarkOldRoot();
  Step RemoveOldTree();
  Step RemoveMark();

  // A command of the operator's for some servers.
  struct OperatorAct {
    std::string command;
    std::string what;                 // how a person does it; the server comes behind it: "stop"
    std::string then;                 // and behind that
    std::optional<PortState> wanted;  // what the port is when it is done
    bool back = false;
  };

  // A step that changes nothing: it waits until `after` holds.
  Step LookStep(std::string name, std::string title, std::string result,
                std::vector<std::string> by_hand, Look after);
  // The guard of all that follows the start of the new leader.
  void GuardAfterSwitch(Step* step);
  // Deeds that several steps share. The world after starting is seen at `end`.
  Deed StopDeed(std::vector<MoveServer> servers);
  Deed StartDeed(std::vector<MoveServer> servers, MoveEnd end);
  Deed RemoveTargetDeed();
  void DoForEach(const std::vector<MoveServer>& servers, OperatorAct act, Deed* deed);
  void FillEditDeed(bool back, Deed* deed);

  // Looks; lock_looks.cc.
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

  // Looks; replica_looks.cc.
  asio::awaitable<Seen> ReplicasAreInactive();
  asio::awaitable<Seen> NodesAreAsBefore();
  asio::awaitable<Seen> OldTreeIsStillTrue();
  // Asked again once all meta servers are stopped: until then ballots could still rise.
  asio::awaitable<Seen> OldLeaderMayStart();

  // Looks; move_looks.cc.
  asio::awaitable<Seen> CanBegin();
  asio::awaitable<Seen> AllPortsClosed(std::vector<MoveServer> servers);
  asio::awaitable<Seen> IsBlind();
  asio::awaitable<Seen> MayWriteBlind();    // before the leader is stopped
  asio::awaitable<Seen> MayWriteStopped();  // after that
  asio::awaitable<Seen> IsTargetOurs();
  asio::awaitable<Seen> Serves(std::vector<MoveServer> servers, MoveEnd end);
  asio::awaitable<Seen> TreesAreEqual();
  asio::awaitable<Seen> OutageFits();
  asio::awaitable<Seen> TablesAreAsBefore();
  asio::awaitable<Seen> LevelIs(std::string level);
  asio::awaitable<Seen> IsRecovered();
  asio::awaitable<Seen> ConfigsAre(bool edited);
  asio::awaitable<Seen> TargetIsGone();
  asio::awaitable<Seen> OldRootHasNoStrangers();
  asio::awaitable<Seen> OldRootIsMarked();
  asio::awaitable<Seen> OldTreeIsGone();

  // Acts.
  // When the step was begun before, servers whose port is as wanted are left out.
  asio::awaitable<absl::Status> RunFor(std::vector<MoveServer> servers, OperatorAct act);
  asio::awaitable<absl::Status> NoteTarget();
  asio::awaitable<absl::Status> WriteBackups();
  // Marks the target as this run's, and takes the mark of a former move away.
  asio::awaitable<absl::Status> BeginToWrite(TreePlace to);
  enum class Pass { kFirst, kRehearsal, kLast };
  asio::awaitable<absl::Status> CopyOnce(Pass pass);
  asio::awaitable<absl::Status> RecoverIntoTarget();
  asio::awaitable<absl::Status> CarryOverFromOldTree();
  asio::awaitable<absl::Status> EditAllConfigs(bool back);
  asio::awaitable<absl::Status> MarkOld();
  asio::awaitable<absl::Status> RemoveOld();
  asio::awaitable<absl::Status> RemoveTarget();

  asio::awaitable<absl::StatusOr<TreePlace>> Place(MoveEnd end);
  std::vector<std::string> MetaAddresses() const { return AddressesOf(request_.metas); }
  std::string BackupPath(const char* what) const { return state_path_ + "." + what; }
  std::string BackupSuffix() const { return "metarec-" + state_->head().run_id; }
  // What is noted once --edit_config has ended with 0 for all servers.
  static const char* ConfigsFact(bool back) { return back ? "configs_back" : "configs_edited"; }
  // The file by which the operator says so of what this program can neither see nor do.
  std::string ConfirmationPath(bool back) const {
    return absl::StrCat(BackupPath(ConfigsFact(back)), ".", state_->head().run_id);
  }
  // The environment of a command of the operator's.
  std::vector<std::pair<std::string, std::string>> EnvironmentFor(const MoveServer& server,
                                                                  bool back) const;
  // "; 1 partition created EMPTY, as accepted"; empty: no losses.
  std::string LossesText() const;
  std::string MovedMark() const;
  bool AcceptsBadNodes() const {
    return request_.skip_bad_nodes || !state_->Fact(kBadNodesAcceptedFact).empty();
  }
  RecoveryAccepts RecoveryAcceptedNow() const {
    return {.skip_bad_nodes = AcceptsBadNodes(),
            .skip_lost_partitions = request_.skip_lost_partitions};
  }
  bool is_copy() const { return request_.way == MoveWay::kCopy; }
  absl::Duration wait_max() const { return absl::Seconds(request_.wait_seconds); }

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
