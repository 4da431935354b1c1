#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include "base/json/json_writer.h"
#include "base/runtime/status_macros.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/membership_rule.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/report.h"
#include "meta_recovery/report/table_section.h"

namespace metarec {
namespace {

constexpr int kSchema = 1;

class JsonReport {
 public:
  JsonReport(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink)
      : plan_(plan), options_(options), json_(sink, {.text = JsonText::kPrintable, .indent = 1}) {}

  absl::Status Write(const PlanNumbers& numbers) {
    json_.StartObject();
    json_.Int("schema", kSchema);
    json_.String("outcome", PlanOutcomeName(plan_.outcome));
    json_.String("membership", MembershipName(plan_.options.membership));
    json_.Int("exit_code", options_.exit_code.value_or(PlanExitCode(plan_.outcome, numbers)));
    json_.String("verdict", HeadlineOf(plan_.outcome, numbers, options_.moment).text);
    json_.Int("evidence_collected_at", absl::ToUnixSeconds(plan_.evidence_collected_at));
    WriteNumbers(numbers);
    WriteGroups();
    WriteNodes(numbers);
    WriteOldTrees();
    WriteTables();
    WriteFindings();
    if (!options_.only.has_value()) WriteNextStep();
    json_.EndObject();
    return json_.Newline().Finish();
  }

 private:
  bool IsShown(const Finding& finding) const {
    return !options_.only.has_value() || IsAbout(finding, *options_.only);
  }

  void WriteNumbers(const PlanNumbers& numbers) {
    json_.StartObject("numbers");
    json_.Int("nodes_asked", numbers.nodes_asked);
    json_.Int("nodes_answered", numbers.nodes_answered);
    json_.Int("nodes_on_disk", numbers.nodes_on_disk);
    json_.Int("tables", numbers.tables);
    json_.Int("placeholders", numbers.placeholders);
    json_.Int("znodes", numbers.znodes);
    json_.Int("partitions", numbers.partitions);
    json_.Int("partitions_full", numbers.partitions_full);
    json_.Int("partitions_short", numbers.partitions_short);
    json_.Int("partitions_lost", numbers.partitions_lost);
    json_.Int("partitions_whole_at_once", numbers.partitions_whole);
    json_.StartObject("partitions_not_whole_at_once");
    for (size_t reason = 0; reason < kColdReasons; ++reason) {
      const int64_t count = numbers.partitions_not_whole[reason];
      if (count > 0) json_.Int(ColdReasonName(static_cast<ColdReason>(reason)), count);
    }
    json_.EndObject();
    json_.Int("losses_not_accepted", numbers.losses_not_accepted);
    json_.Int("losses_of_dropped_tables", numbers.losses_of_dropped);
    json_.Int("replicas_found", numbers.replicas_found);
    json_.Int("replicas_overruled", numbers.replicas_overruled);
    json_.Int("conflicts", numbers.conflicts);
    json_.Int("errors", numbers.errors);
    json_.Int("hazards", numbers.hazards);
    json_.Int("warnings", numbers.warnings);
    json_.Int("notes", numbers.notes);
    json_.EndObject();
  }

  void WriteGroups() {
    json_.StartArray("groups");
    for (const Severity severity : {Severity::kConflict, Severity::kError, Severity::kHazard,
                                    Severity::kWarning, Severity::kNote}) {
      for (const FindingGroup& group : GroupFindings(plan_, severity, options_.only)) {
        json_.StartObject();
        json_.String("severity", SeverityName(severity));
        json_.String("kind", FindingKindName(group.kind));
        json_.Int("count", static_cast<int64_t>(group.findings.size()));
        json_.String("title", RowOf(group.kind).title);
        json_.EndObject();
      }
    }
    json_.EndArray();
  }

  void WriteNodes(const PlanNumbers& numbers) {
    json_.StartArray("nodes");
    for (size_t i = 0; i < plan_.nodes.size() && i < plan_.topology.nodes.size(); ++i) {
      const NodeDecision& node = plan_.nodes[i];
      json_.StartObject();
      json_.String("name", plan_.topology.nodes[i].name);
      json_.String("address", plan_.topology.nodes[i].address.ToString());
      json_.Strings("listed_as", node.listed_as);
      json_.String("name_source", NodeNameSourceName(node.name_source));
      if (node.own_address != Ipv4Endpoint{}) {
        json_.String("own_address", node.own_address.ToString());
      }
      if (node.on_disk_only) {
        json_.Bool("on_disk_only", true);
        json_.Strings("folders_set_aside", node.folders_set_aside);
        json_.Strings("folders_unusable", node.folders_unusable);
      }
      json_.String("error", node.error);
      json_.String("error_detail", node.error_detail);
      json_.Int("tables", node.tables);
      json_.Int("replicas", node.replicas);
      const bool is_counted = i < numbers.primaries_by_node.size();
      json_.Int("primaries", is_counted ? numbers.primaries_by_node[i] : 0);
      json_.EndObject();
    }
    json_.EndArray();
  }

  void WriteOldTrees() {
    json_.StartArray("old_trees");
    for (const OldTreeSource& tree : plan_.old_trees) {
      json_.StartObject();
      json_.String("source", tree.source);
      json_.String("kind", OldTreeKindName(tree.kind));
      json_.String("root", tree.root);
      json_.Int("zxid", tree.zxid);
      json_.Int("time", tree.time_second);
      json_.Bool("of_this_cluster", tree.is_of_cluster());
      json_.Int("tables_same", tree.tables_same);
      json_.Int("tables_other", tree.tables_other);
      if (tree.committed_zxid == kCommittedUnknown) {
        json_.String("committed", "unknown");
      } else {
        json_.String("committed", tree.committed_zxid >= tree.zxid ? "all" : "partly");
      }
      json_.Strings("confirmed_by", tree.confirmed_by);
      json_.Int("problems_count", tree.problems_count);
      json_.Strings("problems", tree.problems);
      json_.EndObject();
    }
    json_.EndArray();
  }

  void WriteTables() {
    json_.StartArray("tables");
    for (size_t i = 0; i < plan_.tables.size() && i < plan_.topology.tables.size(); ++i) {
      const bool is_shown =
          !options_.only.has_value() || plan_.topology.tables[i].app_id == options_.only->app_id;
      if (is_shown && json_.status().ok()) WriteTable(i);
    }
    json_.EndArray();
  }

  void WriteTable(size_t table) {
    const TopologyTable& record = plan_.topology.tables[table];
    const TableDecision& decision = plan_.tables[table];
    json_.StartObject();
    json_.Int("app_id", record.app_id);
    json_.String("name", record.app_name);
    json_.String("old_name", decision.old_name);
    json_.String("status", TableStatusWord(record.status));
    json_.Bool("placeholder", decision.placeholder);
    json_.Bool("probably_dropped", decision.probably_dropped);
    json_.String("old_tree", OldTreeUseName(decision.old_tree));
    json_.Int("partition_count", record.partition_count);
    json_.Int("max_replica_count", record.max_replica_count);
    json_.StartArray("described_by");
    for (const NodeIndex node : decision.described_by) json_.String(NodeLabel(plan_, node));
    json_.EndArray();
    WriteSummary(SummarizeTable(plan_, table,
                                options_.only.has_value() ? options_.only->partition_index : -1));
    json_.EndObject();
  }

  void WriteSummary(const TableSummary& summary) {
    json_.StartObject("replicas");
    json_.Int("found", summary.replicas_found);
    json_.Int("expected", summary.replicas_expected);
    json_.Int("overruled", summary.replicas_overruled);
    json_.Int("incomplete", summary.replicas_incomplete);
    json_.StartObject("by_node");
    for (const auto& [node, count] : summary.by_node) json_.Int(NodeLabel(plan_, node), count);
    json_.EndObject();
    json_.EndObject();
    json_.StartObject("primaries");
    for (const auto& [election, indexes] : summary.by_election) {
      json_.Ints(ElectionName(election), indexes);
    }
    json_.EndObject();
  }

  void WriteFindings() {
    json_.StartArray("findings");
    for (const Finding& finding : plan_.findings) {
      if (!IsShown(finding)) continue;
      if (!json_.status().ok()) break;
      json_.StartObject();
      json_.String("kind", FindingKindName(finding.kind()));
      json_.String("severity", SeverityName(finding.severity));
      if (finding.node != kNoNode) json_.String("node", NodeLabel(plan_, finding.node));
      if (finding.app_id != 0) json_.Int("app_id", finding.app_id);
      if (finding.partition_index >= 0) json_.Int("partition_index", finding.partition_index);
      json_.StartObject("facts");
      for (const auto& [key, value] : FactTexts(plan_, finding)) json_.String(key, value);
      json_.EndObject();
      json_.String("text", FindingSentence(plan_, finding));
      const std::vector<std::string> choices = SettleChoices(plan_, finding);
      if (!choices.empty()) json_.Strings("choices", choices);
      json_.EndObject();
    }
    json_.EndArray();
  }

  void WriteNextStep() {
    const NextStep step = NextStepOf(plan_, options_);
    json_.String("advice", step.advice);
    json_.String("next_command", step.commands.empty() ? "" : step.commands.front());
    json_.Strings("next_commands", step.commands);
  }

  const RecoveryPlan& plan_;
  const ReportOptions& options_;
  JsonWriter json_;
};

}  // namespace

absl::Status WriteDetailsJson(const RecoveryPlan& plan, const PlanNumbers& numbers,
                              const ReportOptions& options, TextSink sink) {
  // Whether there is something to tell, Explain knows.
  const TableOrPartition subject = *options.only;
  METAREC_RETURN_IF_ERROR(
      Explain(plan, subject.partition_index < 0
                        ? absl::StrCat(subject.app_id)
                        : absl::StrCat(subject.app_id, ".", subject.partition_index))
          .status());
  return JsonReport(plan, options, sink).Write(numbers);
}

absl::Status WriteReportJson(const RecoveryPlan& plan, const ReportOptions& options,
                             TextSink sink) {
  const PlanNumbers numbers = CountPlan(plan);
  if (options.only.has_value()) return WriteDetailsJson(plan, numbers, options, sink);
  return JsonReport(plan, options, sink).Write(numbers);
}

std::string RenderReportJson(const RecoveryPlan& plan, const ReportOptions& options) {
  std::string report;
  const absl::Status written = WriteReportJson(plan, options, [&](absl::string_view text) {
    absl::StrAppend(&report, text);
    return absl::OkStatus();
  });
  return written.ok() ? report : "";
}

}  // namespace metarec
