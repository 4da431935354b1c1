// A plan file that was edited by hand and got a digest that fits: every value and every line of
// small plans, which have every kind of finding between them, is changed, removed and doubled. What
// contradicts the rest is refused. What is not refused is listed here, with the reason.

#include <algorithm>
#include <map>
#include <set>
#include <string>
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
#include "tests/meta_recovery/planner/plan_matchers.h"

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
        "partition.replicas[][3]", "partition.replicas[][4]"}},
      {"for people: it explains an error that another field names", {"node.error_detail"}},
      {"beacons, and what names resolve to, are told here only: nothing else in a plan knows of "
       "them",
       {"finding(beacon_not_believed) removed", "finding(node_name_ambiguous) removed",
        "finding(unconfirmed_beacons) removed", "finding(unconfirmed_beacons).facts.servers",
        "finding(unlisted_server) removed", "finding(unlisted_server).facts.names",
        "finding(unlisted_server).facts.names[]"}},
      {"no tables are planned, so nothing uses what the node reported, or what was settled",
       {"node.tables", "options.settlements"}},
      {"what made no sense may have been an env, which is counted nowhere else",
       {"node.replicas", "finding(node_report_invalid).facts.problems[][1]"}},
      {"an option that nothing in the plan needed",
       {"options.skip_bad_nodes", "options.skip_lost_partitions", "options.accept_still_served",
        "options.rename_separator", "options.max_app_id", "options.max_id_gap",
        "options.max_partition_count", "options.bad_nodes_skipped",
        "options.lost_partitions_skipped"}},
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
      {"which of the nodes that describe the table said so",
       {"finding(settled).facts.values[][2]", "finding(settled).facts.values[][2][]",
        "finding(split_unfinished).facts.records_after[]",
        "finding(table_lost_state).facts.duplicating_nodes[]"}},
  };
  return *harmless;
}

RecoveryPlan Differing(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1);
  cluster.Node("n3").With([](TableRecord& table) {
    table.app_name = "old";
    table.drop_second = 7;
    table.status = TableStatus::kDropping;
    table.envs["k"] = "old";
    table.duplicating = true;
  });
  cluster.Node("n2").With([](TableRecord& table) { table.envs["k"] = "new"; });
  cluster.Node("n1").With([](TableRecord& table) { table.envs["k"] = "new"; });
  return Plan(cluster, options);
}

// One table of which the fields that never change differ, one of which a vote is tied, and one of
// which nobody knows the partition count.
RecoveryPlan Conflicting(const PlanOptions& options = {}) {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Everywhere(1, "temp", 1).Everywhere(2, "tied", 1).Everywhere(3, "wide", 2);
  for (SharedTableRecord& record : cluster.Node("n2").Current().tables) {
    TableRecord& table = record.Mutable();
    if (table.app_id == 1) table.app_type = "other";
    if (table.app_id == 2) table.max_replica_count = 2;
    if (table.app_id == 3) table.partition_count = 3;
  }
  return Plan(cluster, options);
}

RecoveryPlan Homeless(const PlanOptions& options = {}) {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Everywhere(3, "temp", 1);
  cluster.Node("n1").Replica("1.0").Replica("1.2").Replica("3.4");
  cluster.Node("n2").Replica("1.2").Replica("9.0").Replica("3.4").Replica("3.5");
  cluster.Table(9, "far", 1);
  return Plan(cluster, options);
}

RecoveryPlan Unfinished(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 2);
  cluster.Node("n3").With([](TableRecord& table) { table.partition_count = 4; });
  cluster.Replica("1.2").Replica("1.3", {.status = ReplicaStatus::kPartitionSplit});
  return Plan(cluster, options);
}

RecoveryPlan Split() {
  Cluster cluster;
  cluster.Node("n1").Table(1, "temp", 4).With([](TableRecord& table) {
    table.init_partition_count = 2;
  });
  cluster.Replicas(1, 0, 2);
  return Plan(cluster, {.skip_lost_partitions = true});
}

RecoveryPlan Ranked() {
  Cluster cluster = ThreeNodes();
  cluster.Node("n4");
  cluster.Node("n1").Table(1, "temp", 2).Replica("1.0", {.ballot = 5});
  cluster.Node("n2").Replica("1.0", {.ballot = 4, .committed = 12, .prepared = 12});
  cluster.Node("n3").Replica("1.0", {.ballot = 7, .status = ReplicaStatus::kError});
  cluster.Node("n4").Replica("1.0", {.ballot = 6, .status = ReplicaStatus::kPotentialSecondary});
  cluster.Node("n4").Replica("1.1", {.status = ReplicaStatus::kPotentialSecondary});
  return Plan(cluster);
}

RecoveryPlan Named() {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Node("n1").Current().listed_as.push_back("other:34801");
  cluster.Everywhere(1, "temp", 1).Everywhere(3, "temp", 1).Everywhere(4, "a-b", 1);
  cluster.Everywhere(5, "dropped", 1, {.status = ReplicaStatus::kError});
  return Plan(cluster);
}

RecoveryPlan Served(const PlanOptions& options = {}) {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Node("n1").Table(1, "temp", 1).Replica("1.0", {.status = ReplicaStatus::kPrimary});
  cluster.Node("n2").Table(1, "temp", 1).Replica("1.0", {.status = ReplicaStatus::kSecondary});
  return Plan(cluster, options);
}

RecoveryPlan Invalid() {
  Cluster cluster;
  cluster.Node("n1").Node("n2");
  cluster.Everywhere(1, "temp", 1);
  cluster.Node("n1").Replica("1.0", {.ballot = -1}).Replica("1.0", {.ballot = 1});
  cluster.Table(2, "", 1).Table(1, "temp", 1);
  return Plan(cluster);
}

RecoveryPlan Skipped(const PlanOptions& options) {
  Cluster cluster;
  cluster.Node("n1").Table(2, "gone", 1);
  cluster.BadNode("n2");
  return Plan(cluster, options);
}

// Beacons and answers that contradict the list.
RecoveryPlan Strange(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Node("n1").Table(1, "temp", 1);
  Evidence evidence = cluster.Build();
  const auto address = [](uint32_t ip) { return Ipv4Endpoint{.ip = ip, .port = 34801}; };
  evidence.nodes[0].own_address = address(0x7f000101);
  evidence.nodes[1].ambiguous = {{.text = "n2:34801", .not_asked = {address(0x0a000009)}}};
  evidence.nodes[1].beacon_names = {"n2:34802"};
  evidence.nodes[2].address = address(0x7f000001);
  evidence.unlisted = {{.address = address(0x0a000007), .names = {"n7:34801"}, .is_there = true},
                       {.address = address(0x0a000008), .names = {"n8:34801"}, .is_there = false}};
  const absl::StatusOr<RecoveryPlan> plan = MakePlan(evidence, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : RecoveryPlan();
}

// Leftovers of dropped tables, one that a node reports as dropped, and an id far above the others.
RecoveryPlan Leftover(const PlanOptions& options = {}) {
  constexpr ReplicaState kLearner = {.status = ReplicaStatus::kPotentialSecondary};
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1).Everywhere(4, "reported", 1);
  cluster.Node("n3").Current().tables[1].Mutable().status = TableStatus::kDropped;
  cluster.Node("n1").Table(2, "gone", 3).Replica("2.1", kLearner);
  cluster.Node("n2").Table(3, "closed", 2).Replica("3.0", {.status = ReplicaStatus::kError});
  cluster.Table(90, "far", 1).Replica("90.0");
  PlanOptions with_gap = options;
  with_gap.max_id_gap = 20;
  return Plan(cluster, with_gap);
}

// Envs that are kept, that only outdated records have, and that belong to an operation.
RecoveryPlan Environed(const PlanOptions& options = {}) {
  Cluster cluster = ThreeNodes();
  cluster.Everywhere(1, "temp", 1, {.ballot = 10});
  cluster.Node("n1").With([](TableRecord& table) {
    table.envs = {{"k", "v"}, {"old", "1"}, {"replica.deny_client_request", "reconfig*all"}};
  });
  cluster.Current().replicas[0].ballot = 2;
  cluster.Node("n2").With([](TableRecord& table) { table.envs = {{"k", "w"}}; });
  return Plan(cluster, options);
}

// Bad nodes and losses that are accepted by name.
RecoveryPlan Narrow() {
  Cluster cluster = ThreeNodes();
  cluster.Node("n1").Table(1, "temp", 2).Replica("1.0");
  cluster.BadNode("n4");
  return Plan(cluster, {.bad_nodes_skipped = {"n4:34801"}, .lost_partitions_skipped = {"1.1"}});
}

struct World {
  const char* name;
  RecoveryPlan plan;
};

std::vector<World> Worlds() {
  Cluster nobody;
  nobody.BadNode("n1");
  return {
      {"differing", Differing()},
      {"conflicting", Conflicting()},
      {"decided", Conflicting({.settlements = {{"1.app_type", "other"},
                                               {"2.max_replica_count", "3"},
                                               {"3.partition_count", "2"}}})},
      {"homeless", Homeless({.max_app_id = 8})},
      {"ignored",
       Homeless({.max_app_id = 8,
                 .settlements =
                     {{"1", "ignore"}, {"9", "ignore"}, {"3.4", "ignore"}, {"3.5", "ignore"}}})},
      {"described", Homeless({.settlements = {{"1", "named:4:3"}, {"3.partition_count", "8"}}})},
      {"unfinished", Unfinished()},
      {"split", Split()},
      {"ranked", Ranked()},
      {"named", Named()},
      {"served", Served()},
      {"served and accepted", Served({.accept_still_served = true})},
      {"invalid", Invalid()},
      {"skipped", Skipped({.skip_bad_nodes = true, .skip_lost_partitions = true})},
      {"not skipped", Skipped({})},
      {"not accepted", Skipped({.skip_bad_nodes = true})},
      {"strange", Strange()},
      {"leftover", Leftover()},
      {"left out",
       Leftover({.settlements = {{"2", "ignore"}, {"4.status", "AS_DROPPED"}, {"90", "ignore"}}})},
      {"accepted", Leftover({.lost_partitions_skipped = {"2", "3.1"},
                             .settlements = {{"4.status", "AS_AVAILABLE"}, {"90", "keep"}}})},
      {"environed", Environed()},
      {"environed and decided",
       Environed({.settlements = {{"1.envs.k", "v"}, {"1.envs.old", "1"}}})},
      {"narrow", Narrow()},
      {"outvoted", Differing({.settlements = {{"1.app_name", "old"},
                                              {"1.drop_second", "0"},
                                              {"1.duplicating", "false"},
                                              {"1.envs.k", "ignore"},
                                              {"1.status", "AS_AVAILABLE"}}})},
      {"silent", Plan(nobody, {.skip_bad_nodes = true})},
  };
}

std::string TextOf(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return std::string(buffer.GetString(), buffer.GetSize());
}

// Lines of a plan, without the last one.
class Lines {
 public:
  explicit Lines(const RecoveryPlan& plan) {
    std::vector<std::string> texts = absl::StrSplit(EncodePlan(plan), '\n');
    texts.resize(texts.size() - 2);
    for (const std::string& text : texts) Add(text);
  }

  size_t size() const { return lines_.size(); }
  const std::string& Text(size_t line) const { return lines_[line]; }
  void Add(const std::string& text) { lines_.push_back(text); }
  void Change(size_t line, const std::string& text) { lines_[line] = text; }
  void Remove(size_t line) { lines_.erase(lines_.begin() + line); }
  void Double(size_t line) { lines_.insert(lines_.begin() + line, lines_[line]); }

  // With numbers, outcome and digest as somebody who edits a file would adapt them. `kept`: a line
  // that stays as it is; its size: none.
  std::string Sealed(size_t kept) const {
    std::vector<std::string> lines = lines_;
    std::map<std::string, int64_t> counts;
    std::string outcome = "ready";
    size_t table = 0;
    int64_t partitions = 0;
    const auto end_table = [&] {
      if (table > 0 && table != kept) SetPartitions(&lines[table], partitions);
      partitions = 0;
    };
    for (size_t i = 1; i < lines.size(); ++i) {
      Document json;
      json.Parse(lines[i]);
      const std::string what = WhatOf(json);
      ++counts[what];
      if (what == "table") {
        end_table();
        table = i;
      } else if (what == "partition") {
        ++partitions;
        counts["replicas"] += SizeOf(json[what.c_str()], "replicas");
        counts["last_drops"] += SizeOf(json[what.c_str()], "last_drops");
      } else if (what == "finding") {
        const std::string text = lines[i];
        if (absl::StrContains(text, "\"severity\":\"conflict\"")) outcome = "conflict";
        if (absl::StrContains(text, "\"severity\":\"error\"") && outcome == "ready") {
          outcome = "try_again";
        }
      }
    }
    end_table();
    if (kept != 0) SetHeader(&lines[0], outcome, counts);
    LineDigest digest;
    for (const std::string& line : lines) digest.Add(line);
    return absl::StrCat(absl::StrJoin(lines, "\n"), "\n{\"digest\":\"", digest.Finish(), "\"}\n");
  }

  static std::string WhatOf(const Document& json) {
    const bool is_header = !json.IsObject() || json.MemberCount() != 1;
    return is_header ? "header" : json.MemberBegin()->name.GetString();
  }

 private:
  static int64_t SizeOf(const Value& object, const char* key) {
    if (!object.IsObject() || !object.HasMember(key) || !object[key].IsArray()) return 0;
    return object[key].Size();
  }

  static void SetPartitions(std::string* line, int64_t partitions) {
    Document json;
    json.Parse(*line);
    json["table"]["partitions"].SetInt64(partitions);
    *line = TextOf(json);
  }

  static void SetHeader(std::string* line, const std::string& outcome,
                        std::map<std::string, int64_t> counts) {
    Document json;
    json.Parse(*line);
    json["outcome"].SetString(outcome.c_str(), json.GetAllocator());
    Value& numbers = json["counts"];
    for (const char* what : {"node", "table", "partition", "finding"}) {
      numbers[absl::StrCat(what, "s").c_str()].SetInt64(counts[what]);
    }
    for (const char* what : {"replicas", "last_drops"}) numbers[what].SetInt64(counts[what]);
    *line = TextOf(json);
  }

  std::vector<std::string> lines_;
};

// Other values by place, from all the worlds.
using Pool = std::map<std::string, std::vector<std::string>>;

// Visits every value below `value` with its place: "partition.replicas[][2]". An index within an
// array of arrays says what the value means, any other doesn't.
template <typename Visit>
void VisitValues(Value& value, const std::string& place, bool in_array, const Visit& visit) {
  visit(value, place);
  if (value.IsObject()) {
    for (auto& member : value.GetObject()) {
      VisitValues(member.value, absl::StrCat(place, ".", member.name.GetString()), false, visit);
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
  const std::string what = Lines::WhatOf(json);
  if (what != "finding") return what;
  const Value& finding = json["finding"];
  if (!finding.HasMember("kind") || !finding["kind"].IsString()) return what;
  return absl::StrCat(what, "(", finding["kind"].GetString(), ")");
}

template <typename Visit>
void VisitLine(Document& json, const Visit& visit) {
  const bool is_header = Lines::WhatOf(json) == "header";
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
    for (const int64_t step : {-1, 1}) texts.insert(absl::StrCat(value.GetInt64() + step));
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

class ResealedPlan : public ::testing::Test {
 protected:
  void Try(const World& world, const Lines& edited, size_t kept, const std::string& place,
           const std::string& how) {
    const auto plan = DecodePlan(edited.Sealed(kept), "my.plan");
    if (!plan.ok() || *plan == world.plan) return;
    accepted_[place].insert(absl::StrCat(world.name, ": ", how));
  }

  void ChangeLine(const World& world, const Lines& lines, size_t line, const Pool& pool) {
    Document json;
    json.Parse(lines.Text(line));
    size_t count = 0;
    VisitLine(json, [&](Value&, const std::string&) { ++count; });
    for (size_t at = 0; at < count; ++at) {
      std::vector<std::string> replacements;
      size_t seen = 0;
      VisitLine(json, [&](Value& value, const std::string& place) {
        if (seen++ != at) return;
        const auto others = pool.find(place);
        replacements =
            Replacements(value, others == pool.end() ? std::vector<std::string>() : others->second);
      });
      for (const std::string& text : replacements) ChangeValue(world, lines, line, at, text);
    }
  }

  void ChangeValue(const World& world, const Lines& lines, size_t line, size_t at,
                   const std::string& text) {
    Document json;
    json.Parse(lines.Text(line));
    Document other(&json.GetAllocator());
    other.Parse(text);
    std::string where;
    std::string before;
    size_t seen = 0;
    VisitLine(json, [&](Value& value, const std::string& place) {
      if (seen++ != at) return;
      where = place;
      before = TextOf(value);
    });
    seen = 0;
    Value* changed = nullptr;
    VisitLine(json, [&](Value& value, const std::string&) {
      if (seen++ == at) changed = &value;
    });
    changed->CopyFrom(other, json.GetAllocator());
    Lines edited = lines;
    edited.Change(line, TextOf(json));
    Try(world, edited, line, where, absl::StrCat(before, " -> ", text));
  }

  std::map<std::string, std::set<std::string>> accepted_;  // how, by place
};

TEST_F(ResealedPlan, IsRefusedUnlessNothingElseInItSaysOtherwise) {
  const std::vector<World> worlds = Worlds();
  Pool pool;
  std::set<FindingKind> kinds;
  for (const World& world : worlds) {
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
  for (const World& world : worlds) {
    const Lines lines(world.plan);
    for (size_t line = 0; line < lines.size(); ++line) {
      Document json;
      json.Parse(lines.Text(line));
      const std::string place = PlaceOfLine(json);
      if (line > 1) {
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
      EXPECT_EQ(accepted_.erase(place), 1u) << place << " is refused; take it off the list";
    }
  }
  for (const auto& [place, how] : accepted_) {
    ADD_FAILURE() << place << " was accepted " << how.size() << " times:\n  "
                  << absl::StrJoin(how, "\n  ");
  }
}

}  // namespace
}  // namespace metarec
