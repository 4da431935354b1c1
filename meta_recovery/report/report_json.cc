#include "meta_recovery/report/report_json.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <rapidjson/prettywriter.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "meta_recovery/planner/plan_text.h"
#include "meta_recovery/report/explain.h"
#include "meta_recovery/report/finding_text.h"
#include "meta_recovery/report/findings_by_kind.h"
#include "meta_recovery/report/table_summary.h"

namespace metarec {
namespace {

constexpr int kSchema = 1;

// What rapidjson writes to: gives it to a sink in larger pieces.
class SinkStream {
 public:
  using Ch = char;

  explicit SinkStream(TextSink sink) : sink_(sink) { buffer_.reserve(kBufferedBytes); }

  void Put(char c) {
    buffer_.push_back(c);
    if (buffer_.size() == kBufferedBytes) Flush();
  }
  void Flush() {
    if (status_.ok()) status_ = sink_(buffer_);
    buffer_.clear();
  }
  const absl::Status& status() const { return status_; }

 private:
  static constexpr size_t kBufferedBytes = 64 << 10;

  const TextSink sink_;
  std::string buffer_;
  absl::Status status_;
};

class JsonReport {
 public:
  JsonReport(const RecoveryPlan& plan, const ReportOptions& options, TextSink sink)
      : plan_(plan), options_(options), stream_(sink), writer_(stream_) {
    writer_.SetIndent(' ', 1);
  }

  absl::Status Write(const PlanNumbers& numbers) {
    writer_.StartObject();
    Int("schema", kSchema);
    String("outcome", PlanOutcomeName(plan_.outcome));
    Int("exit_code", PlanExitCode(plan_.outcome, numbers));
    String("verdict", Verdict(plan_, numbers));
    Int("evidence_collected_at", absl::ToUnixSeconds(plan_.evidence_collected_at));
    WriteNumbers(numbers);
    WriteGroups();
    WriteNodes();
    WriteTables();
    WriteFindings();
    if (!options_.only.has_value()) WriteNextStep();
    writer_.EndObject();
    stream_.Put('\n');
    stream_.Flush();
    return stream_.status();
  }

 private:
  bool IsShown(const Finding& finding) const {
    return !options_.only.has_value() || IsAbout(finding, *options_.only);
  }

  void Key(absl::string_view key) {
    writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }
  void Value(absl::string_view value) {
    const std::string printable = Printable(value);
    writer_.String(printable.data(), static_cast<rapidjson::SizeType>(printable.size()));
  }
  void String(absl::string_view key, absl::string_view value) {
    Key(key);
    Value(value);
  }
  void Int(absl::string_view key, int64_t value) {
    Key(key);
    writer_.Int64(value);
  }
  void Bool(absl::string_view key, bool value) {
    Key(key);
    writer_.Bool(value);
  }
  void Strings(absl::string_view key, const std::vector<std::string>& values) {
    Key(key);
    writer_.StartArray();
    for (const std::string& value : values) Value(value);
    writer_.EndArray();
  }

  void WriteNumbers(const PlanNumbers& numbers) {
    Key("numbers");
    writer_.StartObject();
    Int("nodes_asked", numbers.nodes_asked);
    Int("nodes_answered", numbers.nodes_answered);
    Int("tables", numbers.tables);
    Int("placeholders", numbers.placeholders);
    Int("partitions", numbers.partitions);
    Int("partitions_full", numbers.partitions_full);
    Int("partitions_short", numbers.partitions_short);
    Int("partitions_lost", numbers.partitions_lost);
    Int("replicas_found", numbers.replicas_found);
    Int("replicas_overruled", numbers.replicas_overruled);
    Int("conflicts", numbers.conflicts);
    Int("errors", numbers.errors);
    Int("hazards", numbers.hazards);
    Int("warnings", numbers.warnings);
    Int("notes", numbers.notes);
    writer_.EndObject();
  }

  void WriteGroups() {
    Key("groups");
    writer_.StartArray();
    for (const Severity severity : {Severity::kConflict, Severity::kError, Severity::kHazard,
                                    Severity::kWarning, Severity::kNote}) {
      for (const FindingGroup& group : GroupFindings(plan_, severity, options_.only)) {
        writer_.StartObject();
        String("severity", SeverityName(severity));
        String("kind", FindingKindName(group.kind));
        Int("count", static_cast<int64_t>(group.findings.size()));
        String("title", FindingKindTitle(group.kind));
        writer_.EndObject();
      }
    }
    writer_.EndArray();
  }

  void WriteNodes() {
    Key("nodes");
    writer_.StartArray();
    for (size_t i = 0; i < plan_.nodes.size() && i < plan_.topology.nodes.size(); ++i) {
      const NodeDecision& node = plan_.nodes[i];
      writer_.StartObject();
      String("name", plan_.topology.nodes[i].name);
      String("address", plan_.topology.nodes[i].address.ToString());
      Strings("listed_as", node.listed_as);
      String("name_source", NodeNameSourceName(node.name_source));
      String("error", node.error);
      String("error_detail", node.error_detail);
      Int("tables", node.tables);
      Int("replicas", node.replicas);
      writer_.EndObject();
    }
    writer_.EndArray();
  }

  void WriteTables() {
    Key("tables");
    writer_.StartArray();
    for (size_t i = 0; i < plan_.tables.size() && i < plan_.topology.tables.size(); ++i) {
      const bool is_shown =
          !options_.only.has_value() || plan_.topology.tables[i].app_id == options_.only->app_id;
      if (is_shown && stream_.status().ok()) WriteTable(i);
    }
    writer_.EndArray();
  }

  void WriteTable(size_t table) {
    const TopologyTable& record = plan_.topology.tables[table];
    const TableDecision& decision = plan_.tables[table];
    writer_.StartObject();
    Int("app_id", record.app_id);
    String("name", record.app_name);
    String("old_name", decision.old_name);
    String("status", TableStatusWord(record.status));
    Bool("placeholder", decision.placeholder);
    Bool("probably_dropped", decision.probably_dropped);
    Int("partition_count", record.partition_count);
    Int("max_replica_count", record.max_replica_count);
    Key("described_by");
    writer_.StartArray();
    for (const NodeIndex node : decision.described_by) Value(NodeLabel(plan_, node));
    writer_.EndArray();
    WriteSummary(SummarizeTable(plan_, table,
                                options_.only.has_value() ? options_.only->partition_index : -1));
    writer_.EndObject();
  }

  void WriteSummary(const TableSummary& summary) {
    Key("replicas");
    writer_.StartObject();
    Int("found", summary.replicas_found);
    Int("expected", summary.replicas_expected);
    Int("overruled", summary.replicas_overruled);
    Int("incomplete", summary.replicas_incomplete);
    Key("by_node");
    writer_.StartObject();
    for (const auto& [node, count] : summary.by_node) Int(NodeLabel(plan_, node), count);
    writer_.EndObject();
    writer_.EndObject();
    Key("primaries");
    writer_.StartObject();
    for (const auto& [election, indexes] : summary.by_election) {
      Key(ElectionName(election));
      writer_.StartArray();
      for (const int32_t index : indexes) writer_.Int(index);
      writer_.EndArray();
    }
    writer_.EndObject();
  }

  void WriteFindings() {
    Key("findings");
    writer_.StartArray();
    for (const Finding& finding : plan_.findings) {
      if (!IsShown(finding)) continue;
      if (!stream_.status().ok()) break;
      writer_.StartObject();
      String("kind", FindingKindName(finding.kind));
      String("severity", SeverityName(finding.severity));
      if (finding.node != kNoNode) String("node", NodeLabel(plan_, finding.node));
      if (finding.app_id != 0) Int("app_id", finding.app_id);
      if (finding.partition_index >= 0) Int("partition_index", finding.partition_index);
      Key("facts");
      writer_.StartObject();
      for (const auto& [key, value] : finding.facts) String(key, value);
      writer_.EndObject();
      String("text", FindingSentence(plan_, finding));
      const std::vector<std::string> choices = SettleChoices(finding);
      if (!choices.empty()) Strings("choices", choices);
      writer_.EndObject();
    }
    writer_.EndArray();
  }

  void WriteNextStep() {
    const NextStep step = NextStepOf(plan_, options_);
    String("advice", step.advice);
    String("next_command", step.commands.empty() ? "" : step.commands.front());
    Strings("next_commands", step.commands);
  }

  const RecoveryPlan& plan_;
  const ReportOptions& options_;
  SinkStream stream_;
  rapidjson::PrettyWriter<SinkStream> writer_;
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
