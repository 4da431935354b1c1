// The nodes of the evidence in the order of the plan, and what they said that makes no sense.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/evidence.h"
#include "zk_store/topology/topology.h"

namespace metarec {

class NodeRoster {
 public:
  // kInvalidArgument if there is no node, if two are the same server, if one that answered has a
  // name that is no host:port or has another port than its address, or if what is known of beacons
  // and names is not in its order. The evidence must outlive the roster.
  static absl::StatusOr<NodeRoster> Make(const Evidence& evidence);

  size_t size() const { return nodes_.size(); }
  const NodeEvidence& Get(NodeIndex node) const { return *nodes_[node]; }
  // kInvalidArgument if the options skip a node that is neither there nor among `unlisted`.
  absl::Status CheckSkipped(const PlanOptions& options,
                            absl::Span<const BeaconSender> unlisted) const;

  void FillPlan(RecoveryPlan& plan) const;

 private:
  bool IsSkipped(size_t node, const PlanOptions& options) const {
    return AcceptsBadNode(options, listed_as_[node], names_[node], nodes_[node]->address);
  }

  std::vector<const NodeEvidence*> nodes_;           // ascending by address
  std::vector<std::vector<std::string>> listed_as_;  // each sorted
  std::vector<std::string> names_;
};

// What single nodes said that makes no sense and was left out, counted by node and app.
class ReportProblems {
 public:
  // App ids below 1 are counted together, as 0.
  void Add(NodeIndex node, int32_t app_id, absl::string_view problem);
  // Of what is used all the same.
  void AddOfUsed(NodeIndex node, int32_t app_id, absl::string_view problem);

  void MoveTo(FindingsList& findings);

 private:
  using Counts = std::map<std::string, int64_t, std::less<>>;
  struct Problems {
    Counts left_out;
    Counts used_anyway;
  };
  std::map<std::pair<NodeIndex, int32_t>, Problems> problems_;
};

}  // namespace metarec
