#include "tests/meta_recovery/planner/evidence_builder.h"

#include <algorithm>
#include <set>
#include <string>
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
  replica.last_prepared_decree = std::max(state.committed, state.prepared);
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

namespace {

bool OneIn(std::mt19937& random, int64_t n) { return Pick(random, 1, n) == 1; }

// The library's distributions and std::shuffle differ between standard libraries; this does not.
template <typename T>
void ShuffleVector(std::vector<T>& items, std::mt19937& random) {
  for (size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[Pick(random, 0, static_cast<int64_t>(i) - 1)]);
  }
}

void DistortRecord(TableRecord& table, std::mt19937& random) {
  switch (Pick(random, 0, 9)) {
    case 0:
      table.app_name += "_old";
      break;
    case 1:
      table.max_replica_count = static_cast<int32_t>(Pick(random, 1, 5));
      break;
    case 2:
      table.envs[OneIn(random, 4) ? "replica.deny_client_request"
                                  : absl::StrCat("k", Pick(random, 0, 2))] =
          absl::StrCat(Pick(random, 0, 2));
      break;
    case 3:
      table.duplicating = true;
      break;
    case 4:
      table.partition_count *= 2;
      break;
    case 5:
      table.drop_second = Pick(random, 0, 3);
      break;
    case 6:
      table.create_second += Pick(random, 0, 1);
      break;
    case 7:
      table.init_partition_count = static_cast<int32_t>(Pick(random, -1, 4));
      break;
    case 8:
      table.status = static_cast<TableStatus>(Pick(random, 0, 9));
      break;
    default:
      table.app_name = std::string("\xff\xfe\0\"\\", 5);
      break;
  }
}

ReplicaState RandomState(std::mt19937& random) {
  ReplicaState state;
  state.ballot = Pick(random, 1, 4);
  state.committed = Pick(random, 0, 3);
  state.prepared = state.committed + Pick(random, 0, 1);
  if (OneIn(random, 3)) state.status = static_cast<ReplicaStatus>(Pick(random, 0, 7));
  return state;
}

}  // namespace

int64_t Pick(std::mt19937& random, int64_t least, int64_t most) {
  return least + static_cast<int64_t>(random() % static_cast<uint64_t>(most - least + 1));
}

// What is said of who a server is, by beacons, by its answers and by names that are looked up.
void AddIdentity(NodeEvidence& node, std::mt19937& random) {
  const auto other = [&] {
    return Ipv4Endpoint{.ip = 0x0A000901 + static_cast<uint32_t>(Pick(random, 0, 3)),
                        .port = 34801};
  };
  if (OneIn(random, 8) && node.complete()) {
    node.own_address = OneIn(random, 3) ? Ipv4Endpoint{.ip = 0x7F000101, .port = 34801} : other();
  }
  if (OneIn(random, 8)) {
    node.ambiguous = {{.text = node.listed_as.front(), .not_asked = {other()}}};
  }
  if (!OneIn(random, 4)) return;
  static constexpr const char* kNames[] = {"n1:34801", "n2:34801", "rs:34802",
                                           "no name",  "N3:34801", "x9:34801"};
  std::set<std::string> names;
  for (int64_t i = Pick(random, 1, 2); i > 0; --i) names.insert(kNames[Pick(random, 0, 5)]);
  node.beacon_names.assign(names.begin(), names.end());
  if (OneIn(random, 4)) node.name_source = NodeNameSource::kOverride;
}

// Servers that send beacons and are not in the list.
std::vector<BeaconSender> RandomStrangers(std::mt19937& random) {
  std::vector<BeaconSender> strangers;
  if (!OneIn(random, 4)) return strangers;
  for (uint32_t i = 0; i < static_cast<uint32_t>(Pick(random, 1, 3)); ++i) {
    BeaconSender& stranger = strangers.emplace_back();
    stranger.address = {.ip = 0x0A000801 + i, .port = 34801};
    if (!OneIn(random, 4)) stranger.names = {OneIn(random, 3) ? "n1:34801" : "x9:34801"};
    stranger.is_there = OneIn(random, 2);
  }
  return strangers;
}

// A few learners that missed that their table was dropped.
void AddLeftovers(Cluster& cluster, int64_t nodes, std::mt19937& random) {
  for (int64_t n = 1; n <= nodes; ++n) {
    if (OneIn(random, 2)) continue;
    cluster.Node(absl::StrCat("n", n)).Table(11, "leftover", 8);
    cluster.Replica(absl::StrCat("11.", Pick(random, 0, 7)),
                    {.status = ReplicaStatus::kPotentialSecondary});
  }
}

Evidence RandomEvidence(std::mt19937& random) {
  Cluster cluster;
  const int64_t nodes = Pick(random, 1, 6);
  const int64_t tables = Pick(random, 0, 6);
  for (int64_t n = 1; n <= nodes; ++n) cluster.Node(absl::StrCat("n", n));
  for (int64_t t = 1; t <= tables; ++t) {
    const auto app_id = static_cast<int32_t>(t + Pick(random, 0, 3));
    const auto count = static_cast<int32_t>(Pick(random, 1, 4));
    const std::string name = absl::StrCat("t", OneIn(random, 2) ? "" : absl::StrCat("-", t));
    const bool odd = OneIn(random, 4);
    const bool dropped = OneIn(random, 6);
    for (int64_t n = 1; n <= nodes; ++n) {
      if (OneIn(random, 8)) continue;
      cluster.Node(absl::StrCat("n", n)).Table(app_id, name, count);
      if (odd && OneIn(random, 2)) {
        cluster.With([&](TableRecord& table) { DistortRecord(table, random); });
      }
      for (int32_t index = 0; index < count; ++index) {
        if (OneIn(random, 3)) continue;
        ReplicaState state = RandomState(random);
        if (dropped) state.status = ReplicaStatus::kError;
        cluster.Replica(absl::StrCat(app_id, ".", index + (OneIn(random, 40) ? count : 0)), state);
      }
      if (OneIn(random, 30)) cluster.Replica(absl::StrCat(app_id + 5, ".1"));
    }
  }
  if (OneIn(random, 8)) AddLeftovers(cluster, nodes, random);
  if (OneIn(random, 20)) cluster.Node("n1").Table(1200, "far", 1).Replica("1200.0");
  if (OneIn(random, 5)) cluster.BadNode(absl::StrCat("n", Pick(random, 1, nodes + 1)));
  Evidence evidence = cluster.Build();
  for (NodeEvidence& node : evidence.nodes) AddIdentity(node, random);
  evidence.unlisted = RandomStrangers(random);
  for (NodeEvidence& node : evidence.nodes) {
    if (node.complete() && OneIn(random, 8)) node.disk = DiskFolders{{"/d/1.0.pegasus.7.err"}, {}};
  }
  return evidence;
}

void Shuffle(Evidence& evidence, std::mt19937& random) {
  ShuffleVector(evidence.nodes, random);
  ShuffleVector(evidence.unlisted, random);
  for (NodeEvidence& node : evidence.nodes) {
    ShuffleVector(node.listed_as, random);
    ShuffleVector(node.tables, random);
    ShuffleVector(node.replicas, random);
  }
}

void Mutate(Evidence& evidence, std::mt19937& random) {
  static constexpr int64_t kNumbers[] = {INT64_MIN, INT32_MIN, -2,      -1,        0,        1,
                                         2,         7,         1 << 20, INT32_MAX, INT64_MAX};
  const auto number = [&] { return kNumbers[Pick(random, 0, std::size(kNumbers) - 1)]; };
  const auto small = [&] { return static_cast<int32_t>(number()); };
  for (int64_t i = Pick(random, 1, 4); i > 0 && !evidence.nodes.empty(); --i) {
    NodeEvidence& node =
        evidence.nodes[Pick(random, 0, static_cast<int64_t>(evidence.nodes.size()) - 1)];
    if (!node.replicas.empty()) {
      ReplicaRecord& replica =
          node.replicas[Pick(random, 0, static_cast<int64_t>(node.replicas.size()) - 1)];
      switch (Pick(random, 0, 5)) {
        case 0:
          replica.app_id = small();
          break;
        case 1:
          replica.partition_index = small();
          break;
        case 2:
          replica.ballot = number();
          break;
        case 3:
          replica.last_committed_decree = number();
          break;
        case 4:
          replica.status = static_cast<ReplicaStatus>(small());
          break;
        default:
          node.replicas.push_back(replica);
          node.replicas.back().ballot = number();
      }
    }
    if (node.tables.empty() || OneIn(random, 2)) continue;
    TableRecord& table =
        node.tables[Pick(random, 0, static_cast<int64_t>(node.tables.size()) - 1)].Mutable();
    switch (Pick(random, 0, 4)) {
      case 0:
        table.app_id = small();
        break;
      case 1:
        table.partition_count = small();
        break;
      case 2:
        table.max_replica_count = small();
        break;
      case 3:
        table.init_partition_count = small();
        break;
      default:
        node.tables.emplace_back(TableRecord(table));
        node.tables.back().Mutable().app_name += "?";
    }
  }
}

}  // namespace metarec
