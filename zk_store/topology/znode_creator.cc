#include "zk_store/topology/znode_creator.h"

#include <algorithm>
#include <utility>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>

#include "base/runtime/cancellation.h"
#include "base/runtime/rare_branch.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/client/error_mark.h"

namespace metarec {
namespace {

constexpr size_t kReadsInFlightMax = 64;
// Takes a quarter of a millisecond.
constexpr size_t kEncodedInOneGo = 250;
// Takes a tenth of a millisecond.
constexpr size_t kTakenInOneGo = 250;
// Transactions that are encoded and wait until there is room for them, since answers come in
// bursts.
constexpr size_t kEncodedAheadMax = 4;
// So often a lone znode must lose the connection until it is held to be too large. Each time what
// is there has been read since, so that ZooKeeper was there.
constexpr int kLostAloneMax = 3;

// What messages call it: "/root/apps/3 (table "temp")", shortened where it is long.
std::string LabelOfZnode(const TopologyZnodes& znodes, size_t ordinal) {
  const std::string path = znodes.Path(ordinal);
  if (ordinal >= znodes.carried_begin()) return Printable(ShortenedInTheMiddle(path));
  const size_t root_bytes = std::min(path.rfind("/apps/"), path.size());
  return absl::StrCat(Printable(Shortened(path.substr(0, root_bytes))), path.substr(root_bytes),
                      " (table \"", Printable(Shortened(znodes.TableOf(ordinal).app_name)), "\")");
}

}  // namespace

absl::Status FenceError(const absl::Status& status, size_t fence_size) {
  const auto failed = FailedOpOf(status);
  if (!failed.has_value() || *failed >= fence_size) return absl::OkStatus();
  METAREC_RARE_BRANCH("a write is held up by its fence");
  return MarkedError(
      ErrorMark::kFenced,
      absl::StrCat("the right to write (leadership) was lost, and nothing was written by this run "
                   "since: ",
                   status.message()));
}

ZnodeCreator::ZnodeCreator(MetaStore* store, Clock* clock, RetryBudget* budget,
                           RequestSize* request_size, ZnodeCreatorLimits limits,
                           std::vector<StoreOp> fence, std::function<void()> on_progress)
    : store_(store),
      budget_(budget),
      request_size_(request_size),
      limits_(limits),
      fence_(std::move(fence)),
      checks_bytes_(absl::c_accumulate(
          fence_, MetaStore::kMultiOverheadBytes,
          [store](size_t bytes, const StoreOp& op) { return bytes + store->OpBytes(op); })),
      on_progress_(std::move(on_progress)),
      reader_(store, budget),
      window_(clock, limits.in_flight_max) {}

void ZnodeCreator::Guard(CheckOp check) {
  checks_bytes_ += store_->OpBytes(check);
  guard_ = std::move(check);
}

asio::awaitable<absl::Status> ZnodeCreator::Create(TopologyZnodes* znodes, size_t begin, size_t end,
                                                   const std::vector<bool>& present) {
  znodes_ = znodes;
  next_ = begin;
  end_ = end;
  present_ = &present;
  status_ = absl::OkStatus();
  const size_t lanes = limits_.in_flight_max + kEncodedAheadMax;
  co_await ForEachBounded(lanes, lanes, [this](size_t lane) { return RunLane(lane); });
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
  Batch batch;
  batch.bytes = checks_bytes_;
  batch.ops = fence_;
  for (size_t taken = 1; next_ < end_ && batch.ordinals.size() < limits_.ops_max; ++taken) {
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
    StoreOp op = OpOf(next_);
    const size_t bytes = store_->OpBytes(op);
    if (!batch.ordinals.empty() && batch.bytes + bytes > request_size_->bytes_max()) break;
    batch.bytes += bytes;
    batch.ops.push_back(std::move(op));
    batch.ordinals.push_back(next_++);
  }
  co_return batch;
}

StoreOp ZnodeCreator::OpOf(size_t ordinal) const {
  return CreateOp{znodes_->Path(ordinal), znodes_->Data(ordinal)};
}

void ZnodeCreator::Encode(Batch* batch) const {
  batch->bytes = checks_bytes_;
  batch->ops = fence_;
  for (const size_t ordinal : batch->ordinals) {
    batch->ops.push_back(OpOf(ordinal));
    batch->bytes += store_->OpBytes(batch->ops.back());
  }
}

asio::awaitable<void> ZnodeCreator::RunLane(size_t) {
  while (status_.ok()) {
    Batch batch = co_await AwaitTurnAndTakeBatch();
    if (batch.ordinals.empty()) co_return;
    status_.Update(co_await CreateBatch(std::move(batch)));
    on_progress_();
  }
}

asio::awaitable<absl::Status> ZnodeCreator::CreateBatch(Batch batch) {
  METAREC_CO_RETURN_IF_ERROR(
      co_await Retry(budget_, [this, &batch] { return TryToCreate(&batch); }));
  if (batch.must_be_halved) co_return co_await CreateHalves(std::move(batch));
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ZnodeCreator::TryToCreate(Batch* batch) {
  // Another lane may have found out meanwhile that we must not write any more.
  METAREC_CO_RETURN_IF_ERROR(status_);
  if (std::exchange(batch->must_be_read_back, false)) {
    METAREC_CO_RETURN_IF_ERROR(co_await DropWhatIsThere(batch));
  }
  if (batch->ordinals.empty()) {
    METAREC_RARE_BRANCH("a batch was written, and the answer was lost");
    co_return absl::OkStatus();
  }
  const size_t sent = batch->ordinals.size();
  const std::optional<absl::Status> outcome = co_await Send(batch);
  batch->must_be_halved = !outcome.has_value();
  if (batch->must_be_halved) co_return absl::OkStatus();
  if (outcome->ok()) stats_.created += static_cast<int64_t>(sent);
  if (outcome->ok()) co_return absl::OkStatus();
  co_return co_await AfterFailure(batch, sent, *outcome);
}

asio::awaitable<absl::Status> ZnodeCreator::AfterFailure(Batch* batch, size_t sent,
                                                         absl::Status error) {
  METAREC_CO_RETURN_IF_ERROR(FenceError(error, fence_.size()));
  METAREC_CO_RETURN_IF_ERROR(GuardError(error, sent));
  switch (StoreErrorOf(error)) {
    case StoreError::kNoNode:
      METAREC_RARE_BRANCH("a parent vanishes while its children are written");
      co_return MarkedError(
          ErrorMark::kDisturbed,
          absl::StrCat(error.message(),
                       ": somebody else deleted what this run had written above it"));
    case StoreError::kTooLarge:
      if (sent == 1) co_return error;
      METAREC_RARE_BRANCH("a batch is too large, and halved");
      batch->must_be_halved = true;
      co_return absl::OkStatus();
    case StoreError::kNodeExists:
      METAREC_RARE_BRANCH("two processes write the same tree");
      co_return co_await AfterCollision(batch, sent, std::move(error));
    default:
      if (batch->lost_alone >= kLostAloneMax) co_return TooLarge(*batch);
      batch->must_be_read_back = true;
      co_return error;
  }
}

// A node exists although it was not there: an earlier transaction whose answer was lost came
// through late, or another process writes here. The comparison tells which.
asio::awaitable<absl::Status> ZnodeCreator::AfterCollision(Batch* batch, size_t sent,
                                                           absl::Status error) {
  METAREC_CO_RETURN_IF_ERROR(co_await DropWhatIsThere(batch));
  // Costs nothing as long as it helps: another process that writes the same plan collides with us
  // in every transaction.
  if (batch->ordinals.size() < sent) co_return co_await TryToCreate(batch);
  batch->must_be_read_back = true;
  co_return WithMark(std::move(error), ErrorMark::kLostRace);
}

absl::Status ZnodeCreator::GuardError(const absl::Status& status, size_t sent) const {
  const auto failed = FailedOpOf(status);
  if (!guard_.has_value() || failed != fence_.size() + sent) return absl::OkStatus();
  METAREC_RARE_BRANCH("a run is held up until it is not the one that writes any more");
  return MarkedError(ErrorMark::kDisturbed,
                     absl::StrCat(status.message(), ": ", guard_->path,
                                  " has changed, so nothing more is written"));
}

asio::awaitable<absl::Status> ZnodeCreator::CreateHalves(Batch batch) {
  Batch second;
  second.was_lost = batch.was_lost;
  const auto middle =
      batch.ordinals.begin() + static_cast<std::ptrdiff_t>(batch.ordinals.size() / 2);
  second.ordinals.assign(middle, batch.ordinals.end());
  batch.ordinals.erase(middle, batch.ordinals.end());
  batch.ops.clear();
  METAREC_CO_RETURN_IF_ERROR(co_await CreateBatch(std::move(batch)));
  co_return co_await CreateBatch(std::move(second));
}

asio::awaitable<std::optional<absl::Status>> ZnodeCreator::Send(Batch* batch) {
  if (batch->ops.empty()) Encode(batch);
  // Alone, so that the next loss is not taken for another's.
  const bool alone = batch->was_lost && !request_size_->IsProven(batch->bytes);
  const auto pass = co_await window_.Enter(alone);
  if (!pass.ok()) co_return pass.status();
  if (!status_.ok()) {  // another lane has found out meanwhile that we must not write any more
    window_.Leave(*pass, SendWindow::Outcome::kNotSent);
    co_return status_;
  }
  // ... or that it is too much.
  if (batch->ordinals.size() > 1 && batch->bytes > request_size_->bytes_max()) {
    window_.Leave(*pass, SendWindow::Outcome::kNotSent);
    co_return std::nullopt;
  }
  ++stats_.requests;
  std::vector<StoreOp> ops = std::exchange(batch->ops, {});
  if (guard_.has_value()) ops.push_back(*guard_);
  const auto result = co_await store_->Multi(std::move(ops));
  const absl::Status& status = result.status();
  if (RetryBudget::IsRetryable(status)) {
    window_.Leave(*pass, SendWindow::Outcome::kLost);
    // A server that does not answer in time has not been told too much.
    if (StoreErrorOf(status) == StoreError::kConnectionLoss) {
      batch->was_lost = true;
      if (alone && batch->ordinals.size() == 1) ++batch->lost_alone;
      request_size_->OnLoss(batch->bytes);
    }
  } else if (status.ok() || FailedOpOf(status).has_value()) {
    window_.Leave(*pass, SendWindow::Outcome::kAnswered, batch->bytes);
    request_size_->OnAnswer(batch->bytes);
  } else {
    window_.Leave(*pass, SendWindow::Outcome::kNotSent);
  }
  co_return status;
}

absl::Status ZnodeCreator::TooLarge(const Batch& batch) const {
  const size_t ordinal = batch.ordinals.front();
  return absl::ResourceExhaustedError(absl::StrCat(
      LabelOfZnode(*znodes_, ordinal), " needs a request of ", batch.bytes,
      " bytes, and ZooKeeper dropped the connection ", batch.lost_alone,
      " times when it came, while it answered shorter ones: as it does with "
      "requests longer than its jute.maxbuffer. Raise that on its servers (-Djute.maxbuffer)"));
}

asio::awaitable<absl::Status> ZnodeCreator::DropWhatIsThere(Batch* batch) {
  const std::vector<size_t>& ordinals = batch->ordinals;
  METAREC_CO_RETURN_IF_ERROR(co_await reader_.Sync(znodes_->Path(ordinals.front())));
  std::vector<char> is_there(ordinals.size(), 0);
  absl::Status first_error;
  co_await ForEachBounded(ordinals.size(), kReadsInFlightMax,
                          [&](size_t i) -> asio::awaitable<void> {
                            if (!first_error.ok()) co_return;
                            bool found = false;
                            first_error.Update(co_await CompareWithStore(ordinals[i], &found));
                            is_there[i] = found;
                          });
  METAREC_CO_RETURN_IF_ERROR(first_error);
  const bool cancelled = co_await IsCancelled();
  if (cancelled) co_return absl::CancelledError("writing was cancelled");
  std::vector<size_t> missing;
  for (size_t i = 0; i < ordinals.size(); ++i) {
    if (!is_there[i]) missing.push_back(ordinals[i]);
  }
  stats_.found += static_cast<int64_t>(ordinals.size() - missing.size());
  batch->ordinals = std::move(missing);
  batch->ops.clear();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> ZnodeCreator::CompareWithStore(size_t ordinal, bool* is_there) {
  const std::string path = znodes_->Path(ordinal);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeData> node, co_await reader_.Get(path));
  *is_there = node.has_value();
  if (!node.has_value() || node->data == znodes_->Data(ordinal)) co_return absl::OkStatus();
  METAREC_RARE_BRANCH("a znode of ours says something else");
  co_return MarkedError(
      ErrorMark::kDisturbed,
      absl::StrCat(path, " was written by somebody else: it says ", node->data.substr(0, 200)));
}

asio::awaitable<absl::Status> CheckZnodeSizes(TopologyZnodes* znodes, const MetaStore& store,
                                              const std::vector<StoreOp>& fence) {
  size_t fixed = MetaStore::kMultiOverheadBytes;
  for (const StoreOp& op : fence) fixed += store.OpBytes(op);
  const size_t overhead = fixed + store.OpBytes(CreateOp{});
  size_t encoded = 0;
  for (size_t ordinal = 0; ordinal < znodes->size(); ++ordinal) {
    // Only tables with their envs, partitions of absurdly many replicas, and what is carried can be
    // large.
    if (ordinal >= znodes->table_count() && ordinal < znodes->carried_begin() &&
        overhead + znodes->PathBytesMax() + znodes->PartitionBytesMax(ordinal) <=
            store.request_bytes_max()) {
      continue;
    }
    if (++encoded % kEncodedInOneGo == 0) {
      co_await Yield();
      const bool cancelled = co_await IsCancelled();
      if (cancelled) co_return absl::CancelledError("cancelled before anything was written");
    }
    const StoreOp op = CreateOp{znodes->Path(ordinal), znodes->Data(ordinal)};
    const size_t bytes = fixed + store.OpBytes(op);
    if (bytes <= store.request_bytes_max()) continue;
    co_return absl::ResourceExhaustedError(
        absl::StrCat(LabelOfZnode(*znodes, ordinal), " needs a request of ", bytes,
                     " bytes, while ZooKeeper takes at most ", store.request_bytes_max(), ": ",
                     ordinal < znodes->carried_begin() ? "shorten the table's envs or " : "",
                     "raise jute.maxbuffer on servers and here. Nothing was written"));
  }
  co_return absl::OkStatus();
}

}  // namespace metarec
