// One simulated move: the tool, who runs it and does what it asks for, and what is judged of it.

#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "migration/procedure/procedure.h"
#include "migration/zookeeper/move_world.h"
#include "move_case.h"
#include "moved_cluster.h"
#include "testing/scratch_folder.h"
#include "transfer_world.h"
#include "tree_snapshot.h"

namespace metarec::simulation {

enum class MoveVerb { kRun, kAbort, kFinish };

class MovingWorld final : public TransferWorld {
 public:
  MovingWorld(const MoveCase& the_case, const RunOptions& options);
  ~MovingWorld();

  Outcome Run();

 private:
  class Tool;  // what the tool sees of the world

  // One run of the tool, as a process of its own.
  struct Command : public ProcedureListener {
    Command(MovingWorld* world_in, std::string name, MoveVerb verb_in);

    void OnBegin(const Step& step, const Deed& deed) override;
    void OnRequest(const std::string& request) override;
    void OnWait(const std::string& seen, absl::Duration left) override;
    void OnActing(const Step&, absl::Duration) override {}
    void OnWayBack(const Step&, const std::string&) override {}
    void OnEnd(const Step& step, const std::string& seen) override;

    MovingWorld* const world;
    const MoveVerb verb;
    TransferProcess process;
    absl::Time started;
    absl::Status result = absl::UnknownError("it has not ended");
    std::string step;  // that it is at
    absl::Time step_began;
  };

  void OnApplied(Side side, const StoreClient& client, const std::vector<StoreOp>& ops,
                 const std::vector<StoreOpResult>& results) override;
  void OnDue(const TransferItem& item, const StoreClient& client) override;
  void OnTime(const TransferItem& item) override;

  // The tool; moving_tool.cc.
  Command* Begin(MoveVerb verb);
  asio::awaitable<void> Main(Command* command);
  absl::Status Save(Command* command, const ProcedureState& state);
  absl::StatusOr<ProcedureState> Load() const;
  // Something that the tool does to others than ZooKeeper: `effect` takes effect, unless the case
  // has that it is lost or that the process dies.
  absl::Status Call(Command* command, bool may_fail, const std::function<void()>& effect);
  void RunCommand(const OperatorCommand& command, absl::Time guarded_at,
                  const std::shared_ptr<Event>& ended, const std::shared_ptr<absl::Status>& status);
  // "stop", "start" or "edit"; `guarded_at`: the step that wants it looked around after that.
  void Do(const std::string& what, int meta, bool back, absl::Time guarded_at);

  // Who runs it; moving_world.cc.
  void FillTarget();
  void OnEnd(Command* command);
  bool AllEnded() const;
  void WriteAsUsers(const TransferItem& users);
  void WriteAsStranger(const TransferItem& stranger);
  bool TryOnCalmDay(MoveVerb verb);
  void Judge();

  // What must hold; moving_rules.cc.
  void CheckWrite(const Command& command, Side side, const StoreOp& op);
  void CheckStart(int meta, absl::Time guarded_at);
  void CheckStep(const Command& command, const std::string& step);
  void CheckCopied();
  void CheckRecovered(bool carried_over);
  void CheckEnd(const Command& command);
  void CheckReason(const Command& command);
  void CheckMoved(const std::string& name);
  void CheckAborted(const std::string& name);
  void CheckFinished(const std::string& name);
  // All meta servers that were there run, on this side.
  void CheckServes(const std::string& name, Side side);
  void NoteWriteOfOthers(Side side, const StoreClient& client, const std::vector<StoreOp>& ops);
  // From now on the new tree is made of the old one.
  void NoteOldTree();
  // Without the name of the folder and the ids of copies, which differ from run to run.
  std::string Repeatable(const std::string& text) const;
  Command* Find(const StoreClient& client);
  TreeSnapshot Snapshot(Side side);

  const MoveCase& case_;
  const std::string planted_;
  const MoveRequest request_;
  testing::ScratchFolder folder_;
  MovedCluster cluster_;
  std::vector<std::unique_ptr<Command>> commands_;
  std::string saved_;  // the state, as it is on the disk
  MoveVerb verb_ = MoveVerb::kRun;
  int attempts_ = 0;
  int64_t starting_ = 0;  // commands that are about to begin
  int64_t calls_ = 0;
  int64_t commands_run_ = 0;

  bool is_ready_ = false;       // the trees are filled
  TreeSnapshot target_before_;  // of all of the new ZooKeeper
  // Both trees at each moment since it was last begun to make the new one.
  bool is_making_ = false;
  std::vector<TreeSnapshot> old_states_;
  std::vector<TreeSnapshot> new_states_;
  bool is_made_ = false;
  // In the old tree, by others, since the new one was made.
  std::set<std::string> written_since_;
  std::vector<absl::Time> meta_writes_since_;
  bool has_switched_ = false;  // start_leader was begun
  bool is_target_disturbed_ = false;
  std::set<std::string> strangers_;  // of a stranger, in the new ZooKeeper
};

}  // namespace metarec::simulation
