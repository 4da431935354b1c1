#include "tests/scenarios/world.h"

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>

#include "base/runtime/status_macros.h"
#include "replica_collector/evidence.h"

namespace metarec::scenarios {
namespace {

// Sets one field of a table's record from `field`, e.g. "name=temp", "replicas=3" or "env.ttl=1".
absl::Status SetRecordField(absl::string_view field, TableRecord* record);

// Sets one field of a replica from `field`, e.g. "ballot=7" or "status=PS_ERROR".
absl::Status SetReplicaField(absl::string_view field, ReplicaRecord* replica);

// Whether `field` is one of a replica's: "status" is both a table's and a replica's.
bool IsReplicaField(absl::string_view field);

// "2.3".
absl::Status ParseGpid(absl::string_view text, ReplicaRecord* replica);

absl::Status ParseInteger(absl::string_view text, int32_t* value);

constexpr std::pair<absl::string_view, ReplicaStatus> kReplicaStatuses[] = {
    {"PS_INVALID", ReplicaStatus::kInvalid},
    {"PS_INACTIVE", ReplicaStatus::kInactive},
    {"PS_ERROR", ReplicaStatus::kError},
    {"PS_PRIMARY", ReplicaStatus::kPrimary},
    {"PS_SECONDARY", ReplicaStatus::kSecondary},
    {"PS_POTENTIAL_SECONDARY", ReplicaStatus::kPotentialSecondary},
    {"PS_PARTITION_SPLIT", ReplicaStatus::kPartitionSplit},
};

using KeyAndValue = std::pair<absl::string_view, absl::string_view>;

absl::Status SplitField(absl::string_view field, KeyAndValue* result) {
  const size_t equals = field.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(absl::StrCat("expected key=value, not '", field, "'"));
  }
  *result = {field.substr(0, equals), field.substr(equals + 1)};
  return absl::OkStatus();
}

template <typename Integer>
absl::Status ParseNumber(absl::string_view text, Integer* value) {
  if (absl::SimpleAtoi(text, value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no number of this field's size"));
}

// "temp", "12", "true", "AS_DROPPED", or a status as a number.
template <typename Value>
absl::Status ParseValue(absl::string_view text, Value* value) {
  if constexpr (std::is_same_v<Value, TableStatus>) {
    for (int32_t number = 0; number <= static_cast<int32_t>(TableStatus::kRecalling); ++number) {
      *value = static_cast<TableStatus>(number);
      if (TableStatusName(*value) == text) return absl::OkStatus();
    }
    int32_t number = 0;
    METAREC_RETURN_IF_ERROR(ParseNumber(text, &number));
    *value = static_cast<TableStatus>(number);
    return absl::OkStatus();
  } else if constexpr (std::is_same_v<Value, bool>) {
    if (absl::SimpleAtob(text, value)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is neither true nor false"));
  } else if constexpr (std::is_integral_v<Value>) {
    return ParseNumber(text, value);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    *value = std::string(text);
    return absl::OkStatus();
  } else {
    return absl::InvalidArgumentError("envs are given one by one: env.KEY=VALUE");
  }
}

// Scenarios have shorter names for some fields of a table.
absl::string_view NameInScenarios(absl::string_view name) {
  constexpr std::pair<absl::string_view, absl::string_view> kShorter[] = {
      {"app_name", "name"},
      {"partition_count", "partitions"},
      {"init_partition_count", "init_partitions"},
      {"max_replica_count", "replicas"},
      {"create_second", "create"},
      {"expire_second", "expire"},
      {"drop_second", "drop"},
      {"is_stateful", "stateful"},
      {"is_bulk_loading", "bulk_loading"},
  };
  for (const auto& [field, shorter] : kShorter) {
    if (field == name) return shorter;
  }
  return name;
}

absl::Status ParseInteger(absl::string_view text, int32_t* value) {
  return ParseNumber(text, value);
}

absl::Status SetRecordField(absl::string_view field, TableRecord* record) {
  KeyAndValue parts;
  METAREC_RETURN_IF_ERROR(SplitField(field, &parts));
  const auto [key, value] = parts;
  if (absl::StartsWith(key, "env.")) {
    record->envs[std::string(absl::StripPrefix(key, "env."))] = std::string(value);
    return absl::OkStatus();
  }
  absl::Status status =
      absl::InvalidArgumentError(absl::StrCat("a table has no field '", key, "'"));
  VisitTableFields([&, key = key, value = value](auto row) {
    if (NameInScenarios(row.name) == key) status = ParseValue(value, &row.of(*record));
  });
  return status;
}

bool IsReplicaField(absl::string_view field) {
  const absl::string_view key = field.substr(0, field.find('='));
  return key == "ballot" || key == "committed" || key == "prepared" || key == "durable" ||
         absl::StartsWith(field, "status=PS_");
}

absl::Status SetReplicaField(absl::string_view field, ReplicaRecord* replica) {
  KeyAndValue parts;
  METAREC_RETURN_IF_ERROR(SplitField(field, &parts));
  const auto [key, value] = parts;
  if (key == "ballot") return ParseNumber(value, &replica->ballot);
  if (key == "committed") {
    METAREC_RETURN_IF_ERROR(ParseNumber(value, &replica->last_committed_decree));
    replica->last_prepared_decree =
        std::max(replica->last_prepared_decree, replica->last_committed_decree);
    return absl::OkStatus();
  }
  if (key == "prepared") return ParseNumber(value, &replica->last_prepared_decree);
  if (key == "durable") return ParseNumber(value, &replica->last_durable_decree);
  if (key != "status") {
    return absl::InvalidArgumentError(absl::StrCat("a replica has no field '", key, "'"));
  }
  for (const auto& [name, status] : kReplicaStatuses) {
    if (name == value) {
      replica->status = status;
      return absl::OkStatus();
    }
  }
  int32_t number = 0;
  if (!absl::SimpleAtoi(absl::StripPrefix(value, "PS_"), &number)) {
    return absl::InvalidArgumentError(absl::StrCat("there is no status '", value, "'"));
  }
  replica->status = static_cast<ReplicaStatus>(number);
  return absl::OkStatus();
}

absl::Status ParseGpid(absl::string_view text, ReplicaRecord* replica) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &replica->app_id) ||
      !absl::SimpleAtoi(parts[1], &replica->partition_index)) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected <table>.<partition> such as 2.3, not '", text, "'"));
  }
  return absl::OkStatus();
}

constexpr int kNodesMax = 50;
constexpr int64_t kFirstCreateSecond = 1'700'000'000;

absl::Status Usage(absl::string_view usage) {
  return absl::InvalidArgumentError(absl::StrCat("usage: ", usage));
}

bool SameGpid(const ReplicaRecord& a, const ReplicaRecord& b) {
  return a.app_id == b.app_id && a.partition_index == b.partition_index;
}

ReplicaRecord& FindOrAddReplica(const ReplicaRecord& replica, WorldNode& node) {
  for (ReplicaRecord& known : node.replicas) {
    if (SameGpid(known, replica)) return known;
  }
  return node.replicas.emplace_back(replica);
}

TableRecord* FindRecord(std::vector<TableRecord>& records, int32_t app_id) {
  const auto found = std::find_if(records.begin(), records.end(),
                                  [&](const TableRecord& r) { return r.app_id == app_id; });
  return found == records.end() ? nullptr : &*found;
}

ReplicaRecord DefaultReplica() {
  ReplicaRecord replica;
  replica.ballot = 3;
  replica.last_committed_decree = 10;
  replica.last_prepared_decree = 10;
  replica.last_durable_decree = 10;
  replica.status = ReplicaStatus::kInactive;
  return replica;
}

}  // namespace

absl::Status World::Apply(absl::string_view directive) {
  directive = absl::StripAsciiWhitespace(directive);
  if (absl::ConsumePrefix(&directive, "list|")) return AddNodeListLine(directive);
  if (absl::ConsumePrefix(&directive, "znode ")) return AddZnode(directive);
  if (absl::ConsumePrefix(&directive, "dead ")) return dead_server_.Apply(directive);

  const Words words = absl::StrSplit(directive, ' ', absl::SkipEmpty());
  if (words.empty()) return absl::OkStatus();
  const Words rest(words.begin() + 1, words.end());
  if (words[0] == "nodes") return AddNodes(rest);
  if (words[0] == "table") return AddTable(rest);
  if (words[0] == "replica") return SetReplica(rest);
  if (words[0] == "record") return SetRecord(rest);
  if (words[0] == "fault") return SetFault(rest);
  if (words[0] == "own") return SetOwnAddress(rest);
  if (words[0] == "no" && words.size() >= 2) {
    const Words what(words.begin() + 2, words.end());
    if (words[1] == "replica") return RemoveReplica(what);
    if (words[1] == "record") return RemoveRecord(what);
    if (words[1] == "fault") return RemoveFault(what);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", words[0],
                   "' is no directive; there are nodes, table, [no] replica, [no] record, [no] "
                   "fault, own, list|, dead and znode"));
}

absl::Status World::FindNodes(absl::string_view name, std::vector<WorldNode*>* found) {
  for (WorldNode& node : nodes_) {
    if (name == "*" || node.name == name) found->push_back(&node);
  }
  if (!found->empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("there is no node '", name, "'"));
}

absl::Status World::AddNodes(const Words& words) {
  int32_t last = 0;
  if (words.size() == 1 && absl::StartsWith(words[0], "n1..n") &&
      ParseInteger(words[0].substr(5), &last).ok() && last >= 1 && last <= kNodesMax) {
    for (int32_t i = 1; i <= last; ++i) nodes_.push_back({.name = absl::StrCat("n", i)});
    return absl::OkStatus();
  }
  return Usage(absl::StrCat("nodes n1..n<how many, at most ", kNodesMax, ">"));
}

absl::Status World::AddTable(const Words& words) {
  constexpr absl::string_view kUsage =
      "table <id> <name> [partitions=8] [replicas=3] [on=n1,n2] [a field of replica or record]...";
  if (words.size() < 2) return Usage(kUsage);
  TableRecord table;
  METAREC_RETURN_IF_ERROR(ParseInteger(words[0], &table.app_id));
  table.app_type = "pegasus";
  table.app_name = std::string(words[1]);
  table.partition_count = 8;
  table.is_stateful = true;
  table.max_replica_count = 3;
  table.create_second = kFirstCreateSecond + table.app_id;
  ReplicaRecord replica = DefaultReplica();
  replica.app_id = table.app_id;
  std::vector<WorldNode*> hosts;
  bool init_given = false;
  for (absl::string_view word : Words(words.begin() + 2, words.end())) {
    if (absl::ConsumePrefix(&word, "on=")) {
      for (absl::string_view name : absl::StrSplit(word, ',')) {
        METAREC_RETURN_IF_ERROR(FindNodes(name, &hosts));
      }
    } else if (IsReplicaField(word)) {
      METAREC_RETURN_IF_ERROR(SetReplicaField(word, &replica));
    } else {
      init_given |= absl::StartsWith(word, "init_partitions=");
      METAREC_RETURN_IF_ERROR(SetRecordField(word, &table));
    }
  }
  if (!init_given) table.init_partition_count = table.partition_count;
  if (hosts.empty()) METAREC_RETURN_IF_ERROR(FindNodes("*", &hosts));
  tables_.push_back(table);

  // Partition p lies on the nodes p, p + 1, ... of the list, round and round.
  const int copies = std::min<int>(table.max_replica_count, hosts.size());
  for (int32_t index = 0; index < table.partition_count; ++index) {
    replica.partition_index = index;
    for (int copy = 0; copy < copies; ++copy) {
      WorldNode& host = *hosts[(index + copy) % hosts.size()];
      host.replicas.push_back(replica);
      if (FindRecord(host.tables, table.app_id) == nullptr) host.tables.push_back(table);
    }
  }
  return absl::OkStatus();
}

absl::Status World::SetReplica(const Words& words) {
  if (words.size() < 2) return Usage("replica <id>.<partition> <node or *> [ballot=7] ...");
  ReplicaRecord added = DefaultReplica();
  METAREC_RETURN_IF_ERROR(ParseGpid(words[0], &added));
  std::vector<WorldNode*> hosts;
  METAREC_RETURN_IF_ERROR(FindNodes(words[1], &hosts));
  for (WorldNode* host : hosts) {
    ReplicaRecord& replica = FindOrAddReplica(added, *host);
    for (absl::string_view field : Words(words.begin() + 2, words.end())) {
      METAREC_RETURN_IF_ERROR(SetReplicaField(field, &replica));
    }
    TableRecord* const declared = FindRecord(tables_, added.app_id);
    if (declared != nullptr && FindRecord(host->tables, added.app_id) == nullptr) {
      host->tables.push_back(*declared);
    }
  }
  return absl::OkStatus();
}

absl::Status World::RemoveReplica(const Words& words) {
  if (words.size() != 2) return Usage("no replica <id>.<partition or *> <node or *>");
  std::vector<WorldNode*> hosts;
  METAREC_RETURN_IF_ERROR(FindNodes(words[1], &hosts));
  absl::string_view gpid = words[0];
  const bool all = absl::ConsumeSuffix(&gpid, ".*");
  ReplicaRecord wanted;
  METAREC_RETURN_IF_ERROR(all ? ParseInteger(gpid, &wanted.app_id) : ParseGpid(gpid, &wanted));
  size_t removed = 0;
  for (WorldNode* host : hosts) {
    removed += std::erase_if(host->replicas, [&](const ReplicaRecord& replica) {
      return all ? replica.app_id == wanted.app_id : SameGpid(replica, wanted);
    });
  }
  if (removed > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("no replica of ", words[0], " is there"));
}

absl::Status World::SetRecord(const Words& words) {
  if (words.size() < 2) return Usage("record <id> <node or *> [name=temp] ...");
  int32_t app_id = 0;
  METAREC_RETURN_IF_ERROR(ParseInteger(words[0], &app_id));
  std::vector<WorldNode*> hosts;
  METAREC_RETURN_IF_ERROR(FindNodes(words[1], &hosts));
  for (WorldNode* host : hosts) {
    TableRecord* record = FindRecord(host->tables, app_id);
    if (record == nullptr) {
      const TableRecord* const declared = FindRecord(tables_, app_id);
      if (declared == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat("no table ", app_id, " was declared"));
      }
      record = &host->tables.emplace_back(*declared);
    }
    for (absl::string_view field : Words(words.begin() + 2, words.end())) {
      METAREC_RETURN_IF_ERROR(SetRecordField(field, record));
    }
  }
  return absl::OkStatus();
}

absl::Status World::RemoveRecord(const Words& words) {
  if (words.size() != 2) return Usage("no record <id> <node or *>");
  int32_t app_id = 0;
  METAREC_RETURN_IF_ERROR(ParseInteger(words[0], &app_id));
  std::vector<WorldNode*> hosts;
  METAREC_RETURN_IF_ERROR(FindNodes(words[1], &hosts));
  size_t removed = 0;
  for (WorldNode* host : hosts) {
    removed += std::erase_if(host->tables,
                             [&](const TableRecord& table) { return table.app_id == app_id; });
  }
  if (removed > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("no record of table ", app_id, " is there"));
}

absl::Status World::SetFault(const Words& words) {
  if (words.size() < 2) return Usage("fault <node or *> <what it does>");
  std::vector<WorldNode*> hosts;
  METAREC_RETURN_IF_ERROR(FindNodes(words[0], &hosts));
  for (WorldNode* host : hosts) {
    host->fault = absl::StrJoin(words.begin() + 1, words.end(), " ");
  }
  return absl::OkStatus();
}

absl::Status World::SetOwnAddress(const Words& words) {
  if (words.size() != 2) return Usage("own <node or *> <address:port>");
  const auto address = ParseIpv4Endpoint(words[1]);
  if (!address.ok()) return address.status();
  std::vector<WorldNode*> hosts;
  METAREC_RETURN_IF_ERROR(FindNodes(words[0], &hosts));
  for (WorldNode* host : hosts) host->own_address = *address;
  return absl::OkStatus();
}

absl::Status World::RemoveFault(const Words& words) {
  if (words.size() != 1) return Usage("no fault <node or *>");
  std::vector<WorldNode*> hosts;
  METAREC_RETURN_IF_ERROR(FindNodes(words[0], &hosts));
  for (WorldNode* host : hosts) host->fault.clear();
  return absl::OkStatus();
}

absl::Status World::AddNodeListLine(absl::string_view line) {
  absl::ConsumePrefix(&line, " ");
  has_node_list_ = true;
  absl::StrAppend(&node_list_, line, "\n");
  return absl::OkStatus();
}

absl::Status World::AddZnode(absl::string_view rest) {
  const size_t space = rest.find(' ');
  Znode znode;
  znode.path = std::string(rest.substr(0, space));
  if (space != absl::string_view::npos) znode.data = std::string(rest.substr(space + 1));
  if (!absl::StartsWith(znode.path, "/")) return Usage("znode /<path below the root> [data]");
  znodes_.push_back(std::move(znode));
  return absl::OkStatus();
}

}  // namespace metarec::scenarios
