// One simulated copy: the people who run it, those who write meanwhile, and what is judged of it.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "copy_case.h"
#include "transfer_world.h"
#include "tree_snapshot.h"
#include "zk_store/tree/tree_copy.h"

namespace metarec::simulation {

class CopyWorld final : public TransferWorld {
 public:
  CopyWorld(const CopyCase& the_case, const RunOptions& options);

  Outcome Run();

 private:
  // One run of the command.
  struct Command {
    Command(CopyWorld* world, std::string name, TreeCopyOptions options_in, bool has_credentials);
    TreeCopyOptions options;
    TransferProcess process;
    absl::Time started;
    absl::StatusOr<TreeCopyResult> result = absl::UnknownError("it has not ended");
    int64_t writes = 0;  // transactions of it that took effect
    // How many states source and target had had when it last opened the source: then its last
    // check began.
    size_t source_states = 0;
    size_t target_states = 0;
    // Somebody else has written into the target while it ran, or before that into the unfinished
    // copy that it found there.
    bool is_disturbed = false;
  };
  // Who runs the command, and runs it again.
  struct Operator {
    std::string name;
    TreeCopyOptions options;
    int attempts = 0;
    int attempts_max = 1;
  };

  void OnApplied(Side side, const StoreClient& client, const std::vector<StoreOp>& ops,
                 const std::vector<StoreOpResult>& results) override;
  void OnDue(const TransferItem& item, const StoreClient& client) override;
  void OnTime(const TransferItem& item) override;

  void FillTrees();
  void Put(Side side, const std::string& root, const CopyNode& node);
  TreeCopyOptions Options() const;

  // The commands; copy_world.cc.
  Command* Begin(Operator* who);
  asio::awaitable<void> Main(Command* command);
  CopyFrom Source(Command* command, MetaStore* store);
  void OnEnd(Operator* who, Command* command);
  Command* Find(const StoreClient& client);
  bool AllEnded() const;

  // Those who write meanwhile; copy_others.cc.
  void WriteToSource(const TransferItem& writer);
  void ChangeSource();
  void WriteAsStranger(int64_t what);
  // Of a znode that is there, relative to the root; "" if only that is.
  std::string AnyPath(Side side);
  std::string Absolute(Side side, const std::string& path) const;

  // What must hold; copy_rules.cc.
  void CheckTarget(Command* command, const std::vector<StoreOp>& ops);
  void CheckWrite(const Command& command, const StoreOp& op);
  void NoteStranger(const std::vector<StoreOp>& ops);
  // All that run but `by`, who has written; null: a stranger.
  void Disturb(const Command* by);
  void NoteState(Side side);
  void CheckEnd(const Command& command);
  void CheckEqual(const Command& command, const TreeCopyResult& result);
  void CheckReason(const Command& command, const absl::Status& status);
  TreeSnapshot Expected(const TreeSnapshot& source) const;
  // Whether a run with nothing in its way succeeds.
  bool TryOnCalmDay(const TreeCopyOptions& options);
  void Judge();

  const CopyCase& case_;
  const std::string planted_;
  std::vector<std::unique_ptr<Command>> commands_;
  Operator operator_;
  Operator rival_;
  int64_t starting_ = 0;  // commands that are about to begin
  int64_t writers_ = 0;   // that write still
  // All states that the trees have had, the last one last.
  std::vector<TreeSnapshot> source_states_;
  std::vector<TreeSnapshot> target_states_;
  std::set<std::string> strangers_;  // paths in the target that others wrote last
  bool is_disturbed_ = false;        // they have written there since the unfinished copy began
  bool source_root_was_gone_ = false;
  std::vector<std::pair<Side, int64_t>> foreign_sessions_;
};

}  // namespace metarec::simulation
