// Sees every transaction that ZooKeeper executes, and what must never be seen there.

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

// What a process has been told, and what follows from it: what it may write.
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
    // Of who sent this request of the engine, at that time.
    std::function<Mandate(int64_t request)> mandate_of;
    std::function<void(std::string)> on_violation;
  };

  explicit TreeWatch(Surroundings surroundings) : with_(std::move(surroundings)) {}

  void OnApplied(const StoreClient& client, int64_t session_id, int64_t request,
                 const std::vector<StoreOp>& ops, const std::vector<StoreOpResult>& results);
  // A stock meta server leads: it boots if it can, from what must then be complete. False: it
  // cannot.
  bool Boot();

  // Whether a stock meta server would boot from what is there.
  bool IsBootable() const;
  // Whoever leads by the lock, by its session; 0: nobody.
  int64_t LeadingSession() const;
  // The digest in the journal; empty: there is none.
  std::string JournalDigest() const;
  // What the run of that digest writes; null: no such run.
  std::shared_ptr<const ModelPlan> PlanOf(const std::string& digest) const;
  bool IsFinished(const std::string& digest) const { return finished_.contains(digest); }
  // Whether this process unlocked a tree.
  bool HasFinished(int client_number) const;
  bool IsTouchedByStrangers() const { return !touched_.empty(); }
  // Whether one wrote there, though perhaps only what was there already.
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
  std::set<std::string> touched_;                                  // by strangers, in the root
  std::map<std::string, std::shared_ptr<const ModelPlan>> plans_;  // by digest
  std::map<std::string, int> finished_;                            // by digest: who unlocked it
  bool has_met_stranger_ = false;
  std::map<int, int64_t> writes_;
};

}  // namespace metarec::simulation
