#include "tests/fuzz/evidence_program.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>

namespace metarec::fuzz {
namespace {

constexpr int kStepsMax = 60;
constexpr size_t kReplicasMax = 3000;

constexpr int64_t kNumbers[] = {0,
                                1,
                                2,
                                3,
                                -1,
                                -2,
                                4,
                                8,
                                1000,
                                1001,
                                INT32_MAX,
                                INT32_MIN,
                                INT64_MAX,
                                INT64_MIN,
                                int64_t{1} << 53,
                                (int64_t{1} << 53) + 1,
                                253'402'300'800};
constexpr absl::string_view kNames[] = {"temp",    "a", "b",   "a-1",      "temp-2",
                                        "a_1",     "",  "a b", "\xff\xfe", "__drop_holder__3",
                                        "a\x1b[2J"};

class Program {
 public:
  explicit Program(ByteSource& source) : source_(source) {}

  Evidence Run() {
    const int32_t nodes = source_.Pick(1, 6);
    for (int32_t i = 1; i <= nodes; ++i) AddNode(i);
    for (int step = 0; step < kStepsMax && !source_.empty(); ++step) Step();
    return std::move(evidence_);
  }

 private:
  void AddNode(int32_t number) {
    NodeEvidence node;
    node.address = {.ip = 0x0a000000 + static_cast<uint32_t>(number), .port = 34801};
    node.name = absl::StrCat("n", number, ":34801");
    node.listed_as = {node.name};
    evidence_.nodes.push_back(std::move(node));
  }

  void Step() {
    switch (source_.Pick(0, 9)) {
      case 0:
      case 1:
        return AddTableEverywhere();
      case 2:
        return ChangeRecord();
      case 3:
      case 4:
        return ChangeReplica();
      case 5:
        return RemoveReplica();
      case 6:
        return CopyReplica();
      case 7:
        return RemoveOrCopyRecord();
      case 8:
        return ChangeNode();
      default:
        return SplitOnOneNode();
    }
  }

  NodeEvidence& Node() { return evidence_.nodes[source_.Byte() % evidence_.nodes.size()]; }
  int64_t Value() { return source_.OneIn(4) ? source_.Number() : source_.Choose(kNumbers); }
  int32_t SmallValue() { return static_cast<int32_t>(Value()); }
  std::string Name() {
    return source_.OneIn(8) ? source_.Text(40) : std::string(source_.Choose(kNames));
  }

  void AddTableEverywhere() {
    TableRecord record;
    record.app_type = "pegasus";
    record.app_name = Name();
    record.app_id = source_.Pick(1, 6);
    record.partition_count = 1 << source_.Pick(0, 3);
    record.is_stateful = true;
    record.max_replica_count = source_.Pick(1, 4);
    record.create_second = 1'500'000'000;
    const auto status = static_cast<ReplicaStatus>(source_.Pick(1, 4));
    for (NodeEvidence& node : evidence_.nodes) {
      if (!node.complete()) continue;
      node.tables.push_back(record);
      for (int32_t index = 0; index < record.partition_count; ++index) {
        ReplicaRecord replica;
        replica.app_id = record.app_id;
        replica.partition_index = index;
        replica.ballot = 3;
        replica.last_committed_decree = replica.last_prepared_decree = 10;
        replica.status = status;
        AddReplica(replica, node);
      }
    }
  }

  void AddReplica(const ReplicaRecord& replica, NodeEvidence& node) {
    if (node.replicas.size() < kReplicasMax) node.replicas.push_back(replica);
  }

  void ChangeRecord() {
    NodeEvidence& node = Node();
    if (node.tables.empty()) return;
    TableRecord& table = node.tables[source_.Byte() % node.tables.size()].Mutable();
    switch (source_.Pick(0, 13)) {
      case 0:
        table.status = static_cast<TableStatus>(SmallValue());
        return;
      case 1:
        table.app_type = Name();
        return;
      case 2:
        table.app_name = Name();
        return;
      case 3:
        table.app_id = SmallValue();
        return;
      case 4:
        table.partition_count = SmallValue();
        return;
      case 5:
        table.envs[Name()] = Name();
        return;
      case 6:
        table.is_stateful = !table.is_stateful;
        return;
      case 7:
        table.max_replica_count = SmallValue();
        return;
      case 8:
        table.expire_second = Value();
        return;
      case 9:
        table.create_second = Value();
        return;
      case 10:
        table.drop_second = Value();
        return;
      case 11:
        table.duplicating = !table.duplicating;
        return;
      case 12:
        table.init_partition_count = SmallValue();
        return;
      default:
        table.atomic_idempotent = !table.atomic_idempotent;
        return;
    }
  }

  void ChangeReplica() {
    NodeEvidence& node = Node();
    if (node.replicas.empty()) return;
    ReplicaRecord& replica = node.replicas[source_.Byte() % node.replicas.size()];
    switch (source_.Pick(0, 6)) {
      case 0:
        replica.app_id = SmallValue();
        return;
      case 1:
        replica.partition_index = SmallValue();
        return;
      case 2:
        replica.ballot = Value();
        return;
      case 3:
        replica.last_committed_decree = Value();
        return;
      case 4:
        replica.last_prepared_decree = Value();
        return;
      case 5:
        replica.status = static_cast<ReplicaStatus>(source_.Pick(0, 7));
        return;
      default:
        replica.status = static_cast<ReplicaStatus>(SmallValue());
        return;
    }
  }

  void RemoveReplica() {
    NodeEvidence& node = Node();
    if (node.replicas.empty()) return;
    node.replicas.erase(node.replicas.begin() + source_.Byte() % node.replicas.size());
  }

  void CopyReplica() {
    NodeEvidence& node = Node();
    if (node.replicas.empty()) return;
    ReplicaRecord copy = node.replicas[source_.Byte() % node.replicas.size()];
    if (source_.OneIn(2) && copy.ballot < std::numeric_limits<int64_t>::max() - 2) {
      copy.ballot += source_.Pick(0, 2);
    }
    AddReplica(copy, Node());
  }

  void RemoveOrCopyRecord() {
    NodeEvidence& node = Node();
    if (node.tables.empty()) return;
    const size_t position = source_.Byte() % node.tables.size();
    if (source_.OneIn(2)) {
      const SharedTableRecord copy = node.tables[position];
      Node().tables.push_back(copy);
    } else {
      node.tables.erase(node.tables.begin() + static_cast<std::ptrdiff_t>(position));
    }
  }

  void ChangeNode() {
    NodeEvidence& node = Node();
    switch (source_.Pick(0, 6)) {
      case 0:
        node.error = "ERR_TIMEOUT";
        node.tables.clear();
        node.replicas.clear();
        return;
      case 1:
        node.name = source_.Text(20);
        return;
      case 2:
        node.address.ip = static_cast<uint32_t>(Value());
        return;
      case 3:
        node.listed_as.push_back(source_.Text(20));
        return;
      case 4:
        node.error_detail = source_.Text(20);
        return;
      case 5:
        node.disk.emplace().unusable = {source_.Text(20)};
        return;
      default:
        node.name_source = static_cast<NodeNameSource>(source_.Pick(0, 3));
        return;
    }
  }

  // The node knows of a split that the others have not heard of.
  void SplitOnOneNode() {
    NodeEvidence& node = Node();
    if (node.tables.empty()) return;
    TableRecord& table = node.tables[source_.Byte() % node.tables.size()].Mutable();
    if (table.partition_count <= 0 || table.partition_count > 64) return;
    table.init_partition_count = table.partition_count;
    table.partition_count *= 2;
    for (int32_t index = table.init_partition_count; index < table.partition_count; ++index) {
      if (source_.OneIn(2)) continue;
      ReplicaRecord child;
      child.app_id = table.app_id;
      child.partition_index = index;
      child.ballot = 4;
      child.status = source_.OneIn(2) ? ReplicaStatus::kPartitionSplit : ReplicaStatus::kInactive;
      AddReplica(child, node);
    }
  }

  ByteSource& source_;
  Evidence evidence_;
};

}  // namespace

Evidence MakeEvidence(ByteSource& source) { return Program(source).Run(); }

}  // namespace metarec::fuzz
