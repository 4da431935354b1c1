#include "tools/cli/verbs.h"

namespace metarec::tools {
namespace {

constexpr char kRecovery[] = "RECOVERY";
constexpr char kCluster[] = "CLUSTER";
constexpr char kZooKeeper[] = "ZOOKEEPER";
constexpr char kTables[] = "TABLES";
constexpr char kMigration[] = "MIGRATION";

constexpr VerbRow kVerbs[] = {
    {"collect", "ask replica servers what they hold and write it down", kRecovery,
     &MakeCollectVerb},
    {"plan", "decide what the metadata will be, and say why", kRecovery, &MakePlanVerb},
    {"report", "show the report of a plan file", kRecovery, &MakeReportVerb},
    {"explain", "say why a plan does what it does with a partition, a table or a node", kRecovery,
     &MakeExplainVerb},
    {"apply", "write a plan into an empty ZooKeeper root", kRecovery, &MakeApplyVerb},
    {"verify", "compare a ZooKeeper root with a plan or with fresh evidence", kRecovery,
     &MakeVerifyVerb},
    {"recover", "collect, plan, apply and verify, as Pegasus's recover command", kRecovery,
     &MakeRecoverVerb},
    {"ls", "list the tables", kCluster, &MakeLsVerb},
    {"nodes", "list the replica servers", kCluster, &MakeNodesVerb},
    {"app", "show one table", kCluster, &MakeAppVerb},
    {"cluster_info", "show what the meta servers say about the cluster", kCluster,
     &MakeClusterInfoVerb},
    {"set_meta_level", "set how much meta servers do by themselves", kCluster,
     &MakeSetMetaLevelVerb},
    {"rename", "give a table another name", kCluster, &MakeRenameVerb},
    {"table copy", "copy the rows of a table into another cluster, as Pegasus's copy_data", kTables,
     &MakeTableCopyVerb},
    {"table diff", "compare two tables row by row", kTables, &MakeTableDiffVerb},
    {"table split", "make files to bulk load of a cold backup, for any number of partitions",
     kTables, &MakeTableSplitVerb},
    {"zk ls", "list the children of a znode", kZooKeeper, &MakeZkLsVerb},
    {"zk cat", "print the data of a znode", kZooKeeper, &MakeZkCatVerb},
    {"zk tree", "count znodes and bytes of each child, as du does", kZooKeeper, &MakeZkTreeVerb},
    {"zk export", "write a tree into a file", kZooKeeper, &MakeZkExportVerb},
    {"zk diff", "compare two trees", kZooKeeper, &MakeZkDiffVerb},
    {"zk verify", "compare a tree with a file of it", kZooKeeper, &MakeZkVerifyVerb},
    {"zk copy", "copy a tree into a running ZooKeeper, and read it back", kZooKeeper,
     &MakeZkCopyVerb},
    {"zk import", "copy a tree file or a data directory into a running ZooKeeper", kZooKeeper,
     &MakeZkImportVerb},
    {"zk rm", "delete a tree, exactly what was seen of it", kZooKeeper, &MakeZkRmVerb},
    {"migrate plan", "say what a move to another ZooKeeper would do, and what it would lose",
     kMigration, &MakeMigratePlanVerb},
    {"migrate run", "take the steps of a plan, or go on with them", kMigration,
     &MakeMigrateRunVerb},
    {"migrate status", "say where a move stands", kMigration, &MakeMigrateStatusVerb},
    {"migrate abort", "undo what a move has done", kMigration, &MakeMigrateAbortVerb},
    {"migrate finish", "remove the old tree, once all is well", kMigration, &MakeMigrateFinishVerb},
    {"live link", "link two ZooKeepers for one election", kMigration, &MakeLiveLinkVerb},
    {"live phase", "lead an election from one ZooKeeper to the other, or back", kMigration,
     &MakeLivePhaseVerb},
    {"live status", "show an election as two ZooKeepers have it", kMigration, &MakeLiveStatusVerb},
};

constexpr VerbGroupRow kGroups[] = {
    {"table", "copy, compare and split tables", kTables},
    {"zk", "read, compare, copy and delete ZooKeeper trees of any kind", kZooKeeper},
    {"migrate", "move a cluster to another ZooKeeper", kMigration},
    {"live", "move an election to another ZooKeeper while its candidates run", kMigration},
};

}  // namespace

absl::Span<const VerbRow> VerbTable() { return kVerbs; }

absl::Span<const VerbGroupRow> VerbGroups() { return kGroups; }

}  // namespace metarec::tools
