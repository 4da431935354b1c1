#include "migration/tables/partition_copy.h"

#include <algorithm>
#include <utility>

#include "base/runtime/status_macros.h"

namespace metarec {
namespace {

// Of one multi_put.
constexpr int64_t kBatchBytesMax = 1 << 20;
// Writes that have ended may wait so many times for the oldest one.
constexpr int64_t kWindowFactor = 8;

int64_t BytesOf(const Row& row) {
  return static_cast<int64_t>(row.key.encoded().size() + row.value.size());
}

}  // namespace

TableCopy::PartitionCopy::PartitionCopy(asio::any_io_executor executor, TableCopy* owner,
                                        int32_t partition, CopyPosition* position,
                                        absl::Status* failure)
    : executor_(executor),
      owner_(owner),
      partition_(partition),
      position_(position),
      failure_(failure),
      tasks_(std::move(executor)) {}

asio::awaitable<void> TableCopy::PartitionCopy::Run() {
  absl::Status status = co_await Scan();
  if (!status.ok()) {
    if (failure_->ok()) *failure_ = status;
    tasks_.Cancel();
  }
  co_await tasks_.Join();
  position_->is_done = failure_->ok();
}

asio::awaitable<absl::Status> TableCopy::PartitionCopy::Scan() {
  ScanOptions scan;
  scan.batch_size = owner_->options_.scan_rows;
  scan.no_value = owner_->options_.no_value;
  scan.no_expiry = owner_->options_.no_ttl;
  scan.after = position_->last;
  owner_->options_.filter.AddTo(&scan);
  PartitionScanner scanner(owner_->source_, partition_, std::move(scan));
  for (bool is_last = false; !is_last;) {
    METAREC_CO_ASSIGN_OR_RETURN(ScanPage page, co_await scanner.Next());
    is_last = page.is_last;
    for (Row& row : page.rows) {
      if (!owner_->options_.filter.Passes(row)) {
        Skip(row.key);
        continue;
      }
      if (CanBeginAtOnce()) {
        BeginRow(std::move(row));
      } else {
        METAREC_CO_RETURN_IF_ERROR(co_await Take(std::move(row)));
      }
    }
    METAREC_CO_RETURN_IF_ERROR(*failure_);
  }
  if (!batch_.empty()) METAREC_CO_RETURN_IF_ERROR(co_await BeginBatch());
  // The partition is done when its last write is.
  while (in_flight_ > 0 && failure_->ok()) {
    room_ = std::make_unique<Event>(executor_);
    METAREC_CO_RETURN_IF_ERROR(co_await room_->Wait());
    room_.reset();
  }
  co_return *failure_;
}

asio::awaitable<absl::Status> TableCopy::PartitionCopy::Take(Row row) {
  const TableCopyOptions& options = owner_->options_;
  const int64_t bytes = BytesOf(row);
  // Rows without a hash key have no common partition, so that they cannot go together.
  if (options.multi_put && !row.key.hash_key().empty()) {
    const bool belongs =
        batch_.empty() ||
        (batch_[0].key.hash_key() == row.key.hash_key() && batch_[0].expires_at == row.expires_at &&
         static_cast<int32_t>(batch_.size()) < options.rows_in_flight &&
         batch_bytes_ + bytes <= kBatchBytesMax);
    if (!belongs) METAREC_CO_RETURN_IF_ERROR(co_await BeginBatch());
    batch_bytes_ += bytes;
    batch_.push_back(std::move(row));
    co_return absl::OkStatus();
  }
  if (!batch_.empty()) METAREC_CO_RETURN_IF_ERROR(co_await BeginBatch());
  if (owner_->rate_.is_limited() || !HasRoom()) {
    METAREC_CO_RETURN_IF_ERROR(co_await AwaitRoom(1, bytes));
  }
  BeginRow(std::move(row));
  co_return absl::OkStatus();
}

bool TableCopy::PartitionCopy::CanBeginAtOnce() const {
  return !owner_->options_.multi_put && !owner_->rate_.is_limited() && HasRoom() && failure_->ok();
}

void TableCopy::PartitionCopy::BeginRow(Row row) {
  const uint64_t number = Begin(row.key, 1, BytesOf(row));
  tasks_.Spawn(WriteRow(number, std::move(row)));
}

asio::awaitable<absl::Status> TableCopy::PartitionCopy::BeginBatch() {
  std::vector<Row> rows = std::exchange(batch_, {});
  const int64_t bytes = std::exchange(batch_bytes_, 0);
  const auto count = static_cast<int64_t>(rows.size());
  METAREC_CO_RETURN_IF_ERROR(co_await AwaitRoom(count, bytes));
  const uint64_t number = Begin(rows.back().key, count, bytes);
  tasks_.Spawn(WriteBatch(number, std::move(rows), bytes));
  co_return absl::OkStatus();
}

bool TableCopy::PartitionCopy::HasRoom() const {
  const TableCopyOptions& options = owner_->options_;
  const int64_t most = options.multi_put ? options.writes_in_flight : options.rows_in_flight;
  return in_flight_ < most && bytes_in_flight_ < options.bytes_in_flight &&
         static_cast<int64_t>(writes_.size()) < most * kWindowFactor;
}

asio::awaitable<absl::Status> TableCopy::PartitionCopy::AwaitRoom(int64_t rows, int64_t bytes) {
  if (owner_->rate_.is_limited()) {
    METAREC_CO_RETURN_IF_ERROR(co_await owner_->rate_.Take(rows, bytes));
  }
  while (!HasRoom() && failure_->ok()) {
    room_ = std::make_unique<Event>(executor_);
    METAREC_CO_RETURN_IF_ERROR(co_await room_->Wait());
    room_.reset();
  }
  co_return *failure_;
}

uint64_t TableCopy::PartitionCopy::Begin(const RowKey& last, int64_t rows, int64_t bytes) {
  writes_.push_back({.last = last, .rows = rows});
  ++in_flight_;
  bytes_in_flight_ += bytes;
  return first_number_ + writes_.size() - 1;
}

void TableCopy::PartitionCopy::Skip(const RowKey& key) {
  // A row that is left out is done when those before it are.
  if (!batch_.empty()) return;  // the batch that comes next is behind it or before it
  if (writes_.empty()) {
    position_->last = key;
  } else {
    writes_.back().last = key;
  }
}

asio::awaitable<void> TableCopy::PartitionCopy::WriteRow(uint64_t number, Row row) {
  const int64_t bytes = BytesOf(row);
  if (!owner_->options_.no_overwrite) {
    const absl::Status status = co_await owner_->target_->Put(std::move(row));
    End(number, status, bytes, /*was_kept=*/false);
    co_return;
  }
  CheckAndSet set;
  set.check = CheckAndSet::Check::kNotExist;
  set.row = std::move(row);
  const absl::StatusOr<CheckAndSetResult> result = co_await owner_->target_->Set(std::move(set));
  // After a lost answer it is most likely ours.
  const bool was_kept = result.ok() && !result->was_set && !result->was_repeated;
  End(number, result.status(), bytes, was_kept);
}

asio::awaitable<void> TableCopy::PartitionCopy::WriteBatch(uint64_t number, std::vector<Row> rows,
                                                           int64_t bytes) {
  const absl::Status status = co_await owner_->target_->MultiPut(std::move(rows));
  End(number, status, bytes, /*was_kept=*/false);
}

void TableCopy::PartitionCopy::End(uint64_t number, const absl::Status& status, int64_t bytes,
                                   bool was_kept) {
  --in_flight_;
  bytes_in_flight_ -= bytes;
  if (room_ != nullptr) room_->Set();
  if (!status.ok()) {
    if (failure_->ok()) *failure_ = status;
    return;
  }
  Write& write = writes_[static_cast<size_t>(number - first_number_)];
  write.is_done = true;
  if (was_kept) {
    kept_ += write.rows;
    write.rows = 0;
  } else {
    rows_ += write.rows;
    bytes_ += bytes;
  }
  while (!writes_.empty() && writes_.front().is_done) {
    position_->last = std::move(writes_.front().last);
    position_->rows += writes_.front().rows;
    writes_.pop_front();
    ++first_number_;
  }
}

}  // namespace metarec
