// The cluster that is moved: meta servers that lead by turns and write as stock ones do, and the
// replica servers that follow them.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/time/time.h>

#include "move_case.h"
#include "replica_collector/replica_source.h"
#include "transfer_world.h"
#include "zk_store/topology/znode_json.h"

namespace metarec::simulation {

// Those who are no processes of the tool. The meta servers' numbers go down from here.
inline const StoreClient kMoveStranger = {.name = "stranger", .number = -2};
inline const StoreClient kMoveFounder = {.name = "founder", .number = -3};
// What the stranger sets; no meta server can read it.
inline constexpr char kStrangersData[] = "changed";
inline constexpr int kFirstMetaNumber = -10;
inline const testing::ZnodeCaller kMoveReader = {};

class MovedCluster {
 public:
  struct Meta {
    std::string address;
    Side config = Side::kFrom;  // what its config.ini says
    bool is_running = false;
    absl::Time running_since;
    bool is_supervised = false;  // was started by nobody's request
    int64_t life = 0;            // counts its starts and ends
    Side side = Side::kFrom;     // that it was started with
    int64_t session = 0;
    std::string candidate;  // its znode; empty: none yet
    absl::Time candidate_since;
    // As the leader:
    bool leads = false;
    absl::Time leads_since;
    std::string level;
    absl::Time level_since;
    std::map<int32_t, AppZnode> tables;
    std::map<std::pair<int32_t, int32_t>, PartitionZnode> partitions;
  };
  struct Node {
    std::string address;
    bool is_up = true;
    absl::Time fed = absl::InfinitePast();  // a leader last renewed its lease
    int leader = -1;                        // the meta server that it follows
    std::map<int32_t, AppZnode> tables;
    std::map<std::pair<int32_t, int32_t>, ReplicaRecord> replicas;
  };

  MovedCluster(TransferWorld* world, const MoveCase& the_case);

  // Writes the old tree, and starts everything.
  void Begin();
  // Lets meta servers contend and lead, and replica servers find them; forever.
  void Tick();

  void Start(int meta, bool is_supervised);
  void Stop(int meta);
  void Configure(int meta, Side side) { metas_[static_cast<size_t>(meta)].config = side; }
  void SetUp(int node, bool is_up) { nodes_[static_cast<size_t>(node)].is_up = is_up; }
  // -1: there is none.
  int FindMeta(const std::string& address) const;
  // Who answers as the leader; nullptr: nobody.
  Meta* Leader();

  const std::vector<Meta>& metas() const { return metas_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  bool IsServing(const Node& node) const;
  // What users do by way of the leader, if there is one.
  void DoAsUser();

  const std::string& RootOf(Side side) const;

 private:
  void WriteOldTree();
  void Contend(int meta, int64_t life);
  void Lead(Meta* meta);
  bool Load(Meta* meta);
  void CheckBallots(const Meta& leader) const;
  // Who stands first in the lock directory; nullptr: nobody.
  Meta* First(Side side);
  bool HoldsLock(const Meta& meta) const;
  void Feed();
  void ChangeMembers(Meta* leader);
  bool WriteAs(const Meta& meta, std::vector<StoreOp> ops);
  StoreClient ClientOf(const Meta& meta) const;
  std::string LockOf(Side side) const;

  TransferWorld* const world_;
  const MoveCase& case_;
  const std::string from_root_ = kMovedFromRoot;
  std::vector<Meta> metas_;
  std::vector<Node> nodes_;
  int64_t changes_ = 0;
};

// A process's way to the replica servers.
class MovedClusterSource final : public ReplicaSource {
 public:
  MovedClusterSource(TransferWorld* world, const MovedCluster* cluster)
      : world_(world), cluster_(cluster) {}

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry,
                                                         absl::Time deadline) override;
  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time deadline) override;
  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                              ReplicaSink sink) override;

 private:
  asio::awaitable<absl::StatusOr<const MovedCluster::Node*>> Reach(Ipv4Endpoint address,
                                                                   absl::Time deadline);

  TransferWorld* const world_;
  const MovedCluster* const cluster_;
};

}  // namespace metarec::simulation
