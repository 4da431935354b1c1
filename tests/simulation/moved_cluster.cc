#include "moved_cluster.h"

#include <algorithm>
#include <iterator>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "rpc/pegasus_status.h"
#include "zk_store/election/lock_directory.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec::simulation {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(500);
// What replica servers are configured with, and how often they look at it.
constexpr absl::Duration kLease = absl::Seconds(22);
constexpr int32_t kReplicas = 3;

std::vector<std::string> Above(const std::string& path) {
  std::vector<std::string> above;
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    above.push_back(path.substr(0, slash));
  }
  return above;
}

std::string Json(const AppZnode& table) {
  std::string json;
  EncodeApp(table, &json);
  return json;
}

std::string Json(const PartitionZnode& partition) {
  std::string json;
  EncodePartition(partition, &json);
  return json;
}

AppZnode NewTable(int32_t id, int32_t partitions) {
  AppZnode table;
  table.app_type = "pegasus";
  table.app_id = id;
  table.app_name = absl::StrCat("table_", id);
  table.partition_count = partitions;
  table.init_partition_count = partitions;
  table.max_replica_count = kReplicas;
  table.create_second = 1'700'000'000 + id;
  return table;
}

}  // namespace

MovedCluster::MovedCluster(TransferWorld* world, const MoveCase& the_case)
    : world_(world), case_(the_case) {
  for (int i = 0; i < case_.metas; ++i) metas_.emplace_back().address = MetaAddressOf(i);
  for (int i = 0; i < case_.nodes; ++i) nodes_.emplace_back().address = NodeAddressOf(i);
}

const std::string& MovedCluster::RootOf(Side side) const {
  return side == Side::kFrom ? from_root_ : case_.to_root;
}

std::string MovedCluster::LockOf(Side side) const {
  return LockDirectoryPath(absl::StrCat(RootOf(side), "/lock"));
}

StoreClient MovedCluster::ClientOf(const Meta& meta) const {
  return {.name = meta.address, .number = kFirstMetaNumber - FindMeta(meta.address)};
}

int MovedCluster::FindMeta(const std::string& address) const {
  for (size_t i = 0; i < metas_.size(); ++i) {
    if (metas_[i].address == address) return static_cast<int>(i);
  }
  return -1;
}

void MovedCluster::WriteOldTree() {
  const auto write = [this](const std::string& path, const std::string& data) {
    world_->Write(Side::kFrom, kMoveFounder, 0, {CreateOp{path, data}}).IgnoreError();
  };
  const ClusterPaths paths(from_root_);
  for (const std::string& path : Above(paths.apps())) write(path, "");
  write(paths.apps(), std::string(kAppsUnlocked));
  for (int id = 1; id <= case_.tables; ++id) {
    AppZnode table = NewTable(id, case_.partitions);
    for (Node& node : nodes_) node.tables[id] = table;
    table.envs["default_ttl"] = absl::StrCat(id);
    write(paths.App(id), Json(table));
    for (int32_t index = 0; index < case_.partitions; ++index) {
      PartitionZnode partition;
      partition.app_id = id;
      partition.index = index;
      partition.ballot = 3;
      for (int i = 0; i < std::min<int>(kReplicas, case_.nodes); ++i) {
        Node& node = nodes_[static_cast<size_t>((index + i) % case_.nodes)];
        ReplicaRecord replica;
        replica.app_id = id;
        replica.partition_index = index;
        replica.ballot = partition.ballot;
        node.replicas[{id, index}] = replica;
        if (i == 0) {
          partition.primary = partition.hp_primary = node.address;
        } else {
          partition.secondaries.push_back(node.address);
          partition.hp_secondaries.push_back(node.address);
        }
      }
      write(paths.Partition(id, index), Json(partition));
    }
  }
  write(paths.Duplications(1), "");
  write(paths.Duplications(1) + "/1700000000", "{\"remote\":\"other\"}");
  write(paths.backup(), "");
  write(paths.backup() + "/daily", "{\"policy_name\":\"daily\"}");
}

void MovedCluster::Begin() {
  WriteOldTree();
  for (int i = 0; i < case_.metas; ++i) {
    Start(i, /*is_supervised=*/false);
    Contend(i, metas_[static_cast<size_t>(i)].life);
  }
  Tick();
}

void MovedCluster::Start(int meta, bool is_supervised) {
  Meta& started = metas_[static_cast<size_t>(meta)];
  if (started.is_running) return;
  world_->Say(started.address, absl::StrCat("starts on ", SideName(started.config)));
  started.is_running = true;
  started.running_since = world_->queue.now();
  started.is_supervised = is_supervised;
  started.side = started.config;
  const int64_t life = ++started.life;
  const absl::Duration boots = world_->random.Span(absl::Milliseconds(50), absl::Seconds(3));
  world_->queue.After(boots, [this, meta, life] { Contend(meta, life); });
}

void MovedCluster::Stop(int meta) {
  Meta& stopped = metas_[static_cast<size_t>(meta)];
  if (!stopped.is_running) return;
  world_->Say(stopped.address, "stops");
  ++stopped.life;
  stopped.is_running = false;
  stopped.leads = false;
  stopped.candidate.clear();
  if (stopped.session == 0) return;
  // One that is killed cannot end its session.
  const absl::Duration lasts =
      world_->random.OneIn(2) ? absl::ZeroDuration() : case_.session_timeout;
  world_->queue.After(lasts, [this, side = stopped.side, session = stopped.session] {
    world_->zookeeper(side).EndForeignSession(session);
  });
  stopped.session = 0;
}

void MovedCluster::Contend(int meta, int64_t life) {
  Meta& candidate = metas_[static_cast<size_t>(meta)];
  if (candidate.life != life || !candidate.candidate.empty()) return;
  const std::string lock = LockOf(candidate.side);
  const std::string first = lock + "/" + std::string(kCandidatePrefix);
  for (const std::string& path : Above(first)) {
    if (world_->tree(candidate.side).Exists(path).has_value()) continue;
    world_->Write(candidate.side, ClientOf(candidate), 0, {CreateOp{path, ""}}).IgnoreError();
  }
  candidate.session = world_->zookeeper(candidate.side).OpenForeignSession();
  const auto made =
      world_->Write(candidate.side, ClientOf(candidate), candidate.session,
                    {CreateOp{first, candidate.address, CreateMode::kEphemeralSequential}});
  if (!made.ok()) return;
  candidate.candidate = made->front().created_path;
  candidate.candidate_since = world_->queue.now();
}

MovedCluster::Meta* MovedCluster::First(Side side) {
  const std::string lock = LockOf(side);
  const auto children = world_->tree(side).Children(lock, kMoveReader);
  if (!children.ok()) return nullptr;
  const std::vector<std::string> candidates = CandidatesInOrder(children->names);
  if (candidates.empty()) return nullptr;
  const std::string path = lock + "/" + candidates.front();
  for (Meta& meta : metas_) {
    if (meta.side == side && meta.candidate == path) return &meta;
  }
  return nullptr;
}

bool MovedCluster::HoldsLock(const Meta& meta) const {
  return meta.leads && world_->tree(meta.side).Exists(meta.candidate).has_value();
}

bool MovedCluster::Load(Meta* meta) {
  const testing::ZnodeTree& tree = world_->tree(meta->side);
  const ClusterPaths paths(RootOf(meta->side));
  const auto apps = tree.Get(paths.apps(), kMoveReader);
  const auto violate = [&](const std::string& what) {
    world_->Violate(absl::StrCat(meta->address, " ", what, " in ", SideName(meta->side)));
    return false;
  };
  if (!apps.ok()) return violate("begins an empty cluster");
  if (apps->data != kAppsUnlocked) {
    world_->Say(meta->address, "does not start from such a root");
    return false;
  }
  meta->tables.clear();
  meta->partitions.clear();
  const auto children = tree.Children(paths.apps(), kMoveReader);
  for (const std::string& name : children->names) {
    const int32_t id = ParseChildName(name);
    if (id < 0) continue;
    const std::string path = paths.App(id);
    const auto table = DecodeApp(path, tree.Get(path, kMoveReader)->data);
    if (!table.ok()) return violate("cannot read a table");
    meta->tables[id] = *table;
    if (table->status != TableStatus::kAvailable) continue;
    for (int32_t index = 0; index < table->partition_count; ++index) {
      const auto node = tree.Get(paths.Partition(id, index), kMoveReader);
      if (!node.ok()) return violate("boots from less than the whole tree");
      const auto partition = DecodePartition(path, node->data);
      if (!partition.ok() && node->data == kStrangersData) {
        world_->Say(meta->address, "does not start from what a stranger has written");
        return false;
      }
      if (!partition.ok()) return violate("cannot read a partition");
      meta->partitions[{id, index}] = *partition;
    }
  }
  return true;
}

void MovedCluster::Lead(Meta* meta) {
  if (!Load(meta)) return Stop(FindMeta(meta->address));
  world_->Say(meta->address, absl::StrCat("leads in ", SideName(meta->side)));
  CheckBallots(*meta);
  meta->leads = true;
  meta->leads_since = world_->queue.now();
  meta->level = "steady";
  meta->level_since = world_->queue.now();
}

// Replica servers ignore for good what a tree says with a ballot below theirs.
void MovedCluster::CheckBallots(const Meta& leader) const {
  if (leader.is_supervised) return;
  for (const Node& node : nodes_) {
    for (const auto& [gpid, replica] : node.replicas) {
      const auto partition = leader.partitions.find(gpid);
      const bool is_known = partition != leader.partitions.end();
      if (is_known && partition->second.ballot >= replica.ballot) continue;
      return world_->Violate(absl::StrCat(
          leader.address, " was started in ", SideName(leader.side), " on a tree ",
          is_known ? "with a ballot below a replica's" : "without a partition that a replica has"));
    }
  }
}

bool MovedCluster::IsServing(const Node& node) const {
  return world_->queue.now() < node.fed + kLease;
}

void MovedCluster::Feed() {
  for (Node& node : nodes_) {
    if (!node.is_up) continue;
    node.leader = -1;
    for (size_t i = 0; i < metas_.size(); ++i) {
      if (!HoldsLock(metas_[i])) continue;
      node.leader = static_cast<int>(i);
      node.fed = world_->queue.now();
    }
  }
}

void MovedCluster::Tick() {
  for (const Side side : {Side::kFrom, Side::kTo}) {
    Meta* const first = First(side);
    if (first != nullptr && first->is_running && !first->leads) Lead(first);
  }
  Feed();
  world_->queue.After(kTick, [this] { Tick(); });
}

MovedCluster::Meta* MovedCluster::Leader() {
  for (Meta& meta : metas_) {
    if (HoldsLock(meta)) return &meta;
  }
  return nullptr;
}

bool MovedCluster::WriteAs(const Meta& meta, std::vector<StoreOp> ops) {
  return world_->Write(meta.side, ClientOf(meta), 0, std::move(ops)).ok();
}

// A partition gets another primary, and with it a higher ballot.
void MovedCluster::ChangeMembers(Meta* leader) {
  if (leader->partitions.empty()) return;
  const auto chosen = std::next(leader->partitions.begin(),
                                world_->random.Pick(0, std::ssize(leader->partitions) - 1));
  PartitionZnode changed = chosen->second;
  ++changed.ballot;
  const ClusterPaths paths(RootOf(leader->side));
  const std::string path = paths.Partition(changed.app_id, changed.index);
  if (!WriteAs(*leader, {SetOp{path, Json(changed)}})) return;
  chosen->second = changed;
  for (Node& node : nodes_) {
    const auto replica = node.replicas.find(chosen->first);
    if (replica != node.replicas.end() && node.is_up && IsServing(node)) {
      replica->second.ballot = changed.ballot;
    }
  }
}

void MovedCluster::DoAsUser() {
  Meta* const leader = Leader();
  if (leader == nullptr) return;
  world_->CountFault("user");
  const ClusterPaths paths(RootOf(leader->side));
  const int64_t number = ++changes_;
  switch (world_->random.Pick(0, 5)) {
    case 0: {
      if (leader->tables.empty()) return;
      AppZnode& table = leader->tables.begin()->second;
      table.envs["changed"] = absl::StrCat(number);
      WriteAs(*leader, {SetOp{paths.App(table.app_id), Json(table)}});
      return;
    }
    case 1: {
      const int32_t id = leader->tables.empty() ? 1 : leader->tables.rbegin()->first + 1;
      const AppZnode table = NewTable(id, 1);
      PartitionZnode partition;
      partition.app_id = id;
      partition.ballot = 1;
      Node& node = nodes_.front();
      partition.primary = partition.hp_primary = node.address;
      if (!WriteAs(*leader, {CreateOp{paths.App(id), Json(table)},
                             CreateOp{paths.Partition(id, 0), Json(partition)}})) {
        return;
      }
      leader->tables[id] = table;
      leader->partitions[{id, 0}] = partition;
      node.tables[id] = table;
      ReplicaRecord replica;
      replica.app_id = id;
      replica.ballot = 1;
      node.replicas[{id, 0}] = replica;
      return;
    }
    case 2:
      WriteAs(*leader, {SetOp{paths.Duplications(1) + "/1700000000", absl::StrCat(number)}});
      return;
    default:
      // Blind: no partition configurations are written.
      if (leader->level != "blind") ChangeMembers(leader);
      return;
  }
}

asio::awaitable<absl::StatusOr<NodeIdentity>> MovedClusterSource::Identify(NodeListEntry entry,
                                                                           absl::Time) {
  NodeIdentity identity;
  METAREC_CO_ASSIGN_OR_RETURN(identity.address, ParseIpv4Endpoint(entry.text));
  identity.name = entry.text;
  co_return identity;
}

asio::awaitable<absl::StatusOr<const MovedCluster::Node*>> MovedClusterSource::Reach(
    Ipv4Endpoint address, absl::Time deadline) {
  const std::string name = address.ToString();
  for (const MovedCluster::Node& node : cluster_->nodes()) {
    if (node.address != name) continue;
    if (node.is_up) {
      METAREC_CO_RETURN_IF_ERROR(co_await world_->clock.SleepFor(
          world_->random.Span(absl::Microseconds(300), absl::Milliseconds(20))));
    }
    if (node.is_up) co_return &node;
    METAREC_CO_RETURN_IF_ERROR(co_await world_->clock.SleepUntil(
        std::min(deadline, world_->queue.now() + absl::Seconds(1))));
  }
  co_return rpc::PegasusError("ERR_NETWORK_FAILURE", absl::StrCat(name, " does not answer"));
}

asio::awaitable<absl::StatusOr<NodeTables>> MovedClusterSource::QueryTables(Ipv4Endpoint address,
                                                                            absl::Time deadline) {
  METAREC_CO_ASSIGN_OR_RETURN(const MovedCluster::Node* const node,
                              co_await Reach(address, deadline));
  NodeTables tables;
  for (const auto& [id, table] : node->tables) tables.tables.push_back(table);
  tables.own_address = address;
  co_return tables;
}

asio::awaitable<absl::Status> MovedClusterSource::QueryReplicas(Ipv4Endpoint address,
                                                                absl::Time deadline,
                                                                ReplicaSink sink) {
  METAREC_CO_ASSIGN_OR_RETURN(const MovedCluster::Node* const node,
                              co_await Reach(address, deadline));
  for (const auto& [gpid, replica] : node->replicas) {
    ReplicaRecord said = replica;
    said.status = cluster_->IsServing(*node) ? ReplicaStatus::kSecondary : ReplicaStatus::kInactive;
    METAREC_CO_RETURN_IF_ERROR(sink(said));
  }
  co_return absl::OkStatus();
}

}  // namespace metarec::simulation
