#include "zk_store/znode_creator.h"

#include <algorithm>
#include <utility>

#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>

#include "runtime/cancellation.h"
#include "runtime/for_each_bounded.h"
#include "runtime/status_macros.h"
#include "runtime/yield.h"
#include "zk_store/refusal.h"

namespace metarec {
namespace {

constexpr size_t kReadsInFlightMax = 64;
// Takes a quarter of a millisecond.
constexpr size_t kTakenInOneGo = 250;
constexpr absl::string_view kFencedPayload = "metarec/fenced";

}  // namespace

absl::Status FenceError(const absl::Status& status, size_t fence_size) {
  const auto failed = FailedOpOf(status);
  if (!failed.has_value() || *failed >= fence_size) return absl::OkStatus();
  absl::Status fenced = absl::AbortedError(absl::StrCat(
      "the right to write (leadership) was lost, and nothing was written by this run since: ",
      status.message()));
  fenced.SetPayload(kFencedPayload, absl::Cord("fenced"));
  return fenced;
}

bool IsFenced(const absl::Status& status) { return status.GetPayload(kFencedPayload).has_value(); }

ZnodeCreator::ZnodeCreator(MetaStore* store, RetryBudget* budget, ZnodeCreatorLimits limits,
                           std::vector<StoreOp> fence, std::function<void()> on_progress)
    : store_(store),
      budget_(budget),
      limits_(limits),
      fence_(std::move(fence)),
      on_progress_(std::move(on_progress)),
      reader_(store, budget) {}

asio::awaitable<absl::Status> ZnodeCreator::Create(TopologyZnodes* znodes, size_t begin, size_t end,
                                                   const std::vector<bool>& present) {
  znodes_ = znodes;
  next_ = begin;
  end_ = end;
  present_ = &present;
  status_ = absl::OkStatus();
  co_await ForEachBounded(limits_.in_flight_max, limits_.in_flight_max,
                          [this](size_t lane) { return RunLane(lane); });
  const bool cancelled = co_await IsCancelled();
  if (status_.ok() && cancelled) co_return absl::CancelledError("writing was cancelled");
  co_return status_;
}

asio::awaitable<ZnodeCreator::Batch> ZnodeCreator::AwaitTurnAndTakeBatch() {
  while (turn_ != nullptr) {
    const std::shared_ptr<Event> turn = turn_;
    const absl::Status waited = co_await turn->Wait();
    if (!waited.ok()) co_return Batch();
  }
  turn_ = std::make_shared<Event>(co_await asio::this_coro::executor);
  Batch batch = co_await TakeBatch();
  std::exchange(turn_, nullptr)->Set();
  co_return batch;
}

asio::awaitable<ZnodeCreator::Batch> ZnodeCreator::TakeBatch() {
  const size_t bytes_max = std::min(limits_.request_bytes_max, store_->request_bytes_max());
  size_t bytes = MetaStore::kMultiOverheadBytes;
  for (const StoreOp& op : fence_) bytes += store_->OpBytes(op);
  Batch batch;
  for (size_t taken = 1; next_ < end_ && batch.size() < limits_.ops_max; ++taken) {
    if (taken % kTakenInOneGo == 0) {
      co_await Yield();
      const bool cancelled = co_await IsCancelled();
      if (cancelled) co_return Batch();
    }
    if ((*present_)[next_]) {
      ++next_;
      ++stats_.found;
      continue;
    }
    StoreOp op = CreateOp{znodes_->Path(next_), znodes_->Data(next_)};
    bytes += store_->OpBytes(op);
    if (!batch.empty() && bytes > bytes_max) break;
    batch.push_back(std::get<CreateOp>(std::move(op)));
    ++next_;
  }
  co_return batch;
}

asio::awaitable<void> ZnodeCreator::RunLane(size_t) {
  while (status_.ok()) {
    Batch batch = co_await AwaitTurnAndTakeBatch();
    if (batch.empty() || !status_.ok()) co_return;
    status_.Update(co_await CreateBatch(std::move(batch)));
    on_progress_();
  }
}

asio::awaitable<absl::Status> ZnodeCreator::CreateBatch(Batch batch) {
  bool read_back = false;
  for (;;) {
    const uint64_t incident = budget_->incident();
    if (read_back) METAREC_CO_RETURN_IF_ERROR(co_await DropWhatIsThere(&batch));
    if (batch.empty()) co_return absl::OkStatus();
    const absl::Status status = co_await Send(batch);
    if (status.ok()) {
      budget_->OnSuccess();
      stats_.created += static_cast<int64_t>(batch.size());
      co_return absl::OkStatus();
    }
    METAREC_CO_RETURN_IF_ERROR(FenceError(status, fence_.size()));
    const StoreError error = StoreErrorOf(status);
    if (error == StoreError::kNoNode) {
      co_return DisturbedError(absl::StrCat(
          status.message(), ": somebody else deleted what this run had written above it"));
    }
    if (error == StoreError::kTooLarge && batch.size() > 1) {
      const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
      Batch second(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
      batch.erase(middle, batch.end());
      METAREC_CO_RETURN_IF_ERROR(co_await CreateBatch(std::move(batch)));
      co_return co_await CreateBatch(std::move(second));
    }
    // A node that exists although it was not there: an earlier transaction whose answer was lost
    // came through late, or another process writes here; the comparison tells what.
    const bool collided = error == StoreError::kNodeExists;
    if (!RetryBudget::IsRetryable(status) && !collided) co_return status;
    if (collided) {
      // Costs nothing as long as it helps: another process that writes the same plan collides with
      // us in every transaction.
      const size_t sent = batch.size();
      METAREC_CO_RETURN_IF_ERROR(co_await DropWhatIsThere(&batch));
      METAREC_CO_RETURN_IF_ERROR(status_);
      read_back = false;
      if (batch.size() < sent) continue;
    }
    METAREC_CO_RETURN_IF_ERROR(co_await budget_->Spend(incident, status));
    // Another lane may have found out meanwhile that we must not write any more.
    METAREC_CO_RETURN_IF_ERROR(status_);
    read_back = true;
  }
}

asio::awaitable<absl::Status> ZnodeCreator::Send(const Batch& batch) {
  std::vector<StoreOp> ops;
  ops.reserve(fence_.size() + batch.size());
  ops.insert(ops.end(), fence_.begin(), fence_.end());
  ops.insert(ops.end(), batch.begin(), batch.end());
  ++stats_.requests;
  const auto result = co_await store_->Multi(std::move(ops));
  co_return result.status();
}

asio::awaitable<absl::Status> ZnodeCreator::DropWhatIsThere(Batch* batch) {
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Sync(batch->front().path));
  std::vector<char> is_there(batch->size(), 0);
  absl::Status first_error;
  co_await ForEachBounded(batch->size(), kReadsInFlightMax, [&](size_t i) -> asio::awaitable<void> {
    if (!first_error.ok()) co_return;
    bool found = false;
    first_error.Update(co_await CompareWithStore((*batch)[i], &found));
    is_there[i] = found;
  });
  METAREC_CO_RETURN_IF_ERROR(first_error);
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("writing was cancelled");
  Batch missing;
  for (size_t i = 0; i < batch->size(); ++i) {
    if (!is_there[i]) missing.push_back(std::move((*batch)[i]));
  }
  stats_.found += static_cast<int64_t>(batch->size() - missing.size());
  *batch = std::move(missing);
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ZnodeCreator::CompareWithStore(const CreateOp& op, bool* is_there) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader_.Get(op.path));
  *is_there = node.has_value();
  if (!node.has_value() || node->data == op.data) co_return absl::OkStatus();
  co_return DisturbedError(
      absl::StrCat(op.path, " was written by somebody else: it says ", node->data.substr(0, 200)));
}

}  // namespace metarec
