// A plan file that was edited by hand and got a digest that fits: every value and every line of
// small plans, which have every kind of finding between them, is changed, removed and doubled. What
// contradicts the rest is refused. What is not refused is listed here, with the reason.

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/line_file/json_lines.h"
#include "meta_recovery/plan_file/plan_file.h"
#include "meta_recovery/planner/finding.h"
#include "testing/slow_build.h"
#include "tests/meta_recovery/plan_file/worlds_of_findings.h"

namespace metarec {
namespace {

using rapidjson::Document;
using rapidjson::Value;

// What may be changed, and why that is no contradiction.
struct Harmless {
  const char* why;
  std::vector<const char*> places;
};

const std::vector<Harmless>& WhatIsHarmless() {
  static const auto* const harmless = new std::vector<Harmless>{
      {"a change within it is listed by itself",
       {"node", "options", "finding(node_report_invalid).facts",
        "finding(node_report_invalid).facts.problems",
        "finding(node_report_invalid).facts.problems[]", "finding(records_conflict).facts.values",
        "finding(records_conflict).facts.values[]", "finding(records_differ).facts",
        "finding(records_differ).facts.values", "finding(records_differ).facts.values[]",
        "finding(settled).facts.values", "finding(settled).facts.values[]"}},
      {"evidence that only this line tells: the same plan, of a cluster with another history",
       {"header.collected_at", "node.address", "node.attempts", "table.app_type",
        "table.is_stateful", "table.max_replica_count", "table.expire_second",
        "table.create_second", "table.drop_second", "table.is_bulk_loading",
        "table.atomic_idempotent", "partition.replicas[][1]", "partition.replicas[][2]",
        "partition.replicas[][3]", "partition.replicas[][4]", "node.folders_set_aside",
        "node.folders_set_aside[]", "node.folders_unusable", "node.folders_unusable[]"}},
      {"for people: it explains an error that another field names", {"node.error_detail"}},
      {"beacons are told here only: how many findings of this kind there are, the first line says",
       {"finding(unconfirmed_beacons).facts.servers", "finding(unlisted_server).facts.names",
        "finding(unlisted_server).facts.names[]"}},
      {"no tables are planned, so nothing uses what the node reported, or what was settled",
       {"node.tables", "options.settlements"}},
      {"what made no sense may have been an env, which is counted nowhere else",
       {"node.replicas", "finding(node_report_invalid).facts.problems[][1]"}},
      {"an option that nothing in the plan needed",
       {"options.carry_duplications", "options.skip_bad_nodes", "options.skip_lost_partitions",
        "options.accept_still_served", "options.rename_separator", "options.max_app_id",
        "options.max_id_gap", "options.max_partition_count", "options.bad_nodes_skipped",
        "options.lost_partitions_skipped", "options.membership"}},
      {"what was left out is told here only; the plan says that something was, and how much",
       {"finding(node_report_invalid).app_id", "finding(node_report_invalid).facts.problems[][0]",
        "finding(app_id_gap).app_id", "finding(app_id_gap).facts.name",
        "finding(app_id_gap).facts.nodes[]", "finding(table_left_out).facts.name",
        "finding(app_id_out_of_range).app_id", "finding(app_id_out_of_range).facts.name",
        "finding(replica_beyond_count).facts.nodes[]",
        "finding(replica_beyond_count).partition_index",
        "finding(replicas_without_table).facts.indices[][1]"}},
      {"a value that was not taken, or that is to be decided",
       {"finding(records_conflict).facts.values[][0]", "finding(records_differ).facts.values[][0]",
        "finding(settled).facts.values[][0]"}},
      {"the weight of replicas that are in no partition, while their number is a conflict",
       {"finding(records_conflict).facts.values[][1]"}},
      {"records of tables that are left out belong to no table of the plan",
       {"table.described_by", "table.described_by[]"}},
      {"what an old tree says is told here only: the same plan, of a cluster with another past",
       {"carried.data_b64",
        "carried.path",
        "finding(count_in_old_tree) removed",
        "finding(count_in_old_tree).facts.partition_count",
        "finding(table_in_old_tree).facts",
        "finding(table_in_old_tree).facts.ballots_above",
        "finding(table_in_old_tree).facts.changed_second",
        "finding(table_in_old_tree).facts.changed_zxid",
        "finding(table_in_old_tree).facts.name",
        "finding(table_in_old_tree).facts.tree",
        "finding(table_in_old_tree).facts.was_dropped",
        "finding(value_carried).facts.instead",
        "finding(value_carried).facts.was_known",
        "finding(znodes_carried).facts",
        "finding(znodes_carried).facts.name",
        "finding(znodes_carried).facts.tree",
        "finding(znodes_carried).facts.znodes",
        "old_tree removed",
        "old_tree.committed_zxid",
        "old_tree.confirmed_by",
        "old_tree.confirmed_by[]",
        "old_tree.kind",
        "old_tree.problems",
        "old_tree.problems[]",
        "old_tree.problems_count",
        "old_tree.root",
        "old_tree.source",
        "old_tree.tables_other",
        "old_tree.tables_same",
        "old_tree.time_second",
        "old_tree.zxid",
        "table.duplicating",
        "table.envs",
        "table.envs[][1]",
        "table.init_partition_count"}},
      {"which of the nodes that describe the table said so",
       {"finding(settled).facts.values[][2]", "finding(settled).facts.values[][2][]",
        "finding(split_unfinished).facts.records_after[]",
        "finding(table_lost_state).facts.duplicating_nodes[]"}},
  };
  return *harmless;
}

std::string TextOf(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return std::string(buffer.GetString(), buffer.GetSize());
}

enum class What {
  kHeader,
  kOptions,
  kNode,
  kOldTree,
  kTable,
  kPartition,
  kCarried,
  kFinding,
  kOther
};

std::string NameOfLine(const Document& json) {
  const bool is_header = !json.IsObject() || json.MemberCount() != 1;
  return is_header ? "header" : json.MemberBegin()->name.GetString();
}

// What the header says of the other lines.
struct Summary {
  int64_t nodes = 0;
  int64_t old_trees = 0;
  int64_t tables = 0;
  int64_t partitions = 0;
  int64_t replicas = 0;
  int64_t last_drops = 0;
  int64_t carried = 0;
  int64_t secondaries = 0;
  int64_t findings = 0;
  bool has_conflict = false;
  bool has_error = false;

  auto Tie() const {
    return std::tie(nodes, old_trees, tables, partitions, replicas, last_drops, secondaries,
                    carried, findings, has_conflict, has_error);
  }
};

// A line of a plan, parsed once, since there are many changes.
struct Line {
  explicit Line(std::string line) : text(std::move(line)) {
    Document json;
    json.Parse(text);
    const std::string name = NameOfLine(json);
    const auto* const at = std::find(std::begin(kNames), std::end(kNames), name);
    what = static_cast<What>(at - std::begin(kNames));
    if (what == What::kHeader) return;
    const Value& object = json.MemberBegin()->value;
    if (what == What::kTable && object.IsObject() && object.HasMember("partitions")) {
      partitions = object["partitions"].GetInt64();
    }
    if (what == What::kPartition) {
      replicas = SizeOf(object, "replicas");
      last_drops = SizeOf(object, "last_drops");
      secondaries = SizeOf(object, "secondaries");
    }
    if (what == What::kFinding) {
      is_conflict = absl::StrContains(text, "\"severity\":\"conflict\"");
      is_error = absl::StrContains(text, "\"severity\":\"error\"");
    }
  }

  void AddTo(Summary& summary) const {
    summary.nodes += what == What::kNode;
    summary.old_trees += what == What::kOldTree;
    summary.carried += what == What::kCarried;
    summary.tables += what == What::kTable;
    summary.partitions += what == What::kPartition;
    summary.findings += what == What::kFinding;
    summary.replicas += replicas;
    summary.last_drops += last_drops;
    summary.secondaries += secondaries;
    summary.has_conflict |= is_conflict;
    summary.has_error |= is_error;
  }

  std::string text;
  What what = What::kOther;
  int64_t partitions = 0;  // that a table says follow
  int64_t replicas = 0;
  int64_t last_drops = 0;
  int64_t secondaries = 0;
  bool is_conflict = false;
  bool is_error = false;

 private:
  static constexpr absl::string_view kNames[] = {"header", "options",   "node",    "old_tree",
                                                 "table",  "partition", "carried", "finding"};

  static int64_t SizeOf(const Value& object, const char* key) {
    if (!object.IsObject() || !object.HasMember(key) || !object[key].IsArray()) return 0;
    return object[key].Size();
  }
};

// Lines of a plan, without the last one.
class Lines {
 public:
  explicit Lines(const RecoveryPlan& plan) {
    std::vector<std::string> texts = absl::StrSplit(EncodePlan(plan), '\n');
    texts.resize(texts.size() - 2);
    for (std::string& text : texts) lines_.emplace_back(std::move(text));
    for (const Line& line : lines_) line.AddTo(announced_);
  }

  size_t size() const { return lines_.size(); }
  const std::string& Text(size_t line) const { return lines_[line].text; }
  void Change(size_t line, std::string text) { lines_[line] = Line(std::move(text)); }
  void Remove(size_t line) { lines_.erase(lines_.begin() + line); }
  void Double(size_t line) { lines_.insert(lines_.begin() + line, lines_[line]); }

  // With numbers, outcome and digest as somebody who edits a file would adapt them. `kept`: a line
  // that stays as it is; its size: none.
  std::string Sealed(size_t kept) const {
    std::map<size_t, std::string> adapted;  // lines, by place
    Summary summary;
    size_t table = 0;
    int64_t partitions = 0;
    const auto end_table = [&] {
      const bool differs = table > 0 && lines_[table].partitions != partitions;
      if (differs && table != kept) adapted[table] = WithPartitions(Text(table), partitions);
      partitions = 0;
    };
    for (size_t i = 1; i < lines_.size(); ++i) {
      const Line& line = lines_[i];
      line.AddTo(summary);
      if (line.what == What::kPartition) ++partitions;
      if (line.what != What::kTable) continue;
      end_table();
      table = i;
    }
    end_table();
    if (kept != 0 && summary.Tie() != announced_.Tie()) adapted[0] = WithSummary(Text(0), summary);
    return WithDigest(adapted);
  }

 private:
  static std::string WithPartitions(const std::string& line, int64_t partitions) {
    Document json;
    json.Parse(line);
    json["table"]["partitions"].SetInt64(partitions);
    return TextOf(json);
  }

  static std::string WithSummary(const std::string& line, const Summary& summary) {
    Document json;
    json.Parse(line);
    const char* const outcome = summary.has_conflict ? "conflict"
                                : summary.has_error  ? "try_again"
                                                     : "ready";
    json["outcome"].SetString(outcome, json.GetAllocator());
    Value& counts = json["counts"];
    counts["nodes"].SetInt64(summary.nodes);
    counts["old_trees"].SetInt64(summary.old_trees);
    counts["carried"].SetInt64(summary.carried);
    counts["tables"].SetInt64(summary.tables);
    counts["partitions"].SetInt64(summary.partitions);
    counts["replicas"].SetInt64(summary.replicas);
    counts["last_drops"].SetInt64(summary.last_drops);
    counts["secondaries"].SetInt64(summary.secondaries);
    counts["findings"].SetInt64(summary.findings);
    return TextOf(json);
  }

  std::string WithDigest(const std::map<size_t, std::string>& adapted) const {
    LineDigest digest;
    std::string text;
    for (size_t i = 0; i < lines_.size(); ++i) {
      const auto other = adapted.find(i);
      const std::string& line = other == adapted.end() ? Text(i) : other->second;
      digest.Add(line);
      text.append(line).append("\n");
    }
    return absl::StrCat(text, "{\"digest\":\"", digest.Finish(), "\"}\n");
  }

  std::vector<Line> lines_;
  Summary announced_;  // by the header
};

// Other values by place, from all the worlds.
using Pool = std::map<std::string, std::vector<std::string>>;

// Visits every value below `value` with its place: "partition.replicas[][2]". An index within an
// array of arrays says what the value means, any other doesn't.
template <typename Visit>
void VisitValues(Value& value, const std::string& place, bool in_array, const Visit& visit) {
  visit(value, place);
  if (value.IsObject()) {
    auto member = value.MemberBegin();
    for (rapidjson::SizeType i = 0; i < value.MemberCount(); ++i, ++member) {
      VisitValues(member->value, absl::StrCat(place, ".", member->name.GetString()), false, visit);
    }
  } else if (value.IsArray()) {
    for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
      const std::string index = in_array ? absl::StrCat("[", i, "]") : "[]";
      VisitValues(value[i], absl::StrCat(place, index), !in_array, visit);
    }
  }
}

// "finding(bad_node)", "node", "header".
std::string PlaceOfLine(const Document& json) {
  const std::string what = NameOfLine(json);
  if (what != "finding") return what;
  const Value& finding = json["finding"];
  if (!finding.HasMember("kind") || !finding["kind"].IsString()) return what;
  return absl::StrCat(what, "(", finding["kind"].GetString(), ")");
}

template <typename Visit>
void VisitLine(Document& json, const Visit& visit) {
  const bool is_header = NameOfLine(json) == "header";
  Value& top = is_header ? static_cast<Value&>(json) : json.MemberBegin()->value;
  VisitValues(top, PlaceOfLine(json), false, visit);
}

// Texts that the value is replaced by.
std::vector<std::string> Replacements(const Value& value, const std::vector<std::string>& pool) {
  std::set<std::string> texts;
  constexpr size_t kPoolMax = 4;
  for (size_t i = 0; i < std::min(pool.size(), kPoolMax); ++i) texts.insert(pool[i]);
  if (value.IsBool()) texts.insert(value.GetBool() ? "false" : "true");
  if (value.IsInt64()) {
    const int64_t number = value.GetInt64();
    if (number > std::numeric_limits<int64_t>::min()) texts.insert(absl::StrCat(number - 1));
    if (number < std::numeric_limits<int64_t>::max()) texts.insert(absl::StrCat(number + 1));
  }
  if (value.IsString()) texts.insert(absl::StrCat("\"", value.GetString(), "x\""));
  if (value.IsArray()) {
    Document copy;
    for (rapidjson::SizeType i = 0; i < value.Size(); ++i) {
      copy.CopyFrom(value, copy.GetAllocator());
      copy.Erase(copy.Begin() + i);
      texts.insert(TextOf(copy));
      if (i == 0) continue;
      copy.CopyFrom(value, copy.GetAllocator());
      std::swap(copy[i], copy[i - 1]);
      texts.insert(TextOf(copy));
    }
    if (!value.Empty()) {
      copy.CopyFrom(value, copy.GetAllocator());
      copy.PushBack(Value(value[0], copy.GetAllocator()), copy.GetAllocator());
      texts.insert(TextOf(copy));
    }
  }
  texts.erase(TextOf(value));
  return {texts.begin(), texts.end()};
}

// One of how many changes is tried.
constexpr int64_t kOneOf = testing::InSlowBuild(25, 1);

class ResealedPlan : public ::testing::Test {
 protected:
  void Try(const FindingWorld& world, const Lines& edited, size_t kept, const std::string& place,
           const std::string& how) {
    const absl::StatusOr<RecoveryPlan> plan = DecodePlan(edited.Sealed(kept), "my.plan");
    if (!plan.ok() || *plan == world.plan) return;
    accepted_[place].insert(absl::StrCat(world.name, ": ", how));
  }

  bool IsTried() { return changes_++ % kOneOf == 0; }

  void ChangeLine(const FindingWorld& world, const Lines& lines, size_t line, const Pool& pool) {
    Document json;
    json.Parse(lines.Text(line));
    std::vector<std::pair<Value*, std::string>> values;
    VisitLine(json,
              [&](Value& value, const std::string& place) { values.emplace_back(&value, place); });
    static const std::vector<std::string> kNone;
    for (const auto& [value, place] : values) {
      const auto others = pool.find(place);
      const std::string before = TextOf(*value);
      for (const std::string& text :
           Replacements(*value, others == pool.end() ? kNone : others->second)) {
        if (!IsTried()) continue;
        Document other(&json.GetAllocator());
        other.Parse(text);
        value->Swap(other);
        Lines edited = lines;
        edited.Change(line, TextOf(json));
        value->Swap(other);  // back again; values below stay where they were
        Try(world, edited, line, place, absl::StrCat(before, " -> ", text));
      }
    }
  }

  std::map<std::string, std::set<std::string>> accepted_;  // how, by place
  int64_t changes_ = 0;
};

TEST_F(ResealedPlan, IsRefusedUnlessNothingElseInItSaysOtherwise) {
  const std::vector<FindingWorld> worlds = WorldsOfFindings();
  Pool pool;
  std::set<FindingKind> kinds;
  for (const FindingWorld& world : worlds) {
    for (const Finding& finding : world.plan.findings) kinds.insert(finding.kind());
    const Lines lines(world.plan);
    for (size_t line = 0; line < lines.size(); ++line) {
      Document json;
      json.Parse(lines.Text(line));
      VisitLine(json, [&](Value& value, const std::string& place) {
        std::vector<std::string>& texts = pool[place];
        const std::string text = TextOf(value);
        if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
      });
    }
  }
  EXPECT_EQ(kinds.size(), kFindingKinds) << "a kind of finding that no world has";
  for (const FindingWorld& world : worlds) {
    const Lines lines(world.plan);
    for (size_t line = 0; line < lines.size(); ++line) {
      Document json;
      json.Parse(lines.Text(line));
      const std::string place = PlaceOfLine(json);
      if (line > 1 && IsTried()) {
        Lines edited = lines;
        edited.Remove(line);
        Try(world, edited, lines.size(), absl::StrCat(place, " removed"), lines.Text(line));
        edited = lines;
        edited.Double(line);
        Try(world, edited, lines.size(), absl::StrCat(place, " doubled"), lines.Text(line));
      }
      ChangeLine(world, lines, line, pool);
    }
  }
  for (const Harmless& harmless : WhatIsHarmless()) {
    for (const char* place : harmless.places) {
      const bool was_accepted = accepted_.erase(place) == 1;
      EXPECT_TRUE(was_accepted || kOneOf > 1) << place << " is refused; take it off the list";
    }
  }
  for (const auto& [place, how] : accepted_) {
    ADD_FAILURE() << place << " was accepted " << how.size() << " times:\n  "
                  << absl::StrJoin(how, "\n  ");
  }
}

}  // namespace
}  // namespace metarec
