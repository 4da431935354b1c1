#include <algorithm>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <rapidjson/document.h>

#include "line_file/json_line_parser.h"
#include "line_file/json_object_reader.h"
#include "meta_recovery/plan_line_fields.h"
#include "meta_recovery/plan_lines.h"
#include "meta_recovery/planner.h"
#include "meta_recovery/sane_values.h"
#include "runtime/status_macros.h"

namespace metarec {
namespace {

constexpr absl::string_view kRemedy = "make the plan again, or take an intact copy";

}  // namespace

class PlanLineDecoder::State {
 public:
  explicit State(absl::string_view name) : name_(name), lines_(name, kRemedy) {}

  absl::Status Add(absl::string_view line, bool terminated) {
    lines_.Parse(line, terminated);
    if (ended_) return Damaged("text behind the last line of the plan");
    const bool is_first = lines_.line_number() == 1;
    if (is_first) {
      METAREC_RETURN_IF_ERROR(CheckFormat(line));
    } else if (!lines_.has_object() || lines_.json().MemberCount() != 1) {
      return lines_.NotParsed("not a JSON object with one key");
    } else if (lines_.json().HasMember("digest")) {
      return End();
    }
    lines_.AddToDigest(line);
    return is_first ? ReadHeader() : ReadLine();
  }

  absl::StatusOr<RecoveryPlan> Finish() {
    if (lines_.line_number() == 0) return NotPlan("it is empty");
    if (!ended_) return lines_.Truncated();
    return std::move(plan_);
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
    const auto format = lines_.json().FindMember("format");
    if (format == lines_.json().MemberEnd() || !format->value.IsString()) {
      return NotPlan("its first line names no format");
    }
    const absl::string_view text(format->value.GetString(), format->value.GetStringLength());
    if (text == "metarec-evidence") {
      return NotPlan("it is an evidence file, which `metarec plan --evidence` makes a plan from");
    }
    if (text != kPlanFormat) {
      return NotPlan(absl::StrCat("its format is '", absl::CHexEscape(text), "'"));
    }
    const auto version = lines_.json().FindMember("version");
    if (version == lines_.json().MemberEnd() || !version->value.IsInt64() ||
        version->value.GetInt64() != kPlanVersion) {
      return absl::InvalidArgumentError(absl::StrCat(
          name_, ":1: this plan is of another version than ", kPlanVersion,
          ", the only one that this program reads; make the plan again with this program, or use "
          "the one that wrote it"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadHeader() {
    JsonObjectReader json(lines_.json());
    plan_.outcome = ReadOutcome(json);
    plan_.evidence_collected_at = absl::FromUnixSeconds(json.Int64("collected_at"));
    const rapidjson::Value* counts = json.Find("counts");
    if (counts == nullptr) json.Fail("'counts' is missing");
    if (!json.ok()) return Damaged(json.error());
    JsonObjectReader counts_reader(*counts);
    for (size_t i = 0; i < std::size(kCounted); ++i) {
      announced_[i] = counts_reader.Number(kCounted[i], 0, INT64_MAX);
    }
    return counts_reader.ok() ? absl::OkStatus() : Damaged(counts_reader.error());
  }

  absl::Status ReadLine() {
    const auto& member = *lines_.json().MemberBegin();
    const absl::string_view what(member.name.GetString(), member.name.GetStringLength());
    JsonObjectReader json(member.value);
    if (lines_.line_number() == 2 && what == "options") {
      ReadOptionFields(json, plan_.options);
    } else if (lines_.line_number() == 2) {
      return Damaged("the second line holds no options");
    } else if (what == "node" && plan_.tables.empty() && plan_.findings.empty()) {
      ReadNodeFields(json, plan_.topology.nodes.emplace_back(), plan_.nodes.emplace_back());
    } else if (what == "table" && plan_.findings.empty()) {
      ReadTable(json);
    } else if (what == "partition" && plan_.findings.empty() && partitions_missing_ > 0) {
      ReadPartition(json);
    } else if (what == "finding") {
      ReadFindingFields(json, plan_.nodes.size(), plan_.findings.emplace_back());
    } else {
      return Damaged(absl::StrCat("'", absl::CHexEscape(what), "' is out of place"));
    }
    return json.ok() ? absl::OkStatus() : Damaged(json.error());
  }

  void ReadTable(JsonObjectReader& json) {
    if (partitions_missing_ > 0) json.Fail("the table before lacks partitions");
    TopologyTable& table = plan_.topology.tables.emplace_back();
    ReadTableFields(json, plan_.nodes.size(), table, plan_.tables.emplace_back());
    if (table.app_id != static_cast<int64_t>(plan_.tables.size())) {
      json.Fail("'app_id' is not the next one");  // no id is left out
    }
    table.partitions_begin = static_cast<uint32_t>(plan_.partitions.size());
    partitions_missing_ = json.Number("partitions", 0, table.partition_count);
    if (plan_.partitions.size() + partitions_missing_ > kPlanPartitionsMax) {
      json.Fail("more partitions than any plan may have");
    }
  }

  void ReadPartition(JsonObjectReader& json) {
    TopologyTable& table = plan_.topology.tables.back();
    TopologyPartition partition;
    PartitionDecision decision;
    partition.index = ReadIndex(json, table);
    partition.ballot = json.Number("ballot", 0, kBallotMax);
    partition.last_committed_decree = json.Number("last_committed_decree", -1, kDecreeMax);
    partition.partition_flags = json.Int32("flags");
    decision.lost = json.Bool("lost");
    if (const rapidjson::Value* primary = json.Find("primary");
        primary == nullptr || !primary->IsNull()) {
      partition.primary = static_cast<NodeIndex>(
          json.Number("primary", 0, static_cast<int64_t>(plan_.nodes.size()) - 1));
    }
    const std::vector<NodeIndex> last_drops =
        ReadNodeNumbers(json, "last_drops", plan_.nodes.size());
    std::vector<NodeIndex>& all_last_drops = plan_.topology.last_drops;
    partition.last_drops_begin = static_cast<uint32_t>(all_last_drops.size());
    partition.last_drops_count = static_cast<uint32_t>(last_drops.size());
    all_last_drops.insert(all_last_drops.end(), last_drops.begin(), last_drops.end());
    decision.replicas_begin = static_cast<uint32_t>(plan_.replicas.size());
    ReadReplicas(json);
    decision.replicas_count =
        static_cast<uint32_t>(plan_.replicas.size()) - decision.replicas_begin;
    plan_.topology.partitions.push_back(partition);
    plan_.partitions.push_back(decision);
    ++table.partitions_count;
    --partitions_missing_;
  }

  // Of the "pid", which must be of this table and above the one before.
  int32_t ReadIndex(JsonObjectReader& json, const TopologyTable& table) const {
    const std::string pid = json.String("pid");
    const int32_t previous =
        table.partitions_count == 0 ? -1 : plan_.topology.partitions.back().index;
    const std::string prefix = absl::StrCat(table.app_id, ".");
    int32_t index = -1;
    if (pid.rfind(prefix, 0) != 0 || !absl::SimpleAtoi(pid.substr(prefix.size()), &index) ||
        index <= previous || index >= table.partition_count || absl::StrCat(prefix, index) != pid) {
      json.Fail(absl::StrCat("'pid' is '", absl::CHexEscape(pid),
                             "', which cannot be a partition of this table here"));
    }
    return index;
  }

  void ReadReplicas(JsonObjectReader& json) {
    const rapidjson::Value* replicas = json.Find("replicas");
    if (replicas == nullptr || !replicas->IsArray()) return json.Fail("'replicas' is no array");
    for (const rapidjson::Value& element : replicas->GetArray()) {
      if (!ReadReplicaFields(element, plan_.nodes.size(), plan_.replicas.emplace_back())) {
        return json.Fail("'replicas' holds something that cannot be");
      }
    }
  }

  absl::Status End() {
    const size_t counts[] = {plan_.nodes.size(),
                             plan_.tables.size(),
                             plan_.partitions.size(),
                             plan_.replicas.size(),
                             plan_.topology.last_drops.size(),
                             plan_.findings.size()};
    static_assert(std::size(counts) == std::size(kCounted));
    for (size_t i = 0; i < std::size(counts); ++i) {
      if (static_cast<int64_t>(counts[i]) == announced_[i]) continue;
      return Damaged(absl::StrCat("there are ", counts[i], " ", kCounted[i],
                                  ", while the first line announces ", announced_[i]));
    }
    JsonObjectReader json(lines_.json());
    METAREC_RETURN_IF_ERROR(lines_.CheckDigest(json.String("digest")));
    ended_ = true;
    return absl::OkStatus();
  }

  static constexpr const char* kCounted[] = {"nodes",    "tables",     "partitions",
                                             "replicas", "last_drops", "findings"};

  const std::string name_;
  JsonLineParser lines_;
  int64_t announced_[std::size(kCounted)] = {};
  int64_t partitions_missing_ = 0;  // of the last table
  bool ended_ = false;
  RecoveryPlan plan_;
};

PlanLineDecoder::PlanLineDecoder(absl::string_view name) : state_(std::make_unique<State>(name)) {}
PlanLineDecoder::~PlanLineDecoder() = default;

absl::Status PlanLineDecoder::Add(absl::string_view line, bool terminated) {
  return state_->Add(line, terminated);
}

absl::StatusOr<RecoveryPlan> PlanLineDecoder::Finish() { return state_->Finish(); }

}  // namespace metarec
