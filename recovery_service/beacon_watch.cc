#include "recovery_service/beacon_watch.h"

#include <algorithm>
#include <utility>

#include "idl/placeholders_types.h"
#include "replica_collector/evidence.h"

namespace metarec {

struct BeaconWatch::Node {
  struct SaidName {
    std::string name;
    absl::Time last_said;
  };

  // Notes it, and forgets what it has not called itself for longer than `grace`.
  void SayName(std::string name, absl::Time now, absl::Duration grace);

  BeaconNode known;
  std::vector<SaidName> said;  // the oldest first; the last one is known.name
  absl::Time last_from_there = absl::InfinitePast();  // a beacon from the very address it names
  int64_t start_time = 0;                             // of its process, as it says; 0: it does not
  bool is_asking = false;
  absl::Time asked = absl::InfinitePast();
};

namespace {

// Looking through all the nodes costs time, which a flood of beacons must not multiply.
constexpr absl::Duration kSweepAfter = absl::Seconds(1);

// Of one node. Two are one too many already.
constexpr size_t kNamesMax = 4;

bool IsServing(ReplicaStatus status) {
  return status == ReplicaStatus::kPrimary || status == ReplicaStatus::kSecondary;
}

}  // namespace

void BeaconWatch::Node::SayName(std::string name, absl::Time now, absl::Duration grace) {
  std::erase_if(said, [&](const SaidName& other) {
    return other.name == name || now - other.last_said > grace;
  });
  if (said.size() == kNamesMax) said.erase(said.begin());
  known.name = name;
  said.push_back({std::move(name), now});
  known.names.clear();
  for (const SaidName& one : said) known.names.push_back(one.name);
  std::sort(known.names.begin(), known.names.end());
}

BeaconWatch::BeaconWatch(asio::any_io_executor executor, Clock* clock, ReplicaSource* source,
                         BeaconWatchOptions options)
    : clock_(clock), source_(source), options_(options), queries_(std::move(executor)) {}

BeaconWatch::~BeaconWatch() = default;

std::optional<idl::beacon_ack> BeaconWatch::Answer(const idl::beacon_msg& beacon, uint32_t peer_ip,
                                                   const Leadership& leadership) {
  Node* const node = FindOrAdd(beacon, peer_ip);
  if (node == nullptr) return std::nullopt;
  if (leadership.is_us && !node->known.is_granted) AskIfDue(node);

  idl::beacon_ack ack;
  ack.time = beacon.time;
  // A server looks its master up by this value, so it gets back what it sent.
  ack.this_node = beacon.to_node;
  if (beacon.__isset.hp_to_node) ack.__set_hp_this_node(beacon.hp_to_node);
  ack.allowed = true;
  ack.is_master = leadership.is_us && node->known.is_granted;
  // A server that is told of a leader turns to it at once. One that may not have us as its master
  // is told of none, and asks again.
  if (leadership.leader && (ack.is_master || !leadership.is_us)) {
    if (leadership.leader->address) {
      ack.primary_node = leadership.leader->address->ToRpcAddress();
    }
    if (beacon.__isset.hp_to_node) ack.__set_hp_primary_node(HostPortOf(leadership.leader->name));
  } else if (beacon.__isset.hp_to_node) {
    ack.__set_hp_primary_node(idl::host_port());
  }
  return ack;
}

bool BeaconWatch::MakeRoom(bool is_from_there) {
  if (nodes_.size() < options_.nodes_max) return true;
  const absl::Time now = clock_->Now();
  if (now - swept_ >= kSweepAfter) {
    swept_ = now;
    std::erase_if(nodes_, [&](const auto& entry) {
      return !entry.second->is_asking && now - entry.second->known.last_beacon > options_.grace;
    });
  }
  if (nodes_.size() < options_.nodes_max) return true;
  if (!is_from_there) return false;
  const auto other = std::find_if(nodes_.begin(), nodes_.end(), [](const auto& entry) {
    return !entry.second->is_asking && entry.second->last_from_there == absl::InfinitePast();
  });
  if (other == nodes_.end()) return false;
  nodes_.erase(other);
  return true;
}

BeaconWatch::Node* BeaconWatch::FindOrAdd(const idl::beacon_msg& beacon, uint32_t peer_ip) {
  const absl::StatusOr<Ipv4Endpoint> address = EndpointOf(beacon.from_node);
  if (!address.ok()) return nullptr;
  const bool is_from_there = address->ip == peer_ip;
  const absl::Time now = clock_->Now();
  const absl::MutexLock lock(&mutex_);
  auto found = nodes_.find(*address);
  if (found == nodes_.end()) {
    if (!MakeRoom(is_from_there)) return nullptr;
    found = nodes_.emplace(*address, std::make_unique<Node>()).first;
    found->second->known.address = *address;
  }
  Node& node = *found->second;
  node.known.last_beacon = now;
  if (is_from_there) node.last_from_there = now;
  if (is_from_there && beacon.__isset.hp_from_node && beacon.hp_from_node.is_valid()) {
    node.SayName(beacon.hp_from_node.ToString(), now, options_.grace);
  }
  if (beacon.__isset.start_time && beacon.start_time != node.start_time) {
    // Another process, of which nothing is known yet.
    node.start_time = beacon.start_time;
    node.known.is_granted = false;
    node.known.replicas_serving.reset();
  }
  return &node;
}

void BeaconWatch::AskIfDue(Node* node) {
  if (node->is_asking || queries_.running() >= options_.queries_in_flight_max) return;
  if (clock_->Now() - node->asked < options_.ask_again_after) return;
  node->is_asking = true;
  node->asked = clock_->Now();
  queries_.Spawn(Ask(node));
}

asio::awaitable<void> BeaconWatch::Ask(Node* node) {
  int64_t serving = 0;
  const int64_t start_time = node->start_time;
  const uint64_t term = term_;
  const absl::Status status =
      co_await source_->QueryReplicas(node->known.address, clock_->Now() + options_.query_timeout,
                                      [&serving](const ReplicaRecord& replica) {
                                        if (IsServing(replica.status)) ++serving;
                                        return absl::OkStatus();
                                      });
  const absl::MutexLock lock(&mutex_);
  node->is_asking = false;
  // What was asked of an earlier process, or before leadership was lost, says nothing about now.
  if (!status.ok() || node->start_time != start_time || term_ != term) co_return;
  node->known.replicas_serving = serving;
  node->known.is_granted = serving == 0;
}

bool BeaconWatch::IsThere(const Node& node, absl::Time now) const {
  const bool is_fresh = now - node.known.last_beacon <= options_.grace;
  const bool is_seen =
      now - node.last_from_there <= options_.grace || node.known.replicas_serving.has_value();
  return is_fresh && is_seen;
}

std::vector<BeaconNode> BeaconWatch::Nodes() const {
  const absl::Time now = clock_->Now();
  std::vector<BeaconNode> nodes;
  nodes.reserve(nodes_.size());
  for (const auto& [address, node] : nodes_) {
    nodes.push_back(node->known);
    nodes.back().is_there = IsThere(*node, now);
  }
  return nodes;
}

std::vector<BeaconSender> BeaconWatch::Senders() const {
  const absl::Time now = clock_->Now();
  const absl::MutexLock lock(&mutex_);
  std::vector<BeaconSender> senders;
  senders.reserve(nodes_.size());
  for (const auto& [address, node] : nodes_) {
    senders.push_back(
        {.address = address, .names = node->known.names, .is_there = IsThere(*node, now)});
  }
  return senders;
}

bool BeaconWatch::IsAlive(Ipv4Endpoint address) const {
  const auto found = nodes_.find(address);
  return found != nodes_.end() &&
         clock_->Now() - found->second->known.last_beacon <= options_.grace;
}

void BeaconWatch::ForgetGrants() {
  const absl::MutexLock lock(&mutex_);
  ++term_;
  for (const auto& [address, node] : nodes_) {
    node->known.is_granted = false;
    node->known.replicas_serving.reset();
    node->asked = absl::InfinitePast();
  }
}

asio::awaitable<void> BeaconWatch::Stop() {
  queries_.Cancel();
  co_await queries_.Join();
}

}  // namespace metarec
