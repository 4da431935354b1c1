// Partitions that live, lose ZooKeeper, and are recovered with the secondaries that the planner
// finds: members must agree on what is committed, no server may abort, nothing that a client was
// told is written may be lost.

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "meta_recovery/plan_file/plan_excerpt.h"
#include "meta_recovery/planner/membership_rule.h"
#include "meta_recovery/planner/planner.h"
#include "replica_group.h"
#include "simulation.h"

namespace metarec::simulation {
namespace {

constexpr absl::string_view kSameBallot = "same_ballot";
constexpr absl::string_view kOneTooLow = "prepared_one_too_low";
// As kOneTooLow, but what is prepared reaches what the primary has committed.
constexpr absl::string_view kPreparedIsEnough = "prepared_is_enough";

class MembershipWorld {
 public:
  MembershipWorld(uint64_t seed, const RunOptions& options)
      : random_(seed),
        trace_(options.trace),
        planted_(options.planted),
        max_replica_count_(static_cast<int>(random_.OneIn(6) ? 2 : 3)),
        group_(&random_, &trace_, static_cast<int>(random_.Pick(max_replica_count_, 5)),
               max_replica_count_) {}

  Outcome Run() {
    Live();
    Recover();
    Outcome outcome;
    outcome.steps = group_.steps();
    outcome.violations = group_.violations();
    ++outcome.ends[end_];
    Say(absl::StrCat(end_, ", ", group_.acked().size(), " writes"));
    for (const std::string& violation : outcome.violations) Say(violation);
    outcome.hash = trace_.hash();
    return outcome;
  }

 private:
  void Say(absl::string_view what) { trace_.Add(absl::UnixEpoch(), "world", what); }

  void Live() {
    // The first primary is alone.
    group_.Create(0);
    for (int64_t i = random_.Pick(20, 300); i > 0; --i) group_.Step(/*calm=*/false);
    // Half of them heal before the disaster.
    for (int64_t i = random_.OneIn(2) ? random_.Pick(50, 150) : 0; i > 0; --i) {
      group_.Step(/*calm=*/true);
    }
    const bool was_well = group_.violations().empty();
    group_.CheckMembers();
    if (!group_.violations().empty() && was_well) Say("wrong before the disaster");
    if (random_.OneIn(2)) group_.Rest();
    group_.LoseMeta();
    std::set<int> members = group_.config().secondaries;
    members.insert(group_.config().primary);
    group_.RestartSome();
    for (int node = 0; node < group_.size(); ++node) {
      is_any_lost_ |= group_.has_replica(node) && !group_.IsUp(node);
      is_any_left_over_ |= group_.IsUp(node) && !members.contains(node) &&
                           group_.replica(node).ballot() == group_.config().ballot;
    }
    acked_before_ = group_.acked();
  }

  Evidence Collect() const {
    Evidence evidence;
    evidence.collected_at = absl::UnixEpoch();
    for (int node = 0; node < group_.size(); ++node) {
      if (!group_.IsUp(node)) continue;
      NodeEvidence& collected = evidence.nodes.emplace_back();
      collected.address = {.ip = 0x0A000001 + static_cast<uint32_t>(node), .port = 34801};
      collected.name = absl::StrCat("rs", node, ":34801");
      collected.listed_as = {collected.name};
      TableRecord table;
      table.app_type = "pegasus";
      table.app_name = "temp";
      table.app_id = 1;
      table.partition_count = table.init_partition_count = 1;
      table.is_stateful = true;
      table.max_replica_count = max_replica_count_;
      collected.tables.emplace_back(table);
      if (!group_.has_replica(node)) continue;
      const StockReplica& replica = group_.replica(node);
      Say(node, replica);
      collected.replicas.push_back({.app_id = 1,
                                    .partition_index = 0,
                                    .ballot = replica.ballot(),
                                    .last_committed_decree = replica.committed(),
                                    .last_prepared_decree = replica.LastPrepared(),
                                    .status = replica.status()});
    }
    return evidence;
  }

  void Say(int node, const StockReplica& replica) const {
    trace_.Add(absl::UnixEpoch(), absl::StrCat("rs", node),
               absl::StrCat(ReplicaStatusName(replica.status()), " ballot ", replica.ballot(), ", ",
                            replica.committed(), "/", replica.LastPrepared(), "/",
                            replica.max_decree(), replica.is_transient() ? "" : ", for ever"));
  }

  // What the fault makes of the plan's partition.
  void Plant(const RecoveryPlan& plan, GroupConfig* config) const {
    if (planted_ == kSameBallot && !config->secondaries.empty()) --config->ballot;
    if (planted_ != kOneTooLow && planted_ != kPreparedIsEnough) return;
    const auto replicas = plan.ReplicasOf(plan.partitions[0]);
    const int64_t lacks_most = planted_ == kOneTooLow ? 1 : 0;
    for (const RankedReplica& replica : replicas.subspan(1)) {
      const bool is_hit =
          replicas[0].status == ReplicaStatus::kInactive &&
          replica.status == ReplicaStatus::kInactive && replica.role == ReplicaRole::kLastDrop &&
          replica.ballot == replicas[0].ballot &&
          replica.last_prepared_decree + lacks_most >= replicas[0].last_committed_decree;
      if (!is_hit) continue;
      if (config->secondaries.empty()) ++config->ballot;
      config->secondaries.insert(NodeOf(plan, replica.node));
    }
  }

  static int NodeOf(const RecoveryPlan& plan, NodeIndex node) {
    return static_cast<int>(plan.topology.nodes[node].address.ip - 0x0A000001);
  }

  void Recover() {
    const Evidence evidence = Collect();
    if (evidence.nodes.empty()) {
      end_ = "no server is left";
      return;
    }
    PlanOptions options;
    options.membership = Membership::kWarm;
    const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, options);
    if (!plan.ok() || plan->outcome != PlanOutcome::kReady) {
      end_ = "no replica is left";
      return;
    }
    const TopologyPartition& partition = plan->topology.partitions[0];
    GroupConfig config;
    config.ballot = partition.ballot;
    config.primary = NodeOf(*plan, partition.primary);
    for (const NodeIndex node : plan->topology.SecondariesOf(partition)) {
      config.secondaries.insert(NodeOf(*plan, node));
    }
    Plant(*plan, &config);
    const std::set<int> warm = config.secondaries;
    Say(absl::StrCat("recovered at ballot ", config.ballot, " with primary ", config.primary,
                     " and ", warm.size(), " secondaries"));
    group_.Begin(std::move(config));
    group_.CheckMembers();
    Boot(warm, CountPlan(*plan).partitions_whole == 1);
    LiveOn();
  }

  // Everybody asks the meta server, and clients write at once.
  void Boot(const std::set<int>& warm, bool is_whole) {
    bool are_transient = group_.replica(group_.config().primary).is_transient();
    const bool is_primary_back =
        are_transient && !group_.replica(group_.config().primary).is_closed();
    for (const int node : warm) are_transient &= group_.replica(node).is_transient();
    for (int64_t i = random_.Pick(0, 5); i > 0; --i) group_.Step(/*calm=*/true);
    group_.SyncAll();
    group_.SyncAll();
    group_.DeliverAll();
    if (!is_primary_back) {
      end_ = "the primary was a learner or closed";
      return;
    }
    if (!is_whole || !planted_.empty()) {
      end_ = warm.empty() ? "cold" : "warm in part";
      return;
    }
    end_ = are_transient ? "whole at once" : "whole but for a learner";
    if (!are_transient) return;
    for (const int node : warm) {
      if (!group_.config().secondaries.contains(node) ||
          group_.replica(node).status() != ReplicaStatus::kSecondary) {
        group_.Violate(absl::StrCat("node ", node, " is no secondary at once"));
      }
    }
  }

  void LiveOn() {
    for (int64_t i = random_.Pick(20, 60); i > 0; --i) group_.Step(/*calm=*/true);
    group_.CheckMembers();
    for (int64_t i = random_.Pick(0, 100); i > 0; --i) group_.Step(/*calm=*/false);
    group_.CheckMembers();
    CheckAcked();
  }

  // A lost server may have been the only one with a write. And a replica that was removed, or was
  // learning, may look better than those that went on without it, as it does to a stock meta
  // server. While a primary has not committed a write again, it is in its list.
  void CheckAcked() {
    if (is_any_lost_ || is_any_left_over_ || group_.config().primary < 0) return;
    const StockReplica& primary = group_.replica(group_.config().primary);
    if (primary.status() != ReplicaStatus::kPrimary) return;
    std::set<int64_t> kept(primary.app().begin(), primary.app().end());
    for (const int64_t content : primary.Uncommitted()) kept.insert(content);
    for (const int64_t content : group_.acked()) {
      if (kept.contains(content)) continue;
      return group_.Violate(absl::StrCat("the write ", content, ", acknowledged ",
                                         acked_before_.contains(content) ? "before" : "after",
                                         " the disaster, is lost"));
    }
  }

  Random random_;
  mutable Trace trace_;
  const std::string planted_;
  const int max_replica_count_;
  ReplicaGroup group_;
  bool is_any_lost_ = false;
  bool is_any_left_over_ = false;  // that was no member, and has the members' ballot
  std::set<int64_t> acked_before_;
  std::string end_;
};

Outcome RunMembership(uint64_t seed, const RunOptions& options) {
  return MembershipWorld(seed, options).Run();
}

std::vector<std::string> NoItems(uint64_t) { return {}; }

}  // namespace

const WorldKind kMembershipWorld = {"membership", &RunMembership, &NoItems};

}  // namespace metarec::simulation
