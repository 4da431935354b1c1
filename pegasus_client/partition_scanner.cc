#include "pegasus_client/partition_scanner.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "idl/client_types.h"
#include "pegasus_client/data_answer.h"
#include "pegasus_client/data_request.h"
#include "pegasus_client/table_client.h"
#include "pegasus_client/table_routes.h"

namespace metarec {
namespace {

constexpr int64_t kScanHasEnded = -1;  // any other context id, negative ones too, goes on

}  // namespace

PartitionScanner::PartitionScanner(TableClient* table, int32_t partition, ScanOptions options)
    : table_(table), partition_(partition), options_(std::move(options)), last_(options_.after) {}

asio::awaitable<absl::StatusOr<ScanPage>> PartitionScanner::Next() {
  const absl::Time deadline = table_->Deadline();
  absl::Duration backoff = table_->options_.backoff_min;
  for (;;) {
    absl::StatusOr<std::string> body = co_await ReadPage(deadline);
    absl::Status failure = body.status();
    if (body.ok()) {
      absl::StatusOr<ScanPage> page = Take(*body, &failure);
      if (failure.ok()) co_return page;
    }
    // Here it has been tried until the deadline.
    if (!context_id_ || absl::IsCancelled(failure)) co_return failure;
    const std::string name = rpc::PegasusErrorName(failure);
    if (name != idl::kErrBusy) {
      context_id_.reset();
      ++table_->counts_.resumed_scans;
    }
    METAREC_CO_RETURN_IF_ERROR(co_await table_->Recover(
        std::move(failure), table_->routes_->version(), deadline, &backoff));
  }
}

asio::awaitable<absl::StatusOr<std::string>> PartitionScanner::ReadPage(absl::Time deadline) {
  if (context_id_) {
    const DataRequest request = ScanRequest(table_->shape(), partition_, *context_id_);
    const absl::Time end =
        std::min(deadline, table_->clock_->Now() + table_->options_.attempt_timeout);
    co_return co_await table_->AskOnce(request, end);
  }
  const TableClient::RequestMaker make = [this](TableShape shape) {
    return GetScannerRequest(shape, partition_, options_, last_ ? &*last_ : nullptr);
  };
  co_return co_await table_->Ask(make, deadline);
}

absl::StatusOr<ScanPage> PartitionScanner::Take(const std::string& body, absl::Status* failure) {
  absl::StatusOr<idl::scan_response> response = Decode<idl::scan_response>(body);
  *failure = response.status();
  if (!failure->ok()) return *failure;
  if (response->error != kStorageOk) {
    // A place that the server does not know any more, and what will go away by itself.
    const bool is_lost = response->error == kStorageNotFound || IsTransient(response->error);
    *failure = StorageFailure(response->error);
    if (is_lost) *failure = rpc::PegasusError(idl::kErrInvalidState, failure->message());
    return *failure;
  }
  ScanPage page;
  page.rows.reserve(response->kvs.size());
  const RowKey* previous = last_ ? &*last_ : nullptr;
  for (idl::key_value& found : response->kvs) {
    // RocksDB's ingestions leave an entry without a key behind.
    if (found.key.bytes.size() < 2) continue;
    absl::StatusOr<RowKey> key = RowKey::FromEncoded(std::move(found.key.bytes));
    *failure = key.status();
    if (failure->ok() && previous != nullptr && !(*previous < *key)) {
      *failure = absl::DataLossError("it is not in the order of keys");
    }
    if (failure->ok() && !options_.no_expiry && !found.__isset.expire_ts_seconds) {
      *failure = absl::DataLossError("it comes without the times at which rows expire");
    }
    if (!failure->ok()) {
      *failure = rpc::PegasusError(idl::kErrInvalidData,
                                   absl::StrCat("the scan of partition ", partition_,
                                                " makes no sense: ", failure->message()));
      return *failure;
    }
    Row& row = page.rows.emplace_back();
    row.key = *std::move(key);
    row.value = std::move(found.value.bytes);
    if (!options_.no_expiry) {
      row.expires_at = static_cast<ExpirySeconds>(found.expire_ts_seconds);
    }
    previous = &row.key;  // there is room for all of them
  }
  if (!page.rows.empty()) last_ = page.rows.back().key;
  page.is_last = response->context_id == kScanHasEnded;
  context_id_.reset();
  if (!page.is_last) context_id_ = response->context_id;
  return page;
}

}  // namespace metarec
