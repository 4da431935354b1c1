// One simulated election in two ZooKeepers: its candidates, those who lead it from phase to phase,
// and what is judged of it.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <asio/awaitable.hpp>

#include "election_case.h"
#include "transfer_world.h"
#include "zk_store/election/election_phases.h"
#include "zk_store/election/linked_election.h"

namespace metarec::simulation {

class ElectionWorld final : public TransferWorld {
 public:
  ElectionWorld(const ElectionCase& the_case, const RunOptions& options);

  Outcome Run();

 private:
  // One process of a candidate, from its start to its end.
  struct Program {
    Program(ElectionWorld* world, std::string name, int64_t candidate, CandidateSetup setup,
            Side old_side);
    const int64_t candidate;
    const CandidateSetup setup;
    const Side old_side;  // where an old one stands
    TransferProcess process;
    std::unique_ptr<LinkedElection> election;  // null: an old one
    int64_t old_session = 0;                   // of an old one; 0: it has ended
    // Its znode in that ensemble whose session was ended by force.
    PerSide<std::string> lost_by_force;

    bool is_alive() const;
  };
  // One run of a command that moves the election.
  struct Driver {
    Driver(ElectionWorld* world, std::string name) : process(world, std::move(name), {}) {}
    TransferProcess process;
    absl::Status result = absl::UnknownError("it has not ended");
  };

  void OnApplied(Side side, const StoreClient& client, const std::vector<StoreOp>& ops,
                 const std::vector<StoreOpResult>& results) override;
  void OnExpired(Side side) override;
  void OnDue(const TransferItem& item, const StoreClient& client) override;
  void OnTime(const TransferItem&) override {}

  // Candidates.
  void Start(int64_t candidate, CandidateSetup setup, Side old_side = Side::kFrom);
  void StartAfter(absl::Duration pause, int64_t candidate, CandidateSetup setup,
                  Side old_side = Side::kFrom);
  void StartOld(Program* program);
  void End(Program* program, bool is_killed);
  LinkedElectionOptions OptionsOf(Program* program);
  asio::awaitable<absl::StatusOr<std::unique_ptr<MetaStore>>> Open(Side side, Program* program);
  asio::awaitable<void> Main(Program* program);
  asio::awaitable<void> WriteAsLeader(Program* program);
  Program* Running(int64_t candidate);

  // Misfortunes, and moves.
  void StartElectionItems();
  void Begin(const ElectionItem& item);
  void Expire(const ElectionItem& item);
  Driver* BeginMove(ElectionPhase to, bool misfits_allowed);
  asio::awaitable<void> Move(Driver* driver, ElectionPhase to, bool misfits_allowed);
  asio::awaitable<absl::Status> Lead(ElectionPhases* phases, ElectionPhase to);

  // What must hold; election_rules.cc.
  void CheckNow();
  void CheckLeaders();
  void CheckWatchers();
  void CheckCreated(Side side, const StoreClient& client, const std::string& path);
  void CheckWritten(const StoreClient& client, const std::string& data);
  // Whom a watcher of that ensemble takes for the leader: the path of its znode; "": nobody.
  std::string NameIn(Side side);
  bool OldOneLeadsIn(Side side);
  // In an ensemble in which the session of `leader` lives.
  bool OldOneLeadsBeside(const Program& leader);
  bool Stands(const std::string& candidate, Side side);
  const PhaseRecord* RecordIn(Side side);
  void AwaitQuiet();
  void EndAll();
  void Judge();

  const ElectionCase& case_;
  const std::string planted_;
  const ElectionPaths paths_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::map<int64_t, Program*> running_;  // by candidate
  std::vector<std::unique_ptr<Driver>> drivers_;
  std::map<std::pair<int64_t, Side>, absl::Time> cut_until_;  // by candidate
  int64_t pending_ = 0;                                       // what will happen by itself

  PerSide<bool> is_changed_ = {{true, true}};
  PerSide<std::optional<PhaseRecord>> records_;
  PerSide<std::string> named_;
  absl::Time differ_since_ = absl::InfiniteFuture();
  absl::Duration differed_max_;
  absl::Time nobody_since_ = absl::InfiniteFuture();
  absl::Duration nobody_max_;
  const Program* last_leader_ = nullptr;
  std::optional<uint64_t> last_number_;
  std::map<std::string, int> given_;  // the client that has a number, by its candidate's name
};

}  // namespace metarec::simulation
