#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>

#include "base/text/wording.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/finding_sentences.h"
#include "meta_recovery/report/finding_text.h"

namespace metarec {
namespace {

std::string Partition(const RecoveryPlan& plan, const Finding& finding) {
  return PartitionLabel(plan, finding.app_id, finding.partition_index);
}

std::string ReplicaInWords(const RecoveryPlan& plan, const RankedReplica& replica) {
  return absl::StrCat(NodeLabel(plan, replica.node), " (", ReplicaStatusName(replica.status),
                      ", ballot ", replica.ballot, ", committed/prepared ",
                      replica.last_committed_decree, "/", replica.last_prepared_decree, ": ",
                      absl::StrReplaceAll(RankReasonName(replica.reason), {{"_", " "}}), ")");
}

}  // namespace

std::string ReplicasMissingSentence(const RecoveryPlan& plan, const Finding& finding) {
  return absl::StrCat(Partition(plan, finding), " has only ", FactOr(finding, "collected"), " of ",
                      FactOr(finding, "expected"),
                      " replicas; writes that only a missing one holds would be lost");
}

std::string PartitionLostSentence(const RecoveryPlan& plan, const Finding& finding) {
  const absl::string_view parent = finding.Fact("split_parent");
  const std::string what = absl::StrCat(
      Partition(plan, finding),
      finding.Fact("expected") == "1"
          ? " has no replica"
          : absl::StrCat(" has none of ", FactOr(finding, "expected"), " replicas"),
      parent.empty() ? ""
                     : absl::StrCat(" (it was split off ", parent, ", which may hold its data)"));
  if (finding.severity == Severity::kError) {
    return absl::StrCat(what,
                        "; find the node that had one and collect again, or have it created empty "
                        "with --skip_lost_partitions");
  }
  return absl::StrCat(what,
                      " and is created empty, as accepted; if its node returns, the old data stay "
                      "out");
}

std::string PrimaryIncompleteSentence(const RecoveryPlan& plan, const Finding& finding) {
  return absl::StrCat("no replica of ", Partition(plan, finding),
                      " is known to be complete; the primary, ", FactOr(finding, "primary"),
                      ", is ", FactOr(finding, "status"), " and may hold half the data");
}

std::string ReplicaOverruledSentence(const RecoveryPlan& plan, const Finding& finding) {
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

std::string BallotAbovePrimarySentence(const RecoveryPlan& plan, const Finding& finding) {
  return absl::StrCat("the ballot written for ", Partition(plan, finding), " is ",
                      FactOr(finding, "ballot"), ", which ", FactOr(finding, "reported_by"),
                      " reported, above the ", FactOr(finding, "primary_ballot"),
                      " of its primary ", FactOr(finding, "primary"),
                      "; a replica server ignores for ever an entry below its own ballot");
}

std::string LessDataThanOverruledSentence(const RecoveryPlan& plan, const Finding& finding) {
  int64_t primary = 0;
  int64_t other = 0;
  std::string lost;
  if (absl::SimpleAtoi(finding.Fact("primary_committed"), &primary) &&
      absl::SimpleAtoi(finding.Fact("committed"), &other) && primary >= 0 && other > primary) {
    lost = absl::StrCat("; up to ", Counted(other - primary, "write"), " may be lost");
  }
  return absl::StrCat("the primary of ", Partition(plan, finding), ", ", FactOr(finding, "primary"),
                      ", has committed up to ", FactOr(finding, "primary_committed"), ", but ",
                      FactOr(finding, "node"), ", which stands below it, up to ",
                      FactOr(finding, "committed"), lost);
}

std::string ReplicaBeyondCountSentence(const RecoveryPlan& plan, const Finding& finding) {
  const std::string what = absl::StrCat("partition ", finding.app_id, ".", finding.partition_index,
                                        " on ", CutFact(finding, "nodes"), " is beyond the ",
                                        CountedFact(finding, "partition_count", "partition"),
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
