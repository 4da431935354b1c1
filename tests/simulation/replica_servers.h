// Replica servers as they are after a disaster, and the engine's way to them.

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "case.h"
#include "replica_collector/replica_source.h"
#include "seeded_run.h"
#include "simulated_network.h"
#include "testing/virtual_clock.h"

namespace metarec::simulation {

// Answers on the network for all the nodes of a case that are not left out.
class ReplicaServers {
 public:
  ReplicaServers(const Case* the_case, testing::EventQueue* queue, SimulatedNetwork* network);

  // Ends all faults of all servers.
  void Calm() { is_calm_ = true; }

  // The servers that exist.
  const std::vector<CaseNode>& nodes() const { return nodes_; }
  // Whether the server there holds a lease now. False if it has sent garbage, which may say
  // otherwise.
  bool IsServed(Ipv4Endpoint address) const;
  int64_t faults(ItemKind kind) const {
    const auto found = faults_.find(kind);
    return found == faults_.end() ? 0 : found->second;
  }

 private:
  // Who is who is not clear; binds second addresses.
  void Confuse(SimulatedNetwork* network);
  void Serve(size_t index, const rpc::Request& request, const SimulatedNetwork::Reply& reply);
  // The item of this kind that is in force at this node; null: none.
  const Item* Trouble(size_t index, ItemKind kind) const;
  std::string EncodeTables(const CaseNode& node) const;
  std::string EncodeReplicas(size_t index, const CaseNode& node) const;
  void Spoil(std::string* body);

  const Case& case_;
  testing::EventQueue* const queue_;
  const absl::Time start_;
  std::vector<CaseNode> nodes_;
  std::vector<size_t> index_in_case_;
  std::set<Ipv4Endpoint> not_to_be_believed_;  // have sent garbage
  bool is_calm_ = false;
  Random random_;
  mutable std::map<ItemKind, int64_t> faults_;
};

// What one node answered in a collection, for the model.
struct ToldNode {
  NodeIdentity identity;
  std::vector<Ipv4Endpoint> other_addresses = {};  // of its listed name
  Ipv4Endpoint own_address = {};                   // as the answer gives it
  bool has_tables = false;
  bool has_replicas = false;
  std::vector<TableRecord> tables;
  std::vector<ReplicaRecord> replicas;
};

// One process's way to the servers. It records what the process is told.
class SimulatedSource final : public ReplicaSource {
 public:
  SimulatedSource(uint32_t own_ip, const ReplicaServers* servers, SimulatedNetwork* network)
      : own_ip_(own_ip), servers_(servers), network_(network) {}

  asio::awaitable<absl::StatusOr<NodeIdentity>> Identify(NodeListEntry entry,
                                                         absl::Time deadline) override;
  asio::awaitable<absl::StatusOr<NodeTables>> QueryTables(Ipv4Endpoint address,
                                                          absl::Time deadline) override;
  asio::awaitable<absl::Status> QueryReplicas(Ipv4Endpoint address, absl::Time deadline,
                                              ReplicaSink sink) override;

  // By address; of the latest collection.
  const std::map<Ipv4Endpoint, ToldNode>& told() const { return told_; }
  // Grows with everything that is told.
  int64_t version() const { return version_; }

 private:
  asio::awaitable<absl::StatusOr<std::string>> Ask(Ipv4Endpoint address, std::string task_code,
                                                   std::string body, absl::Time deadline);

  const uint32_t own_ip_;
  const ReplicaServers* const servers_;
  SimulatedNetwork* const network_;
  std::map<Ipv4Endpoint, ToldNode> told_;
  bool is_identifying_ = false;
  int64_t version_ = 0;
};

}  // namespace metarec::simulation
