#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "meta_recovery/planner/finding.h"

namespace metarec {

// What a finding is about.
struct FindingSubject {
  NodeIndex node = kNoNode;
  int32_t app_id = 0;
  int32_t partition_index = -1;

  static FindingSubject Cluster() { return {}; }
  static FindingSubject Node(NodeIndex node) { return {.node = node}; }
  static FindingSubject NodeAndApp(NodeIndex node, int32_t app_id) {
    return {.node = node, .app_id = app_id};
  }
  static FindingSubject Table(int32_t app_id) { return {.app_id = app_id}; }
  static FindingSubject Partition(int32_t app_id, int32_t index) {
    return {.app_id = app_id, .partition_index = index};
  }
};

// Gathers findings in any order and gives them back in the one of RecoveryPlan::findings.
class FindingsList {
 public:
  // A fact without a value is left out.
  void Add(FindingKind kind, Severity severity, FindingSubject subject,
           std::vector<FindingFact> facts);

  const std::vector<Finding>& unsorted() const { return findings_; }
  std::vector<Finding> TakeSorted();

 private:
  std::vector<Finding> findings_;
};

}  // namespace metarec
