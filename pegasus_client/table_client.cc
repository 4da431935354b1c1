#include "pegasus_client/table_client.h"

#include <algorithm>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "idl/client_types.h"
#include "idl/data_path.h"
#include "idl/error_names.h"
#include "pegasus_client/data_answer.h"
#include "pegasus_client/data_request.h"
#include "pegasus_client/table_routes.h"
#include "rpc/pegasus_status.h"

namespace metarec {
namespace {

constexpr absl::Duration kLookUpTimeoutMax = absl::Seconds(5);
// Callers bound what is in flight; the table client never refuses for that.
constexpr size_t kInFlightPerConnectionMax = 1 << 20;

rpc::ClientOptions RpcOptions(const TableClientOptions& options) {
  rpc::ClientOptions rpc_options;
  rpc_options.connect_timeout = std::min(options.attempt_timeout, absl::Seconds(5));
  rpc_options.in_flight_per_connection_max = kInFlightPerConnectionMax;
  return rpc_options;
}

bool IsOneOf(const std::string& name, absl::Span<const char* const> names) {
  return absl::c_any_of(names, [&](const char* one) { return name == one; });
}

// The server is not the one to ask, or not at the moment.
bool AsksForALookUp(const std::string& error_name) {
  const char* const names[] = {idl::kErrInvalidState,   idl::kErrObjectNotFound,
                               idl::kErrNetworkFailure, idl::kErrTimeout,
                               idl::kErrInactiveState,  idl::kErrNotEnoughMember,
                               idl::kErrSplitting,      idl::kErrParentPartitionMisused};
  return IsOneOf(error_name, names);
}

// Whether a request that ended so may have been done nevertheless.
bool MayHaveBeenDone(const absl::Status& error) {
  const std::string name = rpc::PegasusErrorName(error);
  const char* const names[] = {idl::kErrNetworkFailure, idl::kErrTimeout, idl::kErrInvalidData};
  return IsOneOf(name, names) && !rpc::WasNotSent(error);
}

}  // namespace

TableClient::TableClient(asio::any_io_executor executor, Clock* clock, NodeList metas,
                         std::string table, TableClientOptions options)
    : executor_(executor),
      clock_(clock),
      table_(table),
      options_(options),
      rpc_(executor, clock, RpcOptions(options)),
      routes_(std::make_shared<TableRoutes>(executor, clock, std::move(metas), std::move(table),
                                            std::min(options.timeout, kLookUpTimeoutMax))) {}

TableClient::~TableClient() { routes_->Close(); }

TableShape TableClient::shape() const { return routes_->shape(); }

bool TableClient::IsSameTable(const TableClient& other) const {
  if (shape() != other.shape()) return false;
  // A replica server belongs to one cluster. Primaries may move between the look-ups.
  for (int32_t i = 0; i < shape().partition_count; ++i) {
    const std::optional<Ipv4Endpoint> primary = routes_->PrimaryOf(i);
    if (primary && primary == other.routes_->PrimaryOf(i)) return true;
  }
  return false;
}

asio::awaitable<absl::Status> TableClient::LookUp(absl::Time deadline) {
  absl::Duration backoff = options_.backoff_min;
  while (routes_->version() == 0) {
    absl::Status looked_up = co_await routes_->Refresh(0, deadline);
    counts_.look_ups = routes_->look_ups();
    if (looked_up.ok() || absl::IsCancelled(looked_up) || TableRoutes::IsFinal(looked_up) ||
        clock_->Now() >= deadline) {
      co_return looked_up;
    }
    METAREC_CO_RETURN_IF_ERROR(co_await clock_->SleepFor(backoff));
    backoff = std::min(backoff * 2, options_.backoff_max);
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<TableShape>> TableClient::Open() {
  METAREC_CO_RETURN_IF_ERROR(co_await LookUp(Deadline()));
  co_return shape();
}

asio::awaitable<absl::StatusOr<std::string>> TableClient::Ask(RequestMaker make,
                                                              absl::Time deadline, bool* repeated) {
  if (routes_->version() == 0) METAREC_CO_RETURN_IF_ERROR(co_await LookUp(deadline));
  const DataRequest request = make(shape());
  absl::Duration attempt_timeout = options_.attempt_timeout;
  absl::Duration backoff = options_.backoff_min;
  for (;;) {
    const uint64_t version = routes_->version();
    // As AskOnce, in one coroutine less: most of what a copy does passes through here.
    const absl::StatusOr<Ipv4Endpoint> primary = PrimaryFor(request);
    absl::StatusOr<std::string> body;
    if (primary.ok()) {
      rpc::CallOptions call = CallFor(request, std::min(deadline, clock_->Now() + attempt_timeout));
      absl::StatusOr<rpc::Reply> reply =
          co_await rpc_.Call(*primary, request.task_code, request.body, std::move(call));
      body = BodyOf(std::move(reply), request, *primary);
    } else {
      body = primary.status();
    }
    if (body.ok() || absl::IsCancelled(body.status())) co_return body;
    if (rpc::PegasusErrorName(body.status()) == idl::kErrTimeout) attempt_timeout *= 2;
    if (repeated != nullptr && MayHaveBeenDone(body.status())) *repeated = true;
    METAREC_CO_RETURN_IF_ERROR(
        co_await Recover(std::move(body).status(), version, deadline, &backoff));
  }
}

asio::awaitable<absl::StatusOr<std::string>> TableClient::AskOnce(const DataRequest& request,
                                                                  absl::Time deadline) {
  METAREC_CO_ASSIGN_OR_RETURN(const Ipv4Endpoint primary, PrimaryFor(request));
  rpc::CallOptions call = CallFor(request, deadline);
  absl::StatusOr<rpc::Reply> reply =
      co_await rpc_.Call(primary, request.task_code, request.body, std::move(call));
  co_return BodyOf(std::move(reply), request, primary);
}

absl::StatusOr<Ipv4Endpoint> TableClient::PrimaryFor(const DataRequest& request) const {
  const std::optional<Ipv4Endpoint> primary = routes_->PrimaryOf(request.gpid.partition_index);
  if (primary) return *primary;
  return rpc::PegasusError(
      idl::kErrInvalidState,
      absl::StrCat("partition ", request.gpid.ToString(), " has no primary at the moment"));
}

rpc::CallOptions TableClient::CallFor(const DataRequest& request, absl::Time deadline) {
  ++counts_.attempts;
  rpc::CallOptions call;
  call.deadline = deadline;
  call.gpid = request.gpid;
  call.thread_hash = request.thread_hash;
  call.partition_hash = request.partition_hash;
  call.is_forward_supported = true;  // as stock clients; replica servers do not look at it
  return call;
}

absl::StatusOr<std::string> TableClient::BodyOf(absl::StatusOr<rpc::Reply> reply,
                                                const DataRequest& request, Ipv4Endpoint primary) {
  if (!reply.ok()) return std::move(reply).status();
  if (reply->error_name == idl::kErrOk) return std::move(reply->body);
  return rpc::PegasusError(
      reply->error_name,
      absl::StrCat("replica server ", primary.ToString(), " answers ", Printable(reply->error_name),
                   " for partition ", request.gpid.ToString()));
}

asio::awaitable<absl::Status> TableClient::Recover(absl::Status error, uint64_t seen_version,
                                                   absl::Time deadline, absl::Duration* backoff) {
  const std::string name = rpc::PegasusErrorName(error);
  const bool looks_up = AsksForALookUp(name);
  if (!looks_up && name != idl::kErrBusy) {
    co_return rpc::PegasusError(name,
                                absl::StrCat("table ", Printable(table_), ": ", error.message()));
  }
  ++counts_.retries;
  if (name == idl::kErrBusy) ++counts_.busy;
  const absl::Time next = clock_->Now() + *backoff;
  if (looks_up && next < deadline) {
    const absl::Status looked_up = co_await routes_->Refresh(seen_version, deadline);
    counts_.look_ups = routes_->look_ups();
    if (absl::IsCancelled(looked_up) || TableRoutes::IsFinal(looked_up)) co_return looked_up;
  }
  if (next >= deadline || clock_->Now() >= deadline) {
    co_return rpc::PegasusError(idl::kErrTimeout,
                                absl::StrCat("table ", Printable(table_), ": not done within ",
                                             absl::FormatDuration(options_.timeout),
                                             "; the last attempt: ", name, ": ", error.message()));
  }
  *backoff = std::min(*backoff * 2, options_.backoff_max);
  co_return co_await clock_->SleepUntil(next);
}

asio::awaitable<absl::StatusOr<std::optional<std::string>>> TableClient::Get(RowKey key) {
  const RequestMaker make = [&key](TableShape shape) { return GetRequest(shape, key); };
  METAREC_CO_ASSIGN_OR_RETURN(const std::string body, co_await Ask(make, Deadline()));
  METAREC_CO_ASSIGN_OR_RETURN(idl::read_response response, Decode<idl::read_response>(body));
  if (response.error == kStorageNotFound) co_return std::optional<std::string>();
  if (response.error != kStorageOk) co_return StorageFailure(response.error);
  co_return std::optional<std::string>(std::move(response.value.bytes));
}

asio::awaitable<absl::StatusOr<std::optional<Row>>> TableClient::GetRow(RowKey key) {
  const RequestMaker make = [&key](TableShape shape) { return ReadRowRequest(shape, key); };
  METAREC_CO_ASSIGN_OR_RETURN(const std::string body, co_await Ask(make, Deadline()));
  METAREC_CO_ASSIGN_OR_RETURN(idl::scan_response response, Decode<idl::scan_response>(body));
  if (response.error != kStorageOk) co_return StorageFailure(response.error);
  for (idl::key_value& found : response.kvs) {
    if (found.key.bytes != key.encoded()) continue;
    Row row;
    row.key = std::move(key);
    row.value = std::move(found.value.bytes);
    row.expires_at = static_cast<ExpirySeconds>(found.expire_ts_seconds);
    co_return std::optional<Row>(std::move(row));
  }
  co_return std::optional<Row>();
}

asio::awaitable<absl::StatusOr<std::optional<absl::Duration>>> TableClient::Ttl(RowKey key) {
  const RequestMaker make = [&key](TableShape shape) { return TtlRequest(shape, key); };
  METAREC_CO_ASSIGN_OR_RETURN(const std::string body, co_await Ask(make, Deadline()));
  METAREC_CO_ASSIGN_OR_RETURN(const idl::ttl_response response, Decode<idl::ttl_response>(body));
  if (response.error == kStorageNotFound) co_return std::optional<absl::Duration>();
  if (response.error != kStorageOk) co_return StorageFailure(response.error);
  co_return std::optional<absl::Duration>(
      response.ttl_seconds < 0 ? absl::InfiniteDuration() : absl::Seconds(response.ttl_seconds));
}

asio::awaitable<absl::Status> TableClient::Write(RequestMaker make) {
  const absl::Time deadline = Deadline();
  absl::Duration backoff = options_.backoff_min;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(const std::string body, co_await Ask(make, deadline));
    METAREC_CO_ASSIGN_OR_RETURN(const idl::update_response response,
                                Decode<idl::update_response>(body));
    if (response.error == kStorageOk) co_return absl::OkStatus();
    absl::Status failure = StorageFailure(response.error);
    if (!IsTransient(response.error)) co_return failure;
    failure = rpc::PegasusError(idl::kErrBusy, failure.message());
    METAREC_CO_RETURN_IF_ERROR(
        co_await Recover(std::move(failure), routes_->version(), deadline, &backoff));
  }
}

asio::awaitable<absl::Status> TableClient::Put(Row row) {
  return Write([row = std::move(row)](TableShape shape) { return PutRequest(shape, row); });
}

asio::awaitable<absl::Status> TableClient::MultiPut(std::vector<Row> rows) {
  if (rows.empty()) co_return absl::OkStatus();
  const bool alike = absl::c_all_of(rows, [&](const Row& row) {
    return row.key.hash_key() == rows[0].key.hash_key() && row.expires_at == rows[0].expires_at;
  });
  if (!alike || rows[0].key.hash_key().empty()) {
    co_return absl::InvalidArgumentError(
        "rows that are written in one go need the same hash key, which is not empty, and the same "
        "expiry");
  }
  const RequestMaker make = [&rows](TableShape shape) { return MultiPutRequest(shape, rows); };
  co_return co_await Write(make);
}

asio::awaitable<absl::Status> TableClient::Remove(RowKey key) {
  return Write([key = std::move(key)](TableShape shape) { return RemoveRequest(shape, key); });
}

asio::awaitable<absl::StatusOr<CheckAndSetResult>> TableClient::Set(CheckAndSet check_and_set) {
  CheckAndSetResult result;
  const RequestMaker make = [&check_and_set](TableShape shape) {
    return CheckAndSetRequest(shape, check_and_set);
  };
  METAREC_CO_ASSIGN_OR_RETURN(const std::string body,
                              co_await Ask(make, Deadline(), &result.was_repeated));
  METAREC_CO_ASSIGN_OR_RETURN(const idl::check_and_set_response response,
                              Decode<idl::check_and_set_response>(body));
  result.was_set = response.error == kStorageOk;
  if (response.error != kStorageOk && response.error != kStorageTryAgain) {
    co_return StorageFailure(response.error);
  }
  co_return result;
}

}  // namespace metarec
