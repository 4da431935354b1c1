#include "meta_recovery/planner/replica_ranking.h"

namespace metarec {
namespace {

struct Comparison {
  int order = 0;  // negative: the first is better; 0: equal
  RankReason reason = RankReason::kHigherAddress;
};

int HigherFirst(int64_t a, int64_t b) { return a == b ? 0 : (a > b ? -1 : 1); }

Comparison Compare(const ReplicaClaim& a, const ReplicaClaim& b) {
  if (const int order = HigherFirst(!IsIncomplete(a.status), !IsIncomplete(b.status)); order != 0) {
    return {order, RankReason::kIncomplete};
  }
  if (const int order = HigherFirst(a.ballot, b.ballot); order != 0) {
    return {order, RankReason::kLowerBallot};
  }
  if (const int order =
          HigherFirst(a.status == ReplicaStatus::kPrimary, b.status == ReplicaStatus::kPrimary);
      order != 0) {
    return {order, RankReason::kNotPrimaryAtBallot};
  }
  if (const int order = HigherFirst(a.last_committed_decree, b.last_committed_decree); order != 0) {
    return {order, RankReason::kLowerCommittedDecree};
  }
  if (const int order = HigherFirst(a.last_prepared_decree, b.last_prepared_decree); order != 0) {
    return {order, RankReason::kLowerPreparedDecree};
  }
  if (const int order = HigherFirst(b.node, a.node); order != 0) {
    return {order, RankReason::kHigherAddress};
  }
  return {HigherFirst(static_cast<int32_t>(b.status), static_cast<int32_t>(a.status)),
          RankReason::kHigherAddress};
}

}  // namespace

bool IsBetter(const ReplicaClaim& a, const ReplicaClaim& b) { return Compare(a, b).order < 0; }

RankReason ReasonBelow(const ReplicaClaim& better, const ReplicaClaim& worse) {
  return Compare(better, worse).reason;
}

}  // namespace metarec
