// What holds for every plan, whatever the evidence.

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/settlements.h"
#include "meta_recovery/report/finding_text.h"
#include "testing/slow_build.h"
#include "tests/meta_recovery/planner/evidence_builder.h"

namespace metarec {
namespace {

// Of the rounds, and of what they must come upon at least.
constexpr int kShare = testing::InSlowBuild(4, 1);

const PlanOptions kSkipAll = {.skip_bad_nodes = true, .skip_lost_partitions = true};

// The best replica by the rules, found the simple way: written down again, on purpose.
struct Naive {
  const NodeEvidence* node = nullptr;  // of the best
  const ReplicaRecord* best = nullptr;
  std::set<Ipv4Endpoint> equal;  // with a replica as good as the best
  std::set<Ipv4Endpoint> nodes;
};

auto NaiveRank(const NodeEvidence& node, const ReplicaRecord& replica) {
  const int32_t status = static_cast<int32_t>(replica.status);
  const bool complete = status != 2 && status != 5 && status != 6;
  return std::make_tuple(complete, replica.ballot, !node.disk.has_value(), status == 3,
                         replica.last_committed_decree, replica.last_prepared_decree);
}

std::map<std::pair<int32_t, int32_t>, Naive> NaiveElection(const Evidence& evidence) {
  std::map<std::pair<int32_t, int32_t>, Naive> elections;
  for (const NodeEvidence& node : evidence.nodes) {
    if (!node.complete()) continue;
    for (const ReplicaRecord& replica : node.replicas) {
      if (replica.ballot < 0 || replica.last_committed_decree < -1 ||
          replica.last_prepared_decree < -1) {
        continue;
      }
      Naive& naive = elections[{replica.app_id, replica.partition_index}];
      naive.nodes.insert(node.address);
      if (naive.best == nullptr || NaiveRank(node, replica) > NaiveRank(*naive.node, *naive.best)) {
        naive.node = &node;
        naive.best = &replica;
        naive.equal.clear();
      }
      if (NaiveRank(node, replica) == NaiveRank(*naive.node, *naive.best)) {
        naive.equal.insert(node.address);
      }
    }
  }
  return elections;
}

using Primaries = std::map<std::pair<int32_t, Ipv4Endpoint>, int64_t>;  // of table 0: of all

// The one of the nodes that has the fewest primaries of the table, then of all, then the lower
// address.
Ipv4Endpoint NaiveSpread(const std::set<Ipv4Endpoint>& nodes, int32_t app_id,
                         Primaries& primaries) {
  const Ipv4Endpoint chosen = *std::min_element(
      nodes.begin(), nodes.end(), [&](const Ipv4Endpoint& a, const Ipv4Endpoint& b) {
        return std::make_tuple(primaries[{app_id, a}], primaries[{0, a}], a) <
               std::make_tuple(primaries[{app_id, b}], primaries[{0, b}], b);
      });
  ++primaries[{app_id, chosen}];
  ++primaries[{0, chosen}];
  return chosen;
}

void CheckPartition(const RecoveryPlan& plan, const TopologyTable& table,
                    const TopologyPartition& partition, const PartitionDecision& decision,
                    const Naive& naive, Primaries& primaries) {
  const auto replicas = plan.ReplicasOf(decision);
  EXPECT_EQ(replicas.size(), naive.nodes.size());
  if (replicas.empty()) {
    EXPECT_EQ(partition.primary, kNoNode);
    EXPECT_EQ(partition.last_drops_count, 0u);
    return;
  }
  EXPECT_EQ(plan.topology.nodes[partition.primary].address,
            NaiveSpread(naive.equal, table.app_id, primaries));
  EXPECT_EQ(partition.last_committed_decree, naive.best->last_committed_decree);
  EXPECT_EQ(replicas[0].node, partition.primary);
  EXPECT_EQ(replicas[0].on_disk_only, naive.node->disk.has_value());
  std::set<NodeIndex> members = {partition.primary};
  for (const NodeIndex node : plan.topology.LastDropsOf(partition)) {
    EXPECT_TRUE(members.insert(node).second) << "a node twice";
  }
  for (const NodeIndex node : plan.topology.SecondariesOf(partition)) {
    EXPECT_TRUE(members.insert(node).second) << "a node twice";
  }
  EXPECT_EQ(members.size(),
            std::min<size_t>(replicas.size(), static_cast<size_t>(table.max_replica_count)));
  for (const RankedReplica& replica : replicas) EXPECT_GE(partition.ballot, replica.ballot);
}

void CheckOrderOfFindings(const RecoveryPlan& plan) {
  const auto subject = [](const Finding& f) {
    return std::tie(f.node, f.app_id, f.partition_index);
  };
  const auto rest = [](const Finding& f) { return std::make_tuple(f.kind(), f.severity, f.facts); };
  for (size_t i = 1; i < plan.findings.size(); ++i) {
    const Finding& before = plan.findings[i - 1];
    if (subject(before) != subject(plan.findings[i])) continue;
    EXPECT_LE(rest(before), rest(plan.findings[i]));
  }
}

void CheckInvariants(const RecoveryPlan& plan, const Evidence& evidence) {
  CheckOrderOfFindings(plan);
  ASSERT_EQ(plan.nodes.size(), plan.topology.nodes.size());
  ASSERT_EQ(plan.tables.size(), plan.topology.tables.size());
  ASSERT_EQ(plan.partitions.size(), plan.topology.partitions.size());
  const auto elections = NaiveElection(evidence);
  std::set<std::string> live_names;
  Primaries primaries;
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    const TopologyTable& table = plan.topology.tables[i];
    EXPECT_EQ(table.app_id, static_cast<int32_t>(i) + 1);
    EXPECT_GT(table.partition_count, 0);
    if (table.status == TableStatus::kAvailable) {
      EXPECT_TRUE(live_names.insert(table.app_name).second) << table.app_name;
    }
    int32_t previous = -1;
    for (uint32_t p = 0; p < table.partitions_count; ++p) {
      const TopologyPartition& partition = plan.topology.partitions[table.partitions_begin + p];
      EXPECT_GT(partition.index, previous);
      EXPECT_LT(partition.index, table.partition_count);
      previous = partition.index;
      if (plan.tables[i].placeholder) continue;
      const auto it = elections.find({table.app_id, partition.index});
      CheckPartition(plan, table, partition, plan.partitions[table.partitions_begin + p],
                     it == elections.end() ? Naive{} : it->second, primaries);
    }
  }
}

TEST(PlannerProperties, EveryOrderOfTheEvidenceGivesAnEqualPlanAndEqualBytes) {
  std::mt19937 random(20260321);
  int ready = 0;
  for (int round = 0; round < 400 / kShare; ++round) {
    SCOPED_TRACE(round);
    Evidence evidence = RandomEvidence(random);
    const auto plan = MakePlan(evidence, kSkipAll);
    ASSERT_TRUE(plan.ok()) << plan.status();
    ready += plan->outcome == PlanOutcome::kReady;
    const std::string bytes = EncodePlan(*plan);
    for (int order = 0; order < 3; ++order) {
      Shuffle(evidence, random);
      const auto again = MakePlan(evidence, kSkipAll);
      ASSERT_TRUE(again.ok()) << again.status();
      ASSERT_TRUE(*again == *plan);
      ASSERT_EQ(EncodePlan(*again), bytes);
    }
  }
  EXPECT_GT(ready, 50 / kShare) << "the random worlds are too broken to show anything";
  EXPECT_LT(ready, 390) << "the random worlds are too healthy to show anything";
}

TEST(PlannerProperties, InvariantsHoldForEveryPlan) {
  std::mt19937 random(7);
  for (int round = 0; round < 500 / kShare; ++round) {
    SCOPED_TRACE(round);
    const Evidence evidence = RandomEvidence(random);
    const auto plan = MakePlan(evidence, kSkipAll);
    ASSERT_TRUE(plan.ok()) << plan.status();
    CheckInvariants(*plan, evidence);
    HintLines(*plan, {});
  }
}

// The rule of docs/recovery-rules.md, written down again, on purpose.
bool NaiveIsSecondary(absl::Span<const RankedReplica> replicas, const RankedReplica& replica) {
  const RankedReplica& primary = replicas[0];
  return std::all_of(replicas.begin(), replicas.end(),
                     [&](const RankedReplica& other) { return other.ballot <= primary.ballot; }) &&
         primary.status == ReplicaStatus::kInactive && replica.status == ReplicaStatus::kInactive &&
         !primary.on_disk_only && !replica.on_disk_only && replica.ballot == primary.ballot &&
         replica.last_committed_decree == primary.last_committed_decree;
}

TEST(PlannerProperties, WarmPlansHaveThePrimariesOfColdOnesAndTheSecondariesOfTheRule) {
  PlanOptions warm = kSkipAll;
  warm.membership = Membership::kWarm;
  std::mt19937 random(23);
  int64_t secondaries = 0;
  int64_t last_drops = 0;
  int64_t on_disk = 0;  // that would be secondaries if their servers ran
  for (int round = 0; round < 300 / kShare; ++round) {
    SCOPED_TRACE(round);
    Evidence evidence = RandomEvidence(random);
    // Half of the clusters were at rest.
    for (NodeEvidence& node : evidence.nodes) {
      for (ReplicaRecord& replica : node.replicas) {
        if (round % 2 == 0) replica.last_committed_decree = 10;
      }
    }
    const auto plan = MakePlan(evidence, warm);
    const auto cold = MakePlan(evidence, kSkipAll);
    ASSERT_TRUE(plan.ok() && cold.ok()) << plan.status();
    ASSERT_NO_FATAL_FAILURE(CheckInvariants(*plan, evidence));
    ASSERT_EQ(plan->topology.partitions.size(), cold->topology.partitions.size());
    ASSERT_TRUE(plan->findings == cold->findings);
    for (size_t i = 0; i < plan->topology.partitions.size(); ++i) {
      const TopologyPartition& partition = plan->topology.partitions[i];
      const TopologyPartition& as_cold = cold->topology.partitions[i];
      const auto replicas = plan->ReplicasOf(plan->partitions[i]);
      const auto written = plan->topology.SecondariesOf(partition);
      ASSERT_EQ(partition.primary, as_cold.primary);
      ASSERT_EQ(partition.secondaries_count + partition.last_drops_count, as_cold.last_drops_count);
      ASSERT_EQ(partition.ballot, as_cold.ballot + (written.empty() ? 0 : 1));
      const std::set<NodeIndex> members(written.begin(), written.end());
      for (const RankedReplica& replica : replicas) {
        if (&replica == &replicas[0] || replica.role == ReplicaRole::kOverruled) continue;
        ASSERT_EQ(members.contains(replica.node), NaiveIsSecondary(replicas, replica));
        RankedReplica running = replica;
        running.on_disk_only = false;
        on_disk += replica.on_disk_only && NaiveIsSecondary(replicas, running);
      }
      secondaries += partition.secondaries_count;
      last_drops += partition.last_drops_count;
    }
  }
  EXPECT_GT(secondaries, 60 / kShare);
  EXPECT_GT(last_drops, 200 / kShare);
  EXPECT_GT(on_disk, 5 / kShare);
}

PlanOptions RandomOptions(std::mt19937& random) {
  static constexpr int32_t kAppIds[] = {3, 6, 100'000};
  static constexpr int32_t kCounts[] = {2, 5, 1 << 20};
  static constexpr const char* kSeparators[] = {"-", "_of_"};
  PlanOptions options;
  options.skip_bad_nodes = Pick(random, 0, 3) > 0;
  options.skip_lost_partitions = Pick(random, 0, 1) > 0;
  options.accept_still_served = Pick(random, 0, 1) > 0;
  options.membership = Pick(random, 0, 1) > 0 ? Membership::kWarm : Membership::kCold;
  options.max_app_id = kAppIds[Pick(random, 0, 2)];
  options.max_partition_count = kCounts[Pick(random, 0, 2)];
  options.rename_separator = kSeparators[Pick(random, 0, 1)];
  return options;
}

// An answer to a conflict that the planner may take: "" for none.
std::string SettlementOf(const Finding& conflict, std::mt19937& random) {
  if (conflict.kind() == FindingKind::kRecordsConflict) {
    return conflict.facts.As<found::RecordsConflict>()->values.front().value;
  }
  if (conflict.kind() == FindingKind::kReplicasWithoutTable && Pick(random, 0, 1) > 0) {
    return absl::StrCat("named:", Pick(random, 2, 9), ":3");
  }
  if (conflict.kind() == FindingKind::kAppIdGap && Pick(random, 0, 1) > 0) return "keep";
  return "ignore";
}

// What no conflict calls for: another value than the one that was taken.
void SettleOtherwise(const Finding& finding, std::mt19937& random, PlanOptions& options) {
  const auto* differing = finding.facts.As<found::RecordsDiffer>();
  if (differing == nullptr || Pick(random, 0, 2) > 0) return;
  options.settlements[SettlementKeysOf(finding).back()] =
      differing->rule == RecordRule::kOperation ? "ignore" : differing->values.back().value;
}

// Accepts what is missing, one by one.
void Accept(const RecoveryPlan& plan, const Finding& finding, std::mt19937& random,
            PlanOptions& options) {
  if (finding.severity != Severity::kError || Pick(random, 0, 5) == 0) return;
  if (const auto* unlisted = finding.facts.As<found::UnlistedServer>()) {
    options.bad_nodes_skipped.insert(unlisted->address);
  } else if (finding.kind() == FindingKind::kBadNode) {
    options.bad_nodes_skipped.insert(plan.nodes[finding.node].listed_as.front());
  } else if (finding.kind() == FindingKind::kTableProbablyDropped) {
    options.settlements[SettlementKeysOf(finding).back()] = "ignore";
  } else if (finding.kind() == FindingKind::kPartitionLost) {
    options.lost_partitions_skipped.insert(
        absl::StrCat(finding.app_id, ".", finding.partition_index));
  }
}

void Settle(const RecoveryPlan& plan, std::mt19937& random, PlanOptions& options) {
  for (const Finding& finding : plan.findings) {
    Accept(plan, finding, random, options);
    SettleOtherwise(finding, random, options);
    if (finding.severity != Severity::kConflict || Pick(random, 0, 3) == 0) continue;
    options.settlements[SettlementKeysOf(finding).back()] = SettlementOf(finding, random);
  }
}

void ExpectReadsBackEqual(const RecoveryPlan& plan) {
  const auto decoded = DecodePlan(EncodePlan(plan), "plan");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_TRUE(*decoded == plan);
}

TEST(PlannerProperties, EveryPlanReadsBackEqual) {
  std::mt19937 random(11);
  int settled = 0;
  std::set<PlanOutcome> outcomes;
  for (int round = 0; round < 600 / kShare; ++round) {
    SCOPED_TRACE(round);
    const Evidence evidence = RandomEvidence(random);
    PlanOptions options = RandomOptions(random);
    const auto plan = MakePlan(evidence, options);
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_NO_FATAL_FAILURE(ExpectReadsBackEqual(*plan));
    outcomes.insert(plan->outcome);
    const PlanOptions before = options;
    Settle(*plan, random, options);
    if (options == before) continue;
    const auto again = MakePlan(evidence, options);
    if (!again.ok()) continue;  // an answer that is none
    ++settled;
    outcomes.insert(again->outcome);
    ASSERT_NO_FATAL_FAILURE(ExpectReadsBackEqual(*again));
  }
  EXPECT_GT(settled, 100 / kShare);
  EXPECT_EQ(outcomes.size(), 3u);
}

TEST(PlannerProperties, EverySubsetOfTheNodesGivesAPlan) {
  std::mt19937 random(13);
  for (int round = 0; round < 60 / kShare; ++round) {
    const Evidence evidence = RandomEvidence(random);
    for (unsigned subset = 1; subset < 1u << evidence.nodes.size(); ++subset) {
      Evidence part = evidence;
      part.nodes.clear();
      for (size_t i = 0; i < evidence.nodes.size(); ++i) {
        if ((subset >> i & 1) != 0) part.nodes.push_back(evidence.nodes[i]);
      }
      const auto plan = MakePlan(part, kSkipAll);
      ASSERT_TRUE(plan.ok()) << plan.status();
      CheckInvariants(*plan, part);
    }
  }
}

TEST(PlannerProperties, AnythingInTheEvidenceGivesAPlanOrAnErrorInAnyOrder) {
  std::mt19937 random(17);
  int plans = 0;
  for (int round = 0; round < 400 / kShare; ++round) {
    SCOPED_TRACE(round);
    Evidence evidence = RandomEvidence(random);
    Mutate(evidence, random);
    // A small bound, so that wild numbers are refused instead of filling memory.
    PlanOptions options = kSkipAll;
    options.max_partition_count = 1000;
    options.max_app_id = 1000;
    const auto plan = MakePlan(evidence, options);
    plans += plan.ok();
    Shuffle(evidence, random);
    const auto again = MakePlan(evidence, options);
    ASSERT_EQ(again.status(), plan.status());
    if (plan.ok()) {
      ASSERT_TRUE(*again == *plan);
      const auto decoded = DecodePlan(EncodePlan(*plan), "plan");
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      ASSERT_TRUE(*decoded == *plan);
    }
  }
  EXPECT_GT(plans, 300 / kShare);
}

}  // namespace
}  // namespace metarec
