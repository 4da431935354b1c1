#include "migration/tables/table_copy.h"

#include <algorithm>
#include <utility>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "migration/tables/partition_copy.h"

namespace metarec {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);

std::string PartText(const RowFilter::Part& part) {
  return absl::StrCat(MatchName(part.match), " ", absl::CHexEscape(part.pattern));
}

std::string TableText(const TableClient& table) {
  return absl::StrCat(table.table(), ", id ", table.shape().app_id, ", ",
                      table.shape().partition_count, " partitions");
}

}  // namespace

TableCopy::TableCopy(TableClient* source, TableClient* target, Clock* clock,
                     TableCopyOptions options)
    : source_(source),
      target_(target),
      clock_(clock),
      options_(std::move(options)),
      rate_(clock, options_.rows_per_second, options_.bytes_per_second) {}

TableCopy::~TableCopy() = default;

asio::awaitable<absl::StatusOr<TableCopyResult>> TableCopy::Run(
    std::function<void(const TableCopyProgress&)> on_progress) {
  METAREC_CO_ASSIGN_OR_RETURN(const TableShape from, co_await source_->Open());
  METAREC_CO_RETURN_IF_ERROR((co_await target_->Open()).status());
  if (source_->IsSameTable(*target_)) {
    co_return absl::InvalidArgumentError(
        absl::StrCat("the source and the target are the same table: ", TableText(*source_)));
  }
  if (options_.partition && *options_.partition >= from.partition_count) {
    co_return absl::InvalidArgumentError(
        absl::StrCat("there is no partition ", *options_.partition, " in ", TableText(*source_)));
  }
  positions_.resize(static_cast<size_t>(from.partition_count));
  METAREC_CO_RETURN_IF_ERROR(ReadState());
  // Before anything is written: the file may be at a place where none can be.
  METAREC_CO_RETURN_IF_ERROR(Save());
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  for (int32_t i = 0; i < from.partition_count; ++i) {
    if (options_.partition && i != *options_.partition) continue;
    copies_.push_back(std::make_unique<PartitionCopy>(
        executor, this, i, &positions_[static_cast<size_t>(i)], &failure_));
  }
  TaskGroup ticker(executor);
  ticker.Spawn(Tick(on_progress));
  const std::function<asio::awaitable<void>(size_t)> copy_one = [this](size_t i) {
    return CopyOne(i);
  };
  co_await ForEachBounded(copies_.size(), static_cast<size_t>(options_.partitions_at_once),
                          copy_one);
  ticker.Cancel();
  co_await ticker.Join();
  const bool is_cancelled = co_await IsCancelled();
  if (is_cancelled && failure_.ok()) failure_ = absl::CancelledError("the copy was cancelled");
  const absl::Status saved = Save();
  METAREC_CO_RETURN_IF_ERROR(failure_);
  METAREC_CO_RETURN_IF_ERROR(saved);
  TableCopyResult result;
  result.was_resumed = was_resumed_;
  result.progress = Progress();
  for (const std::unique_ptr<PartitionCopy>& copy : copies_) {
    result.partitions.push_back({.index = copy->partition(), .rows = copy->position().rows});
  }
  on_progress(result.progress);
  co_return result;
}

asio::awaitable<void> TableCopy::CopyOne(size_t i) {
  if (!failure_.ok() || copies_[i]->position().is_done) co_return;
  co_await copies_[i]->Run();
}

absl::Status TableCopy::ReadState() {
  if (options_.state_file.empty()) return absl::OkStatus();
  CopyScope& scope = options_.scope;
  scope["source table"] = TableText(*source_);
  scope["target table"] = TableText(*target_);
  scope["hash key filter"] = PartText(options_.filter.hash_key);
  scope["sort key filter"] = PartText(options_.filter.sort_key);
  scope["value filter"] = PartText(options_.filter.value);
  scope["partition"] = options_.partition ? absl::StrCat(*options_.partition) : "all";
  scope["no_ttl"] = options_.no_ttl ? "true" : "false";
  scope["no_overwrite"] = options_.no_overwrite ? "true" : "false";
  scope["no_value"] = options_.no_value ? "true" : "false";
  absl::StatusOr<std::optional<std::vector<CopyPosition>>> read =
      ReadCopyState(options_.state_file, scope);
  METAREC_RETURN_IF_ERROR(read.status());
  if (!read->has_value()) return absl::OkStatus();
  if ((*read)->size() != positions_.size()) {
    return absl::DataLossError(absl::StrCat(options_.state_file, " tells of ", (*read)->size(),
                                            " partitions; there are ", positions_.size()));
  }
  positions_ = **std::move(read);
  was_resumed_ = true;
  return absl::OkStatus();
}

absl::Status TableCopy::Save() const {
  if (options_.state_file.empty()) return absl::OkStatus();
  return WriteCopyState(options_.state_file, options_.scope, positions_);
}

TableCopyProgress TableCopy::Progress() const {
  TableCopyProgress progress;
  progress.partitions = static_cast<int32_t>(copies_.size());
  for (const std::unique_ptr<PartitionCopy>& copy : copies_) {
    progress.partitions_done += copy->position().is_done;
    progress.rows += copy->rows();
    progress.kept += copy->kept();
    progress.bytes += copy->bytes();
  }
  return progress;
}

asio::awaitable<void> TableCopy::Tick(std::function<void(const TableCopyProgress&)> on_progress) {
  for (;;) {
    const absl::Status slept = co_await clock_->SleepFor(kTick);
    if (!slept.ok()) co_return;
    on_progress(Progress());
    const absl::Status saved = Save();
    // Without it a kill would cost what was copied.
    if (!saved.ok() && failure_.ok()) failure_ = saved;
  }
}

}  // namespace metarec
