#pragma once

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/report/finding_text.h"
#include "tests/meta_recovery/planner/evidence_builder.h"

namespace metarec {

// The plan, which must be one, and one that reads back from a file.
inline RecoveryPlan Plan(const Cluster& cluster, const PlanOptions& options = {},
                         const std::vector<OldTree>& old_trees = {}) {
  absl::StatusOr<RecoveryPlan> plan = MakePlan(cluster.Build(), options, old_trees);
  EXPECT_TRUE(plan.ok()) << plan.status();
  if (!plan.ok()) return RecoveryPlan{};
  const absl::StatusOr<RecoveryPlan> read = DecodePlan(EncodePlan(*plan), "plan");
  EXPECT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(!read.ok() || *read == *plan);
  return *std::move(plan);
}

inline std::vector<Finding> FindingsOf(const RecoveryPlan& plan, FindingKind kind) {
  std::vector<Finding> findings;
  for (const Finding& finding : plan.findings) {
    if (finding.kind() == kind) findings.push_back(finding);
  }
  return findings;
}

// The only finding of its kind.
inline Finding TheFinding(const RecoveryPlan& plan, FindingKind kind) {
  const std::vector<Finding> findings = FindingsOf(plan, kind);
  EXPECT_EQ(findings.size(), 1u) << FindingKindName(kind);
  return findings.size() == 1 ? findings.front() : Finding{};
}

// A fact as reports show it; "" if the finding has none of that name.
inline std::string FactOf(const RecoveryPlan& plan, const Finding& finding, absl::string_view key) {
  for (const auto& [name, text] : FactTexts(plan, finding)) {
    if (name == key) return text;
  }
  return "";
}
inline std::string FactOfThe(const RecoveryPlan& plan, FindingKind kind, absl::string_view key) {
  return FactOf(plan, TheFinding(plan, kind), key);
}

inline bool Has(const RecoveryPlan& plan, FindingKind kind) {
  return !FindingsOf(plan, kind).empty();
}

inline const TopologyTable& TableOf(const RecoveryPlan& plan, int32_t app_id) {
  return plan.topology.tables.at(app_id - 1);
}

// "n1 | n3 n2 | ballot 4 decree 9": primary, last_drops, what is written. With secondaries: "n1 +
// n2 | n3 | ballot 5 decree 9".
inline std::string Describe(const RecoveryPlan& plan, int32_t app_id, int32_t index) {
  for (const TopologyPartition& partition : plan.topology.PartitionsOf(TableOf(plan, app_id))) {
    if (partition.index != index) continue;
    const auto name = [&](NodeIndex node) {
      return node == kNoNode ? std::string("none")
                             : plan.topology.nodes[node].name.substr(
                                   0, plan.topology.nodes[node].name.find(':'));
    };
    std::string text = name(partition.primary);
    const auto secondaries = plan.topology.SecondariesOf(partition);
    if (!secondaries.empty()) absl::StrAppend(&text, " +");
    for (const NodeIndex node : secondaries) absl::StrAppend(&text, " ", name(node));
    absl::StrAppend(&text, " |");
    for (const NodeIndex node : plan.topology.LastDropsOf(partition)) {
      absl::StrAppend(&text, " ", name(node));
    }
    return absl::StrCat(text, " | ballot ", partition.ballot, " decree ",
                        partition.last_committed_decree);
  }
  return "no such partition";
}

}  // namespace metarec
