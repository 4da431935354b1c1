#include "migration/tables/merged_scan.h"

#include <utility>

#include "base/runtime/status_macros.h"

namespace metarec {

MergedScan::MergedScan(asio::any_io_executor executor, TableClient* table,
                       const std::vector<int32_t>& partitions, const ScanOptions& options)
    : executor_(executor), tasks_(std::move(executor)), queue_(Later{.sources = &sources_}) {
  for (const int32_t partition : partitions) {
    sources_.push_back(std::make_unique<Source>(table, partition, options));
    empty_.push_back(sources_.size() - 1);
    Fetch(sources_.back().get());
  }
  waiting_ = empty_.size();
}

void MergedScan::Fetch(Source* source) {
  source->arrived = std::make_unique<Event>(executor_);
  tasks_.Spawn(FetchInBackground(source));
}

asio::awaitable<void> MergedScan::FetchInBackground(Source* source) {
  source->following = co_await source->scanner.Next();
  source->arrived->Set();
}

asio::awaitable<absl::Status> MergedScan::Fill() {
  while (!empty_.empty()) {
    const size_t index = empty_.back();
    Source& source = *sources_[index];
    METAREC_CO_RETURN_IF_ERROR(co_await source.arrived->Wait());
    METAREC_CO_RETURN_IF_ERROR(source.following.status());
    source.rows = std::move(source.following->rows);
    source.next = 0;
    const bool is_last = source.following->is_last;
    source.arrived.reset();
    if (!is_last) Fetch(&source);
    if (source.rows.empty() && !is_last) continue;
    empty_.pop_back();
    --waiting_;
    if (!source.rows.empty()) queue_.push(index);
  }
  co_return absl::OkStatus();
}

const Row* MergedScan::front() const {
  if (queue_.empty()) return nullptr;
  const Source& source = *sources_[queue_.top()];
  return &source.rows[source.next];
}

int32_t MergedScan::front_partition() const { return sources_[queue_.top()]->partition; }

void MergedScan::Pop() {
  const size_t index = queue_.top();
  queue_.pop();
  Source& source = *sources_[index];
  if (++source.next < source.rows.size()) {
    queue_.push(index);
  } else if (source.arrived != nullptr) {
    empty_.push_back(index);
    ++waiting_;
  }
}

asio::awaitable<void> MergedScan::Close() {
  tasks_.Cancel();
  co_await tasks_.Join();
}

}  // namespace metarec
