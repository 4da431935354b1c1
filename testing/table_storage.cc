#include "testing/table_storage.h"

#include <algorithm>

#include <absl/strings/match.h>

#include "pegasus_client/key_hash.h"

namespace metarec::testing {
namespace {

constexpr int32_t kOk = 0;
constexpr int32_t kNotFound = 1;
constexpr int32_t kInvalidArgument = 4;
constexpr int32_t kTryAgain = 13;
constexpr char kServerName[] = "localhost:34801";

// By the numbers of filter_type.
bool Passes(int32_t filter_type, absl::string_view pattern, absl::string_view text) {
  if (pattern.empty()) return true;
  switch (filter_type) {
    case 1:
      return absl::StrContains(text, pattern);
    case 2:
      return absl::StartsWith(text, pattern);
    case 3:
      return absl::EndsWith(text, pattern);
    default:
      return true;
  }
}

// By the numbers of cas_check_type, as far as they are used.
bool CheckPasses(int32_t check_type, const std::string& operand,
                 const TableStorage::Stored* found) {
  switch (check_type) {
    case 1:
      return found == nullptr;
    case 2:
      return found == nullptr || found->value.empty();
    case 3:
      return found != nullptr;
    case 4:
      return found != nullptr && !found->value.empty();
    default:
      return found != nullptr && Passes(check_type - 4, operand, found->value);
  }
}

}  // namespace

std::string EncodedKey(absl::string_view hash_key, absl::string_view sort_key) {
  return RowKey::Make(hash_key, sort_key)->encoded();
}

TableStorage::TableStorage(int32_t app_id, int32_t partition_count, int64_t first_context_id)
    : app_id_(app_id),
      partitions_(static_cast<size_t>(partition_count)),
      decrees_(static_cast<size_t>(partition_count)),
      next_context_id_(first_context_id) {}

void TableStorage::Put(const Row& row) {
  partition(PartitionOf(row.key.hash(), partition_count()))[row.key.encoded()] = {row.value,
                                                                                  row.expires_at};
}

TableStorage::Partition TableStorage::Rows(absl::Time now) const {
  Partition rows;
  for (const Partition& partition : partitions_) {
    for (const auto& [key, stored] : partition) {
      if (!HasExpired(stored.expires_at, now)) rows.emplace(key, stored);
    }
  }
  return rows;
}

const TableStorage::Stored* TableStorage::Find(int32_t partition_index, const std::string& key,
                                               absl::Time now) const {
  const Partition& rows = partition(partition_index);
  const auto found = rows.find(key);
  if (found == rows.end() || HasExpired(found->second.expires_at, now)) return nullptr;
  return &found->second;
}

idl::read_response TableStorage::Get(int32_t partition_index, const std::string& key,
                                     absl::Time now) const {
  idl::read_response response;
  const Stored* const found = Find(partition_index, key, now);
  response.error = found == nullptr ? kNotFound : kOk;
  if (found != nullptr) response.value.bytes = found->value;
  response.app_id = app_id_;
  response.partition_index = partition_index;
  response.server = kServerName;
  return response;
}

idl::ttl_response TableStorage::Ttl(int32_t partition_index, const std::string& key,
                                    absl::Time now) const {
  idl::ttl_response response;
  const Stored* const found = Find(partition_index, key, now);
  response.error = found == nullptr ? kNotFound : kOk;
  if (found != nullptr) {
    response.ttl_seconds =
        found->expires_at == 0
            ? -1
            : static_cast<int32_t>(absl::ToInt64Seconds(TimeOfExpiry(found->expires_at) - now));
  }
  response.app_id = app_id_;
  response.partition_index = partition_index;
  response.server = kServerName;
  return response;
}

idl::update_response TableStorage::Done(int32_t partition_index) {
  idl::update_response response;
  response.error = kOk;
  response.app_id = app_id_;
  response.partition_index = partition_index;
  response.decree = ++decrees_[static_cast<size_t>(partition_index)];
  response.server = kServerName;
  return response;
}

idl::update_response TableStorage::Put(int32_t partition_index,
                                       const idl::update_request& request) {
  partition(partition_index)[request.key.bytes] = {
      request.value.bytes, static_cast<ExpirySeconds>(request.expire_ts_seconds)};
  return Done(partition_index);
}

idl::update_response TableStorage::MultiPut(int32_t partition_index,
                                            const idl::multi_put_request& request) {
  if (request.kvs.empty()) {
    idl::update_response response = Done(partition_index);
    response.error = kInvalidArgument;
    return response;
  }
  for (const idl::key_value& one : request.kvs) {
    partition(partition_index)[EncodedKey(request.hash_key.bytes, one.key.bytes)] = {
        one.value.bytes, static_cast<ExpirySeconds>(request.expire_ts_seconds)};
  }
  return Done(partition_index);
}

idl::update_response TableStorage::Remove(int32_t partition_index, const std::string& key) {
  partition(partition_index).erase(key);
  return Done(partition_index);
}

idl::check_and_set_response TableStorage::CheckAndSet(int32_t partition_index,
                                                      const idl::check_and_set_request& request,
                                                      absl::Time now) {
  const std::string checked = EncodedKey(request.hash_key.bytes, request.check_sort_key.bytes);
  const std::string set = request.set_diff_sort_key
                              ? EncodedKey(request.hash_key.bytes, request.set_sort_key.bytes)
                              : checked;
  const bool passes = CheckPasses(request.check_type, request.check_operand.bytes,
                                  Find(partition_index, checked, now));
  if (passes) {
    partition(partition_index)[set] = {request.set_value.bytes,
                                       static_cast<ExpirySeconds>(request.set_expire_ts_seconds)};
  }
  const idl::update_response done = Done(partition_index);
  idl::check_and_set_response response;
  response.error = passes ? kOk : kTryAgain;
  response.app_id = app_id_;
  response.partition_index = partition_index;
  response.decree = done.decree;
  response.server = kServerName;
  return response;
}

idl::scan_response TableStorage::BeginScan(int32_t partition_index,
                                           const idl::get_scanner_request& request, absl::Time now,
                                           int32_t rows_max) {
  Scan scan;
  scan.partition = partition_index;
  scan.request = request;
  scan.next_key = request.start_key.bytes;
  scan.includes_next_key = request.start_inclusive;
  return ReadPage(std::move(scan), now, rows_max);
}

idl::scan_response TableStorage::GoOnScanning(int32_t partition_index, int64_t context_id,
                                              absl::Time now, int32_t rows_max) {
  const auto found = scans_.find(context_id);
  if (found == scans_.end() || found->second.partition != partition_index) {
    idl::scan_response response;
    response.error = kNotFound;
    response.app_id = app_id_;
    response.partition_index = partition_index;
    response.server = kServerName;
    return response;
  }
  Scan scan = std::move(found->second);
  scans_.erase(found);
  return ReadPage(std::move(scan), now, rows_max);
}

idl::scan_response TableStorage::ReadPage(Scan scan, absl::Time now, int32_t rows_max) {
  const idl::get_scanner_request& request = scan.request;
  int32_t left = std::max(1, request.batch_size);
  if (rows_max > 0) left = std::min(left, rows_max);
  idl::scan_response response;
  response.error = kOk;
  response.context_id = -1;
  response.app_id = app_id_;
  response.partition_index = scan.partition;
  response.server = kServerName;
  const Partition& rows = partition(scan.partition);
  auto row =
      scan.includes_next_key ? rows.lower_bound(scan.next_key) : rows.upper_bound(scan.next_key);
  for (; row != rows.end(); ++row) {
    const int order = row->first.compare(request.stop_key.bytes);
    if (order > 0 || (order == 0 && !request.stop_inclusive)) break;
    if (left == 0) {
      scan.next_key = row->first;
      scan.includes_next_key = true;
      response.context_id = next_context_id_++;
      scans_.emplace(response.context_id, std::move(scan));
      return response;
    }
    if (HasExpired(row->second.expires_at, now)) continue;
    const absl::StatusOr<RowKey> key = RowKey::FromEncoded(row->first);
    if (!key.ok() ||
        !Passes(request.hash_key_filter_type, request.hash_key_filter_pattern.bytes,
                key->hash_key()) ||
        !Passes(request.sort_key_filter_type, request.sort_key_filter_pattern.bytes,
                key->sort_key())) {
      continue;
    }
    idl::key_value& one = response.kvs.emplace_back();
    one.key.bytes = row->first;
    if (!request.no_value) one.value.bytes = row->second.value;
    if (request.return_expire_ts) {
      one.__set_expire_ts_seconds(static_cast<int32_t>(row->second.expires_at));
    }
    --left;
  }
  return response;
}

void TableStorage::ForgetScans(int32_t partition_index) {
  absl::erase_if(scans_, [partition_index](const auto& scan) {
    return scan.second.partition == partition_index;
  });
}

}  // namespace metarec::testing
