#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "base/json/json_reader.h"
#include "base/line_file/json_lines.h"
#include "base/line_file/line_file.h"
#include "base/runtime/status_macros.h"
#include "base/text/wording.h"
#include "meta_recovery/plan_file/plan_consistency.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/plan_file/plan_line_fields.h"
#include "meta_recovery/planner/planner.h"

namespace metarec {
namespace {

constexpr absl::string_view kRemedy = "make the plan again, or take an intact copy";

// Builds a plan from its lines, or what is selected of it: every line is checked in any case. Not
// thread-safe.
class PlanReader {
 public:
  // `name` is for messages.
  PlanReader(absl::string_view name, PlanSelection selection)
      : name_(name), lines_(name, kRemedy), selection_(std::move(selection)) {}

  // The next line, without its newline. `terminated`: whether it had one. Nothing may follow an
  // error.
  absl::Status Add(absl::string_view line, bool terminated) {
    lines_.Parse(line, terminated);
    if (ended_) return Damaged("text behind the last line of the plan");
    const bool is_first = lines_.line_number() == 1;
    if (is_first) {
      METAREC_RETURN_IF_ERROR(CheckFormat(line));
    } else if (!lines_.has_object() || lines_.root().Members().size() != 1) {
      return lines_.NotParsed("not a JSON object with one key");
    } else if (lines_.root().Find("digest")) {
      return End();
    }
    lines_.AddToDigest(line);
    return is_first ? ReadHeader() : ReadLine();
  }

  // kDataLoss when the last line is missing.
  absl::StatusOr<PlanExcerpt> Finish() {
    if (lines_.line_number() == 0) return NotPlan("it is empty");
    if (!ended_) return lines_.Truncated();
    return PlanExcerpt{.plan = std::move(plan_), .numbers = counter_.numbers()};
  }

 private:
  absl::Status Damaged(absl::string_view what) const { return lines_.Damaged(what); }
  absl::Status NotPlan(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(name_, ":1: not a plan file: ", what,
                                                   "; give a file that `metarec plan --plan` "
                                                   "wrote"));
  }

  absl::Status CheckFormat(absl::string_view line) const {
    if (!lines_.has_object()) {
      const bool binary = std::any_of(line.begin(), line.end(), [](unsigned char c) {
        return (c < 0x20 && c != '\t' && c != '\r') || c == 0x7f;
      });
      return NotPlan(binary ? "it looks like a binary file" : "its first line is no JSON");
    }
    const std::optional<absl::string_view> format = lines_.root().Find("format").String();
    if (!format.has_value()) return NotPlan("its first line names no format");
    const absl::string_view text = *format;
    if (text == "metarec-evidence") {
      return NotPlan("it is an evidence file, which `metarec plan --evidence` makes a plan from");
    }
    if (text != kPlanFormat) {
      return NotPlan(absl::StrCat("its format is '", absl::CHexEscape(Shortened(text)), "'"));
    }
    if (lines_.root().Find("version").Int() != kPlanVersion) {
      return absl::InvalidArgumentError(absl::StrCat(
          name_, ":1: this plan is of another version than ", kPlanVersion,
          ", the only one that this program reads; make the plan again with this program, or use "
          "the one that wrote it"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadHeader() {
    JsonFieldReader json(lines_.root());
    PlanFieldReader(json, 0)("outcome", plan_.outcome);
    plan_.evidence_collected_at =
        absl::FromUnixSeconds(json.Int("collected_at", kTime.least, kTime.most));
    const JsonValue counts = json.Find("counts");
    if (!counts) json.Fail("'counts' is missing");
    if (!json.ok()) return Damaged(json.error());
    JsonFieldReader counts_reader(counts);
    for (size_t i = 0; i < std::size(kAnnounced); ++i) {
      announced_[i] = counts_reader.Int(kAnnounced[i], 0, INT64_MAX);
    }
    if (!counts_reader.ok()) return Damaged(counts_reader.error());
    if (const JsonValue told = json.Find("only_in_findings")) ReadOnlyInFindings(told, json);
    return json.ok() ? absl::OkStatus() : Damaged(json.error());
  }

  // Into `only_in_findings_`. A kind of which there are none is left out.
  void ReadOnlyInFindings(const JsonValue& told, JsonFieldReader& json) {
    size_t kinds = 0;
    for (const FindingKind kind : kOnlyInFindings) {
      const std::string name(FindingKindName(kind));
      if (!told.Find(name)) continue;
      JsonFieldReader number(told);
      only_in_findings_[kind] = number.Int(name, 1, INT64_MAX);
      if (!number.ok()) json.Fail(number.error());
      ++kinds;
    }
    if (kinds == 0 || kinds != told.Members().size()) {
      json.Fail("'only_in_findings' holds something that cannot be");
    }
  }

  absl::Status ReadLine() {
    const auto [what, value] = lines_.root().Members().front();
    JsonFieldReader json(value);
    PlanFieldReader fields(json, plan_.nodes.size());
    if (lines_.line_number() == 2 && what == "options") {
      ForEachOptionField(plan_.options, fields);
      counter_.AddOptions(plan_.options);
      Refuse(json, [this] { return consistency_.ProblemOfOptions(); });
    } else if (lines_.line_number() == 2) {
      return Damaged("the second line holds no options");
    } else if (what == "node" && plan_.tables.empty() && plan_.old_trees.empty() &&
               read_.findings == 0) {
      NodeDecision& node = plan_.nodes.emplace_back();
      ForEachNodeField(plan_.topology.nodes.emplace_back(), node, fields);
      node.on_disk_only = static_cast<bool>(json.Find(kFirstDiskField));
      if (node.on_disk_only) ForEachDiskField(node, fields);
      if (!IsErrorName(plan_.nodes.back().error)) json.Fail("'error' is no name of an error");
      Refuse(json, [this] { return consistency_.ProblemOfLastNode(); });
      counter_.AddNode(plan_.nodes.back());
    } else if (what == "old_tree" && plan_.tables.empty() && read_.carried + read_.findings == 0) {
      ForEachOldTreeField(plan_.old_trees.emplace_back(), fields);
      Refuse(json, [this] { return consistency_.ProblemOfLastOldTree(); });
    } else if (what == "carried" && read_.findings == 0 && partitions_missing_ == 0) {
      ReadCarried(json, fields);
    } else if (what == "table" && read_.carried + read_.findings == 0) {
      ReadTable(json, fields);
    } else if (what == "partition" && read_.findings == 0 && partitions_missing_ > 0) {
      ReadPartition(json, fields);
    } else if (what == "finding" && partitions_missing_ == 0) {
      ReadFindingLine(json);
    } else {
      return Damaged(absl::StrCat("'", absl::CHexEscape(Shortened(what)), "' is out of place"));
    }
    return json.ok() ? absl::OkStatus() : Damaged(json.error());
  }

  // For what contradicts the rest of the plan, unless a field could not even be read.
  template <typename FindProblem>
  static void Refuse(JsonFieldReader& json, FindProblem find_problem) {
    if (!json.ok()) return;
    const std::string problem = find_problem();
    if (!problem.empty()) json.Fail(problem);
  }

  void ReadTable(JsonFieldReader& json, PlanFieldReader& fields) {
    if (partitions_missing_ > 0) json.Fail("the table before lacks partitions");
    if (plan_.tables.empty()) selection_.AfterNodes(plan_);
    TopologyTable& table = plan_.topology.tables.emplace_back();
    ForEachTableField(table, plan_.tables.emplace_back(), partitions_missing_, fields);
    if (table.app_id != static_cast<int64_t>(plan_.tables.size())) {
      json.Fail("'app_id' is not the next one");  // no id is left out
    }
    table.partitions_begin = static_cast<uint32_t>(plan_.partitions.size());
    if (read_.partitions + partitions_missing_ > kPlanPartitionsMax) {
      json.Fail("more partitions than any plan may have");
    }
    Refuse(json, [this] { return consistency_.ProblemOfLastTable(partitions_missing_); });
    previous_index_ = -1;
    counter_.AddTable(plan_.tables.back());
    selection_.BeginTable(table, plan_.tables.back());
  }

  void ReadPartition(JsonFieldReader& json, PlanFieldReader& fields) {
    TopologyTable& table = plan_.topology.tables.back();
    TopologyPartition partition;
    PartitionDecision decision;
    partition.index = ReadIndex(json, table);
    PartitionMembers members;
    ForEachPartitionField(partition, decision, members, fields);
    ReadReplicas(json);
    Refuse(json, [&] {
      return consistency_.ProblemOfPartition(partition, decision, members, replicas_);
    });
    ++read_.partitions;
    read_.replicas += static_cast<int64_t>(replicas_.size());
    read_.last_drops += static_cast<int64_t>(members.last_drops.size());
    read_.secondaries += static_cast<int64_t>(members.secondaries.size());
    previous_index_ = partition.index;
    --partitions_missing_;
    counter_.AddPartition(table, plan_.tables.back(), decision, replicas_);
    if (selection_.KeepsPartition(table.app_id, partition.index)) {
      Keep(partition, decision, members);
      ++table.partitions_count;
      return;
    }
    for (const RankedReplica& replica : replicas_) {
      if (selection_.KeepsReplica(replica)) plan_.replicas.push_back(replica);
    }
  }

  void Keep(TopologyPartition partition, PartitionDecision decision,
            const PartitionMembers& members) {
    std::vector<NodeIndex>& all = plan_.topology.members;
    partition.members_begin = static_cast<uint32_t>(all.size());
    partition.last_drops_count = static_cast<uint32_t>(members.last_drops.size());
    partition.secondaries_count = static_cast<uint32_t>(members.secondaries.size());
    all.insert(all.end(), members.last_drops.begin(), members.last_drops.end());
    all.insert(all.end(), members.secondaries.begin(), members.secondaries.end());
    decision.replicas_begin = static_cast<uint32_t>(plan_.replicas.size());
    decision.replicas_count = static_cast<uint32_t>(replicas_.size());
    plan_.replicas.insert(plan_.replicas.end(), replicas_.begin(), replicas_.end());
    plan_.topology.partitions.push_back(partition);
    plan_.partitions.push_back(decision);
  }

  // Of the "pid", which must be of this table and above the one before.
  int32_t ReadIndex(JsonFieldReader& json, const TopologyTable& table) const {
    const std::string pid = json.String("pid");
    const std::string prefix = absl::StrCat(table.app_id, ".");
    int32_t index = -1;
    if (pid.rfind(prefix, 0) != 0 || !absl::SimpleAtoi(pid.substr(prefix.size()), &index) ||
        index <= previous_index_ || index >= table.partition_count ||
        absl::StrCat(prefix, index) != pid) {
      json.Fail(absl::StrCat("'pid' is '", absl::CHexEscape(Shortened(pid)),
                             "', which cannot be a partition of this table here"));
    }
    return index;
  }

  // Into `replicas_`.
  void ReadReplicas(JsonFieldReader& json) {
    replicas_.clear();
    const JsonValue replicas = json.Find("replicas");
    if (!replicas.IsArray()) return json.Fail("'replicas' is no array");
    for (size_t i = 0; i < replicas.size(); ++i) {
      if (!ReadReplica(replicas[i], plan_.nodes.size(), replicas_.emplace_back())) {
        return json.Fail("'replicas' holds something that cannot be");
      }
      replicas_.back().on_disk_only = plan_.nodes[replicas_.back().node].on_disk_only;
    }
  }

  void ReadCarried(JsonFieldReader& json, PlanFieldReader& fields) {
    ++read_.carried;
    CarriedZnode& znode = plan_.topology.carried.emplace_back();
    std::string data;
    ForEachCarriedField(znode.path, data, fields);
    if (!absl::Base64Unescape(data, &znode.data) || absl::Base64Escape(znode.data) != data) {
      json.Fail("'data_b64' is no base64");
    }
  }

  void ReadFindingLine(JsonFieldReader& json) {
    if (read_.findings++ == 0 && plan_.tables.empty()) selection_.AfterNodes(plan_);
    Finding finding;
    ReadFinding(json, plan_.nodes.size(), finding);
    counter_.AddFinding(finding);
    if (IsOnlyInFindings(finding.kind())) --only_in_findings_[finding.kind()];
    Refuse(json, [&] { return consistency_.ProblemOfFinding(finding); });
    if (selection_.KeepsFinding(finding)) plan_.findings.push_back(std::move(finding));
  }

  absl::Status End() {
    if (partitions_missing_ > 0) return Damaged("the last table lacks partitions");
    const int64_t counts[] = {static_cast<int64_t>(plan_.nodes.size()),
                              static_cast<int64_t>(plan_.old_trees.size()),
                              static_cast<int64_t>(plan_.tables.size()),
                              read_.partitions,
                              read_.replicas,
                              read_.last_drops,
                              read_.secondaries,
                              read_.carried,
                              read_.findings};
    static_assert(std::size(counts) == std::size(kAnnounced));
    for (size_t i = 0; i < std::size(counts); ++i) {
      if (counts[i] == announced_[i]) continue;
      return Damaged(absl::StrCat("there are ", counts[i], " ", kAnnounced[i],
                                  ", while the first line announces ", announced_[i]));
    }
    for (const auto& [kind, missing] : only_in_findings_) {
      if (missing == 0) continue;
      return Damaged(absl::StrCat("there are ", missing > 0 ? "fewer" : "more", " findings ",
                                  FindingKindName(kind), " than the first line announces"));
    }
    JsonFieldReader json(lines_.root());
    METAREC_RETURN_IF_ERROR(lines_.CheckDigest(json.String("digest")));
    const std::string problem = consistency_.ProblemOfWhole();
    if (!problem.empty()) return Damaged(problem);
    ended_ = true;
    return absl::OkStatus();
  }

  static constexpr const char* kAnnounced[] = {"nodes",       "old_trees", "tables",
                                               "partitions",  "replicas",  "last_drops",
                                               "secondaries", "carried",   "findings"};

  const std::string name_;
  JsonLineParser lines_;
  int64_t announced_[std::size(kAnnounced)] = {};
  // How many lines there were, kept or not.
  struct {
    int64_t partitions = 0;
    int64_t replicas = 0;
    int64_t last_drops = 0;
    int64_t secondaries = 0;
    int64_t carried = 0;
    int64_t findings = 0;
  } read_;
  std::map<FindingKind, int64_t> only_in_findings_;  // how many are still to come
  int64_t partitions_missing_ = 0;                   // of the last table
  int32_t previous_index_ = -1;                      // in it
  std::vector<RankedReplica> replicas_;              // of the last partition
  bool ended_ = false;
  PlanSelection selection_;
  PlanCounter counter_;
  RecoveryPlan plan_;
  PlanConsistency consistency_{plan_};
};

}  // namespace

absl::StatusOr<RecoveryPlan> ReadPlanFile(const std::string& path, const PlanFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(PlanExcerpt whole,
                           ReadPlanExcerpt(path, PlanSelection::Everything(), options));
  return std::move(whole.plan);
}

absl::StatusOr<PlanExcerpt> ReadPlanExcerpt(const std::string& path, PlanSelection selection,
                                            const PlanFileOptions& options) {
  METAREC_ASSIGN_OR_RETURN(
      LineReader file,
      LineReader::Open(path, {.line_bytes_max = options.line_bytes_max,
                              .interrupt_descriptor = options.interrupt_descriptor}));
  PlanReader reader(path, std::move(selection));
  std::string line;
  while (true) {
    METAREC_ASSIGN_OR_RETURN(const bool more, file.Next(&line));
    if (!more) break;
    METAREC_RETURN_IF_ERROR(reader.Add(line, file.line_was_terminated()));
  }
  return reader.Finish();
}

absl::StatusOr<RecoveryPlan> DecodePlan(absl::string_view text, absl::string_view name) {
  METAREC_ASSIGN_OR_RETURN(PlanExcerpt whole,
                           DecodePlanExcerpt(text, name, PlanSelection::Everything()));
  return std::move(whole.plan);
}

absl::StatusOr<PlanExcerpt> DecodePlanExcerpt(absl::string_view text, absl::string_view name,
                                              PlanSelection selection) {
  PlanReader reader(name, std::move(selection));
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const bool terminated = end != absl::string_view::npos;
    METAREC_RETURN_IF_ERROR(reader.Add(text.substr(0, end), terminated));
    text.remove_prefix(terminated ? end + 1 : text.size());
  }
  return reader.Finish();
}

}  // namespace metarec
