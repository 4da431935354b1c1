#include "zk_store/client/store_reader.h"

#include <iterator>
#include <utility>

#include "base/runtime/status_macros.h"
#include "zk_store/client/store_error.h"

namespace metarec {
namespace {

// No such node: an empty optional.
template <typename T>
absl::StatusOr<std::optional<T>> OrNothing(absl::StatusOr<T> answer) {
  if (answer.ok()) return std::optional<T>(*std::move(answer));
  if (StoreErrorOf(answer.status()) == StoreError::kNoNode) return std::optional<T>();
  return answer.status();
}

}  // namespace

asio::awaitable<absl::StatusOr<std::optional<NodeData>>> StoreReader::Get(
    std::string path, std::shared_ptr<Watch> watch) {
  using Answer = absl::StatusOr<std::optional<NodeData>>;
  co_return co_await Retry(budget_, [&]() -> asio::awaitable<Answer> {
    co_return OrNothing(co_await store_->Get(path, watch));
  });
}

asio::awaitable<absl::StatusOr<std::optional<NodeChildren>>> StoreReader::Children(
    std::string path) {
  using Answer = absl::StatusOr<std::optional<NodeChildren>>;
  co_return co_await Retry(budget_, [&]() -> asio::awaitable<Answer> {
    co_return OrNothing(co_await store_->Children(path));
  });
}

asio::awaitable<absl::StatusOr<std::optional<NodeStat>>> StoreReader::Exists(std::string path) {
  co_return co_await Retry(budget_, [&] { return store_->Exists(path); });
}

asio::awaitable<absl::Status> StoreReader::Sync(std::string path) {
  const absl::Status synced = co_await Retry(budget_, [&] { return store_->Sync(path); });
  // Without a quorum there is no leader to be in step with. What the server has is all there is to
  // read, and nothing can be written because of it.
  co_return StoreErrorOf(synced) == StoreError::kReadOnly ? absl::OkStatus() : synced;
}

asio::awaitable<absl::Status> StoreReader::Check(std::vector<StoreOp> checks, RequestSize* size) {
  if (checks.empty()) co_return absl::OkStatus();
  size_t bytes = MetaStore::kMultiOverheadBytes;
  for (const StoreOp& op : checks) bytes += store_->OpBytes(op);
  // False if so long a transaction must not be sent, or not once more.
  const auto check_at_once = [&]() -> asio::awaitable<absl::StatusOr<bool>> {
    if (bytes > size->bytes_max() && checks.size() > 1) co_return false;
    const auto checked = co_await store_->Multi(checks);
    if (StoreErrorOf(checked.status()) == StoreError::kConnectionLoss) size->OnLoss(bytes);
    if (checked.ok() || FailedOpOf(checked.status()).has_value()) size->OnAnswer(bytes);
    if (!checked.ok()) co_return checked.status();
    co_return true;
  };
  METAREC_CO_ASSIGN_OR_RETURN(const bool hold, co_await Retry(budget_, check_at_once));
  if (hold) co_return absl::OkStatus();
  const auto middle = checks.begin() + static_cast<std::ptrdiff_t>(checks.size() / 2);
  std::vector<StoreOp> second(std::make_move_iterator(middle),
                              std::make_move_iterator(checks.end()));
  checks.erase(middle, checks.end());
  METAREC_CO_RETURN_IF_ERROR(co_await Check(std::move(checks), size));
  co_return co_await Check(std::move(second), size);
}

asio::awaitable<absl::StatusOr<bool>> IsOneInBoth(StoreReader* a, StoreReader* b,
                                                  std::string path) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> first, co_await a->Exists(path));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeStat> second, co_await b->Exists(path));
  co_return first.has_value() && second.has_value() && IsOneZnode(*first, *second);
}

}  // namespace metarec
