// Private to finding_text.cc: the sentence of each kind. Facts are in docs/file-formats.md; one
// that is missing reads as "?".

#pragma once

#include <string>

#include <absl/strings/string_view.h>

#include "base/text/wording.h"
#include "meta_recovery/planner/fact_list.h"
#include "meta_recovery/planner/finding.h"
#include "meta_recovery/planner/recovery_plan.h"

namespace metarec {

// node_sentences.cc
std::string BadNodeSentence(const RecoveryPlan& plan, const Finding& finding);
std::string SkippedNodeReturnsSentence(const RecoveryPlan& plan, const Finding& finding);
std::string NodeNameDiffersSentence(const RecoveryPlan& plan, const Finding& finding);
std::string NodeListedTwiceSentence(const RecoveryPlan& plan, const Finding& finding);
std::string StillServedSentence(const RecoveryPlan& plan, const Finding& finding);
std::string NodeReportInvalidSentence(const RecoveryPlan& plan, const Finding& finding);

// table_sentences.cc
std::string TableRenamedSentence(const RecoveryPlan& plan, const Finding& finding);
std::string NameUnusableInShellSentence(const RecoveryPlan& plan, const Finding& finding);
std::string TableProbablyDroppedSentence(const RecoveryPlan& plan, const Finding& finding);
std::string RecordsDifferSentence(const RecoveryPlan& plan, const Finding& finding);
std::string RecordsConflictSentence(const RecoveryPlan& plan, const Finding& finding);
std::string SplitUnfinishedSentence(const RecoveryPlan& plan, const Finding& finding);
std::string SplitCompletedSentence(const RecoveryPlan& plan, const Finding& finding);
std::string TableLostStateSentence(const RecoveryPlan& plan, const Finding& finding);
std::string PlaceholderSentence(const RecoveryPlan& plan, const Finding& finding);
std::string AppIdOutOfRangeSentence(const RecoveryPlan& plan, const Finding& finding);
std::string ReplicasWithoutTableSentence(const RecoveryPlan& plan, const Finding& finding);
std::string SettledSentence(const RecoveryPlan& plan, const Finding& finding);

// The end of TableLostStateSentence: what was lost.
std::string LostState(const Finding& finding);

// partition_sentences.cc
std::string ReplicasMissingSentence(const RecoveryPlan& plan, const Finding& finding);
std::string PartitionLostSentence(const RecoveryPlan& plan, const Finding& finding);
std::string PrimaryIncompleteSentence(const RecoveryPlan& plan, const Finding& finding);
std::string ReplicaOverruledSentence(const RecoveryPlan& plan, const Finding& finding);
std::string BallotAbovePrimarySentence(const RecoveryPlan& plan, const Finding& finding);
std::string LessDataThanOverruledSentence(const RecoveryPlan& plan, const Finding& finding);
std::string ReplicaBeyondCountSentence(const RecoveryPlan& plan, const Finding& finding);

// A fact, or "?".
inline absl::string_view FactOr(const Finding& finding, absl::string_view key,
                                absl::string_view fallback = "?") {
  const absl::string_view value = finding.Fact(key);
  return value.empty() ? fallback : value;
}

// A fact that is a number, with what it counts: "1 replica", "2 replicas".
inline std::string CountedFact(const Finding& finding, absl::string_view key,
                               absl::string_view noun) {
  const absl::string_view count = FactOr(finding, key, "0");
  return absl::StrCat(count, " ", noun, count == "1" ? "" : "s");
}

// The first items of a fact that is a list, or "?".
inline std::string CutFact(const Finding& finding, absl::string_view key) {
  return CutList(SplitItems(FactOr(finding, key)));
}

}  // namespace metarec
