#include "replica_servers.h"

#include <algorithm>
#include <utility>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "idl/error_names.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "replica_collector/rpc_replica_source.h"
#include "rpc/pegasus_status.h"
#include "testing/simulated_replica_server.h"

namespace metarec::simulation {

using testing::ToWire;

ReplicaServers::ReplicaServers(const Case* the_case, testing::EventQueue* queue,
                               SimulatedNetwork* network)
    : case_(*the_case), queue_(queue), start_(queue->now()), random_(the_case->seed ^ 0x6A4BA6E) {
  std::set<int64_t> no_nodes;
  std::set<int64_t> no_tables;
  for (const size_t item : case_.dropped) {
    if (item >= case_.items.size()) continue;
    if (case_.items[item].kind == ItemKind::kNode) no_nodes.insert(case_.items[item].a);
    if (case_.items[item].kind == ItemKind::kTable) no_tables.insert(case_.items[item].a);
  }
  for (size_t i = 0; i < case_.nodes.size(); ++i) {
    if (no_nodes.contains(static_cast<int64_t>(i))) continue;
    CaseNode node = case_.nodes[i];
    std::erase_if(node.tables,
                  [&](const TableRecord& table) { return no_tables.contains(table.app_id); });
    std::erase_if(node.replicas,
                  [&](const ReplicaRecord& replica) { return no_tables.contains(replica.app_id); });
    const size_t index = nodes_.size();
    network->Bind(node.address,
                  [this, index](const rpc::Request& request, const SimulatedNetwork::Reply& reply) {
                    Serve(index, request, reply);
                  });
    nodes_.push_back(std::move(node));
    index_in_case_.push_back(i);
  }
  for (size_t i = 0; i < case_.items.size(); ++i) {
    const Item& item = case_.items[i];
    if (item.kind != ItemKind::kContradiction || !case_.Has(i)) continue;
    Contradict(item.a, static_cast<uint64_t>(item.b), &nodes_);
  }
  Confuse(network);
}

void ReplicaServers::Confuse(SimulatedNetwork* network) {
  for (size_t i = 0; i < case_.items.size(); ++i) {
    const Item& item = case_.items[i];
    if (item.kind != ItemKind::kIdentity || !case_.Has(i)) continue;
    for (size_t index = 0; index < nodes_.size(); ++index) {
      if (item.a != static_cast<int64_t>(index_in_case_[index])) continue;
      ++faults_[ItemKind::kIdentity];
      simulation::Confuse(item.b, index_in_case_[index], &nodes_[index]);
    }
  }
  for (size_t index = 0; index < nodes_.size(); ++index) {
    const Ipv4Endpoint& second = nodes_[index].second_address;
    if (second == Ipv4Endpoint{}) continue;
    network->Bind(second,
                  [this, index](const rpc::Request& request, const SimulatedNetwork::Reply& reply) {
                    Serve(index, request, reply);
                  });
  }
}

const Item* ReplicaServers::Trouble(size_t index, ItemKind kind) const {
  if (is_calm_) return nullptr;
  for (size_t i = 0; i < case_.items.size(); ++i) {
    const Item& item = case_.items[i];
    if (item.kind != kind || item.a != static_cast<int64_t>(index_in_case_[index]) ||
        !case_.Has(i)) {
      continue;
    }
    const absl::Time begin = kind == ItemKind::kLease ? start_ : start_ + item.at;
    if (queue_->now() < begin || queue_->now() >= begin + item.lasts) continue;
    ++faults_[kind];
    return &item;
  }
  return nullptr;
}

bool ReplicaServers::IsServed(Ipv4Endpoint address) const {
  if (not_to_be_believed_.contains(address)) return false;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].address != address || Trouble(i, ItemKind::kLease) == nullptr) continue;
    return std::any_of(
        nodes_[i].replicas.begin(), nodes_[i].replicas.end(),
        [](const ReplicaRecord& replica) { return replica.status == ReplicaStatus::kInactive; });
  }
  return false;
}

std::string ReplicaServers::EncodeTables(const CaseNode& node) const {
  idl::query_app_info_response response;
  response.__set_err(idl::error_code(idl::kErrOk));
  for (const TableRecord& table : node.tables) response.apps.push_back(ToWire(table));
  return idl::EncodeBody(response);
}

std::string ReplicaServers::EncodeReplicas(size_t index, const CaseNode& node) const {
  idl::query_replica_info_response response;
  response.__set_err(idl::error_code(idl::kErrOk));
  const bool is_served = Trouble(index, ItemKind::kLease) != nullptr;
  for (ReplicaRecord replica : node.replicas) {
    if (is_served && replica.status == ReplicaStatus::kInactive) {
      replica.status = replica.last_committed_decree == replica.last_prepared_decree
                           ? ReplicaStatus::kPrimary
                           : ReplicaStatus::kSecondary;
    }
    response.replicas.push_back(ToWire(replica));
  }
  return idl::EncodeBody(response);
}

// An answer, become garbage. Some of it can be decoded, and says something else then.
void ReplicaServers::Spoil(std::string* body) {
  const auto any_byte = [this] { return static_cast<char>(random_.Pick(0, 255)); };
  const auto add_noise = [&](int64_t bytes) {
    for (int64_t i = 0; i < bytes; ++i) body->push_back(any_byte());
  };
  const auto size = static_cast<int64_t>(body->size());
  const auto anywhere = [&] { return static_cast<size_t>(random_.Pick(0, size - 1)); };
  switch (random_.Pick(0, 6)) {
    case 0:  // cut off
      return body->resize(anywhere());
    case 1:  // cut off, and something else after it
      body->resize(anywhere());
      return add_noise(random_.Pick(1, 40));
    case 2:  // noise
      body->clear();
      return add_noise(random_.Pick(0, 300));
    case 3:  // nothing but NULs
      body->assign(static_cast<size_t>(size), '\0');
      return;
    case 4:  // bits that flip
      for (int64_t i = random_.Pick(1, 8); i > 0; --i) {
        (*body)[anywhere()] ^= static_cast<char>(1 << random_.Pick(0, 7));
      }
      return;
    case 5: {  // a length, or whatever is there, that is enormous
      const size_t begin = anywhere();
      for (size_t i = begin; i < std::min(begin + 4, body->size()); ++i) {
        (*body)[i] = static_cast<char>(i == begin ? 0x7F : 0xFF);
      }
      return;
    }
    default:  // more than there should be
      return add_noise(random_.Pick(1, 40));
  }
}

void ReplicaServers::Serve(size_t index, const rpc::Request& request,
                           const SimulatedNetwork::Reply& reply) {
  const CaseNode& node = nodes_[index];
  const bool asks_tables = request.task_code == idl::kRpcQueryAppInfo;
  rpc::HandlerResult result;
  if (Trouble(index, ItemKind::kDown) != nullptr) {
    result.error_name = idl::kErrNetworkFailure;
    return reply(result);
  }
  if (Trouble(index, ItemKind::kLoading) != nullptr) {
    result.error_name = idl::kErrHandlerNotFound;
    return reply(result);
  }
  if (const Item* half = Trouble(index, ItemKind::kHalf); half && (half->b == 0) != asks_tables) {
    result.error_name = idl::kErrInvalidState;
    return reply(result);
  }
  result.body = asks_tables ? EncodeTables(node) : EncodeReplicas(index, node);
  if (Trouble(index, ItemKind::kGarbage) != nullptr) {
    Spoil(&result.body);
    not_to_be_believed_.insert(node.address);
  }
  const Item* const slow = Trouble(index, ItemKind::kNodeSlow);
  if (slow == nullptr) return reply(result);
  queue_->After(absl::Milliseconds(slow->b), [reply, result] { reply(result); });
}

asio::awaitable<absl::StatusOr<NodeIdentity>> SimulatedSource::Identify(NodeListEntry entry,
                                                                        absl::Time) {
  if (!is_identifying_) told_.clear();
  is_identifying_ = true;
  ++version_;
  for (const CaseNode& node : servers_->nodes()) {
    const bool is_second = node.second_address.ToString() == entry.text;
    if (!is_second && node.listed_as != entry.text && node.address.ToString() != entry.text) {
      continue;
    }
    NodeIdentity identity;
    identity.address = is_second ? node.second_address : node.address;
    identity.name = is_second ? "second-" + node.name : node.name;
    identity.name_source = NodeNameSource::kReverseLookup;
    if (entry.text == node.name) identity.other_addresses = node.other_addresses;
    ToldNode& told = told_[identity.address];
    told.identity = identity;
    if (!identity.other_addresses.empty()) told.other_addresses = identity.other_addresses;
    co_return identity;
  }
  co_return rpc::PegasusError(idl::kErrNetworkFailure, "cannot resolve " + entry.text);
}

asio::awaitable<absl::StatusOr<std::string>> SimulatedSource::Ask(Ipv4Endpoint address,
                                                                  std::string task_code,
                                                                  std::string body,
                                                                  absl::Time deadline) {
  rpc::Request request;
  request.task_code = task_code;
  request.body = std::move(body);
  request.peer = {.ip = own_ip_, .port = 1};
  const absl::StatusOr<rpc::HandlerResult> answer =
      co_await network_->Call(own_ip_, address, std::move(request), deadline);
  if (!answer.ok()) co_return answer.status();
  METAREC_CO_RETURN_IF_ERROR(CheckAnswer(answer->error_name, address, task_code));
  co_return answer->body;
}

asio::awaitable<absl::StatusOr<NodeTables>> SimulatedSource::QueryTables(Ipv4Endpoint address,
                                                                         absl::Time deadline) {
  is_identifying_ = false;
  ++version_;
  told_[address].has_tables = false;
  const idl::query_app_info_request request;
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::string body,
      co_await Ask(address, idl::kRpcQueryAppInfo, idl::EncodeBody(request), deadline));
  absl::StatusOr<std::vector<TableRecord>> tables = ReadTables(body, address);
  ++version_;
  told_[address].has_tables = tables.ok();
  if (!tables.ok()) co_return tables.status();
  told_[address].tables = *tables;
  NodeTables answer(*std::move(tables));
  for (const CaseNode& node : servers_->nodes()) {
    if (node.address == address || node.second_address == address) {
      answer.own_address = node.own_address;
    }
  }
  told_[address].own_address = answer.own_address;
  co_return answer;
}

asio::awaitable<absl::Status> SimulatedSource::QueryReplicas(Ipv4Endpoint address,
                                                             absl::Time deadline,
                                                             ReplicaSink sink) {
  is_identifying_ = false;
  ++version_;
  told_[address].has_replicas = false;
  const idl::query_replica_info_request request;
  METAREC_CO_ASSIGN_OR_RETURN(
      const std::string body,
      co_await Ask(address, idl::kRpcQueryReplicaInfo, idl::EncodeBody(request), deadline));
  std::vector<ReplicaRecord> replicas;
  const absl::Status read = ReadReplicas(body, address, [&](const ReplicaRecord& replica) {
    replicas.push_back(replica);
    return sink(replica);
  });
  ++version_;
  told_[address].has_replicas = read.ok();
  told_[address].replicas = std::move(replicas);
  co_return read;
}

}  // namespace metarec::simulation
