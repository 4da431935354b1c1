#include "zk_store/client/store_reader.h"

#include <iterator>
#include <utility>

#include "base/runtime/status_macros.h"
#include "zk_store/client/store_error.h"

namespace metarec {

asio::awaitable<absl::StatusOr<std::optional<NodeData>>> StoreReader::Get(std::string path) {
  for (;;) {
    const uint64_t incident = budget_->incident();
    auto node = co_await store_->Get(path);
    if (node.ok() || StoreErrorOf(node.status()) == StoreError::kNoNode) {
      budget_->OnSuccess();
      if (!node.ok()) co_return std::optional<NodeData>();
      co_return std::optional<NodeData>(*std::move(node));
    }
    if (!RetryBudget::IsRetryable(node.status())) co_return node.status();
    METAREC_CO_RETURN_IF_ERROR(co_await budget_->Spend(incident, node.status()));
  }
}

asio::awaitable<absl::StatusOr<std::optional<NodeChildren>>> StoreReader::Children(
    std::string path) {
  for (;;) {
    const uint64_t incident = budget_->incident();
    auto children = co_await store_->Children(path);
    if (children.ok() || StoreErrorOf(children.status()) == StoreError::kNoNode) {
      budget_->OnSuccess();
      if (!children.ok()) co_return std::optional<NodeChildren>();
      co_return std::optional<NodeChildren>(*std::move(children));
    }
    if (!RetryBudget::IsRetryable(children.status())) co_return children.status();
    METAREC_CO_RETURN_IF_ERROR(co_await budget_->Spend(incident, children.status()));
  }
}

asio::awaitable<absl::StatusOr<bool>> StoreReader::Exists(std::string path) {
  for (;;) {
    const uint64_t incident = budget_->incident();
    const auto stat = co_await store_->Exists(path);
    if (stat.ok()) {
      budget_->OnSuccess();
      co_return stat->has_value();
    }
    if (!RetryBudget::IsRetryable(stat.status())) co_return stat.status();
    METAREC_CO_RETURN_IF_ERROR(co_await budget_->Spend(incident, stat.status()));
  }
}

asio::awaitable<absl::Status> StoreReader::Check(std::vector<StoreOp> checks, RequestSize* size) {
  if (checks.empty()) co_return absl::OkStatus();
  size_t bytes = MetaStore::kMultiOverheadBytes;
  for (const StoreOp& op : checks) bytes += store_->OpBytes(op);
  while (bytes <= size->bytes_max() || checks.size() == 1) {
    const uint64_t incident = budget_->incident();
    const auto checked = co_await store_->Multi(checks);
    if (checked.ok()) budget_->OnSuccess();
    if (!RetryBudget::IsRetryable(checked.status())) {
      if (checked.ok() || FailedOpOf(checked.status()).has_value()) size->OnAnswer(bytes);
      co_return checked.status();
    }
    if (StoreErrorOf(checked.status()) == StoreError::kConnectionLoss) size->OnLoss(bytes);
    METAREC_CO_RETURN_IF_ERROR(co_await budget_->Spend(incident, checked.status()));
  }
  const auto middle = checks.begin() + static_cast<std::ptrdiff_t>(checks.size() / 2);
  std::vector<StoreOp> second(std::make_move_iterator(middle),
                              std::make_move_iterator(checks.end()));
  checks.erase(middle, checks.end());
  METAREC_CO_RETURN_IF_ERROR(co_await Check(std::move(checks), size));
  co_return co_await Check(std::move(second), size);
}

asio::awaitable<absl::Status> StoreReader::Sync(std::string path) {
  for (;;) {
    const uint64_t incident = budget_->incident();
    const absl::Status status = co_await store_->Sync(path);
    if (!RetryBudget::IsRetryable(status)) co_return status;
    METAREC_CO_RETURN_IF_ERROR(co_await budget_->Spend(incident, status));
  }
}

}  // namespace metarec
