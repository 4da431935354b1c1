// One simulation: everything in it, and the loop that lets time pass.

#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "case.h"
#include "meta_recovery/job/recovery_job.h"
#include "process.h"
#include "replica_servers.h"
#include "seeded_run.h"
#include "simulated_network.h"
#include "simulated_zookeeper.h"
#include "testing/virtual_clock.h"
#include "tree_watch.h"

namespace metarec::simulation {

struct Outcome {
  uint64_t hash = 0;
  int64_t steps = 0;     // events and requests
  int64_t requests = 0;  // to ZooKeeper
  int64_t messages = 0;  // to others
  absl::Duration lasted;
  std::map<std::string, int64_t> faults;  // that happened, by kind
  std::map<std::string, int64_t> ends;    // of commands and requests: their outcomes
  std::vector<std::string> violations;
};

inline constexpr uint32_t kCommandIp = 0x0A000200;  // 10.0.2.0
inline constexpr char kRoot[] = "/pegasus/sim";
inline constexpr char kLockRoot[] = "/pegasus/sim/lock";

class World {
 public:
  World(const Case& the_case, std::FILE* trace);
  ~World();

  Outcome Run();

  // For processes.
  asio::io_context context{1};
  testing::EventQueue queue;
  testing::VirtualClock clock{&queue};
  Random random;
  Trace trace;
  SimulatedNetwork network;
  SimulatedZooKeeper zookeeper;
  ReplicaServers servers;
  TreeWatch watch;
  const Case& the_case;

  void Violate(std::string what);
  void Count(const std::string& end) { ++outcome_.ends[end]; }
  void CountFault(absl::string_view kind) { ++outcome_.faults[std::string(kind)]; }
  int NewNumber() { return ++last_number_; }
  // Called when `server` answers. It may answer as the leader only while its candidate is there,
  // and for MayLeadFor after that.
  void CheckLeader(const MetaProcess& server);
  // What meta servers named as conflicts, after what they were told.
  void NoteConflicts(std::set<std::string> conflicts, Told told);
  // What every command needs. `flags`: of the command.
  RecoveryRequest MakeRequest(int64_t flags) const;
  absl::Time start() const { return start_; }
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
  // Lets time pass until `done`. To reach `horizon` first is a violation.
  void Pass(const std::function<bool()>& done, absl::Time horizon);
  void Serve(const Item& item);
  // The candidate of this session is gone or was overwritten.
  void OnCandidateGone(int64_t session_id);
  absl::Duration MayLeadFor() const;
  // Not the meta servers, which go on.
  bool AllCommandsEnded() const;

  const absl::Time start_;
  Outcome outcome_;
  bool is_calm_ = false;
  std::vector<std::unique_ptr<Process>> processes_;
  int64_t operators_left_ = 0;
  std::set<std::string> conflicts_;  // that meta servers named last
  Told told_;
  std::set<Ipv4Endpoint> outsiders_;
  std::map<int64_t, absl::Time> gone_;  // by session: when its candidate was
  int last_number_ = 0;
  std::map<int64_t, Mandate> mandates_;  // by the number of a write's request
};

}  // namespace metarec::simulation
