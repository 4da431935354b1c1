// Checks every transaction that ZooKeeper executes.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "reference_model.h"
#include "replica_servers.h"
#include "simulated_zookeeper.h"

namespace metarec::simulation {

// What a process was told, and the plan that follows from it: nothing else may it write.
struct Mandate {
  std::shared_ptr<const ModelPlan> plan;
  std::shared_ptr<const std::map<Ipv4Endpoint, ToldNode>> told;
  bool must_lead = false;  // only as the leader
};

class TreeWatch {
 public:
  struct Surroundings {
    const testing::ZnodeTree* tree = nullptr;
    std::string root;
    std::string lock_directory;
    // The mandate of the process that sent this request of the engine, at that time.
    std::function<Mandate(int64_t request)> mandate_of;
    std::function<void(std::string)> on_violation;
    // A session has a candidate for the lock now; or its candidate is gone, or somebody wrote
    // into it.
    std::function<void(int64_t session_id, bool is_there)> on_candidate;
  };

  explicit TreeWatch(Surroundings surroundings) : with_(std::move(surroundings)) {}

  void OnApplied(const StoreClient& client, int64_t session_id, int64_t request,
                 const std::vector<StoreOp>& ops, const std::vector<StoreOpResult>& results);
  void OnRead(int64_t session_id, const std::string& path);
  // A stock meta server leads and boots, if the root lets it; the tree must be complete then.
  // Returns whether it booted.
  bool Boot();

  // Whether a stock meta server would boot from what is there.
  bool IsBootable() const;
  // The session of the candidate that leads; 0: there is none.
  int64_t LeadingSession() const;
  // The digest in the journal; empty: there is none.
  std::string JournalDigest() const;
  // What the run of that digest writes; null: no such run.
  std::shared_ptr<const ModelPlan> PlanOf(const std::string& digest) const;
  bool IsFinished(const std::string& digest) const { return finished_.contains(digest); }
  // Whether this process unlocked a tree.
  bool HasFinished(int client_number) const;
  bool IsTouchedByStrangers() const { return !touched_.empty(); }
  // Whether a stranger wrote into the root, even if nothing changed by it.
  bool HasMetStranger() const { return has_met_stranger_; }
  int64_t WritesOf(int client_number) const {
    const auto found = writes_.find(client_number);
    return found == writes_.end() ? 0 : found->second;
  }

 private:
  void CheckWrite(const StoreClient& client, const Mandate& mandate, const StoreOp& op,
                  const std::string& path);
  void CheckJournal(const StoreClient& client, const Mandate& mandate);
  void CheckComplete(const ModelPlan& plan);
  void CheckNames();
  void CheckBallots(const Mandate& mandate);
  std::string DataOf(const std::string& path) const;
  bool IsInRoot(const std::string& path) const;
  void Violate(const StoreClient& client, const std::string& what);

  const Surroundings with_;
  bool was_bootable_ = false;
  std::map<std::string, int64_t> candidates_;                      // by path: the session
  std::set<std::string> known_candidates_;                         // that their owners have read
  std::set<std::string> touched_;                                  // by strangers, in the root
  std::map<std::string, std::shared_ptr<const ModelPlan>> plans_;  // by digest
  std::map<std::string, int> finished_;                            // by digest: who unlocked it
  bool has_met_stranger_ = false;
  std::map<int, int64_t> writes_;
};

}  // namespace metarec::simulation
