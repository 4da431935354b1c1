// What Pegasus keeps about a table (INTEROP.md sections 3.1 and 6.2), described once.
//
// To add a field: add its member and its row here, and its line to app_info in metadata.thrift. All
// else follows from the row: answers of replica servers, evidence and plan files, app znodes, their
// comparison, the reconciliation of nodes that disagree, `explain`, and `ls`.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

namespace metarec {

namespace idl {
class app_info;
}

// Values as on the wire; a value that this enum does not name is kept as it is.
enum class TableStatus : int32_t {
  kInvalid = 0,
  kAvailable = 1,
  kCreating = 2,
  kCreateFailed = 3,
  kDropping = 4,
  kDropFailed = 5,
  kDropped = 6,
  kRecalling = 7,
};

// "AS_AVAILABLE"; "AS_<number>" for a status that has no name.
std::string TableStatusName(TableStatus status);

// "available" for that status, "dropped" for all others: what plans and people are told.
constexpr const char* TableStatusWord(TableStatus status) {
  return status == TableStatus::kAvailable ? "available" : "dropped";
}

// The order is that of the app znode's JSON. The defaults are those of a meta server that reads an
// app znode without the field.
struct TableDescription {
  TableStatus status = TableStatus::kAvailable;
  std::string app_type;
  std::string app_name;
  int32_t app_id = 0;
  int32_t partition_count = 0;
  std::map<std::string, std::string> envs;
  bool is_stateful = true;
  int32_t max_replica_count = 3;
  int64_t expire_second = 0;  // Unix seconds, as are the next two
  int64_t create_second = 0;
  int64_t drop_second = 0;
  bool duplicating = false;
  int32_t init_partition_count = -1;
  bool is_bulk_loading = false;
  bool atomic_idempotent = false;

  friend bool operator==(const TableDescription&, const TableDescription&) = default;
  friend auto operator<=>(const TableDescription&, const TableDescription&) = default;
};

// How the planner reconciles nodes that describe a table differently (docs/recovery-rules.md).
enum class TableFieldRule {
  kIdentity,         // says which table it is
  kMustAgree,        // never changes in a table's life: the operator decides if nodes differ
  kVote,             // the best supported value; the operator decides a tie
  kVoteByKey,        // a vote for each key of a map
  kHighest,          // the highest value
  kAnyNode,          // a flag that is set if any node says so; only ZooKeeper knew the details
  kAlwaysAvailable,  // drops never reach replica servers, so what nodes say is no evidence
  kPartitionCount,   // as kMustAgree, but splits double it, and replicas may prove a higher one
  kSplit,            // the count before an unfinished split, otherwise the partition count
};

// Whether an operator may decide it (--settle). The keys of kVoteByKey may be, too.
constexpr bool MayBeSettled(TableFieldRule rule) {
  return rule == TableFieldRule::kMustAgree || rule == TableFieldRule::kVote ||
         rule == TableFieldRule::kPartitionCount || rule == TableFieldRule::kHighest ||
         rule == TableFieldRule::kAnyNode || rule == TableFieldRule::kAlwaysAvailable;
}

// Beyond these a number makes no sense: such records are left out, and no plan holds them.
struct NumberBounds {
  int64_t least = std::numeric_limits<int64_t>::min();
  int64_t most = std::numeric_limits<int64_t>::max();
  const char* in_words = nullptr;  // "a partition count"
};

// More than any table or plan has.
inline constexpr int64_t kPartitionsMax = 16 << 20;
// Stock meta servers allow 5 unless they are configured otherwise.
inline constexpr int32_t kReplicaCountMax = 1000;
inline constexpr int64_t kUnixSecondMax = 253'402'300'799;  // the end of the year 9999
inline constexpr NumberBounds kTime = {0, kUnixSecondMax, "a time"};

constexpr bool IsTime(const NumberBounds& bounds) { return bounds.most == kUnixSecondMax; }

// When `ls` of Pegasus's shell shows a column, and in it a value.
enum class ListedWhen : uint8_t { kAlways, kDropped, kSince26 };

// Where the field is shown. Pegasus's shell gives the order and the titles of `ls`.
struct TableFieldDisplay {
  int explained_at = 0;             // place in `explain`; 0: in its heading
  const char* ls_column = nullptr;  // title in `ls`; null: not shown there
  int ls_at = 0;                    // place in `ls`
  ListedWhen ls_when = ListedWhen::kAlways;
};

// One row of the description.
template <TableFieldRule Rule, typename Get, typename MarkSet>
struct TableField {
  static constexpr TableFieldRule kRule = Rule;

  const char* name;  // in JSON, settlements and explanations
  Get of;            // the member of that name: field.of(table), of idl::app_info, too
  MarkSet mark_set;  // field.mark_set(app_info): Thrift shall write it even if it is optional
  NumberBounds bounds;
  TableFieldDisplay display;
};

template <TableFieldRule Rule, typename Get, typename MarkSet>
constexpr TableField<Rule, Get, MarkSet> MakeTableField(const char* name, Get of, MarkSet mark_set,
                                                        TableFieldDisplay display,
                                                        NumberBounds bounds = {}) {
  return {name, of, mark_set, bounds, display};
}

// Calls `visit` with the row of each field, in the order of TableDescription.
template <typename Visitor>
constexpr void VisitTableFields(Visitor&& visit) {
  using enum TableFieldRule;
#define METAREC_FIELD(rule, member, ...)                          \
  visit(MakeTableField<rule>(                                     \
      #member, [](auto& table) -> auto& { return table.member; }, \
      [](auto& app_info) { app_info.__isset.member = true; }, __VA_ARGS__))

  METAREC_FIELD(kAlwaysAvailable, status, {1, "status", 2});
  METAREC_FIELD(kMustAgree, app_type, {2, "app_type", 4});
  METAREC_FIELD(kVote, app_name, {0, "app_name", 3});
  METAREC_FIELD(kIdentity, app_id, {0, "app_id", 1}, {1, INT32_MAX, "an app id"});
  METAREC_FIELD(kPartitionCount, partition_count, {3, "partition_count", 5},
                {1, kPartitionsMax, "a partition count"});
  METAREC_FIELD(kVoteByKey, envs, {99, "envs_count", 11});
  METAREC_FIELD(kMustAgree, is_stateful, {6, "is_stateful", 7});
  METAREC_FIELD(kVote, max_replica_count, {5, "replica_count", 6},
                {1, kReplicaCountMax, "a max_replica_count"});
  METAREC_FIELD(kHighest, expire_second, {9, "drop_expire", 10, ListedWhen::kDropped}, kTime);
  METAREC_FIELD(kMustAgree, create_second, {7, "create_time", 8}, kTime);
  METAREC_FIELD(kHighest, drop_second, {8, "drop_time", 9, ListedWhen::kDropped}, kTime);
  METAREC_FIELD(kAnyNode, duplicating, {10});
  METAREC_FIELD(kSplit, init_partition_count, {4});
  METAREC_FIELD(kAnyNode, is_bulk_loading, {11});
  METAREC_FIELD(kVote, atomic_idempotent, {12, "atomic_idempotent", 12, ListedWhen::kSince26});
#undef METAREC_FIELD
}

inline constexpr size_t kTableFieldCount = [] {
  size_t count = 0;
  VisitTableFields([&count](auto) { ++count; });
  return count;
}();

// To and from the wire. All fields are set, the optional ones too, as stock servers do.
TableDescription FromAppInfo(idl::app_info&& info);
idl::app_info ToAppInfo(const TableDescription& table);

}  // namespace metarec
