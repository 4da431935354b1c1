#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <glog/logging.h>

#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/planner/settlements.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/evidence_program.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/root_world.h"
#include "zk_store/topology/topology_reader.h"

namespace metarec::fuzz {
namespace {

constexpr int64_t kNumberMax = int64_t{1} << 53;  // of ballots and decrees
constexpr int kSettlementsMax = 6;

PlanOptions MakeOptions(ByteSource& source) {
  constexpr absl::string_view kSeparators[] = {"-", "_", ".", "__"};
  constexpr int32_t kBounds[] = {64, 5, 16, 300};
  PlanOptions options;
  options.skip_bad_nodes = !source.OneIn(4);
  options.skip_lost_partitions = !source.OneIn(4);
  options.accept_still_served = source.OneIn(2);
  options.rename_separator =
      source.OneIn(16) ? source.Text(22) : std::string(source.Choose(kSeparators));
  options.max_app_id = source.Choose(kBounds);
  options.max_id_gap = options.max_app_id / 4;
  options.max_partition_count = source.Choose(kBounds);
  return options;
}

// What an operator may answer to a conflict, right or wrong.
std::string Answer(const Finding& conflict, ByteSource& source) {
  const auto* differing = conflict.facts.As<found::RecordsConflict>();
  switch (source.Pick(0, 4)) {
    case 0:
      if (conflict.kind() == FindingKind::kAppIdGap) return "keep";
      return differing == nullptr ? "ignore" : differing->values.front().value;
    case 1:
      return absl::StrCat(source.Pick(0, 20));
    case 2: {
      const int32_t partitions = source.Pick(0, 20);
      return absl::StrCat("saved:", partitions, ":", source.Pick(0, 5));
    }
    case 3:
      return source.Text(10);
    default:
      return "ignore";
  }
}

// Plans, and answers conflicts until there are none or the answers are used up.
absl::StatusOr<RecoveryPlan> PlanAndSettle(const Evidence& evidence, PlanOptions& options,
                                           ByteSource& source) {
  for (int i = 0; i < kSettlementsMax; ++i) {
    auto plan = MakePlan(evidence, options);
    if (!plan.ok() || plan->outcome != PlanOutcome::kConflict || source.empty()) return plan;
    const auto conflict = std::find_if(
        plan->findings.begin(), plan->findings.end(),
        [](const Finding& finding) { return finding.severity == Severity::kConflict; });
    CHECK(conflict != plan->findings.end());
    const std::vector<std::string> keys = SettlementKeysOf(*conflict);
    CHECK(!keys.empty()) << "a conflict that cannot be settled";
    const PlanOptions before = options;
    options.settlements[keys[source.Byte() % keys.size()]] = Answer(*conflict, source);
    if (!MakePlan(evidence, options).ok()) options = before;  // refused, with a reason
  }
  return MakePlan(evidence, options);
}

struct Best {
  const NodeEvidence* node = nullptr;
  const ReplicaRecord* replica = nullptr;
  std::set<Ipv4Endpoint> nodes;  // with a replica as good
};

auto Rank(const NodeEvidence& node, const ReplicaRecord& replica) {
  const auto status = static_cast<int32_t>(replica.status);
  const bool complete = status != 2 && status != 5 && status != 6;
  return std::make_tuple(complete, replica.ballot, !node.disk.has_value(), status == 3,
                         replica.last_committed_decree, replica.last_prepared_decree);
}

// The rules once more, the simple way.
Best BestReplica(const Evidence& evidence, int32_t app_id, int32_t index) {
  Best best;
  for (const NodeEvidence& node : evidence.nodes) {
    if (!node.complete()) continue;
    for (const ReplicaRecord& replica : node.replicas) {
      if (replica.app_id != app_id || replica.partition_index != index) continue;
      const bool sane =
          replica.ballot >= 0 && replica.ballot <= kNumberMax &&
          replica.last_committed_decree >= -1 && replica.last_committed_decree <= kNumberMax &&
          replica.last_prepared_decree >= -1 && replica.last_prepared_decree <= kNumberMax;
      if (!sane) continue;
      if (best.replica == nullptr || Rank(node, replica) > Rank(*best.node, *best.replica)) {
        best = {.node = &node, .replica = &replica, .nodes = {}};
      }
      if (Rank(node, replica) == Rank(*best.node, *best.replica)) best.nodes.insert(node.address);
    }
  }
  return best;
}

void CheckPartition(const RecoveryPlan& plan, const Evidence& evidence, const TopologyTable& table,
                    const TopologyPartition& partition) {
  const Best best = BestReplica(evidence, table.app_id, partition.index);
  CHECK_EQ(best.replica == nullptr, partition.primary == kNoNode);
  if (best.replica == nullptr) {
    CHECK(plan.options.skip_lost_partitions) << "a lost partition that nobody accepted";
    return;
  }
  CHECK(best.nodes.contains(plan.topology.nodes[partition.primary].address));
  CHECK_GE(partition.ballot, best.replica->ballot);
  CHECK_EQ(partition.last_committed_decree, best.replica->last_committed_decree);
  std::set<NodeIndex> members = {partition.primary};
  for (const NodeIndex node : plan.topology.LastDropsOf(partition)) {
    CHECK(members.insert(node).second) << "a node twice";
    CHECK_EQ(plan.nodes[node].error, "ERR_OK");
  }
  CHECK_LE(static_cast<int64_t>(members.size()), table.max_replica_count);
}

// Of a plan that may be applied.
void CheckInvariants(const RecoveryPlan& plan, const Evidence& evidence) {
  CHECK(CheckTopology(plan.topology).ok()) << CheckTopology(plan.topology);
  std::set<std::string> living;
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    const TopologyTable& table = plan.topology.tables[i];
    CHECK_EQ(table.app_id, static_cast<int32_t>(i) + 1);
    if (plan.tables[i].placeholder) {
      CHECK(table.status == TableStatus::kDropped);
      continue;
    }
    CHECK(table.status == TableStatus::kAvailable);
    CHECK(!table.app_name.empty());
    CHECK(living.insert(table.app_name).second) << "two living tables of one name";
    const bool whole = table.init_partition_count == table.partition_count;
    if (whole) CHECK_EQ(static_cast<int32_t>(table.partitions_count), table.partition_count);
    for (const TopologyPartition& partition : plan.topology.PartitionsOf(table)) {
      CheckPartition(plan, evidence, table, partition);
    }
  }
  for (const Finding& finding : plan.findings) {
    CHECK(finding.severity != Severity::kError && finding.severity != Severity::kConflict);
  }
}

void CheckOrderDoesNotMatter(const RecoveryPlan& plan, Evidence evidence) {
  std::reverse(evidence.nodes.begin(), evidence.nodes.end());
  for (NodeEvidence& node : evidence.nodes) {
    std::reverse(node.tables.begin(), node.tables.end());
    std::reverse(node.replicas.begin(), node.replicas.end());
  }
  const auto again = MakePlan(std::move(evidence), plan.options);
  CHECK(again.ok()) << again.status();
  CHECK(*again == plan);
}

void CheckFile(const RecoveryPlan& plan) {
  const auto decoded = DecodePlan(EncodePlan(plan), "plan");
  CHECK(decoded.ok()) << decoded.status();
  CHECK(*decoded == plan);
}

// A few answers get lost, before or after the operation.
testing::FaultInjector LostAnswers(ByteSource& source) {
  std::set<int64_t> before;
  std::set<int64_t> after;
  for (int i = source.Pick(0, 4); i > 0; --i) {
    (source.OneIn(2) ? before : after).insert(source.Pick(0, 60));
  }
  return [before, after](const testing::StoreCall& call) -> std::optional<testing::StoreFault> {
    using Moment = testing::StoreFault::Moment;
    if (before.contains(call.index)) return testing::StoreFault{.moment = Moment::kBefore};
    if (after.contains(call.index)) return testing::StoreFault{.moment = Moment::kAfter};
    return std::nullopt;
  };
}

std::string Member(const Topology& topology, NodeIndex node) {
  return node == kNoNode ? "" : topology.nodes[node].address.ToString();
}

void CheckReadsBack(const RecoveryPlan& plan, const RootContents& contents) {
  CHECK_EQ(contents.problems_count, contents.unfinished_splits);
  const auto found = TopologyOf(contents);
  CHECK(found.ok()) << found.status();
  const Topology& planned = plan.topology;
  const Topology& read = *found;
  CHECK(read.tables == planned.tables);
  CHECK_EQ(read.partitions.size(), planned.partitions.size());
  for (size_t i = 0; i < read.partitions.size(); ++i) {
    const TopologyPartition& a = read.partitions[i];
    const TopologyPartition& b = planned.partitions[i];
    CHECK_EQ(a.index, b.index);
    CHECK_EQ(a.ballot, b.ballot);
    CHECK_EQ(a.last_committed_decree, b.last_committed_decree);
    CHECK_EQ(Member(read, a.primary), Member(planned, b.primary));
    CHECK_EQ(a.last_drops_count, b.last_drops_count);
    for (uint32_t n = 0; n < a.last_drops_count; ++n) {
      CHECK_EQ(Member(read, read.LastDropsOf(a)[n]), Member(planned, planned.LastDropsOf(b)[n]));
    }
  }
}

void WriteAndReadBack(const RecoveryPlan& plan, ByteSource& source) {
  const auto digest = TopologyDigest(plan.topology);
  CHECK(digest.ok()) << digest.status();
  RootWorld world(LostAnswers(source));
  const auto written = world.Write(plan.topology, kRoot, *digest);
  CHECK(written.ok()) << written.status();
  CHECK(world.Verify(plan.topology, kRoot).clean());
  const auto contents = world.Read(kRoot);
  CHECK(contents.ok()) << contents.status();
  CheckReadsBack(plan, *contents);
  // Once more changes nothing.
  const auto before = world.Dump();
  const auto again = world.Write(plan.topology, kRoot, *digest);
  CHECK(again.ok()) << again.status();
  CHECK(again->already_finished);
  CHECK(world.Dump() == before);
}

}  // namespace

void FuzzRecovery(absl::string_view input) {
  ByteSource source(input);
  PlanOptions options = MakeOptions(source);
  const std::string answer_bytes = source.Text(40);
  ByteSource answers(answer_bytes);
  const Evidence evidence = MakeEvidence(source);
  const auto plan = PlanAndSettle(evidence, options, answers);
  if (!plan.ok()) return;
  CheckOrderDoesNotMatter(*plan, evidence);
  CheckFile(*plan);
  RenderEverything(*plan);
  if (plan->outcome != PlanOutcome::kReady) return;
  CheckInvariants(*plan, evidence);
  WriteAndReadBack(*plan, answers);
}

}  // namespace metarec::fuzz
