#include "pegasus_client/data_request.h"

#include <utility>

#include "idl/data_path.h"
#include "idl/serialization.h"
#include "idl/task_codes.h"

namespace metarec {
namespace {

DataRequest ToPartition(TableShape shape, int32_t partition, uint64_t partition_hash,
                        const char* task_code, std::string body) {
  DataRequest request;
  request.task_code = task_code;
  request.gpid = {.app_id = shape.app_id, .partition_index = partition};
  // As servers compute it, beyond 32 bits, too.
  request.thread_hash = static_cast<int32_t>(static_cast<uint32_t>(shape.app_id) * 7919u +
                                             static_cast<uint32_t>(partition));
  request.partition_hash = partition_hash;
  request.body = std::move(body);
  return request;
}

DataRequest ToKey(TableShape shape, const RowKey& key, const char* task_code, std::string body) {
  const uint64_t hash = key.hash();
  return ToPartition(shape, PartitionOf(hash, shape.partition_count), hash, task_code,
                     std::move(body));
}

idl::blob BlobOf(absl::string_view bytes) { return {.bytes = std::string(bytes)}; }

DataRequest OfKeyOnly(TableShape shape, const RowKey& key, const char* task_code) {
  return ToKey(shape, key, task_code, idl::EncodeBody(idl::blob{.bytes = key.encoded()}));
}

idl::get_scanner_request ScannerOf(const ScanOptions& options) {
  idl::get_scanner_request request;
  request.start_key.bytes = std::string(2, '\0');
  request.stop_key.bytes = "\xFF\xFF";
  request.start_inclusive = true;
  request.stop_inclusive = false;
  request.batch_size = options.batch_size < 1 ? 1 : options.batch_size;
  request.no_value = options.no_value;
  request.hash_key_filter_type = static_cast<int32_t>(options.hash_key_filter.type);
  request.hash_key_filter_pattern.bytes = options.hash_key_filter.pattern;
  request.sort_key_filter_type = static_cast<int32_t>(options.sort_key_filter.type);
  request.sort_key_filter_pattern.bytes = options.sort_key_filter.pattern;
  request.__set_validate_partition_hash(true);
  request.__set_return_expire_ts(!options.no_expiry);
  request.__set_full_scan(true);
  request.__set_only_return_count(false);
  return request;
}

}  // namespace

DataRequest GetRequest(TableShape shape, const RowKey& key) {
  return OfKeyOnly(shape, key, idl::kRpcRrdbGet);
}

DataRequest RemoveRequest(TableShape shape, const RowKey& key) {
  return OfKeyOnly(shape, key, idl::kRpcRrdbRemove);
}

DataRequest TtlRequest(TableShape shape, const RowKey& key) {
  return OfKeyOnly(shape, key, idl::kRpcRrdbTtl);
}

DataRequest PutRequest(TableShape shape, const Row& row) {
  idl::update_request request;
  request.key.bytes = row.key.encoded();
  request.value.bytes = row.value;
  request.expire_ts_seconds = static_cast<int32_t>(row.expires_at);
  return ToKey(shape, row.key, idl::kRpcRrdbPut, idl::EncodeBody(request));
}

DataRequest MultiPutRequest(TableShape shape, absl::Span<const Row> rows) {
  idl::multi_put_request request;
  request.hash_key = BlobOf(rows[0].key.hash_key());
  request.kvs.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    request.kvs[i].key = BlobOf(rows[i].key.sort_key());
    request.kvs[i].value.bytes = rows[i].value;
  }
  request.expire_ts_seconds = static_cast<int32_t>(rows[0].expires_at);
  return ToKey(shape, rows[0].key, idl::kRpcRrdbMultiPut, idl::EncodeBody(request));
}

DataRequest CheckAndSetRequest(TableShape shape, const CheckAndSet& check_and_set) {
  idl::check_and_set_request request;
  request.hash_key = BlobOf(check_and_set.row.key.hash_key());
  request.check_sort_key = BlobOf(check_and_set.row.key.sort_key());
  request.check_type = static_cast<int32_t>(check_and_set.check);
  request.check_operand.bytes = check_and_set.operand;
  request.set_diff_sort_key = false;
  request.set_value.bytes = check_and_set.row.value;
  request.set_expire_ts_seconds = static_cast<int32_t>(check_and_set.row.expires_at);
  request.return_check_value = false;
  return ToKey(shape, check_and_set.row.key, idl::kRpcRrdbCheckAndSet, idl::EncodeBody(request));
}

DataRequest GetScannerRequest(TableShape shape, int32_t partition, const ScanOptions& options,
                              const RowKey* after) {
  idl::get_scanner_request request = ScannerOf(options);
  if (after != nullptr) {
    request.start_key.bytes = after->encoded();
    request.start_inclusive = false;
  }
  return ToPartition(shape, partition, static_cast<uint64_t>(partition), idl::kRpcRrdbGetScanner,
                     idl::EncodeBody(request));
}

DataRequest ScanRequest(TableShape shape, int32_t partition, int64_t context_id) {
  idl::scan_request request;
  request.context_id = context_id;
  return ToPartition(shape, partition, static_cast<uint64_t>(partition), idl::kRpcRrdbScan,
                     idl::EncodeBody(request));
}

DataRequest ReadRowRequest(TableShape shape, const RowKey& key) {
  // A page has room for more than the row, so that the server ends the scan with it.
  ScanOptions options;
  options.batch_size = 2;
  idl::get_scanner_request request = ScannerOf(options);
  request.start_key.bytes = key.encoded();
  request.stop_key.bytes = key.encoded();
  request.stop_inclusive = true;
  const int32_t partition = PartitionOf(key.hash(), shape.partition_count);
  return ToPartition(shape, partition, static_cast<uint64_t>(partition), idl::kRpcRrdbGetScanner,
                     idl::EncodeBody(request));
}

}  // namespace metarec
