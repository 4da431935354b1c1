#include "tests/meta_recovery/plan_file/worlds_of_findings.h"

#include "tests/meta_recovery/planner/old_tree_builder.h"
#include "tests/meta_recovery/planner/plan_matchers.h"

namespace metarec {
namespace {

RecoveryPlan Differing(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  cluster.Node("n3").With([](TableRecord& table) {
    table.app_name = "old";
    table.drop_second = 7;
    table.status = TableStatus::kDropping;
    table.envs["k"] = "old";
    table.duplicating = true;
  });
  cluster.Node("n2").With([](TableRecord& table) { table.envs["k"] = "new"; });
  cluster.Node("n1").With([](TableRecord& table) { table.envs["k"] = "new"; });
  return Plan(cluster, options);
}

// One table of which the fields that never change differ, one of which a vote is tied, and one of
// which nobody knows the partition count.
RecoveryPlan Conflicting(const PlanOptions& options = {}) {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Everywhere(1, "temp", 1).Everywhere(2, "tied", 1).Everywhere(3, "wide", 2);
  for (SharedTableRecord& record : cluster.Node("n2").Current().tables) {
    TableRecord& table = record.Mutable();
    if (table.app_id == 1) table.app_type = "other";
    if (table.app_id == 2) table.max_replica_count = 2;
    if (table.app_id == 3) table.partition_count = 3;
  }
  return Plan(cluster, options);
}

RecoveryPlan Homeless(const PlanOptions& options = {}) {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Everywhere(3, "temp", 1);
  cluster.Node("n1").Replica("1.0").Replica("1.2").Replica("3.4");
  cluster.Node("n2").Replica("1.2").Replica("9.0").Replica("3.4").Replica("3.5");
  cluster.Table(9, "far", 1);
  return Plan(cluster, options);
}

RecoveryPlan Unfinished(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n3").With([](TableRecord& table) { table.partition_count = 4; });
  cluster.Replica("1.2").Replica("1.3", {.status = ReplicaStatus::kPartitionSplit});
  return Plan(cluster, options);
}

RecoveryPlan Split() {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 4).With([](TableRecord& table) {
    table.init_partition_count = 2;
  });
  cluster.Replicas(1, 0, 2);
  return Plan(cluster, {.skip_lost_partitions = true});
}

RecoveryPlan Ranked() {
  Cluster cluster = ThreeNodes();
  cluster.Node("n4");
  cluster.Node("n1").Table(1, "temp", 2).Replica("1.0", {.ballot = 5});
  cluster.Node("n2").Replica("1.0", {.ballot = 4, .committed = 12, .prepared = 12});
  cluster.Node("n3").Replica("1.0", {.ballot = 7, .status = ReplicaStatus::kError});
  cluster.Node("n4").Replica("1.0", {.ballot = 6, .status = ReplicaStatus::kPotentialSecondary});
  cluster.Node("n4").Replica("1.1", {.status = ReplicaStatus::kPotentialSecondary});
  return Plan(cluster);
}

RecoveryPlan Named() {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Node("n1").Current().listed_as.push_back("other:34801");
  cluster.Everywhere(1, "temp", 1).Everywhere(3, "temp", 1).Everywhere(4, "a-b", 1);
  cluster.Everywhere(5, "dropped", 1, {.status = ReplicaStatus::kError});
  return Plan(cluster);
}

RecoveryPlan Served(const PlanOptions& options = {}) {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.0", {.status = ReplicaStatus::kPrimary});
  cluster.Node("n2").Table(1, "temp", 1).Replica("1.0", {.status = ReplicaStatus::kSecondary});
  return Plan(cluster, options);
}

RecoveryPlan Invalid() {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Everywhere(1, "temp", 1);
  cluster.Node("n1").Replica("1.0", {.ballot = -1}).Replica("1.0", {.ballot = 1});
  cluster.Table(2, "", 1).Table(1, "temp", 1);
  return Plan(cluster);
}

RecoveryPlan Skipped(const PlanOptions& options) {
  Cluster cluster;
  cluster.Node("n1").Table(2, "gone", 1);
  cluster.BadNode("n2");
  return Plan(cluster, options);
}

// Beacons and answers that contradict the list.
RecoveryPlan Strange(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n1").Table(1, "temp", 1);
  Evidence evidence = cluster.Build();
  const auto address = [](uint32_t ip) { return Ipv4Endpoint{.ip = ip, .port = 34801}; };
  evidence.nodes[0].own_address = address(0x7f000101);
  evidence.nodes[1].ambiguous = {{.text = "n2:34801", .not_asked = {address(0x0a000009)}}};
  evidence.nodes[1].beacon_names = {"n2:34802"};
  evidence.nodes[2].address = address(0x7f000001);
  evidence.unlisted = {{.address = address(0x0a000007), .names = {"n7:34801"}, .is_there = true},
                       {.address = address(0x0a000008), .names = {"n8:34801"}, .is_there = false}};
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : RecoveryPlan();
}

// Leftovers of dropped tables, one that a node reports as dropped, and an id far above the others.
RecoveryPlan Leftover(const PlanOptions& options = {}) {
  constexpr ReplicaState kLearner = {.status = ReplicaStatus::kPotentialSecondary};
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1).Everywhere(4, "reported", 1);
  cluster.Node("n3").Current().tables[1].Mutable().status = TableStatus::kDropped;
  cluster.Node("n1").Table(2, "gone", 3).Replica("2.1", kLearner);
  cluster.Node("n2").Table(3, "closed", 2).Replica("3.0", {.status = ReplicaStatus::kError});
  cluster.Table(90, "far", 1).Replica("90.0");
  PlanOptions with_gap = options;
  with_gap.max_id_gap = 20;
  return Plan(cluster, with_gap);
}

// Envs that are kept, that only outdated records have, and that belong to an operation.
RecoveryPlan Environed(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1, {.ballot = 10});
  cluster.Node("n1").With([](TableRecord& table) {
    table.envs = {{"k", "v"}, {"old", "1"}, {"replica.deny_client_request", "reconfig*all"}};
  });
  cluster.Current().replicas[0].ballot = 2;
  cluster.Node("n2").With([](TableRecord& table) { table.envs = {{"k", "w"}}; });
  return Plan(cluster, options);
}

// A server that does not run: the only copy of a partition, the highest ballot of another, and a
// copy of a third that a running one overrules.
RecoveryPlan OnDisk() {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 3).Replica("1.1", {.ballot = 3}).Replica("1.2");
  cluster.Node("n2").Table(1, "temp", 3);
  cluster.Replica("1.0").Replica("1.1", {.ballot = 4}).Replica("1.2", {.committed = 99});
  cluster.Current().disk = DiskFolders{.set_aside = {"/d/1.0.pegasus.7.err"},
                                       .unusable = {"/d/1.5.pegasus: .app-info is missing"}};
  return Plan(cluster);
}

// Bad nodes and losses that are accepted by name.
RecoveryPlan Narrow() {
  Cluster cluster = ThreeNodes();
  cluster.Node("n1").Table(1, "temp", 2).Replica("1.0");
  cluster.BadNode("n4");
  return Plan(cluster, {.bad_nodes_skipped = {"n4:34801"}, .lost_partitions_skipped = {"1.1"}});
}

// Old trees, with all that can become of tables and of what stands beside them.
RecoveryPlan Carried(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1)
      .Everywhere(2, "users", 1, {.ballot = 4})
      .Everywhere(3, "old", 1, {.status = ReplicaStatus::kError})
      .Everywhere(4, "wide", 2);
  for (SharedTableRecord& record : cluster.Current().tables) {
    if (record->app_id == 1) record.Mutable().envs = {{"k", "v"}};
  }
  OldTreeOf tree("zk1/data");
  tree.Table(1, "temp", 1).With([](TableDescription& table) { table.envs = {{"ttl", "7"}}; });
  tree.Duplicated()
      .Table(2, "users", 1)
      .With([](TableDescription& table) {
        table.envs = {{"ttl", "8"}};
      })
      .Table(3, "old", 1)
      .Dropped()
      .Table(4, "wide", 4)
      .Table(5, "gone", 2)
      .Dropped()
      .Table(6, "lost", 2)
      .Duplicated()
      .Beside("/backup")
      .Beside("/backup/daily", "{}")
      .Beside("/bulk_load")
      .Beside("/bulk_load/1", "{}")
      .Beside("/bulk_load/2", "{}")
      .WithTree([](OldTree& of_server) {
        of_server.kind = OldTreeKind::kDataDirectory;
        of_server.committed_zxid = 12;
        of_server.confirmed_by = {"zk2/data"};
        of_server.problems = {"/pegasus/demo/apps/9: ?"};
        of_server.problems_count = 1;
      });
  OldTreeOf other("other");
  other.Table(1, "temp", 1, 1).Table(2, "users", 1, 1).With([](TableDescription& table) {
    table.create_second = 17;
  });
  return Plan(cluster, options, {tree.Build(), other.Build()});
}

// Partitions that are whole at once, in part, and not at all.
RecoveryPlan Warm() {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 3);
  cluster.Node("n2").Current().replicas[1].last_committed_decree = 9;
  ReplicaRecord& behind = cluster.Node("n3").Current().replicas[1];
  behind.last_committed_decree = behind.last_prepared_decree = 9;
  for (const char* node : {"n1", "n3"}) --cluster.Node(node).Current().replicas[2].ballot;
  return Plan(cluster, {.membership = Membership::kWarm});
}

}  // namespace

std::vector<FindingWorld> WorldsOfFindings() {
  Cluster nobody;
  nobody.BadNode("n1");
  return {
      {"differing", Differing()},
      {"conflicting", Conflicting()},
      {"decided", Conflicting({.settlements = {{"1.app_type", "other"},
                                               {"2.max_replica_count", "3"},
                                               {"3.partition_count", "2"}}})},
      {"homeless", Homeless({.max_app_id = 8})},
      {"ignored",
       Homeless({.max_app_id = 8,
                 .settlements =
                     {{"1", "ignore"}, {"9", "ignore"}, {"3.4", "ignore"}, {"3.5", "ignore"}}})},
      {"described", Homeless({.settlements = {{"1", "named:4:3"}, {"3.partition_count", "8"}}})},
      {"unfinished", Unfinished()},
      {"split", Split()},
      {"ranked", Ranked()},
      {"named", Named()},
      {"served", Served()},
      {"served and accepted", Served({.accept_still_served = true})},
      {"invalid", Invalid()},
      {"skipped", Skipped({.skip_bad_nodes = true, .skip_lost_partitions = true})},
      {"not skipped", Skipped({})},
      {"not accepted", Skipped({.skip_bad_nodes = true})},
      {"strange", Strange()},
      {"leftover", Leftover()},
      {"left out",
       Leftover({.settlements = {{"2", "ignore"}, {"4.status", "AS_DROPPED"}, {"90", "ignore"}}})},
      {"accepted", Leftover({.lost_partitions_skipped = {"2", "3.1"},
                             .settlements = {{"4.status", "AS_AVAILABLE"}, {"90", "keep"}}})},
      {"environed", Environed()},
      {"environed and decided",
       Environed({.settlements = {{"1.envs.k", "v"}, {"1.envs.old", "1"}}})},
      {"on disk", OnDisk()},
      {"narrow", Narrow()},
      {"carried", Carried()},
      {"carried with duplications", Carried({.carry_duplications = true})},
      {"outvoted", Differing({.settlements = {{"1.app_name", "old"},
                                              {"1.drop_second", "0"},
                                              {"1.duplicating", "false"},
                                              {"1.envs.k", "ignore"},
                                              {"1.status", "AS_AVAILABLE"}}})},
      {"warm", Warm()},
      {"silent", Plan(nobody, {.skip_bad_nodes = true})},
  };
}

}  // namespace metarec
