#include "tests/meta_recovery/planner/evidence_builder.h"

#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <glog/logging.h>

namespace metarec {

Cluster::Cluster() { evidence_.collected_at = absl::FromUnixSeconds(1'795'221'132); }

Cluster& Cluster::Node(absl::string_view name) {
  const std::string full_name = absl::StrCat(name, ":34801");
  for (size_t i = 0; i < evidence_.nodes.size(); ++i) {
    if (evidence_.nodes[i].name != full_name) continue;
    current_ = i;
    return *this;
  }
  uint32_t number = 0;
  CHECK(absl::SimpleAtoi(name.substr(1), &number)) << "nodes are called n1, n2, ...";
  NodeEvidence node;
  node.listed_as = {full_name};
  node.address = {.ip = (10u << 24) + number, .port = 34801};
  node.name = full_name;
  evidence_.nodes.push_back(std::move(node));
  current_ = evidence_.nodes.size() - 1;
  return *this;
}

Cluster& Cluster::BadNode(absl::string_view name, absl::string_view error) {
  Node(name);
  Current().error = std::string(error);
  Current().error_detail = "no answer to RPC_QUERY_REPLICA_INFO";
  Current().attempts = 3;
  return *this;
}

Cluster& Cluster::Table(int32_t app_id, absl::string_view name, int32_t partition_count) {
  TableRecord table;
  table.app_type = "pegasus";
  table.app_name = std::string(name);
  table.app_id = app_id;
  table.partition_count = partition_count;
  table.is_stateful = true;
  table.max_replica_count = 3;
  table.create_second = 1'488'341'786;
  table.init_partition_count = partition_count;
  Current().tables.push_back(std::move(table));
  return *this;
}

Cluster& Cluster::With(const std::function<void(TableRecord&)>& change) {
  change(Current().tables.back().Mutable());
  return *this;
}

Cluster& Cluster::Replica(absl::string_view gpid, ReplicaState state) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(gpid, '.');
  ReplicaRecord replica;
  CHECK(absl::SimpleAtoi(parts.first, &replica.app_id) &&
        absl::SimpleAtoi(parts.second, &replica.partition_index))
      << "no gpid: " << gpid;
  replica.ballot = state.ballot;
  replica.last_committed_decree = state.committed;
  replica.last_prepared_decree = state.prepared;
  replica.last_durable_decree = state.committed;
  replica.status = state.status;
  Current().replicas.push_back(replica);
  return *this;
}

Cluster& Cluster::Replicas(int32_t app_id, int32_t first, int32_t last, ReplicaState state) {
  for (int32_t index = first; index <= last; ++index) {
    Replica(absl::StrCat(app_id, ".", index), state);
  }
  return *this;
}

Cluster& Cluster::Everywhere(int32_t app_id, absl::string_view name, int32_t partition_count,
                             ReplicaState state) {
  for (current_ = 0; current_ < evidence_.nodes.size(); ++current_) {
    if (!Current().complete()) continue;
    Table(app_id, name, partition_count).Replicas(app_id, 0, partition_count - 1, state);
  }
  current_ = evidence_.nodes.size() - 1;
  return *this;
}

Cluster ThreeNodes() {
  Cluster cluster;
  cluster.Node("n1").Node("n2").Node("n3");
  return cluster;
}

}  // namespace metarec
