#include <algorithm>
#include <climits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/time/time.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/time_text.h"
#include "base/text/wording.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/membership_rule.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/old_tree_section.h"
#include "meta_recovery/report/report.h"
#include "meta_recovery/report/table_section.h"

namespace metarec {
namespace {

// As much as is held before it is given to the sink.
constexpr size_t kBufferedBytes = 64 << 10;

// How many partitions are whole as soon as their primaries serve, and why the others are not.
std::string WholeAtOnce(const PlanNumbers& numbers) {
  std::string text = absl::StrCat(Counted(numbers.partitions_whole, "partition"),
                                  numbers.partitions_whole == 1 ? " is" : " are",
                                  " whole when the meta server boots");
  std::vector<std::string> others;
  for (size_t reason = 0; reason < kColdReasons; ++reason) {
    const int64_t count = numbers.partitions_not_whole[reason];
    if (count == 0) continue;
    others.push_back(absl::StrCat(count, " ", ColdReasonInWords(static_cast<ColdReason>(reason))));
  }
  if (others.empty()) return text;
  return absl::StrCat(text, "; not at once: ", absl::StrJoin(others, ", "));
}

class Report {
 public:
  Report(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink)
      : plan_(plan), options_(options), numbers_(CountPlan(plan)), sink_(sink) {}

  absl::Status Write() {
    AddHeadline();
    AddFindings("HAZARDS", Severity::kHazard);
    AddFindings("CONFLICTS", Severity::kConflict);
    AddFindings("ERRORS", Severity::kError);
    AddFindings("WARNINGS", Severity::kWarning);
    AddFindings("NOTES", Severity::kNote);
    AddTables();
    absl::StrAppend(&out_, OldTreeSection(plan_));
    AddLost();
    if (options_.next_step) {
      AddNextStep();
      AddWhatIsWritten();
    }
    Flush();
    return status_;
  }

  // WriteReminder.
  absl::Status Remind() {
    AddFindings("HAZARDS", Severity::kHazard);
    AddEmptyPartitions();
    AddWhatIsWritten();
    if (out_.starts_with('\n')) out_.erase(0, 1);  // above the first heading
    Flush();
    return status_;
  }

 private:
  int ExamplesMax() const { return options_.all ? INT_MAX : std::max(1, options_.examples_max); }

  void Flush() {
    if (status_.ok()) status_ = sink_(out_);
    out_.clear();
  }
  void FlushIfLarge() {
    if (out_.size() >= kBufferedBytes) Flush();
  }

  void AddHeadline() {
    const Headline headline = HeadlineOf(plan_.outcome, numbers_, options_.moment,
                                         /*list_follows=*/true);
    absl::StrAppend(&out_, headline.text, "\n\n");
    absl::StrAppend(&out_, "  nodes       ", numbers_.nodes_asked, " asked, ",
                    numbers_.nodes_answered, " answered completely");
    if (numbers_.nodes_on_disk > 0) {
      absl::StrAppend(&out_, ", ", numbers_.nodes_on_disk, " read from disk");
    }
    out_ += '\n';
    if (plan_.topology.tables.empty() && numbers_.nodes_answered < numbers_.nodes_asked) {
      absl::StrAppend(&out_,
                      "  tables      not looked at before every node has answered or is "
                      "skipped\n");
    } else {
      AddTableNumbers();
    }
    absl::StrAppend(&out_, "  evidence    collected ", UtcText(plan_.evidence_collected_at), "\n");
  }

  void AddTableNumbers() {
    absl::StrAppend(&out_, "  tables      ", numbers_.tables);
    if (numbers_.placeholders > 0) {
      absl::StrAppend(&out_, ", and ", Counted(numbers_.placeholders, "placeholder"),
                      " for ids without a table");
    }
    absl::StrAppend(&out_, "\n  partitions  ", numbers_.partitions, ": ", numbers_.partitions_full,
                    " with all their replicas, ", numbers_.partitions_short, " with fewer, ",
                    numbers_.partitions_lost, " with none\n");
    if (plan_.options.membership == Membership::kWarm) {
      absl::StrAppend(&out_, "  at once     ", Wrapped(WholeAtOnce(numbers_), 14, 14), "\n");
    }
    absl::StrAppend(&out_, "  replicas    ", numbers_.replicas_found, " found, ",
                    numbers_.replicas_overruled, " of them overruled");
    int64_t reported = 0;
    for (const NodeDecision& node : plan_.nodes) reported += node.replicas;
    if (reported > numbers_.replicas_found) {
      absl::StrAppend(&out_, "; reported but not used: ", reported - numbers_.replicas_found);
    }
    absl::StrAppend(&out_, "\n");
    AddPrimaries();
  }

  // Of the nodes that answered.
  void AddPrimaries() {
    std::map<NodeIndex, int64_t> by_node;
    for (size_t i = 0; i < plan_.nodes.size() && i < numbers_.primaries_by_node.size(); ++i) {
      if (plan_.nodes[i].error != "ERR_OK") continue;
      by_node[static_cast<NodeIndex>(i)] = numbers_.primaries_by_node[i];
    }
    if (numbers_.partitions == numbers_.partitions_lost) return;
    absl::StrAppend(&out_, "  primaries   ", Wrapped(CountsByNode(plan_, by_node), 14, 14), "\n");
  }

  void AddHeading(absl::string_view title, int64_t count) {
    absl::StrAppend(&out_, "\n", title, count > 0 ? absl::StrCat(" (", count, ")") : "", "\n");
  }

  void AddFindings(absl::string_view title, Severity severity) {
    std::vector<FindingGroup> groups = GroupFindings(plan_, severity);
    for (FindingGroup& group : groups) {
      std::erase_if(group.findings,
                    [this](const Finding* finding) { return IsLossOfDropped(plan_, *finding); });
    }
    std::erase_if(groups, [](const FindingGroup& group) { return group.findings.empty(); });
    int64_t count = 0;
    for (const FindingGroup& group : groups) {
      if (RowOf(group.kind).among_findings) count += static_cast<int64_t>(group.findings.size());
    }
    if (count == 0) return;
    AddHeading(title, count);
    for (const FindingGroup& group : groups) {
      if (RowOf(group.kind).among_findings) AddGroup(group);
    }
  }

  void AddGroup(const FindingGroup& group) {
    absl::StrAppend(&out_, "  ", RowOf(group.kind).title, " (", group.findings.size(), "):\n");
    if (AddTogether(group)) return;
    const size_t shown = std::min(group.findings.size(), static_cast<size_t>(ExamplesMax()));
    for (size_t i = 0; i < shown && status_.ok(); ++i) {
      AddFinding(*group.findings[i]);
      FlushIfLarge();
    }
    if (shown < group.findings.size()) AddRest(group, shown);
  }

  // What would be the same for each is said once. False if each is to be told by itself.
  bool AddTogether(const FindingGroup& group) {
    const auto together = RowOf(group.kind).together;
    if (together == nullptr || group.findings.size() < 2) return false;
    const size_t named_max = 2 * static_cast<size_t>(ExamplesMax());
    const std::string sentence = Printable(together(plan_, group.findings, named_max));
    if (sentence.empty()) return false;
    shown_.insert(group.findings.begin(), group.findings.end());
    absl::StrAppend(&out_, "    - ", Wrapped(sentence, 6, 6), "\n");
    if (group.findings.size() > named_max + 1) {
      absl::StrAppend(&out_, "    see all: ", CommandToSee(plan_, options_, "--all"), "\n");
    }
    return true;
  }

  void AddFinding(const Finding& finding) {
    shown_.insert(&finding);
    const std::vector<std::string> commands = FindingCommands(plan_, finding);
    absl::StrAppend(&out_, "    - ", Wrapped(FindingStatement(plan_, finding), 6, 6),
                    commands.empty() ? "\n" : ":\n");
    for (const std::string& command : commands) absl::StrAppend(&out_, "        ", command, "\n");
  }

  // What was not shown, by table where there are tables, and how to see it.
  void AddRest(const FindingGroup& group, size_t shown) {
    std::map<int32_t, std::vector<int32_t>> by_table;
    for (size_t i = shown; i < group.findings.size(); ++i) {
      const Finding& finding = *group.findings[i];
      if (finding.app_id > 0) by_table[finding.app_id].push_back(finding.partition_index);
    }
    std::string rest = absl::StrCat("and ", group.findings.size() - shown, " more");
    if (by_table.empty()) {
      absl::StrAppend(&out_, "    ", rest,
                      "\n    see all: ", CommandToSee(plan_, options_, "--all"), "\n");
      return;
    }
    std::vector<std::string> places;
    const size_t tables_shown = 2 * static_cast<size_t>(std::max(1, options_.examples_max));
    for (auto& [app_id, indexes] : by_table) {
      if (places.size() == tables_shown) break;
      places.push_back(Place(app_id, std::move(indexes)));
    }
    absl::StrAppend(&rest, ": ", absl::StrJoin(places, "; "));
    if (by_table.size() > places.size()) {
      absl::StrAppend(&rest, "; and of ",
                      Counted(static_cast<int64_t>(by_table.size() - places.size()), "more table"));
    }
    absl::StrAppend(&out_, "    ", Wrapped(rest, 4, 6));
    absl::StrAppend(&out_, "\n    see them: ", CommandToSee(plan_, options_, "--table <table>"),
                    "\n");
  }

  std::string Place(int32_t app_id, std::vector<int32_t> indexes) const {
    if (indexes.front() < 0) return TableLabel(plan_, app_id);
    std::sort(indexes.begin(), indexes.end());
    std::string ranges = RangesText(RangesOf(indexes));
    if (ranges.size() > 40) {
      ranges.resize(ranges.rfind(',', 40));
      absl::StrAppend(&ranges, ",...");
    }
    return absl::StrCat(TableLabel(plan_, app_id), ": ", ranges);
  }

  void AddTables() {
    std::vector<std::vector<const Finding*>> findings(plan_.topology.tables.size());
    std::vector<Severity> worst(plan_.topology.tables.size(), Severity::kNote);
    for (const Finding& finding : plan_.findings) {
      const size_t table = finding.app_id > 0 ? FindTable(plan_, finding.app_id) : SIZE_MAX;
      if (table == SIZE_MAX) continue;
      // What was said above in full is not said again.
      const bool said = finding.partition_index < 0 && shown_.contains(&finding);
      if (!said) findings[table].push_back(&finding);
      worst[table] = std::max(worst[table], finding.severity);
    }
    std::vector<size_t> order;
    std::vector<int32_t> placeholders;
    for (size_t i = 0; i < plan_.topology.tables.size() && i < plan_.tables.size(); ++i) {
      if (plan_.tables[i].placeholder) {
        placeholders.push_back(plan_.topology.tables[i].app_id);
      } else {
        order.push_back(i);
      }
    }
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      if (worst[a] != worst[b]) return worst[a] > worst[b];
      return plan_.tables[a].probably_dropped < plan_.tables[b].probably_dropped;
    });
    AddTableLines(AddTableBlocks(order, findings, worst));
    if (!placeholders.empty()) {
      absl::StrAppend(&out_, "\nPLACEHOLDERS, dropped, so that no id is used twice\n  ",
                      Wrapped(CutList(RangeTexts(RangesOf(placeholders)), 20), 2, 2), "\n");
    }
  }

  // Of the tables in `order` those about which there is something to say. Returns the others.
  std::vector<size_t> AddTableBlocks(const std::vector<size_t>& order,
                                     const std::vector<std::vector<const Finding*>>& findings,
                                     const std::vector<Severity>& worst) {
    std::vector<size_t> blocks;
    std::vector<size_t> healthy;
    for (const size_t table : order) {
      const bool is_healthy =
          worst[table] == Severity::kNote &&
          IsHealthy(plan_, table, SummarizeTable(plan_, table), findings[table]);
      (is_healthy ? healthy : blocks).push_back(table);
    }
    if (blocks.empty()) return healthy;
    AddHeading("TABLES, the worst first", static_cast<int64_t>(blocks.size()));
    const size_t tables_max = options_.all ? blocks.size() : std::max(0, options_.tables_max);
    const size_t shown = std::min(blocks.size(), tables_max);
    for (size_t i = 0; i < shown && status_.ok(); ++i) {
      absl::StrAppend(&out_, RenderTable(plan_, blocks[i], findings[blocks[i]], options_));
      FlushIfLarge();
    }
    if (shown < blocks.size()) {
      absl::StrAppend(&out_, "  and ",
                      Counted(static_cast<int64_t>(blocks.size() - shown), "table"),
                      " more; see one: ", CommandToSee(plan_, options_, "--table <table>"), "\n");
    }
    return healthy;
  }

  void AddTableLines(const std::vector<size_t>& healthy) {
    if (healthy.empty()) return;
    AddHeading("HEALTHY TABLES", static_cast<int64_t>(healthy.size()));
    const size_t lines_max =
        options_.all ? healthy.size() : std::max(0, options_.healthy_tables_max);
    const size_t shown = std::min(healthy.size(), lines_max);
    std::vector<std::vector<std::string>> rows = {TableRowTitles()};
    for (size_t i = 0; i < shown; ++i) {
      rows.push_back(TableRow(plan_, healthy[i], SummarizeTable(plan_, healthy[i])));
    }
    absl::StrAppend(&out_, AlignedRows(rows, 2));
    FlushIfLarge();
    if (shown < healthy.size()) {
      absl::StrAppend(&out_, "  and ", healthy.size() - shown,
                      " more; see all: ", CommandToSee(plan_, options_, "--all"), "\n");
    }
  }

  void AddLost() {
    if (numbers_.tables == 0) return;
    absl::StrAppend(&out_, LostSection(plan_, options_));
  }

  void AddEmptyPartitions() {
    std::vector<std::string> lines;
    int64_t count = 0;
    for (const TopologyTable& table : plan_.topology.tables) {
      std::vector<int32_t> empty;
      for (const TopologyPartition& partition : plan_.topology.PartitionsOf(table)) {
        const size_t position = static_cast<size_t>(&partition - plan_.topology.partitions.data());
        if (position >= plan_.partitions.size()) break;
        if (plan_.partitions[position].lost) empty.push_back(partition.index);
      }
      if (empty.empty()) continue;
      count += static_cast<int64_t>(empty.size());
      lines.push_back(absl::StrCat(TableLabel(plan_, table.app_id), ": ",
                                   CutList(RangeTexts(RangesOf(empty)), 20), " of ",
                                   Counted(table.partition_count, "partition")));
    }
    if (lines.empty()) return;
    AddHeading("PARTITIONS CREATED EMPTY", count);
    const size_t tables_max = options_.all ? lines.size() : std::max(0, options_.tables_max);
    const size_t shown = std::min(lines.size(), tables_max);
    for (size_t i = 0; i < shown; ++i) absl::StrAppend(&out_, "  ", lines[i], "\n");
    if (shown < lines.size()) {
      absl::StrAppend(&out_, "  and of ", lines.size() - shown,
                      " more tables; see all: ", CommandToSee(plan_, options_, "--all"), "\n");
    }
  }

  void AddWhatIsWritten() {
    if (plan_.outcome != PlanOutcome::kReady || options_.next.has_value()) return;
    absl::StrAppend(&out_, "\nPlan: ", WhatIsWritten(plan_, numbers_, options_), "\n");
  }

  void AddNextStep() {
    const NextStep step = NextStepOf(plan_, options_);
    absl::StrAppend(&out_, "\nNEXT\n  ", Wrapped(step.advice, 2, 2), "\n\n");
    for (const std::string& command : step.commands) {
      absl::StrAppend(&out_, "    ", command, "\n");
    }
    const std::string explain = ExplainCommand(plan_, options_);
    if (explain.empty()) return;
    absl::StrAppend(&out_, "\n  Why a replica was chosen: ", explain, " <table>.<partition>\n");
  }

  const RecoveryPlan& plan_;
  const ReportOptions& options_;
  const PlanNumbers numbers_;
  const TextSink sink_;
  absl::Status status_;  // of the sink
  absl::flat_hash_set<const Finding*> shown_;
  std::string out_;
};

// All of them, of one table or partition.
absl::Status WriteFindings(const RecoveryPlan& plan, const TableOrPartition& subject,
                           TextSink sink) {
  std::vector<const Finding*> found;
  for (const Finding& finding : plan.findings) {
    if (IsAbout(finding, subject)) found.push_back(&finding);
  }
  if (found.empty()) return absl::OkStatus();
  std::stable_sort(found.begin(), found.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  METAREC_RETURN_IF_ERROR(
      sink(absl::StrCat("\nFINDINGS about it, the worst first (", found.size(), ")\n")));
  for (const Finding* finding : found) {
    const std::string text =
        absl::StrCat(SeverityName(finding->severity), ": ", FindingSentence(plan, *finding));
    METAREC_RETURN_IF_ERROR(sink(absl::StrCat("  - ", Wrapped(text, 4, 4), "\n")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteDetails(const RecoveryPlan& plan, const PlanNumbers& numbers,
                          const ReportOptions& options, TextSink sink) {
  const TableOrPartition subject = *options.only;
  const std::string headline =
      absl::StrCat(HeadlineOf(plan.outcome, numbers, options.moment).text, "\n\n");
  const size_t table = FindTable(plan, subject.app_id);
  if (subject.partition_index >= 0 || table >= plan.tables.size()) {
    const std::string name = subject.partition_index < 0
                                 ? absl::StrCat(subject.app_id)
                                 : absl::StrCat(subject.app_id, ".", subject.partition_index);
    METAREC_ASSIGN_OR_RETURN(const std::string explanation, Explain(plan, name));
    METAREC_RETURN_IF_ERROR(sink(headline));
    return sink(explanation);
  }
  METAREC_RETURN_IF_ERROR(sink(headline));
  std::vector<const Finding*> of_partitions;
  for (const Finding& finding : plan.findings) {
    if (IsAbout(finding, subject) && finding.partition_index >= 0) {
      of_partitions.push_back(&finding);
    }
  }
  METAREC_RETURN_IF_ERROR(sink(RenderTable(plan, table, of_partitions, options)));
  return WriteFindings(plan, subject, sink);
}

absl::Status WriteReminder(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink) {
  return Report(plan, options, sink).Remind();
}

absl::Status WriteReport(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink) {
  if (options.only.has_value()) return WriteDetails(plan, CountPlan(plan), options, sink);
  return Report(plan, options, sink).Write();
}

std::string RenderReport(const RecoveryPlan& plan, const ReportOptions& options) {
  std::string report;
  const absl::Status written = WriteReport(plan, options, [&](absl::string_view text) {
    absl::StrAppend(&report, text);
    return absl::OkStatus();
  });
  return written.ok() ? report : absl::StrCat(written.message(), "\n");
}

}  // namespace metarec
