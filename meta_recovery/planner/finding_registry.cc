#include "meta_recovery/planner/finding_registry.h"

#include <array>
#include <cstddef>

#include <absl/strings/str_cat.h>

#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/node_identity.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/planner/settlements.h"

namespace metarec {
namespace {

using enum Severity;
using About = FindingAbout;

constexpr int kReadLast = 99;

bool IsIgnored(const PlanOptions& options, const std::string& key) {
  const auto settled = options.settlements.find(key);
  return settled != options.settlements.end() && settled->second == kSettleIgnore;
}

template <Severity... severities>
Severities Always(const Finding&, const RecoveryPlan&, bool) {
  return {severities...};
}

Severities OfBadNode(const Finding& finding, const RecoveryPlan& plan, bool has_answer) {
  return {AcceptsBadNode(plan, finding.node) && has_answer ? kWarning : kError};
}

Severities OfUnlistedServer(const Finding& finding, const RecoveryPlan& plan, bool) {
  const auto& facts = *finding.facts.As<found::UnlistedServer>();
  return {AcceptsUnlistedServer(plan.options, facts) ? kHazard : kError};
}

Severities OfStillServed(const Finding&, const RecoveryPlan& plan, bool) {
  return {plan.options.accept_still_served ? kWarning : kHazard};
}

Severities OfTableProbablyDropped(const Finding& finding, const RecoveryPlan& plan, bool) {
  if (AcceptsLoss(plan.options, finding.app_id, -1)) return {kWarning};  // of the whole table
  for (const IndexRange& lost : finding.facts.As<found::TableProbablyDropped>()->partitions_lost) {
    for (int64_t index = lost.first; index <= lost.last; ++index) {
      if (!AcceptsLoss(plan.options, finding.app_id, static_cast<int32_t>(index))) return {kError};
    }
  }
  return {kWarning};
}

Severities OfPartitionLost(const Finding& finding, const RecoveryPlan& plan, bool) {
  const bool accepted = AcceptsLoss(plan.options, finding.app_id, finding.partition_index);
  return {accepted ? kWarning : kError};
}

Severities OfAppIdOutOfRange(const Finding& finding, const RecoveryPlan& plan, bool) {
  return {IsIgnored(plan.options, SettlementKey(finding.app_id)) ? kHazard : kConflict};
}

Severities OfAppIdGap(const Finding& finding, const RecoveryPlan& plan, bool) {
  const std::string key = SettlementKey(finding.app_id);
  if (IsIgnored(plan.options, key)) return {kHazard};
  return {plan.options.settlements.contains(key) ? kWarning : kConflict};
}

Severities OfReplicaBeyondCount(const Finding& finding, const RecoveryPlan& plan, bool) {
  const std::string key = SettlementKey(finding.app_id, finding.partition_index);
  return {IsIgnored(plan.options, key) ? kHazard : kConflict};
}

Severities OfReplicasWithoutTable(const Finding& finding, const RecoveryPlan& plan, bool) {
  const std::string key = SettlementKey(finding.app_id);
  if (IsIgnored(plan.options, key)) return {kHazard};
  return {plan.options.settlements.contains(key) ? kWarning : kConflict};
}

// Whether an old tree is as new as what the servers say, and committed.
Severities OfTableInOldTree(const Finding& finding, const RecoveryPlan& plan, bool) {
  const auto& facts = *finding.facts.As<found::TableInOldTree>();
  const size_t table = FindTable(plan, finding.app_id);
  const auto tree = static_cast<size_t>(facts.tree);
  if (table == SIZE_MAX || tree >= plan.old_trees.size()) return {};
  const OldTreeUse use = plan.tables[table].old_tree;
  const bool is_as_there = use == OldTreeUse::kCurrent || use == OldTreeUse::kStaysDropped;
  return {is_as_there && IsCommitted(plan.old_trees[tree], facts.changed_zxid) ? kNote : kWarning};
}

Severities OfZnodesCarried(const Finding& finding, const RecoveryPlan&, bool) {
  const auto& facts = *finding.facts.As<found::ZnodesCarried>();
  return {facts.fate == CarriedZnodes::kCarried ? kNote : kWarning};
}

// Its kind and its sentence follow from its facts.
template <typename Facts>
std::string Say(const RecoveryPlan& plan, const Finding& finding) {
  const Facts* facts = finding.facts.As<Facts>();
  return facts == nullptr ? "" : Sentence(plan, finding, *facts);
}

// Whoever recovers with Pegasus's shell sees no report, and is told of hazards all the same.
template <typename Facts>
std::string SayHazard(const RecoveryPlan& plan, const Finding& finding, absl::string_view) {
  if (finding.severity != kHazard) return "";
  return absl::StrCat(kHazardHint, Say<Facts>(plan, finding));
}

template <typename Facts>
constexpr FindingKindRow Row(FindingKindRow row) {
  row.kind = Facts::kKind;
  row.sentence = Say<Facts>;
  return row;
}

constexpr std::array kRows = {
    // Nodes.
    Row<found::BadNode>({.name = "bad_node",
                         .title = "nodes that did not answer completely",
                         .gravity = 5,
                         .about = About::kNode,
                         .severities = OfBadNode,
                         .hint = BadNodeHint}),
    Row<found::SkippedNodeReturns>({.name = "skipped_node_returns",
                                    .title = "nodes that were left out and may come back",
                                    .gravity = 3,
                                    .about = About::kNode,
                                    .severities = Always<kHazard>,
                                    .together = SkippedNodesReturn}),
    Row<found::NodeOnDisk>({.name = "node_on_disk",
                            .title = "nodes that do not run and are known from their disks",
                            .gravity = 3,
                            .about = About::kNode,
                            .severities = Always<kHazard>}),
    Row<found::NodeNameDiffers>({.name = "node_name_differs",
                                 .title = "nodes that call themselves otherwise than the list does",
                                 .gravity = kReadLast,
                                 .about = About::kNode,
                                 .severities = Always<kWarning, kNote>}),
    Row<found::NodeListedTwice>({.name = "node_listed_twice",
                                 .title = "nodes listed more than once",
                                 .gravity = kReadLast,
                                 .about = About::kNode,
                                 .severities = Always<kNote>}),
    Row<found::NodeNameAmbiguous>({.name = "node_name_ambiguous",
                                   .title = "listed names that have several addresses",
                                   .gravity = 12,
                                   .about = About::kNode,
                                   .severities = Always<kWarning>}),
    Row<found::NodeAddressDiffers>(
        {.name = "node_address_differs",
         .title = "nodes that give another address as their own than was asked",
         .gravity = 4,
         .about = About::kNode,
         .severities = Always<kHazard>,
         .hint = SayHazard<found::NodeAddressDiffers>}),
    Row<found::LoopbackAmongOthers>(
        {.name = "loopback_among_others",
         .title = "nodes with an address that no other machine can reach",
         .gravity = 4,
         .about = About::kNode,
         .severities = Always<kHazard>,
         .hint = SayHazard<found::LoopbackAmongOthers>}),
    Row<found::BeaconNotBelieved>({.name = "beacon_not_believed",
                                   .title = "beacons with names that are not believed",
                                   .gravity = 4,
                                   .about = About::kNode,
                                   .severities = Always<kHazard>,
                                   .hint = BeaconNotBelievedHint}),
    Row<found::UnlistedServer>({.name = "unlisted_server",
                                .title = "servers that send beacons but are not in the node list",
                                .gravity = 3,
                                .about = About::kCluster,
                                .severities = OfUnlistedServer,
                                .hint = UnlistedServerHint}),
    Row<found::UnconfirmedBeacons>(
        {.name = "unconfirmed_beacons",
         .title = "beacons of servers that are not in the list and cannot be seen",
         .gravity = 5,
         .about = About::kCluster,
         .severities = Always<kHazard>,
         .hint = UnconfirmedBeaconsHint}),
    Row<found::ServerMissing>({.name = "server_missing",
                               .title = "a replica server that the list probably lacks",
                               .gravity = 3,
                               .about = About::kCluster,
                               .severities = Always<kWarning>}),
    Row<found::StillServed>({.name = "still_served",
                             .title = "replicas that are still being served",
                             .gravity = 1,
                             .about = About::kCluster,
                             .severities = OfStillServed}),
    Row<found::NodeReportInvalid>({.name = "node_report_invalid",
                                   .title = "reports with parts that make no sense",
                                   .gravity = 18,
                                   .about = About::kNodeAndMaybeTable,
                                   .severities = Always<kWarning>}),

    // Tables.
    Row<found::TableInOldTree>({.name = "table_in_old_tree",
                                .title = "what old trees say of tables",
                                .gravity = 14,
                                .about = About::kTable,
                                .severities = OfTableInOldTree}),
    Row<found::CountInOldTree>({.name = "count_in_old_tree",
                                .title = "tables of which an old tree has another partition count",
                                .gravity = 13,
                                .about = About::kTable,
                                .severities = Always<kWarning>,
                                .hint = CountInOldTreeHint}),
    Row<found::ValueCarried>({.name = "value_carried",
                              .title = "values that are from an old tree",
                              .gravity = kReadLast,
                              .about = About::kTable,
                              .severities = Always<kNote>}),
    Row<found::ZnodesCarried>({.name = "znodes_carried",
                               .title = "other znodes of old trees",
                               .gravity = 16,
                               .about = About::kClusterOrTable,
                               .severities = OfZnodesCarried}),
    Row<found::TableRenamed>({.name = "table_renamed",
                              .title = "tables that get another name",
                              .gravity = 16,
                              .about = About::kTable,
                              .severities = Always<kWarning>,
                              .hint = TableRenamedHint,
                              .in_table = false}),
    Row<found::NameUnusableInShell>({.name = "name_unusable_in_shell",
                                     .title = "table names that stock shells refuse",
                                     .gravity = 6,
                                     .about = About::kTable,
                                     .severities = Always<kHazard, kNote>,
                                     .together = NamesUnusableInShell}),
    Row<found::TableProbablyDropped>(
        {.name = "table_probably_dropped",
         .title = "tables without a complete replica, probably dropped before the outage",
         .gravity = 15,
         .about = About::kTable,
         .severities = OfTableProbablyDropped,
         .in_table = false}),
    Row<found::RecordsDiffer>(
        {.name = "records_differ",
         .title = "fields that nodes report differently, decided by rule (weight: replicas with "
                  "the latest ballot)",
         .gravity = 17,
         .about = About::kTable,
         .severities = Always<kWarning, kNote>}),
    Row<found::RecordsConflict>(
        {.name = "records_conflict",
         .title = "nodes disagree, and you must choose (weight: replicas with the latest ballot)",
         .gravity = 8,
         .about = About::kTable,
         .severities = Always<kConflict>}),
    Row<found::SplitUnfinished>({.name = "split_unfinished",
                                 .title = "tables in the middle of a partition split",
                                 .gravity = 13,
                                 .about = About::kTable,
                                 .severities = Always<kWarning>}),
    Row<found::SplitCompleted>(
        {.name = "split_completed",
         .title = "tables that were split and need an env again before clients read them",
         .gravity = 14,
         .about = About::kTable,
         .severities = Always<kWarning>}),
    Row<found::TableLostState>({.name = "table_lost_state",
                                .title = "tables that lost what only ZooKeeper knew",
                                .gravity = kReadLast,
                                .about = About::kTable,
                                .severities = Always<kNote>,
                                .among_findings = false}),
    Row<found::Placeholder>({.name = "placeholder",
                             .title = "ids without a table, kept from being used again",
                             .gravity = kReadLast,
                             .about = About::kTable,
                             .severities = Always<kNote>,
                             .among_findings = false,
                             .in_table = false}),
    Row<found::AppIdOutOfRange>({.name = "app_id_out_of_range",
                                 .title = "table ids far beyond the others",
                                 .gravity = 9,
                                 .about = About::kTable,
                                 .severities = OfAppIdOutOfRange,
                                 .together = AppIdsOutOfRange,
                                 .hint = SayHazard<found::AppIdOutOfRange>}),
    Row<found::AppIdGap>({.name = "app_id_gap",
                          .title = "table ids far above what the other tables explain",
                          .gravity = 9,
                          .about = About::kTable,
                          .severities = OfAppIdGap,
                          .hint = SayHazard<found::AppIdGap>}),
    Row<found::ReplicasWithoutTable>(
        {.name = "replicas_without_table",
         .title = "table ids that have replicas but that no node describes",
         .gravity = 6,
         .about = About::kTable,
         .severities = OfReplicasWithoutTable,
         .together = ReplicasWithoutTables,
         .hint = SayHazard<found::ReplicasWithoutTable>}),
    Row<found::TableLeftOut>({.name = "table_left_out",
                              .title = "tables that are left out as decided",
                              .gravity = 15,
                              .about = About::kTable,
                              .severities = Always<kWarning>}),
    Row<found::Settled>({.name = "settled",
                         .title = "decisions of the operator",
                         .gravity = 20,
                         .about = About::kTableOrPartition,
                         .severities = Always<kNote>}),

    // Partitions.
    Row<found::ReplicasMissing>(
        {.name = "replicas_missing",
         .title = "partitions with fewer replicas than they should have",
         .gravity = 12,
         .about = About::kPartition,
         .severities = Always<kWarning>,
         .hint = ReplicasMissingHint,
         .line = {"too few", "fewer replicas found than there should be", ""}}),
    Row<found::PartitionLost>(
        {.name = "partition_lost",
         .title = "partitions without any replica",
         .gravity = 4,
         .about = About::kPartition,
         .severities = OfPartitionLost,
         .hint = PartitionLostHint,
         .line = {"LOST", "no replica found", "no replica found, created EMPTY as accepted"}}),
    Row<found::PrimaryIncomplete>(
        {.name = "primary_incomplete",
         .title = "partitions whose only candidates may hold half the data",
         .gravity = 11,
         .about = About::kPartition,
         .severities = Always<kWarning>,
         .line = {"incomplete", "the primary may hold half the data", ""}}),
    Row<found::PrimaryOnDisk>(
        {.name = "primary_on_disk",
         .title = "partitions whose primary is of a server that does not run",
         .gravity = 2,
         .about = About::kPartition,
         .severities = Always<kHazard>,
         .together = PrimariesOnDisk,
         .line = {"on disk", "the primary's server does not run; start it first", ""}}),
    Row<found::ReplicaOverruled>(
        {.name = "replica_overruled",
         .title = "partitions with replicas that are overruled",
         .gravity = kReadLast,
         .about = About::kPartition,
         .severities = Always<kNote>,
         .line = {"overruled", "replicas beyond max_replica_count, which stay out", ""}}),
    Row<found::BallotAbovePrimary>(
        {.name = "ballot_above_primary",
         .title = "partitions whose ballot is written higher than the primary's own",
         .gravity = 19,
         .about = About::kPartition,
         .severities = Always<kWarning>,
         .line = {"ballot", "written higher than the primary's own", ""}}),
    Row<found::LessDataThanOverruled>(
        {.name = "less_data_than_overruled",
         .title = "partitions whose primary has committed less than another replica",
         .gravity = 10,
         .about = About::kPartition,
         .severities = Always<kWarning>,
         .line = {"LESS DATA", "the primary has committed less than another replica", ""}}),
    Row<found::ReplicaBeyondCount>(
        {.name = "replica_beyond_count",
         .title = "replicas whose partition index is beyond the table's count",
         .gravity = 7,
         .about = About::kPartition,
         .severities = OfReplicaBeyondCount,
         .together = ReplicasBeyondCounts,
         .hint = SayHazard<found::ReplicaBeyondCount>,
         .line = {"beyond", "indexes that the table does not have", ""}}),
};

constexpr bool RowsAreInOrderAndComplete() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    const FindingKindRow& row = kRows[i];
    if (static_cast<size_t>(row.kind) != i || row.name.empty() || row.title.empty() ||
        row.gravity < 1) {
      return false;
    }
  }
  return true;
}

static_assert(kRows.size() == kFindingKinds, "every kind has a row");
static_assert(RowsAreInOrderAndComplete(), "rows are in the order of FindingKind");

}  // namespace

absl::Span<const FindingKindRow> FindingKindRows() { return kRows; }

const FindingKindRow& RowOf(FindingKind kind) { return kRows[static_cast<size_t>(kind)]; }

absl::string_view FindingKindName(FindingKind kind) { return RowOf(kind).name; }

}  // namespace metarec
