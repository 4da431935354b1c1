#include "meta_recovery/planner/due_findings.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>

#include "base/runtime/rare_branch.h"
#include "idl/error_names.h"
#include "meta_recovery/planner/node_identity.h"
#include "meta_recovery/planner/unique_names.h"

namespace metarec {
namespace {

// Set by a split; hides the keys of the other half.
constexpr absl::string_view kValidateHashField = "envs.replica.split.validate_partition_hash";

bool DidAnswer(const NodeDecision& node) { return node.error == idl::kErrOk; }

void AddFindingsOfNode(const RecoveryPlan& plan, NodeIndex index, bool has_answer,
                       FindingsList& findings) {
  const NodeDecision& node = plan.nodes[index];
  const FindingSubject subject = FindingSubject::Node(index);
  if (!DidAnswer(node)) {
    // If no node answered, skipping the bad ones would write an empty cluster.
    const bool is_skipped = has_answer && AcceptsBadNode(plan, index);
    findings.Add(is_skipped ? Severity::kWarning : Severity::kError, subject,
                 found::BadNode{.attempts = node.attempts});
    if (is_skipped) findings.Add(Severity::kHazard, subject, found::SkippedNodeReturns{});
  }
  if (node.on_disk_only) {
    METAREC_RARE_BRANCH("a node is known from its disks only");
    findings.Add(Severity::kHazard, subject, found::NodeOnDisk{});
  }
  if (GivesOtherAddress(plan.topology.nodes[index], node)) {
    METAREC_RARE_BRANCH("a node gives another address as its own");
    findings.Add(Severity::kHazard, subject, found::NodeAddressDiffers{});
  }
  if (node.listed_as.size() > 1) {
    findings.Add(Severity::kNote, subject, found::NodeListedTwice{});
  }
  for (const std::string& text : node.listed_as) {
    if (text == plan.topology.nodes[index].name) continue;
    findings.Add(SeverityOfNameDifference(node.name_source, text), subject,
                 found::NodeNameDiffers{.listed_as = text});
  }
}

void AddStillServed(const RecoveryPlan& plan, FindingsList& findings) {
  found::StillServed facts;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const NodeDecision& node = plan.nodes[i];
    if (node.primaries + node.secondaries == 0) continue;
    facts.primaries += node.primaries;
    facts.secondaries += node.secondaries;
    facts.nodes.push_back(static_cast<NodeIndex>(i));
  }
  if (facts.nodes.empty()) return;
  findings.Add(plan.options.accept_still_served ? Severity::kWarning : Severity::kHazard,
               FindingSubject::Cluster(), std::move(facts));
}

}  // namespace

bool IsDue(FindingKind kind) {
  using enum FindingKind;
  static constexpr FindingKind kDue[] = {
      kBadNode,          kSkippedNodeReturns,  kNodeOnDisk,           kNodeNameDiffers,
      kNodeListedTwice,  kNodeAddressDiffers,  kLoopbackAmongOthers,  kStillServed,
      kTableRenamed,     kNameUnusableInShell, kSplitCompleted,       kPlaceholder,
      kReplicasMissing,  kPartitionLost,       kPrimaryIncomplete,    kPrimaryOnDisk,
      kReplicaOverruled, kBallotAbovePrimary,  kLessDataThanOverruled};
  return std::find(std::begin(kDue), std::end(kDue), kind) != std::end(kDue);
}

bool HasAnswer(const RecoveryPlan& plan) {
  return std::any_of(plan.nodes.begin(), plan.nodes.end(), DidAnswer);
}

bool AreTablesPlanned(const RecoveryPlan& plan) {
  if (!HasAnswer(plan)) return false;
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    if (!DidAnswer(plan.nodes[i]) && !AcceptsBadNode(plan, static_cast<NodeIndex>(i))) return false;
  }
  return true;
}

void AddFindingsOfNodes(const RecoveryPlan& plan, FindingsList& findings) {
  const bool has_answer = HasAnswer(plan);
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    AddFindingsOfNode(plan, static_cast<NodeIndex>(i), has_answer, findings);
  }
  for (const NodeIndex node : LoopbackAmongOthers(plan)) {
    findings.Add(Severity::kHazard, FindingSubject::Node(node), found::LoopbackAmongOthers{});
  }
  AddStillServed(plan, findings);
}

void AddFindingsOfTables(const RecoveryPlan& plan, FindingsList& findings) {
  absl::flat_hash_map<absl::string_view, int32_t> living;
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    const TopologyTable& table = plan.topology.tables[i];
    if (table.status != TableStatus::kDropped) living.emplace(table.app_name, table.app_id);
  }
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    const TopologyTable& table = plan.topology.tables[i];
    const TableDecision& decision = plan.tables[i];
    const FindingSubject subject = FindingSubject::Table(table.app_id);
    if (decision.placeholder) {
      findings.Add(Severity::kNote, subject, found::Placeholder{});
      continue;
    }
    if (StaysDropped(decision)) continue;
    const bool is_renamed = table.app_name != decision.old_name;
    if (is_renamed) {
      findings.Add(Severity::kWarning, subject,
                   found::TableRenamed{.kept_by = living[decision.old_name]});
    }
    if (!IsUsableInShell(table.app_name)) {
      findings.Add(is_renamed ? Severity::kHazard : Severity::kNote, subject,
                   found::NameUnusableInShell{});
    }
    // The env that hides the other half's keys after a split was in ZooKeeper only.
    const int32_t before_split = decision.partition_count_before_split;
    if (before_split > 0 && !IsSplitUnfinished(table, decision) &&
        !CarriesField(decision, kValidateHashField)) {
      findings.Add(Severity::kWarning, subject,
                   found::SplitCompleted{.init_partition_count = before_split});
    }
  }
}

namespace {

void AddLost(const PlanOptions& options, const TopologyTable& table, const TableDecision& decision,
             int32_t index, FindingsList& findings) {
  const int32_t before_split = decision.partition_count_before_split;
  found::PartitionLost facts;
  if (int64_t{2} * before_split == table.partition_count && index >= before_split) {
    facts.split_parent = index - before_split;
  }
  const bool is_accepted = AcceptsLoss(options, table.app_id, index);
  findings.Add(is_accepted ? Severity::kWarning : Severity::kError,
               FindingSubject::Partition(table.app_id, index), facts);
}

void AddBallotAbovePrimary(FindingSubject subject, absl::Span<const RankedReplica> replicas,
                           FindingsList& findings) {
  const RankedReplica& primary = replicas.front();
  const RankedReplica& highest = *std::max_element(
      replicas.begin(), replicas.end(),
      [](const RankedReplica& a, const RankedReplica& b) { return a.ballot < b.ballot; });
  if (highest.ballot <= primary.ballot) return;
  METAREC_RARE_BRANCH("the primary is not the replica of the highest ballot");
  findings.Add(Severity::kWarning, subject,
               found::BallotAbovePrimary{.primary = primary.node,
                                         .reported_by = highest.node,
                                         .primary_ballot = primary.ballot,
                                         .ballot = highest.ballot});
}

void AddLessData(FindingSubject subject, absl::Span<const RankedReplica> replicas,
                 FindingsList& findings) {
  const RankedReplica& primary = replicas.front();
  const RankedReplica& most_data = *std::max_element(
      replicas.begin(), replicas.end(), [](const RankedReplica& a, const RankedReplica& b) {
        return a.last_committed_decree < b.last_committed_decree;
      });
  if (most_data.last_committed_decree <= primary.last_committed_decree) return;
  findings.Add(Severity::kWarning, subject,
               found::LessDataThanOverruled{.primary = primary.node,
                                            .node = most_data.node,
                                            .primary_committed = primary.last_committed_decree,
                                            .committed = most_data.last_committed_decree});
}

}  // namespace

void AddFindingsOfPartition(const PlanOptions& options, const TopologyTable& table,
                            const TableDecision& decision, const TopologyPartition& partition,
                            absl::Span<const RankedReplica> replicas, FindingsList& findings) {
  if (StaysDropped(decision)) return;
  if (replicas.empty()) return AddLost(options, table, decision, partition.index, findings);
  const FindingSubject subject = FindingSubject::Partition(table.app_id, partition.index);
  const RankedReplica& primary = replicas.front();
  if (static_cast<int64_t>(replicas.size()) < table.max_replica_count) {
    findings.Add(Severity::kWarning, subject,
                 found::ReplicasMissing{.collected = static_cast<int32_t>(replicas.size())});
  }
  if (IsIncomplete(primary.status) && !decision.probably_dropped) {
    METAREC_RARE_BRANCH("an incomplete replica becomes primary");
    findings.Add(Severity::kWarning, subject,
                 found::PrimaryIncomplete{.primary = primary.node, .status = primary.status});
  }
  if (primary.on_disk_only) {
    findings.Add(Severity::kHazard, subject, found::PrimaryOnDisk{.primary = primary.node});
  }
  AddBallotAbovePrimary(subject, replicas, findings);
  AddLessData(subject, replicas, findings);
  const auto overruled = std::count_if(
      replicas.begin(), replicas.end(),
      [](const RankedReplica& replica) { return replica.role == ReplicaRole::kOverruled; });
  if (overruled > 0) {
    findings.Add(Severity::kNote, subject,
                 found::ReplicaOverruled{.count = static_cast<int32_t>(overruled)});
  }
}

}  // namespace metarec
