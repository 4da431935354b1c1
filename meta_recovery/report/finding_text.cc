#include "meta_recovery/report/finding_text.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "base/text/printable.h"
#include "base/text/shell_word.h"
#include "meta_recovery/planner/fact_list.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/report/finding_sentences.h"

namespace metarec {
namespace {

using Sentence = std::string (*)(const RecoveryPlan&, const Finding&);

Sentence SentenceOf(FindingKind kind) {
  switch (kind) {
    case FindingKind::kBadNode:
      return BadNodeSentence;
    case FindingKind::kSkippedNodeReturns:
      return SkippedNodeReturnsSentence;
    case FindingKind::kNodeNameDiffers:
      return NodeNameDiffersSentence;
    case FindingKind::kNodeListedTwice:
      return NodeListedTwiceSentence;
    case FindingKind::kStillServed:
      return StillServedSentence;
    case FindingKind::kNodeReportInvalid:
      return NodeReportInvalidSentence;
    case FindingKind::kTableRenamed:
      return TableRenamedSentence;
    case FindingKind::kNameUnusableInShell:
      return NameUnusableInShellSentence;
    case FindingKind::kTableProbablyDropped:
      return TableProbablyDroppedSentence;
    case FindingKind::kRecordsDiffer:
      return RecordsDifferSentence;
    case FindingKind::kRecordsConflict:
      return RecordsConflictSentence;
    case FindingKind::kSplitUnfinished:
      return SplitUnfinishedSentence;
    case FindingKind::kSplitCompleted:
      return SplitCompletedSentence;
    case FindingKind::kTableLostState:
      return TableLostStateSentence;
    case FindingKind::kPlaceholder:
      return PlaceholderSentence;
    case FindingKind::kAppIdOutOfRange:
      return AppIdOutOfRangeSentence;
    case FindingKind::kReplicasWithoutTable:
      return ReplicasWithoutTableSentence;
    case FindingKind::kSettled:
      return SettledSentence;
    case FindingKind::kReplicasMissing:
      return ReplicasMissingSentence;
    case FindingKind::kPartitionLost:
      return PartitionLostSentence;
    case FindingKind::kPrimaryIncomplete:
      return PrimaryIncompleteSentence;
    case FindingKind::kReplicaOverruled:
      return ReplicaOverruledSentence;
    case FindingKind::kBallotAbovePrimary:
      return BallotAbovePrimarySentence;
    case FindingKind::kLessDataThanOverruled:
      return LessDataThanOverruledSentence;
    case FindingKind::kReplicaBeyondCount:
      return ReplicaBeyondCountSentence;
  }
  return nullptr;
}

// The values out of "newname (weight 7: rs1:1, rs2:1); oldname (weight 0: rs3:1)".
std::vector<std::string> WeighedValues(absl::string_view text) {
  std::vector<std::string> values;
  while (!text.empty()) {
    std::string value = TakeItem(&text, '(');
    if (text.empty() || value.empty() || value.back() != ' ') break;
    value.pop_back();
    values.push_back(std::move(value));
    TakeItem(&text, ')');
    absl::ConsumePrefix(&text, "; ");
  }
  return values;
}

std::string Settle(absl::string_view key, absl::string_view value) {
  return Printable(absl::StrCat("--settle ", ShellWord(absl::StrCat(key, "=", value))));
}

// The partition count, doubled until it covers the highest index: counts grow by splits.
std::string CountAbove(const Finding& finding) {
  int64_t count = 0;
  int64_t highest = 0;
  if (!absl::SimpleAtoi(finding.Fact("partition_count"), &count) || count <= 0 ||
      !absl::SimpleAtoi(finding.Fact("highest_index"), &highest) || highest > INT32_MAX) {
    return "PARTITION_COUNT";
  }
  while (count <= highest) count *= 2;
  return absl::StrCat(count);
}

}  // namespace

std::string FindingStatement(const RecoveryPlan& plan, const Finding& finding) {
  const Sentence sentence = SentenceOf(finding.kind);
  if (sentence == nullptr) return "a finding of a kind that this version does not know";
  return Printable(sentence(plan, finding));
}

std::string FindingSentence(const RecoveryPlan& plan, const Finding& finding) {
  const std::string statement = FindingStatement(plan, finding);
  const std::vector<std::string> commands = FindingCommands(finding);
  if (commands.empty()) return statement;
  return absl::StrCat(statement, ": ", absl::StrJoin(commands, " or "));
}

std::vector<std::string> FindingCommands(const Finding& finding) {
  if (finding.severity == Severity::kConflict) return SettleChoices(finding);
  const absl::string_view command = finding.Fact("command");
  if (command.empty()) return {};
  return {Printable(command)};
}

absl::string_view FindingKindTitle(FindingKind kind) {
  switch (kind) {
    case FindingKind::kBadNode:
      return "nodes that did not answer completely";
    case FindingKind::kSkippedNodeReturns:
      return "nodes that were left out and may come back";
    case FindingKind::kNodeNameDiffers:
      return "nodes that call themselves otherwise than the list does";
    case FindingKind::kNodeListedTwice:
      return "nodes listed more than once";
    case FindingKind::kStillServed:
      return "replicas that are still being served";
    case FindingKind::kNodeReportInvalid:
      return "reports with parts that make no sense";
    case FindingKind::kTableRenamed:
      return "tables that get another name";
    case FindingKind::kNameUnusableInShell:
      return "table names that stock shells refuse";
    case FindingKind::kTableProbablyDropped:
      return "tables that were probably dropped before the outage and come back alive";
    case FindingKind::kRecordsDiffer:
      return "fields that nodes report differently, decided by rule (weight: replicas with the "
             "latest ballot)";
    case FindingKind::kRecordsConflict:
      return "fields that nodes report differently and that no rule decides (weight: replicas with "
             "the latest ballot)";
    case FindingKind::kSplitUnfinished:
      return "tables in the middle of a partition split";
    case FindingKind::kSplitCompleted:
      return "tables that were split and need an env again before clients read them";
    case FindingKind::kTableLostState:
      return "tables that lost what only ZooKeeper knew";
    case FindingKind::kPlaceholder:
      return "ids without evidence, kept from being used again";
    case FindingKind::kAppIdOutOfRange:
      return "table ids far beyond the others";
    case FindingKind::kReplicasWithoutTable:
      return "table ids that have replicas but that no node describes";
    case FindingKind::kSettled:
      return "decisions of the operator";
    case FindingKind::kReplicasMissing:
      return "partitions with fewer replicas than they should have";
    case FindingKind::kPartitionLost:
      return "partitions without any replica";
    case FindingKind::kPrimaryIncomplete:
      return "partitions whose only candidates may hold half the data";
    case FindingKind::kReplicaOverruled:
      return "partitions with replicas that are overruled";
    case FindingKind::kBallotAbovePrimary:
      return "partitions whose ballot is written higher than the primary's own";
    case FindingKind::kLessDataThanOverruled:
      return "partitions whose primary has committed less than another replica";
    case FindingKind::kReplicaBeyondCount:
      return "replicas whose partition index is beyond the table's count";
  }
  return "findings";
}

bool CanRaiseMaxAppId(const Finding& finding) {
  return finding.kind == FindingKind::kAppIdOutOfRange && finding.severity == Severity::kConflict &&
         finding.app_id <= kMaxAppIdMax;
}

std::vector<std::string> SettleChoices(const Finding& finding) {
  std::vector<std::string> choices;
  if (finding.severity != Severity::kConflict) return choices;
  const absl::string_view key = finding.Fact("settle");
  switch (finding.kind) {
    case FindingKind::kRecordsConflict:
      for (const std::string& value : WeighedValues(finding.Fact("values"))) {
        choices.push_back(Settle(key, value));
      }
      break;
    case FindingKind::kAppIdOutOfRange:
      if (CanRaiseMaxAppId(finding)) {
        choices.push_back(absl::StrCat("--max_app_id ", finding.app_id));
      }
      choices.push_back(Settle(key, "ignore"));
      break;
    case FindingKind::kReplicasWithoutTable:
      choices.push_back(Settle(key, "NAME:PARTITION_COUNT:MAX_REPLICA_COUNT"));
      choices.push_back(Settle(key, "ignore"));
      break;
    case FindingKind::kReplicaBeyondCount:
      for (absl::string_view one : absl::StrSplit(key, ',', absl::SkipEmpty())) {
        if (absl::StrContains(one, "partition_count")) {
          choices.push_back(Settle(one, CountAbove(finding)));
        } else {
          choices.push_back(Settle(one, "ignore"));
        }
      }
      break;
    default:
      if (!key.empty()) choices.push_back(Settle(key, "VALUE"));
      break;
  }
  return choices;
}

}  // namespace metarec
