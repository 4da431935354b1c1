// docs/recovery-rules.md implemented a second time, as simply as possible: with maps and sorting,
// without regard to speed, sharing nothing with the planner but the encoding of znodes. The planner
// must decide what this decides.

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/replica_source.h"

namespace metarec::simulation {

struct ModelNode {
  Ipv4Endpoint address;
  std::string name;
  bool is_complete = false;
  Ipv4Endpoint own_address = {};                   // as its answers give it; {}: they do not
  std::vector<Ipv4Endpoint> other_addresses = {};  // that its listed name has as well
  std::vector<TableRecord> tables;
  std::vector<ReplicaRecord> replicas;
};

struct ModelOptions {
  bool skip_bad_nodes = false;
  bool skip_lost_partitions = false;
  std::set<std::string> bad_nodes_skipped;        // or only these, by name
  std::set<std::string> lost_partitions_skipped;  // or only these: "3", "4.2"
  bool is_warm = false;                           // --membership warm
  std::string separator = "-";
  int32_t max_app_id = 1000;
  int32_t max_id_gap = 20;
  int32_t max_partition_count = 1000;
  std::map<std::string, std::string> settlements;  // the operator's decisions
  bool carry_duplications = false;
  // Addresses of servers that send beacons and are not in the list. Whether they were heard is not
  // known.
  std::set<std::string> outsiders;
  // Addresses of nodes whose beacons need not be believed. Whether they were heard is not known.
  std::set<std::string> doubtful;

  friend bool operator==(const ModelOptions&, const ModelOptions&) = default;
};

inline constexpr char kOldTree[] = "--old_tree";

struct ModelPlan {
  PlanOutcome outcome = PlanOutcome::kReady;
  std::set<std::string> conflicts;  // the keys that would settle them
  // Names of bad nodes, partitions that are lost, and tables that are probably dropped and lack
  // partitions.
  std::set<std::string> errors;
  // Keys of decisions that settle nothing or cannot be, and kOldTree for an old tree that is of
  // another cluster. If there are any, there is no plan.
  std::set<std::string> wrong_settlements;
  // Servers that the list lacks: of the model all that may be named, of a plan those that are.
  std::set<std::string> unlisted;
  // Nodes whose beacons are not believed, the same.
  std::set<std::string> doubtful;
  // What else must be said of who is who, and of tables that are gone, in words.
  std::set<std::string> said;
  // Data by path below /apps: "2", "2/0" and "2/duplication"; beside it, by path below the root:
  // "/backup". Only if the outcome is kReady.
  std::map<std::string, std::string> znodes;

  friend bool operator==(const ModelPlan&, const ModelPlan&) = default;
};

ModelPlan MakeModelPlan(const std::vector<ModelNode>& nodes, const ModelOptions& options,
                        const std::vector<OldTree>& old_trees = {});

// What a plan of the planner says, in the same form.
ModelPlan ModelOf(const RecoveryPlan& plan);

// In one line, what differs; empty if nothing does.
std::string Difference(const ModelPlan& expected, const ModelPlan& actual);

}  // namespace metarec::simulation
