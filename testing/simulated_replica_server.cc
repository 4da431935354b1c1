#include "testing/simulated_replica_server.h"

#include <optional>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "idl/replica_server_types.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"
#include "rpc/native_frame.h"
#include "rpc/server.h"

namespace metarec::testing {

idl::app_info ToWire(const TableRecord& table) { return ToAppInfo(table); }

idl::replica_info ToWire(const ReplicaRecord& replica) {
  idl::replica_info info;
  info.__set_pid(idl::gpid{replica.app_id, replica.partition_index});
  info.__set_ballot(replica.ballot);
  info.__set_status(static_cast<idl::partition_status>(replica.status));
  info.__set_last_committed_decree(replica.last_committed_decree);
  info.__set_last_prepared_decree(replica.last_prepared_decree);
  info.__set_last_durable_decree(replica.last_durable_decree);
  info.__set_app_type("pegasus");
  info.__set_disk_tag("default");
  info.__set_manual_compact_status(idl::manual_compaction_status::IDLE);
  return info;
}

namespace {

using Kind = SimulatedFault::Kind;
using rpc::HandlerResult;

constexpr uint32_t kTwoGigabytes = uint32_t{2} << 30;

rpc::NativeHeader AnswerHeader(const rpc::Request& request) {
  rpc::NativeHeader header;
  header.id = request.id;
  header.rpc_name = absl::StrCat(request.task_code, idl::kAckSuffix);
  header.context = rpc::kContextFormatThriftBinary;
  header.error_name = idl::kErrOk;
  return header;
}

HandlerResult Raw(std::string bytes) {
  HandlerResult result;
  result.garbage = std::move(bytes);
  return result;
}

rpc::ServerOptions OptionsWith(std::optional<Ipv4Endpoint> own_address) {
  rpc::ServerOptions options;
  options.own_address = own_address;
  return options;
}

// A good answer as the bytes that a faulty server makes of it.
HandlerResult Spoil(Kind kind, const rpc::Request& request, const std::string& body) {
  const rpc::NativeHeader header = AnswerHeader(request);
  switch (kind) {
    case Kind::kClose: {
      const std::string frame = rpc::BuildNativeHeader(header, body, rpc::Checksums::kNone) + body;
      return Raw(frame.substr(0, rpc::kNativeHeaderBytes + body.size() / 2));
    }
    case Kind::kWrongCrc: {
      std::string wrong = body;
      wrong.back() = static_cast<char>(wrong.back() ^ 0x01);
      return Raw(rpc::BuildNativeHeader(header, body, rpc::Checksums::kComputed) + wrong);
    }
    case Kind::kTwoGigabytes: {
      // The length stands at offset 16 (INTEROP.md section 1.1), little-endian.
      std::string frame = rpc::BuildNativeHeader(header, body, rpc::Checksums::kNone);
      for (int i = 0; i < 4; ++i) {
        frame[16 + i] = static_cast<char>(kTwoGigabytes >> (8 * i) & 0xFF);
      }
      return Raw(frame + body);
    }
    default:
      return Raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + std::string(200, '#'));
  }
}

HandlerResult TransportError(std::string error_name) {
  HandlerResult result;
  result.error_name = std::move(error_name);
  return result;
}

}  // namespace

// The RPC server and what it answers now.
class SimulatedReplicaServer::Answers {
 public:
  Answers(const asio::any_io_executor& executor, Clock* clock,
          std::optional<Ipv4Endpoint> own_address)
      : clock_(clock), server_(executor, clock, OptionsWith(own_address)) {}

  absl::Status Start(Ipv4Endpoint endpoint) {
    Register(idl::kRpcQueryAppInfo, &tables_asked_, &Answers::EncodeTables, Kind::kReplicasOnly);
    Register(idl::kRpcQueryReplicaInfo, &replicas_asked_, &Answers::EncodeReplicas,
             Kind::kTablesOnly);
    return server_.Listen(endpoint).status();
  }

  void Set(SimulatedNode node) {
    node_ = std::move(node);
    serving_until_ = node_.fault.kind == Kind::kServing ? clock_->Now() + node_.fault.delay
                                                        : absl::InfinitePast();
    tables_asked_ = 0;
    replicas_asked_ = 0;
  }

  asio::awaitable<void> Stop() { return server_.Stop(); }

 private:
  using Encode = std::string (Answers::*)(absl::string_view err_name) const;

  void Register(const char* task_code, int64_t* asked, Encode encode, Kind half) {
    // The server is a member, so that its handlers do not outlive this.
    server_.Register(task_code, [this, asked, encode, half](rpc::Request request) {
      return Answer(std::move(request), ++*asked, encode, half);
    });
  }

  // `half`: the fault with which just this kind of request fails.
  asio::awaitable<HandlerResult> Answer(rpc::Request request, int64_t asked, Encode encode,
                                        Kind half) {
    const SimulatedFault fault = node_.fault;
    switch (fault.kind) {
      case Kind::kError:
        co_return TransportError(fault.error);
      case Kind::kLoading:
        if (asked <= fault.times) co_return TransportError(idl::kErrHandlerNotFound);
        break;
      case Kind::kHang:
        (void)co_await clock_->SleepUntil(absl::InfiniteFuture());  // until the server stops
        co_return TransportError(idl::kErrUnknown);
      case Kind::kLate:
        (void)co_await clock_->SleepFor(fault.delay);  // cut short when the server stops
        break;
      case Kind::kClose:
      case Kind::kGarbage:
      case Kind::kWrongCrc:
      case Kind::kTwoGigabytes:
        co_return Spoil(fault.kind, request, (this->*encode)(idl::kErrOk));
      default:
        break;
    }
    if (fault.kind == half) co_return TransportError(fault.error);
    HandlerResult result;
    result.body = (this->*encode)(fault.kind == Kind::kResponseError ? fault.error : idl::kErrOk);
    co_return result;
  }

  std::string EncodeTables(absl::string_view err_name) const {
    idl::query_app_info_response response;
    response.__set_err(idl::error_code(err_name));
    for (const TableRecord& table : node_.tables) response.apps.push_back(ToWire(table));
    return idl::EncodeBody(response);
  }

  std::string EncodeReplicas(absl::string_view err_name) const {
    idl::query_replica_info_response response;
    response.__set_err(idl::error_code(err_name));
    const bool is_serving = clock_->Now() < serving_until_;
    for (ReplicaRecord replica : node_.replicas) {
      if (is_serving && replica.status == ReplicaStatus::kInactive) {
        // As AddTable lays them out, the former primary has nothing that is not committed.
        const bool is_primary = replica.last_committed_decree == replica.last_prepared_decree;
        replica.status = is_primary ? ReplicaStatus::kPrimary : ReplicaStatus::kSecondary;
      }
      response.replicas.push_back(ToWire(replica));
    }
    return idl::EncodeBody(response);
  }

  Clock* const clock_;
  rpc::Server server_;
  SimulatedNode node_;
  absl::Time serving_until_;
  int64_t tables_asked_ = 0;
  int64_t replicas_asked_ = 0;
};

SimulatedReplicaServer::SimulatedReplicaServer(asio::any_io_executor executor, Clock* clock)
    : executor_(std::move(executor)), clock_(clock), reservation_(executor_) {}

SimulatedReplicaServer::~SimulatedReplicaServer() = default;

absl::StatusOr<Ipv4Endpoint> SimulatedReplicaServer::Reserve(Ipv4Endpoint endpoint) {
  const asio::ip::tcp::endpoint where(asio::ip::address_v4(endpoint.ip), endpoint.port);
  asio::error_code error;
  reservation_.open(asio::ip::tcp::v4(), error);
  // Lets the RPC server listen on the port that is bound here.
  if (!error) reservation_.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) reservation_.bind(where, error);
  if (!error) endpoint_ = {endpoint.ip, reservation_.local_endpoint(error).port()};
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot take port ", endpoint.ToString(), ": ", error.message()));
  }
  return endpoint_;
}

asio::awaitable<absl::Status> SimulatedReplicaServer::Serve(SimulatedNode node) {
  if (node.fault.kind == Kind::kRefuse) {
    co_await Stop();
    co_return absl::OkStatus();
  }
  if (answers_) {
    answers_->Set(std::move(node));
    co_return absl::OkStatus();
  }
  auto answers = std::make_unique<Answers>(executor_, clock_, node.own_address);
  answers->Set(std::move(node));
  METAREC_CO_RETURN_IF_ERROR(answers->Start(endpoint_));
  answers_ = std::move(answers);
  co_return absl::OkStatus();
}

asio::awaitable<void> SimulatedReplicaServer::Stop() {
  if (!answers_) co_return;
  const std::unique_ptr<Answers> answers = std::exchange(answers_, nullptr);
  co_await answers->Stop();
}

}  // namespace metarec::testing
