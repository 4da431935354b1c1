// Private to pegasus_client/: the requests of the data path as they travel, each with the routing
// that servers check. A replica server aborts on a write whose partition_hash is neither 0 nor its
// key's, on a thread_hash that is not the partition's, and on a scan whose start key has fewer than
// two bytes; so nothing outside these functions ever sets one (all bodies and headers compared with
// captured ones: tests/pegasus_client/data_request_test.cc).

#pragma once

#include <cstdint>
#include <string>

#include "idl/client_types.h"
#include "idl/placeholders_types.h"
#include "pegasus_client/partition_scanner.h"
#include "pegasus_client/row.h"
#include "pegasus_client/table_client.h"

namespace metarec {

struct DataRequest {
  const char* task_code = "";
  idl::gpid gpid;
  int32_t thread_hash = 0;
  uint64_t partition_hash = 0;
  std::string body;
};

DataRequest GetRequest(TableShape shape, const RowKey& key);
DataRequest PutRequest(TableShape shape, const Row& row);
DataRequest RemoveRequest(TableShape shape, const RowKey& key);
DataRequest TtlRequest(TableShape shape, const RowKey& key);
// `rows` is not empty, and all have the first one's hash key, which is not empty, and its expiry.
DataRequest MultiPutRequest(TableShape shape, absl::Span<const Row> rows);
// The partition is the key's. Stock clients send such a row with an empty hash key to partition 0,
// where no get finds it.
DataRequest CheckAndSetRequest(TableShape shape, const CheckAndSet& check_and_set);

// Begins a scan of one partition, behind `after` if that is given.
DataRequest GetScannerRequest(TableShape shape, int32_t partition, const ScanOptions& options,
                              const RowKey* after);
// Reads the next page.
DataRequest ScanRequest(TableShape shape, int32_t partition, int64_t context_id);
// Reads one row with its expiry.
DataRequest ReadRowRequest(TableShape shape, const RowKey& key);

}  // namespace metarec
