// The nodes of the evidence in the order of the plan.

#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include "meta_recovery/planner/findings_list.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "replica_collector/evidence.h"

namespace metarec {

class NodeRoster {
 public:
  // kInvalidArgument when there is no node, or when two are the same server. The evidence must
  // outlive the roster.
  static absl::StatusOr<NodeRoster> Make(const Evidence& evidence);

  size_t size() const { return nodes_.size(); }
  const NodeEvidence& Get(NodeIndex node) const { return *nodes_[node]; }
  bool HasBadNode() const;
  bool HasCompleteNode() const;

  // The names of nodes, as a list in a fact (fact_list.h).
  std::string Names(absl::Span<const NodeIndex> nodes) const;
  const std::string& Name(NodeIndex node) const { return names_[node]; }

  void FillPlan(RecoveryPlan& plan) const;
  // Bad nodes, names that differ, entries of the list that are one server.
  void AddFindings(const PlanOptions& options, FindingsList& findings) const;

 private:
  std::vector<const NodeEvidence*> nodes_;           // ascending by address
  std::vector<std::vector<std::string>> listed_as_;  // each sorted
  std::vector<std::string> names_;
};

}  // namespace metarec
