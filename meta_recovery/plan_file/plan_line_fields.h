// What the single lines of a plan file hold, said once: a writer and a reader visit the same fields
// in the same order.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include "base/json/json_reader.h"
#include "base/line_file/json_lines.h"
#include "idl/table_description.h"
#include "meta_recovery/planner/finding_registry.h"
#include "meta_recovery/planner/planner.h"
#include "meta_recovery/planner/recovery_plan.h"
#include "meta_recovery/planner/sane_values.h"

namespace metarec {

inline constexpr absl::string_view kPlanFormat = "metarec-plan";
// Raise it whenever an older program would refuse a plan of this one or read it differently: when
// lines change, and when the planner begins to make plans that older checks (PlanConsistency)
// refuse.
inline constexpr int32_t kPlanVersion = 4;

// Findings about what no other line tells of. The header says how many there are of each kind, so
// that none of them can be removed unnoticed.
inline constexpr FindingKind kOnlyInFindings[] = {
    FindingKind::kNodeNameAmbiguous, FindingKind::kBeaconNotBelieved, FindingKind::kUnlistedServer,
    FindingKind::kUnconfirmedBeacons, FindingKind::kZnodesCarried};
inline bool IsOnlyInFindings(FindingKind kind) {
  return std::find(std::begin(kOnlyInFindings), std::end(kOnlyInFindings), kind) !=
         std::end(kOnlyInFindings);
}

// How many tables or replicas a node may have reported: more than any has, and yet few enough to be
// added up.
inline constexpr NumberBounds kCounted = {0, int64_t{1} << 40};

template <typename Options, typename Visitor>
void ForEachOptionField(Options& options, Visitor& visit) {
  visit("skip_bad_nodes", options.skip_bad_nodes);
  visit("skip_lost_partitions", options.skip_lost_partitions);
  visit("accept_still_served", options.accept_still_served);
  visit("carry_duplications", options.carry_duplications);
  visit("bad_nodes_skipped", options.bad_nodes_skipped);
  visit("lost_partitions_skipped", options.lost_partitions_skipped);
  visit("membership", options.membership);
  visit("rename_separator", options.rename_separator);
  visit("max_app_id", options.max_app_id);
  visit("max_id_gap", options.max_id_gap);
  visit("max_partition_count", options.max_partition_count);
  visit("settlements", options.settlements);
}

template <typename Node, typename Decision, typename Visitor>
void ForEachNodeField(Node& node, Decision& decision, Visitor& visit) {
  visit("address", node.address);
  visit("name", node.name);
  visit("listed_as", decision.listed_as);
  visit("name_source", decision.name_source);
  visit("own_address", decision.own_address);
  visit("error", decision.error);
  visit("error_detail", decision.error_detail);
  visit("attempts", decision.attempts, NumberBounds{.least = 0});
  visit("tables", decision.tables, kCounted);
  visit("replicas", decision.replicas, kCounted);
  visit("primaries", decision.primaries, kCounted);
  visit("secondaries", decision.secondaries, kCounted);
}

// Only of nodes that are known from their disks.
inline constexpr char kFirstDiskField[] = "folders_set_aside";
template <typename Decision, typename Visitor>
void ForEachDiskField(Decision& decision, Visitor& visit) {
  visit(kFirstDiskField, decision.folders_set_aside);
  visit("folders_unusable", decision.folders_unusable);
}

inline constexpr NumberBounds kZxid = {.least = kCommittedUnknown};

template <typename Tree, typename Visitor>
void ForEachOldTreeField(Tree& tree, Visitor& visit) {
  visit("source", tree.source);
  visit("kind", tree.kind);
  visit("root", tree.root);
  visit("zxid", tree.zxid, kZxid);
  visit("time_second", tree.time_second, kTime);
  visit("committed_zxid", tree.committed_zxid, kZxid);
  visit("confirmed_by", tree.confirmed_by);
  visit("tables_same", tree.tables_same, kCounted);
  visit("tables_other", tree.tables_other, kCounted);
  visit("problems_count", tree.problems_count, kCounted);
  visit("problems", tree.problems);
}

// `data`: of the znode, in base64.
template <typename Path, typename Data, typename Visitor>
void ForEachCarriedField(Path& path, Data& data, Visitor& visit) {
  visit("path", path);
  visit("data_b64", data);
}

// `partitions`: how many lines of its partitions follow.
template <typename Table, typename Decision, typename Count, typename Visitor>
void ForEachTableField(Table& table, Decision& decision, Count& partitions, Visitor& visit) {
  // The id comes first.
  VisitTableFields([&](auto field) {
    if (field.kRule == TableFieldRule::kIdentity) visit(field.name, field.of(table), field.bounds);
  });
  VisitTableFields([&](auto field) {
    if (field.kRule != TableFieldRule::kIdentity) visit(field.name, field.of(table), field.bounds);
  });
  visit("old_name", decision.old_name);
  visit("placeholder", decision.placeholder);
  visit("probably_dropped", decision.probably_dropped);
  visit("described_by", decision.described_by);
  visit("differing_fields", decision.differing_fields);
  visit("replicas", decision.replicas, kCounted);
  visit("partition_count_before_split", decision.partition_count_before_split,
        NumberBounds{0, table.partition_count});
  visit("old_tree", decision.old_tree);
  visit("carried_fields", decision.carried_fields);
  visit("partitions", partitions, NumberBounds{0, table.partition_count});
}

// What a partition's line says of Topology::members.
struct PartitionMembers {
  std::vector<NodeIndex> last_drops = {};   // the best one last
  std::vector<NodeIndex> secondaries = {};  // the best one first
};

// Behind the "pid", and before the replicas.
template <typename Partition, typename Decision, typename Members, typename Visitor>
void ForEachPartitionField(Partition& partition, Decision& decision, Members& members,
                           Visitor& visit) {
  visit("ballot", partition.ballot, NumberBounds{0, kBallotMax});
  visit("last_committed_decree", partition.last_committed_decree, NumberBounds{-1, kDecreeMax});
  visit("flags", partition.partition_flags);
  visit("lost", decision.lost);
  visit("primary", partition.primary);
  visit("last_drops", members.last_drops);
  visit("secondaries", members.secondaries);
}

// The names of enumerators, as lines have them.
inline absl::string_view NameIn(Membership value) { return MembershipName(value); }
inline absl::string_view NameIn(PlanOutcome value) { return PlanOutcomeName(value); }
inline absl::string_view NameIn(NodeNameSource value) { return NodeNameSourceName(value); }
inline absl::string_view NameIn(BeaconDoubt value) { return BeaconDoubtName(value); }
inline absl::string_view NameIn(ReplicaRole value) { return ReplicaRoleName(value); }
inline absl::string_view NameIn(RankReason value) { return RankReasonName(value); }
inline absl::string_view NameIn(Severity value) { return SeverityName(value); }
inline absl::string_view NameIn(RecordRule value) { return RecordRuleName(value); }
inline absl::string_view NameIn(OldTreeKind value) { return OldTreeKindName(value); }
inline absl::string_view NameIn(OldTreeUse value) { return OldTreeUseName(value); }
inline absl::string_view NameIn(CarriedZnodes value) { return CarriedZnodesName(value); }
inline absl::string_view NameIn(FindingKind value) { return FindingKindName(value); }
inline std::string NameIn(ReplicaStatus value) { return ReplicaStatusName(value); }
inline absl::string_view NameIn(TableStatus value) { return TableStatusWord(value); }

// The enumerator of that name; false if there is none. Every value is tried, so that a new
// enumerator can be read as soon as it has a name, without which it does not compile.
bool FromName(absl::string_view text, FindingKind* kind);
bool FromName(absl::string_view text, TableStatus* status);
bool FromName(absl::string_view text, ReplicaStatus* status);
template <typename Enum>
bool FromName(absl::string_view text, Enum* value) {
  static_assert(sizeof(Enum) == 1);
  if (text == "unknown") return false;  // what has no name
  for (int number = 0; number <= UINT8_MAX; ++number) {
    *value = static_cast<Enum>(number);
    if (NameIn(*value) == text) return true;
  }
  return false;
}

// Writes the fields of the object that is open.
class PlanFieldWriter {
 public:
  explicit PlanFieldWriter(JsonLineWriter& out) : out_(out) {}

  void operator()(const char* key, bool value, NumberBounds = {}) { out_.Bool(key, value); }
  void operator()(const char* key, int32_t number, NumberBounds = {}) { out_.Int(key, number); }
  void operator()(const char* key, int64_t number, NumberBounds = {}) { out_.Int(key, number); }
  void operator()(const char* key, const std::string& text, NumberBounds = {}) {
    out_.String(key, text);
  }
  void operator()(const char* key, const std::vector<std::string>& texts) {
    out_.Strings(key, texts);
  }
  void operator()(const char* key, const std::set<std::string>& texts) {
    out_.Strings(key, std::vector<std::string>(texts.begin(), texts.end()));
  }
  void operator()(const char* key, const std::map<std::string, std::string>& pairs,
                  NumberBounds = {}) {
    out_.Pairs(key, pairs);
  }
  void operator()(const char* key, const Ipv4Endpoint& address) {
    out_.String(key, address.ToString());
  }
  void operator()(const char* key, NodeIndex node);  // null: none
  void operator()(const char* key, const std::vector<NodeIndex>& nodes);
  void operator()(const char* key, const std::vector<IndexRange>& ranges);
  void operator()(const char* key, const std::vector<WeighedValue>& values);
  void operator()(const char* key, const std::vector<CountedText>& texts);
  template <typename Enum, typename = std::enable_if_t<std::is_enum_v<Enum>>>
  void operator()(const char* key, Enum value, NumberBounds = {}) {
    out_.String(key, NameIn(value));
  }

 private:
  void Nodes(const std::vector<NodeIndex>& nodes);

  JsonLineWriter& out_;
};

// Reads them. The reader of the object remembers the first field that is missing or wrong.
class PlanFieldReader {
 public:
  // `nodes`: how many nodes there are. A field that names another one is wrong.
  PlanFieldReader(JsonFieldReader& json, size_t nodes) : json_(json), nodes_(nodes) {}

  // Fields so far.
  size_t count() const { return count_; }

  void operator()(const char* key, bool& value, NumberBounds = {});
  void operator()(const char* key, int32_t& number, NumberBounds bounds = {});
  void operator()(const char* key, int64_t& number, NumberBounds bounds = {});
  void operator()(const char* key, std::string& text, NumberBounds = {});
  void operator()(const char* key, std::vector<std::string>& texts);
  void operator()(const char* key, std::set<std::string>& texts);
  void operator()(const char* key, std::map<std::string, std::string>& pairs, NumberBounds = {});
  void operator()(const char* key, Ipv4Endpoint& address);
  void operator()(const char* key, NodeIndex& node);
  void operator()(const char* key, std::vector<NodeIndex>& nodes);
  void operator()(const char* key, std::vector<IndexRange>& ranges);
  void operator()(const char* key, std::vector<WeighedValue>& values);
  void operator()(const char* key, std::vector<CountedText>& texts);
  template <typename Enum, typename = std::enable_if_t<std::is_enum_v<Enum>>>
  void operator()(const char* key, Enum& value, NumberBounds = {}) {
    ++count_;
    const std::string text = json_.String(key);
    if (json_.ok() && !FromName(text, &value)) {
      json_.Fail(
          absl::StrCat("'", key, "' is '", absl::CHexEscape(text), "', which has no meaning"));
    }
  }

 private:
  bool ReadNodes(JsonValue array, std::vector<NodeIndex>* nodes) const;
  void Wrong(const char* key) { json_.Fail(absl::StrCat("'", key, "' is missing or cannot be")); }

  JsonFieldReader& json_;
  const size_t nodes_;
  size_t count_ = 0;
};

// A replica is an array.
void WriteReplica(const RankedReplica& replica, JsonLineWriter& out);
// False for what cannot be a replica.
bool ReadReplica(JsonValue json, size_t nodes, RankedReplica& replica);

void WriteFinding(const Finding& finding, JsonLineWriter& out);
void ReadFinding(JsonFieldReader& json, size_t nodes, Finding& finding);

}  // namespace metarec
