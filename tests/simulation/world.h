// One simulated disaster, and what is made of it: everything in it.

#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "case.h"
#include "meta_recovery/job/recovery_job.h"
#include "process.h"
#include "replica_servers.h"
#include "seeded_run.h"
#include "simulated_network.h"
#include "simulated_zookeeper.h"
#include "tree_watch.h"
#include "world_loop.h"

namespace metarec::simulation {

inline constexpr uint32_t kCommandIp = 0x0A000200;  // 10.0.2.0
inline constexpr char kRoot[] = "/pegasus/sim";
inline constexpr char kLockRoot[] = "/pegasus/sim/lock";

class World final : public WorldLoop {
 public:
  World(const Case& the_case, std::FILE* trace);
  ~World();

  Outcome Run();

  // For processes.
  SimulatedNetwork network;
  SimulatedZooKeeper zookeeper;
  ReplicaServers servers;
  TreeWatch watch;
  const Case& the_case;

  // Called when `server` answers. It may answer as the leader only while its candidate is there,
  // and for MayLeadFor after that.
  void CheckLeader(const MetaProcess& server);
  // What meta servers named as conflicts, after what they were told.
  void NoteConflicts(std::set<std::string> conflicts, Told told);
  // What every command needs. `flags`: of the command.
  RecoveryRequest MakeRequest(int64_t flags) const;
  // That everybody is told of.
  const std::vector<OldTree>& old_trees() const { return old_trees_; }
  bool carries_duplications() const { return the_case.seed % 2 == 0; }
  // Servers that send beacons and are not in the list.
  const std::set<Ipv4Endpoint>& outsiders() const { return outsiders_; }

 private:
  StoreFault OnRequest(const StoreClient& client, const StoreRequest& request);
  NetworkFault OnMessage(int64_t index);
  void Act(const Item& item);
  void StartOperators();
  void Contend(absl::Duration lasts);
  void BootIfLeading(int64_t session, const std::string& candidate, absl::Time until);
  void WriteAsStranger(int64_t what);
  void SendBeaconsOfOutsiders();
  void Judge();
  Process* Add(std::unique_ptr<Process> process);
  Process* Find(const StoreClient& client);
  void Serve(const Item& item);
  // The candidate of this session is gone or was overwritten.
  void OnCandidateGone(int64_t session_id);
  absl::Duration MayLeadFor() const;
  // Not the meta servers, which go on.
  bool AllCommandsEnded() const;

  bool is_calm_ = false;
  std::vector<OldTree> old_trees_;
  std::vector<std::unique_ptr<Process>> processes_;
  int64_t operators_left_ = 0;
  std::set<std::string> conflicts_;  // that meta servers named last
  Told told_;
  std::set<Ipv4Endpoint> outsiders_;
  std::map<int64_t, absl::Time> gone_;   // by session: when its candidate was
  std::map<int64_t, Mandate> mandates_;  // by the number of a write's request
};

}  // namespace metarec::simulation
