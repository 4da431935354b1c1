#include "migration/tables/table_diff.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/status_macros.h"
#include "base/runtime/task_group.h"
#include "migration/tables/merged_scan.h"
#include "pegasus_client/key_hash.h"

namespace metarec {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(1);
// Between two looks at whether others wait, in rows.
constexpr int kRowsPerTurn = 1000;

class Comparison {
 public:
  Comparison(TableClient* source, TableClient* target, Clock* clock, TableDiffOptions options,
             std::function<void(const RowDifference&)> on_difference)
      : source_(source),
        target_(target),
        clock_(clock),
        options_(std::move(options)),
        on_difference_(std::move(on_difference)) {}

  // Keys whose hash is `group` modulo `groups`, which divides both partition counts.
  asio::awaitable<void> CompareGroup(int32_t group, int32_t groups);

  const TableDiffResult& result() const { return result_; }
  const absl::Status& failure() const { return failure_; }
  void Fail(const absl::Status& failure) {
    if (failure_.ok()) failure_ = failure;
  }

 private:
  bool is_sampled() const { return options_.sample_percent < 100; }
  ScanOptions Scan() const;
  asio::awaitable<absl::Status> Merge(MergedScan* source, MergedScan* target);
  asio::awaitable<absl::Status> CompareFront(MergedScan* source, MergedScan* target);
  // Takes rows off `scan` that are where no get looks for them.
  bool TakeMisplaced(MergedScan* scan, const TableClient& table, bool is_source);
  void OnlyInOne(MergedScan* scan, bool is_source);
  bool IsInSample(const RowKey& key) const;
  asio::awaitable<absl::Status> CompareValues(RowKey key, bool* differ);
  bool ExpiriesDiffer(ExpirySeconds a, ExpirySeconds b) const;
  bool MayHaveExpired(ExpirySeconds expires_at) const;
  void Report(const RowDifference& difference);

  TableClient* const source_;
  TableClient* const target_;
  Clock* const clock_;
  const TableDiffOptions options_;
  const std::function<void(const RowDifference&)> on_difference_;
  TableDiffResult result_;
  absl::Status failure_;
};

std::vector<int32_t> PartitionsOf(int32_t group, int32_t groups, int32_t count) {
  std::vector<int32_t> partitions;
  for (int32_t i = group; i < count; i += groups) partitions.push_back(i);
  return partitions;
}

ScanOptions Comparison::Scan() const {
  ScanOptions scan;
  scan.batch_size = options_.scan_rows;
  scan.no_value = is_sampled();
  options_.filter.AddTo(&scan);
  return scan;
}

asio::awaitable<void> Comparison::CompareGroup(int32_t group, int32_t groups) {
  if (!failure_.ok()) co_return;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  MergedScan source(executor, source_,
                    PartitionsOf(group, groups, source_->shape().partition_count), Scan());
  MergedScan target(executor, target_,
                    PartitionsOf(group, groups, target_->shape().partition_count), Scan());
  const absl::Status merged = co_await Merge(&source, &target);
  if (!merged.ok()) Fail(merged);
  co_await source.Close();
  co_await target.Close();
}

asio::awaitable<absl::Status> Comparison::Merge(MergedScan* source, MergedScan* target) {
  for (int turn = 0; failure_.ok(); ++turn) {
    if (!source->is_ready()) METAREC_CO_RETURN_IF_ERROR(co_await source->Fill());
    if (!target->is_ready()) METAREC_CO_RETURN_IF_ERROR(co_await target->Fill());
    if (source->front() == nullptr && target->front() == nullptr) co_return absl::OkStatus();
    METAREC_CO_RETURN_IF_ERROR(co_await CompareFront(source, target));
    if (turn % kRowsPerTurn == 0) co_await Yield();
  }
  co_return failure_;
}

asio::awaitable<absl::Status> Comparison::CompareFront(MergedScan* source, MergedScan* target) {
  if (TakeMisplaced(source, *source_, true)) co_return absl::OkStatus();
  if (TakeMisplaced(target, *target_, false)) co_return absl::OkStatus();
  const Row* const a = source->front();
  const Row* const b = target->front();
  if (b == nullptr || (a != nullptr && a->key < b->key)) {
    OnlyInOne(source, true);
    co_return absl::OkStatus();
  }
  if (a == nullptr || b->key < a->key) {
    OnlyInOne(target, false);
    co_return absl::OkStatus();
  }
  // Both have it. A filter lets it through if it does so on either side.
  const bool is_meant = options_.filter.Passes(*a) || options_.filter.Passes(*b);
  if (is_meant) {
    ++result_.source_rows;
    ++result_.target_rows;
    RowDifference difference;
    difference.expiry = ExpiriesDiffer(a->expires_at, b->expires_at);
    if (!is_sampled()) {
      difference.value = a->value != b->value;
      ++result_.values_compared;
    } else if (IsInSample(a->key)) {
      METAREC_CO_RETURN_IF_ERROR(co_await CompareValues(a->key, &difference.value));
      ++result_.values_compared;
    }
    if (difference.value || difference.expiry) {
      difference.key = a->key;
      difference.source = *a;
      difference.target = *b;
      Report(difference);
    } else {
      ++result_.equal;
    }
  }
  source->Pop();
  target->Pop();
  co_return absl::OkStatus();
}

bool Comparison::TakeMisplaced(MergedScan* scan, const TableClient& table, bool is_source) {
  const Row* const row = scan->front();
  if (row == nullptr) return false;
  const int32_t partition = scan->front_partition();
  if (PartitionOf(row->key.hash(), table.shape().partition_count) == partition) return false;
  if (options_.filter.Passes(*row) && !MayHaveExpired(row->expires_at)) {
    RowDifference difference;
    difference.key = row->key;
    (is_source ? difference.source : difference.target) = *row;
    (is_source ? difference.misplaced_in_source : difference.misplaced_in_target) = partition;
    ++(is_source ? result_.source_rows : result_.target_rows);
    Report(difference);
  }
  scan->Pop();
  return true;
}

void Comparison::OnlyInOne(MergedScan* scan, bool is_source) {
  const Row& row = *scan->front();
  if (!options_.filter.Passes(row)) {
    scan->Pop();
    return;
  }
  ++(is_source ? result_.source_rows : result_.target_rows);
  if (MayHaveExpired(row.expires_at)) {
    ++result_.expired_meanwhile;
  } else {
    RowDifference difference;
    difference.key = row.key;
    (is_source ? difference.source : difference.target) = row;
    Report(difference);
  }
  scan->Pop();
}

bool Comparison::IsInSample(const RowKey& key) const {
  // The hash as it is decides on the partition: other bits of it are needed here.
  const uint64_t mixed = Crc64(key.encoded()) >> 20;
  return static_cast<double>(mixed % 1'000'000) < options_.sample_percent * 10'000;
}

asio::awaitable<absl::Status> Comparison::CompareValues(RowKey key, bool* differ) {
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::string> a, co_await source_->Get(key));
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<std::string> b, co_await target_->Get(key));
  // Between the scan and now it may have expired, on one side a moment before the other.
  *differ = a.has_value() && b.has_value() && *a != *b;
  co_return absl::OkStatus();
}

bool Comparison::ExpiriesDiffer(ExpirySeconds a, ExpirySeconds b) const {
  if (options_.ignore_ttl || a == b) return false;
  if (a == 0 || b == 0) return true;
  return absl::Seconds(a > b ? a - b : b - a) > options_.ttl_tolerance;
}

bool Comparison::MayHaveExpired(ExpirySeconds expires_at) const {
  return HasExpired(expires_at, clock_->Now() + std::max(options_.ttl_tolerance, absl::Seconds(1)));
}

void Comparison::Report(const RowDifference& difference) {
  ++result_.differences;
  if (difference.misplaced_in_source) {
    ++result_.misplaced_in_source;
  } else if (difference.misplaced_in_target) {
    ++result_.misplaced_in_target;
  } else if (!difference.target) {
    ++result_.missing;
  } else if (!difference.source) {
    ++result_.extra;
  }
  result_.value += difference.value;
  result_.expiry += difference.expiry;
  on_difference_(difference);
}

asio::awaitable<void> Tick(Clock* clock, const TableDiffResult* result,
                           std::function<void(const TableDiffResult&)> on_progress) {
  for (;;) {
    const absl::Status slept = co_await clock->SleepFor(kProgressInterval);
    if (!slept.ok()) co_return;
    on_progress(*result);
  }
}

}  // namespace

asio::awaitable<absl::StatusOr<TableDiffResult>> DiffTables(
    TableClient* source, TableClient* target, Clock* clock, TableDiffOptions options,
    std::function<void(const RowDifference&)> on_difference,
    std::function<void(const TableDiffResult&)> on_progress) {
  METAREC_CO_ASSIGN_OR_RETURN(const TableShape from, co_await source->Open());
  METAREC_CO_ASSIGN_OR_RETURN(const TableShape to, co_await target->Open());
  const auto at_once = static_cast<size_t>(options.partitions_at_once);
  Comparison comparison(source, target, clock, std::move(options), std::move(on_difference));
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  TaskGroup ticker(executor);
  ticker.Spawn(Tick(clock, &comparison.result(), std::move(on_progress)));
  // A key is in a partition of either table only if both have the same remainder modulo this.
  const int32_t groups = std::gcd(from.partition_count, to.partition_count);
  const std::function<asio::awaitable<void>(size_t)> compare_group = [&comparison,
                                                                      groups](size_t group) {
    return comparison.CompareGroup(static_cast<int32_t>(group), groups);
  };
  co_await ForEachBounded(static_cast<size_t>(groups), at_once, compare_group);
  ticker.Cancel();
  co_await ticker.Join();
  const bool is_cancelled = co_await IsCancelled();
  if (is_cancelled) comparison.Fail(absl::CancelledError("the comparison was cancelled"));
  METAREC_CO_RETURN_IF_ERROR(comparison.failure());
  co_return comparison.result();
}

}  // namespace metarec
