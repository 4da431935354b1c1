// What is said of findings about partitions.

#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>

#include "base/text/wording.h"
#include "meta_recovery/planner/finding_sentences.h"
#include "meta_recovery/planner/plan_text.h"

namespace metarec {
namespace {

// For messages about a partition.
std::string Partition(const RecoveryPlan& plan, const Finding& finding) {
  return PartitionLabel(plan, finding.app_id, finding.partition_index);
}

// "partition(3.17)", as Pegasus writes it.
std::string PegasusPartition(const Finding& finding) {
  return absl::StrCat("partition(", finding.app_id, ".", finding.partition_index, ")");
}

std::string ReplicaInWords(const RecoveryPlan& plan, const RankedReplica& replica) {
  return absl::StrCat(NodeLabel(plan, replica.node), " (", ReplicaStatusName(replica.status),
                      ", ballot ", replica.ballot, ", committed/prepared ",
                      replica.last_committed_decree, "/", replica.last_prepared_decree, ": ",
                      absl::StrReplaceAll(RankReasonName(replica.reason), {{"_", " "}}), ")");
}

}  // namespace

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::ReplicasMissing& facts) {
  return absl::StrCat(Partition(plan, finding), " has only ", facts.collected, " of ",
                      MaxReplicaCount(plan, finding.app_id),
                      " replicas; writes that only a missing one holds would be lost");
}

std::string ReplicasMissingHint(const RecoveryPlan& plan, const Finding& finding,
                                absl::string_view) {
  const auto* facts = finding.facts.As<found::ReplicasMissing>();
  return absl::StrCat("WARNING: ", PegasusPartition(finding), " only collects ",
                      facts == nullptr ? 0 : facts->collected, "/",
                      MaxReplicaCount(plan, finding.app_id), " of replicas, may lost data");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::PartitionLost& facts) {
  const int32_t expected = MaxReplicaCount(plan, finding.app_id);
  const std::string what = absl::StrCat(
      Partition(plan, finding),
      expected == 1 ? " has no replica" : absl::StrCat(" has none of ", expected, " replicas"),
      facts.split_parent < 0
          ? ""
          : absl::StrCat(" (it was split off ", facts.split_parent, ", which may hold its data)"));
  if (finding.severity == Severity::kError) {
    return absl::StrCat(what,
                        "; find the node that had one and collect again, or have it created empty "
                        "with --skip_lost_partitions=",
                        finding.app_id, ".", finding.partition_index);
  }
  return absl::StrCat(what,
                      " and is created empty, as accepted; if its node returns, the old data stay "
                      "out");
}

std::string PartitionLostHint(const RecoveryPlan&, const Finding& finding, absl::string_view) {
  if (finding.severity != Severity::kError) {
    return absl::StrCat("WARNING: ", PegasusPartition(finding), " has no replica collected, ",
                        kLostPartitionHint);
  }
  return absl::StrCat("ERROR: ", PegasusPartition(finding),
                      " has no replica collected, you can force recover it by set "
                      "skip_lost_partitions option");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::PrimaryIncomplete& facts) {
  return absl::StrCat("no replica of ", Partition(plan, finding),
                      " is known to be complete; the primary, ", NodeLabel(plan, facts.primary),
                      ", is ", ReplicaStatusName(facts.status), " and may hold half the data");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::PrimaryOnDisk& facts) {
  return absl::StrCat("the primary of ", Partition(plan, finding), ", ",
                      NodeLabel(plan, facts.primary),
                      ", is known from its disks only, and nobody serves the partition while that "
                      "server does not run",
                      kStartBeforeMetaServer);
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::ReplicaOverruled&) {
  std::vector<std::string> replicas;
  const size_t partition = FindPartition(plan, finding.app_id, finding.partition_index);
  if (partition < plan.partitions.size()) {
    for (const RankedReplica& replica : plan.ReplicasOf(plan.partitions[partition])) {
      if (replica.role != ReplicaRole::kOverruled) continue;
      replicas.push_back(ReplicaInWords(plan, replica));
    }
  }
  return absl::StrCat("overruled in ", Partition(plan, finding), ": ",
                      absl::StrJoin(replicas, ", "));
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::BallotAbovePrimary& facts) {
  return absl::StrCat("the ballot written for ", Partition(plan, finding), " is ", facts.ballot,
                      ", which ", NodeLabel(plan, facts.reported_by), " reported, above the ",
                      facts.primary_ballot, " of its primary ", NodeLabel(plan, facts.primary),
                      "; a replica server permanently ignores an entry below its own ballot");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::LessDataThanOverruled& facts) {
  const bool is_countable =
      facts.primary_committed >= 0 && facts.committed > facts.primary_committed;
  return absl::StrCat(
      "the primary of ", Partition(plan, finding), ", ", NodeLabel(plan, facts.primary),
      ", has committed up to ", facts.primary_committed, ", but ", NodeLabel(plan, facts.node),
      ", which stands below it, up to ", facts.committed,
      is_countable
          ? absl::StrCat("; up to ", Counted(facts.committed - facts.primary_committed, "write"),
                         " may be lost")
          : "");
}

std::string Sentence(const RecoveryPlan& plan, const Finding& finding,
                     const found::ReplicaBeyondCount& facts) {
  const size_t table = FindTable(plan, finding.app_id);
  const std::string what = absl::StrCat(
      "partition ", finding.app_id, ".", finding.partition_index, " on ",
      NodesInWords(plan, facts.nodes), " is beyond the ",
      Counted(table == SIZE_MAX ? 0 : plan.topology.tables[table].partition_count, "partition"),
      " of ", TableLabel(plan, finding.app_id));
  if (finding.severity == Severity::kConflict) {
    return absl::StrCat(
        what, ": either the table has more partitions, or these replicas stay out; decide with");
  }
  return absl::StrCat(
      what,
      " and is left out, as decided; a stock meta server aborts when a node reports "
      "it, so move its directory away first");
}

}  // namespace metarec
