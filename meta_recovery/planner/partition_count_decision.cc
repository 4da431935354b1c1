// How many partitions a table has, when nodes disagree or a split was under way.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "meta_recovery/planner/record_reconciliation.h"
#include "meta_recovery/planner/replica_index.h"

namespace metarec {
namespace {

class PartitionCountDecision {
 public:
  PartitionCountDecision(const ReportedTable& table, const PlanOptions& options,
                         Settlements& settlements, FindingsList& findings, PlannedTable& planned)
      : records_(table.records),
        app_id_(table.app_id),
        key_(SettlementKey(table.app_id, "partition_count")),
        options_(options),
        settlements_(settlements),
        findings_(findings),
        planned_(planned) {}

  absl::Status Run() {
    METAREC_RETURN_IF_ERROR(ReadRecords());
    if (planned_.partition_count_undecided) return absl::OkStatus();
    METAREC_RETURN_IF_ERROR(RaiseAboveReplicas());
    METAREC_RETURN_IF_ERROR(RefuseReplicasBeyond());
    planned_.table.partition_count = count_;
    planned_.table.init_partition_count = count_;
    if (split_from_ > 0) LookAtSplit();
    return absl::OkStatus();
  }

 private:
  // What the records say: one count, two of a split under way, or a conflict.
  absl::Status ReadRecords() {
    std::set<int32_t> counts;
    for (const NodeRecord& record : records_) counts.insert(record.record->partition_count);
    const int32_t least = *counts.begin();
    count_ = *counts.rbegin();
    if (counts.size() == 1) {
      for (const NodeRecord& record : records_) {
        const int32_t before = record.record->init_partition_count;
        if (before > 0 && before < count_) {
          planned_.decision.partition_count_before_split =
              std::max(planned_.decision.partition_count_before_split, before);
        }
      }
      return absl::OkStatus();
    }
    if (counts.size() == 2 && count_ == int64_t{2} * least) {
      const std::string* const settled = settlements_.Find(key_);
      const bool is_settled = settled != nullptr &&
                              (*settled == absl::StrCat(count_) || *settled == absl::StrCat(least));
      if (!is_settled) {
        split_from_ = least;
        return absl::OkStatus();
      }
      METAREC_RARE_BRANCH("an operator decides that a split is over, or never was");
      METAREC_RETURN_IF_ERROR(SettleRecords());
      planned_.decision.partition_count_before_split = count_ == least ? 0 : least;
      return absl::OkStatus();
    }
    return SettleRecords();
  }

  absl::Status SettleRecords() {
    const std::vector<Candidate> candidates =
        CountVotes(records_, [](const TableRecord& record, std::string* value) {
          *value = absl::StrCat(record.partition_count);
          return true;
        });
    METAREC_ASSIGN_OR_RETURN(const Candidate* chosen, FindSettled(key_, candidates, settlements_));
    if (chosen != nullptr) {
      count_ = chosen->record->partition_count;
      settled_by_record_ = true;
      settlements_.Use(key_, FindingKind::kRecordsConflict, FindingSubject::Table(app_id_),
                       findings_, ValuesOf(candidates));
      return absl::OkStatus();
    }
    METAREC_RARE_BRANCH("partition counts differ, and are no split's");
    planned_.partition_count_undecided = true;
    planned_.table.partition_count = candidates.front().record->partition_count;
    planned_.table.init_partition_count = planned_.table.partition_count;
    findings_.Add(
        Severity::kConflict, FindingSubject::Table(app_id_),
        found::RecordsConflict{.field = "partition_count", .values = ValuesOf(candidates)});
    return absl::OkStatus();
  }

  // A replica beyond the count may mean that the records are the older ones.
  absl::Status RaiseAboveReplicas() {
    int32_t highest = -1;
    for (const ReplicaClaim& claim : planned_.claims) {
      if (claim.partition_index >= count_ && !Ignores(claim.partition_index)) {
        highest = claim.partition_index;
      }
    }
    const std::string* settled = settlements_.Find(key_);
    if (highest < 0 || settled == nullptr || settled_by_record_) return absl::OkStatus();
    int32_t count = 0;
    if (!absl::SimpleAtoi(*settled, &count) || count <= highest ||
        count > options_.max_partition_count) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot settle '", key_, "=", *settled, "': there are replicas up to index ",
                       highest, ", so the count must be a number from ", highest + 1, " to ",
                       options_.max_partition_count));
    }
    settlements_.Use(key_, FindingKind::kReplicaBeyondCount, FindingSubject::Table(app_id_),
                     findings_);
    split_from_ = split_from_ == 0 && count == int64_t{2} * count_ ? count_ : 0;
    planned_.decision.partition_count_before_split = 0;
    count_ = count;
    return absl::OkStatus();
  }

  bool Ignores(int32_t index) const {
    const std::string* settled = settlements_.Find(SettlementKey(app_id_, index));
    return settled != nullptr && *settled == kSettleIgnore;
  }

  absl::Status RefuseReplicasBeyond() {
    const int32_t highest = planned_.claims.empty() ? -1 : planned_.claims.back().partition_index;
    absl::Status status;
    ForEachPartition(planned_.claims, [&](int32_t index, absl::Span<const ReplicaClaim> replicas) {
      if (index < count_) return;
      const FindingSubject subject = FindingSubject::Partition(app_id_, index);
      const std::string key = SettlementKey(app_id_, index);
      const std::string* settled = settlements_.Find(key);
      if (settled != nullptr && *settled != kSettleIgnore) {
        status.Update(absl::InvalidArgumentError(absl::StrCat("cannot settle '", key, "=", *settled,
                                                              "': write '", key, "=", kSettleIgnore,
                                                              "' to leave these replicas out")));
        return;
      }
      if (settled != nullptr) {
        settlements_.Use(key, FindingKind::kReplicaBeyondCount, subject, findings_);
      }
      std::vector<NodeIndex> nodes;
      for (const ReplicaClaim& replica : replicas) nodes.push_back(replica.node);
      std::sort(nodes.begin(), nodes.end());
      findings_.Add(settled != nullptr ? Severity::kHazard : Severity::kConflict, subject,
                    found::ReplicaBeyondCount{.highest_index = highest, .nodes = std::move(nodes)});
    });
    return status;
  }

  // A child partition that only exists as PS_PARTITION_SPLIT was not registered yet: the meta
  // server that boots shall take the split up where it was (INTEROP.md, section 6.3, step 4).
  void LookAtSplit() {
    std::vector<int32_t> registered;
    ForEachPartition(planned_.claims, [&](int32_t index, absl::Span<const ReplicaClaim> replicas) {
      if (index < split_from_ || index >= count_) return;
      if (std::any_of(replicas.begin(), replicas.end(), [](const ReplicaClaim& replica) {
            return replica.status != ReplicaStatus::kPartitionSplit;
          })) {
        registered.push_back(index);
      }
    });
    planned_.decision.partition_count_before_split = split_from_;
    if (registered.size() == static_cast<size_t>(count_ - split_from_)) {
      METAREC_RARE_BRANCH("every child of a split is registered");
      return;
    }
    METAREC_RARE_BRANCH("a split is taken up where it was");
    planned_.split_unfinished = true;
    planned_.table.init_partition_count = split_from_;
    std::vector<int32_t> missing;
    for (int32_t index = split_from_; index < count_; ++index) {
      if (!std::binary_search(registered.begin(), registered.end(), index)) {
        missing.push_back(index);
      }
    }
    std::vector<NodeIndex> know_split;
    for (const NodeRecord& record : records_) {
      if (record.record->partition_count == count_) know_split.push_back(record.node);
    }
    findings_.Add(Severity::kWarning, FindingSubject::Table(app_id_),
                  found::SplitUnfinished{.children_registered = RangesOf(registered),
                                         .children_missing = RangesOf(missing),
                                         .records_after = std::move(know_split)});
    planned_.registered_children = std::move(registered);
  }

  const std::vector<NodeRecord>& records_;
  const int32_t app_id_;
  const std::string key_;
  const PlanOptions& options_;
  Settlements& settlements_;
  FindingsList& findings_;
  PlannedTable& planned_;

  int32_t count_ = 0;
  int32_t split_from_ = 0;  // the smaller count while a split may be under way, else 0
  bool settled_by_record_ = false;
};

}  // namespace

absl::Status DecidePartitionCount(const ReportedTable& records, const PlanOptions& options,
                                  Settlements& settlements, FindingsList& findings,
                                  PlannedTable& planned) {
  return PartitionCountDecision(records, options, settlements, findings, planned).Run();
}

}  // namespace metarec
