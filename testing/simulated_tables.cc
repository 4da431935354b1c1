#include "testing/simulated_tables.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/post.hpp>
#include <glog/logging.h>

#include "base/runtime/status_macros.h"
#include "idl/client_types.h"
#include "idl/data_path.h"
#include "idl/error_names.h"
#include "idl/meta_admin_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "pegasus_client/key_hash.h"

namespace metarec::testing {
namespace {

constexpr uint32_t kLoopback = 0x7F000001;
constexpr int kReplicasMax = 3;

rpc::ServerOptions ServerOptions() {
  rpc::ServerOptions options;
  options.in_flight_per_connection_max = 4096;
  options.bytes_per_connection_max = 64 << 20;
  return options;
}

rpc::HandlerResult Refuse(const char* error_name) {
  rpc::HandlerResult result;
  result.error_name = error_name;
  return result;
}

rpc::HandlerResult NoAnswer() {
  rpc::HandlerResult result;
  result.is_answered = false;
  return result;
}

template <typename Response>
rpc::HandlerResult Answer(const Response& response) {
  rpc::HandlerResult result;
  result.body = idl::EncodeBody(response);
  return result;
}

bool IsWrite(const rpc::Request& request) {
  const char* const writes[] = {idl::kRpcRrdbPut, idl::kRpcRrdbMultiPut, idl::kRpcRrdbRemove,
                                idl::kRpcRrdbCheckAndSet};
  for (const char* write : writes) {
    if (request.task_code == write) return true;
  }
  return false;
}

}  // namespace

struct SimulatedTables::Server {
  std::unique_ptr<rpc::Server> rpc;
  Ipv4Endpoint endpoint;
};

struct SimulatedTables::Table {
  Table(int32_t app_id, int32_t partition_count, int64_t first_context_id)
      : data(app_id, partition_count, first_context_id),
        primaries(static_cast<size_t>(partition_count)) {}

  TableStorage data;
  std::vector<int> primaries;  // by partition; the next servers in turn have the secondaries
  Denial denial;
};

SimulatedTables::SimulatedTables(asio::any_io_executor executor, Clock* clock,
                                 SimulatedTablesOptions options)
    : executor_(std::move(executor)),
      clock_(clock),
      options_(options),
      random_(options.seed),
      self_(std::make_shared<SimulatedTables*>(this)) {}

SimulatedTables::~SimulatedTables() { *self_ = nullptr; }

absl::Status SimulatedTables::Start() {
  meta_ = std::make_unique<rpc::Server>(executor_, clock_);
  meta_->Register(idl::kRpcCmQueryPartitionConfigByIndex,
                  [this](rpc::Request request) { return AnswerLookUp(std::move(request)); });
  METAREC_ASSIGN_OR_RETURN(meta_endpoint_, meta_->Listen({.ip = kLoopback, .port = 0}));
  for (int i = 0; i < options_.replica_servers; ++i) {
    servers_.push_back(std::make_unique<Server>());
    METAREC_RETURN_IF_ERROR(Listen(i, 0));
  }
  return absl::OkStatus();
}

absl::Status SimulatedTables::Listen(int index, uint16_t port) {
  Server& server = *servers_[static_cast<size_t>(index)];
  server.rpc = std::make_unique<rpc::Server>(executor_, clock_, ServerOptions());
  RegisterHandlers(index);
  METAREC_ASSIGN_OR_RETURN(server.endpoint, server.rpc->Listen({.ip = kLoopback, .port = port}));
  return absl::OkStatus();
}

void SimulatedTables::RegisterHandlers(int index) {
  const char* const codes[] = {idl::kRpcRrdbGet,        idl::kRpcRrdbPut, idl::kRpcRrdbMultiPut,
                               idl::kRpcRrdbRemove,     idl::kRpcRrdbTtl, idl::kRpcRrdbCheckAndSet,
                               idl::kRpcRrdbGetScanner, idl::kRpcRrdbScan};
  for (const char* code : codes) {
    servers_[static_cast<size_t>(index)]->rpc->Register(
        code, [this, index](rpc::Request request) { return Serve(index, std::move(request)); });
  }
}

asio::awaitable<void> SimulatedTables::Stop() {
  if (meta_ != nullptr) co_await meta_->Stop();
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server->rpc != nullptr) co_await server->rpc->Stop();
  }
}

std::string SimulatedTables::meta() const { return meta_endpoint_.ToString(); }

TableStorage& SimulatedTables::AddTable(const std::string& name, int32_t partition_count) {
  // Places of scans are numbered from a random number << 32 that may be negative.
  const auto first_context_id = static_cast<int64_t>(random_() << 32);
  auto table = std::make_unique<Table>(++last_app_id_, partition_count, first_context_id);
  for (size_t i = 0; i < table->primaries.size(); ++i) {
    table->primaries[i] = static_cast<int>(i % servers_.size());
  }
  const auto added = tables_.emplace(name, std::move(table));
  CHECK(added.second) << "there is a table " << name;
  return added.first->second->data;
}

TableStorage& SimulatedTables::table(const std::string& name) {
  const auto found = tables_.find(name);
  CHECK(found != tables_.end()) << "no table " << name;
  return found->second->data;
}

void SimulatedTables::DropTable(const std::string& name) { tables_.erase(name); }

void SimulatedTables::SetDenial(const std::string& name, Denial denial) {
  const auto found = tables_.find(name);
  CHECK(found != tables_.end()) << "no table " << name;
  found->second->denial = denial;
}

void SimulatedTables::MovePrimary(const std::string& name, int32_t partition) {
  const auto found = tables_.find(name);
  CHECK(found != tables_.end()) << "no table " << name;
  MovePrimaryOf(found->second.get(), partition);
}

void SimulatedTables::MovePrimaryOf(Table* table, int32_t partition) {
  int& primary = table->primaries[static_cast<size_t>(partition)];
  primary = (primary + 1) % static_cast<int>(servers_.size());
  table->data.ForgetScans(partition);
}

bool SimulatedTables::Happens(int per_thousand) {
  return per_thousand > 0 && static_cast<int>(random_() % 1000) < per_thousand;
}

asio::awaitable<rpc::HandlerResult> SimulatedTables::AnswerLookUp(rpc::Request request) {
  if (is_meta_silent_) co_return NoAnswer();
  idl::query_cfg_request question;
  if (!idl::DecodeBody(request.body, &question).ok()) co_return NoAnswer();
  idl::query_cfg_response response;
  const auto found = tables_.find(question.app_name);
  if (found == tables_.end()) {
    response.err = idl::error_code(idl::kErrObjectNotFound);
    co_return Answer(response);
  }
  const Table& table = *found->second;
  response.err = idl::error_code(idl::kErrOk);
  response.app_id = table.data.app_id();
  response.partition_count = table.data.partition_count();
  response.is_stateful = true;
  const size_t members = std::min<size_t>(kReplicasMax, servers_.size());
  for (int32_t i = 0; i < table.data.partition_count(); ++i) {
    idl::partition_configuration& config = response.partitions.emplace_back();
    config.pid = {.app_id = table.data.app_id(), .partition_index = i};
    config.ballot = 3;
    config.max_replica_count = kReplicasMax;
    const auto primary = static_cast<size_t>(table.primaries[static_cast<size_t>(i)]);
    config.primary = servers_[primary]->endpoint.ToRpcAddress();
    for (size_t k = 1; k < members; ++k) {
      config.secondaries.push_back(
          servers_[(primary + k) % servers_.size()]->endpoint.ToRpcAddress());
    }
  }
  co_return Answer(response);
}

asio::awaitable<rpc::HandlerResult> SimulatedTables::Serve(int server, rpc::Request request) {
  ++requests_;
  if (Happens(faults_.restart)) {
    RestartSoon(server);
    co_return NoAnswer();
  }
  if (Happens(faults_.lost_request)) co_return NoAnswer();
  if (Happens(faults_.busy)) co_return Refuse(idl::kErrBusy);
  if (faults_.delay > absl::ZeroDuration()) {
    if (!(co_await clock_->SleepFor(faults_.delay)).ok()) co_return NoAnswer();
  }
  Target target;
  std::optional<rpc::HandlerResult> refusal = Refusal(server, request, &target);
  if (refusal) co_return *std::move(refusal);
  if (Happens(faults_.lost_scan)) target.table->data.ForgetScans(target.partition);
  rpc::HandlerResult result = Execute(server, request, target);
  if (Happens(faults_.lost_answer)) result = NoAnswer();
  co_return result;
}

std::optional<rpc::HandlerResult> SimulatedTables::Refusal(int server, const rpc::Request& request,
                                                           Target* target) {
  for (const auto& [name, table] : tables_) {
    if (table->data.app_id() == request.gpid.app_id) target->table = table.get();
  }
  target->partition = request.gpid.partition_index;
  if (target->table == nullptr || target->partition < 0 ||
      target->partition >= target->table->data.partition_count()) {
    return Refuse(idl::kErrObjectNotFound);
  }
  const auto thread_hash = static_cast<int32_t>(static_cast<uint32_t>(request.gpid.app_id) * 7919u +
                                                static_cast<uint32_t>(target->partition));
  if (request.thread_hash != thread_hash) {
    return Abort(server, request, absl::StrCat("thread hash ", request.thread_hash));
  }
  if (Happens(faults_.moved_primary)) MovePrimaryOf(target->table, target->partition);
  const int servers = static_cast<int>(servers_.size());
  const int primary = target->table->primaries[static_cast<size_t>(target->partition)];
  const int place = (server - primary + servers) % servers;
  if (place >= kReplicasMax) return Refuse(idl::kErrObjectNotFound);
  if (place > 0) return Refuse(idl::kErrInvalidState);
  const Denial& denial = target->table->denial;
  if (IsWrite(request) ? denial.writes : denial.reads) {
    return denial.by_timeout ? NoAnswer() : Refuse(idl::kErrInvalidState);
  }
  return std::nullopt;
}

rpc::HandlerResult SimulatedTables::Execute(int server, const rpc::Request& request,
                                            Target target) {
  if (IsWrite(request)) return ExecuteWrite(server, request, target);
  TableStorage& data = target.table->data;
  const absl::Time now = clock_->Now();
  const int32_t rows_max = Happens(faults_.short_page) ? 1 : 0;
  // A body that cannot be read kills a stock server.
  const auto unreadable = [&] { return Abort(server, request, "a body that is none"); };
  if (request.task_code == idl::kRpcRrdbGetScanner) {
    idl::get_scanner_request scan;
    if (!idl::DecodeBody(request.body, &scan).ok()) return unreadable();
    if (scan.start_key.bytes.size() < 2) {
      return Abort(server, request, "a start key of fewer than two bytes");
    }
    return Answer(data.BeginScan(target.partition, scan, now, rows_max));
  }
  if (request.task_code == idl::kRpcRrdbScan) {
    idl::scan_request scan;
    if (!idl::DecodeBody(request.body, &scan).ok()) return unreadable();
    return Answer(data.GoOnScanning(target.partition, scan.context_id, now, rows_max));
  }
  idl::blob key;
  if (!idl::DecodeBody(request.body, &key).ok()) return unreadable();
  if (request.task_code == idl::kRpcRrdbTtl)
    return Answer(data.Ttl(target.partition, key.bytes, now));
  return Answer(data.Get(target.partition, key.bytes, now));
}

rpc::HandlerResult SimulatedTables::ExecuteWrite(int server, const rpc::Request& request,
                                                 Target target) {
  TableStorage& data = target.table->data;
  const auto unreadable = [&] { return Abort(server, request, "a body that is none"); };
  // As request_key_check of a stock server. 0 switches the check off, and the row lands wherever
  // the header says.
  const auto is_of_key = [&](absl::StatusOr<RowKey> key) {
    return key.ok() && (request.partition_hash == 0 || request.partition_hash == key->hash());
  };
  constexpr char kWrongHash[] = "inconsistent partition hash";
  if (request.task_code == idl::kRpcRrdbPut) {
    idl::update_request put;
    if (!idl::DecodeBody(request.body, &put).ok()) return unreadable();
    if (!is_of_key(RowKey::FromEncoded(put.key.bytes))) return Abort(server, request, kWrongHash);
    return Answer(data.Put(target.partition, put));
  }
  if (request.task_code == idl::kRpcRrdbMultiPut) {
    idl::multi_put_request put;
    if (!idl::DecodeBody(request.body, &put).ok()) return unreadable();
    if (!is_of_key(RowKey::Make(put.hash_key.bytes, ""))) {
      return Abort(server, request, kWrongHash);
    }
    return Answer(data.MultiPut(target.partition, put));
  }
  if (request.task_code == idl::kRpcRrdbCheckAndSet) {
    idl::check_and_set_request set;
    if (!idl::DecodeBody(request.body, &set).ok()) return unreadable();
    if (!is_of_key(RowKey::Make(set.hash_key.bytes, set.check_sort_key.bytes))) {
      return Abort(server, request, kWrongHash);
    }
    return Answer(data.CheckAndSet(target.partition, set, clock_->Now()));
  }
  idl::blob key;
  if (!idl::DecodeBody(request.body, &key).ok()) return unreadable();
  if (!is_of_key(RowKey::FromEncoded(key.bytes))) return Abort(server, request, kWrongHash);
  return Answer(data.Remove(target.partition, key.bytes));
}

rpc::HandlerResult SimulatedTables::Abort(int server, const rpc::Request& request,
                                          absl::string_view why) {
  aborts_.push_back(absl::StrCat(request.task_code, " of ", request.gpid.ToString(), ": ", why));
  RestartSoon(server);
  return NoAnswer();
}

void SimulatedTables::RestartServer(int index) {
  const uint16_t port = servers_[static_cast<size_t>(index)]->endpoint.port;
  servers_[static_cast<size_t>(index)]->rpc.reset();
  for (const auto& [name, table] : tables_) {
    for (int32_t i = 0; i < table->data.partition_count(); ++i) {
      if (table->primaries[static_cast<size_t>(i)] == index) table->data.ForgetScans(i);
    }
  }
  const absl::Status listens = Listen(index, port);
  CHECK(listens.ok()) << listens;
}

void SimulatedTables::RestartSoon(int server) {
  // Not within a handler of the server.
  asio::post(executor_, [self = self_, server] {
    if (*self != nullptr) (*self)->RestartServer(server);
  });
}

}  // namespace metarec::testing
