#include "benchmarks/sized_cluster.h"

#include <algorithm>
#include <random>
#include <vector>

#include <absl/strings/str_cat.h>

#include "idl/replica_server_types.h"
#include "idl/serialization.h"

namespace metarec::benchmarks {
namespace {

constexpr int kReplicas = 3;
constexpr uint32_t kFirstAddress = 0x0A000001;  // 10.0.0.1

// The first takes a tenth, and what is left shrinks from table to table.
std::vector<int32_t> PartitionCounts(const ClusterSize& size) {
  std::vector<int32_t> counts(static_cast<size_t>(size.tables), 1);
  counts[0] = size.partitions / 10;
  int64_t left = size.partitions - counts[0] - (size.tables - 1);
  double weights = 0;
  for (int32_t i = 1; i < size.tables; ++i) weights += 1.0 / (i + 10);
  const int64_t shared = left;
  for (int32_t i = 1; i < size.tables; ++i) {
    const auto more = static_cast<int32_t>(static_cast<double>(shared) / (i + 10) / weights);
    counts[static_cast<size_t>(i)] += more;
    left -= more;
  }
  counts.back() += static_cast<int32_t>(left);
  return counts;
}

TableRecord RecordOf(int32_t app_id, int32_t partition_count) {
  TableRecord table;
  table.app_type = "pegasus";
  table.app_name = absl::StrCat("table_of_business_unit_", app_id);
  table.app_id = app_id;
  table.partition_count = table.init_partition_count = partition_count;
  table.is_stateful = true;
  table.max_replica_count = kReplicas;
  table.create_second = 1'600'000'000 + app_id;
  return table;
}

class Layout {
 public:
  explicit Layout(const ClusterSize& size) {
    evidence_.collected_at = absl::FromUnixSeconds(1'750'000'000);
    for (int32_t i = 0; i < size.nodes; ++i) {
      NodeEvidence& node = evidence_.nodes.emplace_back();
      node.address = {kFirstAddress + static_cast<uint32_t>(i), 34801};
      node.name = absl::StrCat("replica-server-", i, ".example:34801");
      node.listed_as = {node.name};
      node.replicas.reserve(static_cast<size_t>(size.partitions) / static_cast<size_t>(size.nodes) *
                            kReplicas * 11 / 10);
    }
  }

  void Add(int32_t app_id, int32_t partition_count) {
    const SharedTableRecord record = RecordOf(app_id, partition_count);
    for (int32_t index = 0; index < partition_count; ++index) {
      AddPartition(record, {.app_id = app_id, .partition_index = index});
    }
  }

  Evidence Take() { return std::move(evidence_); }

 private:
  void AddPartition(const SharedTableRecord& record, ReplicaRecord replica) {
    const int64_t number = partitions_++;
    replica.ballot = 3 + static_cast<int64_t>(random_() % 50);
    replica.last_committed_decree = 1000 + static_cast<int64_t>(random_() % 10'000'000);
    replica.last_durable_decree = replica.last_committed_decree - 500;
    for (int64_t i = 0; i < kReplicas; ++i) {
      if (i == 2 && number % 100 == 7) continue;  // missing
      ReplicaRecord own = replica;
      if (i == 1 && number % 100 == 57) {  // stale
        --own.ballot;
        own.last_committed_decree -= 900;
      }
      own.status = ReplicaStatus::kInactive;
      own.last_prepared_decree = own.last_committed_decree + (i == 0 ? 0 : 1);
      NodeEvidence& node =
          evidence_.nodes[static_cast<size_t>(number * 7 + i) % evidence_.nodes.size()];
      if (node.tables.empty() || node.tables.back()->app_id != own.app_id) {
        node.tables.push_back(record);
      }
      node.replicas.push_back(own);
    }
  }

  Evidence evidence_;
  int64_t partitions_ = 0;
  std::mt19937 random_{20261121};
};

}  // namespace

absl::StatusOr<ClusterSize> ClusterSizeOf(absl::string_view name) {
  const ClusterSize kSizes[] = {{"S", 10, 1'000, 5},
                                {"M", 100, 10'000, 20},
                                {"L", 1'000, 100'000, 100},
                                {"XL", 4'000, 1'000'000, 400}};
  for (const ClusterSize& size : kSizes) {
    if (size.name == name) return size;
  }
  return absl::InvalidArgumentError(absl::StrCat("no size '", name, "': S, M, L or XL"));
}

Evidence MakeEvidence(const ClusterSize& size) {
  Layout layout(size);
  int32_t app_id = 0;
  for (const int32_t count : PartitionCounts(size)) layout.Add(++app_id, count);
  return layout.Take();
}

std::string BodyOf(const NodeEvidence& node) {
  idl::query_replica_info_response response;
  response.err.name = "ERR_OK";
  for (const ReplicaRecord& replica : node.replicas) {
    idl::replica_info& info = response.replicas.emplace_back();
    info.pid.app_id = replica.app_id;
    info.pid.partition_index = replica.partition_index;
    info.ballot = replica.ballot;
    info.status = static_cast<idl::partition_status>(replica.status);
    info.last_committed_decree = replica.last_committed_decree;
    info.last_prepared_decree = replica.last_prepared_decree;
    info.last_durable_decree = replica.last_durable_decree;
    info.app_type = "pegasus";
    info.disk_tag = "data1";
  }
  return idl::EncodeBody(response);
}

}  // namespace metarec::benchmarks
