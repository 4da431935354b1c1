#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/time/time.h>

#include "base/text/printable.h"
#include "base/text/shell_word.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/finding_sentences.h"
#include "meta_recovery/report/finding_text.h"

namespace metarec {
namespace {

constexpr absl::string_view kShellsFail =
    "stock shells accept only letters, digits and \"._:\" in names, and with this one `ls -d` and "
    "`nodes -d` fail for the whole cluster, `drop` refuses the table and `rename` crashes the "
    "shell "
    "(plain `ls`, the meta server, data clients and Pegasus's Go admin-cli accept it)";

std::string ReplicasOnNodes(const Finding& finding) {
  return absl::StrCat(CountedFact(finding, "replicas", "replica"), " on ",
                      CutFact(finding, "nodes"));
}

// "1488341786 (weight 4: rs2:34801)" with the date before the parenthesis.
std::string WithDates(absl::string_view values) {
  std::vector<std::string> dated;
  for (absl::string_view value : absl::StrSplit(values, "; ")) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(value, absl::MaxSplits(' ', 1));
    int64_t second = 0;
    if (!absl::SimpleAtoi(parts.first, &second)) return std::string(values);
    dated.push_back(
        absl::StrCat(second, ", ",
                     absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixSeconds(second),
                                      absl::UTCTimeZone()),
                     " ", parts.second));
  }
  return absl::StrJoin(dated, "; ");
}

}  // namespace

std::string TableRenamedSentence(const RecoveryPlan&, const Finding& finding) {
  return absl::StrCat("table ", finding.app_id, " was called ", FactOr(finding, "old_name"),
                      ", a name that table ", FactOr(finding, "kept_by"),
                      " keeps; it comes back as ", FactOr(finding, "new_name"));
}

std::string NameUnusableInShellSentence(const RecoveryPlan&, const Finding& finding) {
  const absl::string_view name = FactOr(finding, "name");
  if (finding.severity != Severity::kHazard) {
    return absl::StrCat("table ", finding.app_id, " had the name ", name,
                        " already and keeps it: ", kShellsFail);
  }
  return absl::StrCat("table ", finding.app_id, " gets the name ", name, ": ", kShellsFail,
                      "; to avoid it, plan again with --rename_separator _ "
                      "(or __, as stock meta servers join)");
}

std::string TableProbablyDroppedSentence(const RecoveryPlan& plan, const Finding& finding) {
  const absl::string_view command = finding.Fact("command");
  const absl::string_view replicas = FactOr(finding, "replicas");
  return absl::StrCat(
      TableLabel(plan, finding.app_id), " was probably dropped before the outage (",
      replicas == "1" ? "its only replica is" : absl::StrCat("all ", replicas, " replicas are"),
      " closed, PS_ERROR) and comes back alive; ",
      command.empty() ? "stock shells refuse its name, so drop it again with Pegasus's Go admin-cli"
                      : "to drop it again, in Pegasus's shell");
}

std::string RecordsDifferSentence(const RecoveryPlan& plan, const Finding& finding) {
  const absl::string_view rule = finding.Fact("rule");
  absl::string_view because = "by rule";
  if (rule == "vote") because = "the best supported value";
  if (rule == "highest") because = "the highest value";
  if (rule == "available") because = "every table comes back available";
  return absl::StrCat("nodes report ", FactOr(finding, "field"), " of ",
                      TableLabel(plan, finding.app_id), " differently: ", FactOr(finding, "values"),
                      "; taken: ", FactOr(finding, "chosen", "\"\""), " (", because, ")");
}

std::string RecordsConflictSentence(const RecoveryPlan& plan, const Finding& finding) {
  const absl::string_view field = FactOr(finding, "field");
  const absl::string_view values = FactOr(finding, "values");
  return absl::StrCat("nodes report ", field, " of ", TableLabel(plan, finding.app_id),
                      " differently, and no rule can decide: ",
                      field == "create_second" ? WithDates(values) : std::string(values),
                      "; decide with");
}

std::string SplitUnfinishedSentence(const RecoveryPlan& plan, const Finding& finding) {
  const absl::string_view records_after = finding.Fact("records_after");
  return absl::StrCat(
      "a split of ", TableLabel(plan, finding.app_id), " from ",
      FactOr(finding, "partition_count_before"), " to ", FactOr(finding, "partition_count_after"),
      " partitions was not finished: children registered ",
      FactOr(finding, "children_registered", "none"), ", not yet registered ",
      FactOr(finding, "children_missing", "none"),
      records_after.empty()
          ? ""
          : absl::StrCat(" (the new count is known to ", CutFact(finding, "records_after"), ")"),
      "; the meta server that boots goes on with the split");
}

std::string SplitCompletedSentence(const RecoveryPlan& plan, const Finding& finding) {
  return absl::StrCat(
      TableLabel(plan, finding.app_id), " was once split from ",
      FactOr(finding, "init_partition_count"), " to ", FactOr(finding, "partition_count"),
      " partitions, and the env that hides the other half's keys until compaction is lost; before "
      "clients read, set it again in Pegasus's shell");
}

std::string LostState(const Finding& finding) {
  const absl::string_view kept = finding.Fact("envs_kept");
  const absl::string_view duplicating = finding.Fact("duplicating_nodes");
  std::string text = kept.empty()
                         ? std::string("all its envs")
                         : absl::StrCat("its envs but for ", CutFact(finding, "envs_kept"),
                                        " (as the servers remember them, possibly outdated)");
  if (!duplicating.empty()) {
    absl::StrAppend(&text, ", its duplications (reported by ",
                    CutFact(finding, "duplicating_nodes"), "; add them again)");
  }
  if (finding.Fact("bulk_loading") == "true") {
    absl::StrAppend(&text, ", a bulk load that was under way (start it again)");
  }
  return Printable(text);  // also shown by itself
}

std::string TableLostStateSentence(const RecoveryPlan& plan, const Finding& finding) {
  return absl::StrCat(TableLabel(plan, finding.app_id),
                      " loses what only ZooKeeper knew: ", LostState(finding));
}

std::string PlaceholderSentence(const RecoveryPlan&, const Finding& finding) {
  return absl::StrCat("no node knows table ", finding.app_id, "; a dropped placeholder, ",
                      FactOr(finding, "name"), ", keeps the id from being used again");
}

std::string AppIdOutOfRangeSentence(const RecoveryPlan&, const Finding& finding) {
  const absl::string_view name = finding.Fact("name");
  const std::string what = absl::StrCat(
      "table id ", finding.app_id, name.empty() ? "" : absl::StrCat(" (", name, ")"), " with ",
      ReplicasOnNodes(finding), " is above --max_app_id ", FactOr(finding, "max_app_id"));
  if (finding.severity == Severity::kConflict) {
    return absl::StrCat(what,
                        CanRaiseMaxAppId(finding)
                            ? ": raise the bound, which makes a placeholder of every unused id "
                              "below it, or leave the table and its data out; decide with"
                            : ", and no bound may be that high: leave the table and its data out; "
                              "decide with");
  }
  return absl::StrCat(what,
                      " and is left out, as decided; a stock meta server aborts when one of these "
                      "nodes reports it, so move its directories away there first");
}

std::string ReplicasWithoutTableSentence(const RecoveryPlan&, const Finding& finding) {
  const std::string what =
      absl::StrCat(ReplicasOnNodes(finding), " (partitions ", FactOr(finding, "indices"),
                   ") of table ", finding.app_id, ", which no node describes");
  if (finding.severity == Severity::kConflict) {
    return absl::StrCat(what, ": say what the table was, or leave them out; decide with");
  }
  if (finding.severity == Severity::kWarning) {
    return absl::StrCat(what, "; recovered as decided: ", FactOr(finding, "settled"));
  }
  return absl::StrCat(what,
                      "; left out as decided, a placeholder keeps a stock meta server from "
                      "aborting on them, but their data stay unused");
}

std::string SettledSentence(const RecoveryPlan&, const Finding& finding) {
  const absl::string_view values = finding.Fact("values");
  return absl::StrCat("decided by the operator: --settle ",
                      ShellWord(absl::StrCat(FactOr(finding, "key"), "=", finding.Fact("value"))),
                      values.empty() ? "" : absl::StrCat("; nodes had reported: ", values));
}

}  // namespace metarec
