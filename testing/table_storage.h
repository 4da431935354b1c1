#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include "idl/client_types.h"
#include "pegasus_client/row.h"

namespace metarec::testing {

// The rows of one table, in memory, with what a stock replica server does to them: the storage, not
// the servers in front of it (SimulatedTables).
//
// Not thread-safe.
class TableStorage {
 public:
  struct Stored {
    std::string value;
    ExpirySeconds expires_at = 0;
    friend bool operator==(const Stored&, const Stored&) = default;
  };
  // By the key as it travels, which is the order of a scan.
  using Partition = std::map<std::string, Stored>;

  TableStorage(int32_t app_id, int32_t partition_count, int64_t first_context_id);

  int32_t app_id() const { return app_id_; }
  int32_t partition_count() const { return static_cast<int32_t>(partitions_.size()); }
  Partition& partition(int32_t index) { return partitions_[static_cast<size_t>(index)]; }
  const Partition& partition(int32_t index) const {
    return partitions_[static_cast<size_t>(index)];
  }

  // Into the partition of its key.
  void Put(const Row& row);
  // All that have not expired, whatever partition they are in, in the order of keys.
  Partition Rows(absl::Time now) const;

  idl::read_response Get(int32_t partition, const std::string& key, absl::Time now) const;
  idl::ttl_response Ttl(int32_t partition, const std::string& key, absl::Time now) const;
  idl::update_response Put(int32_t partition, const idl::update_request& request);
  idl::update_response MultiPut(int32_t partition, const idl::multi_put_request& request);
  idl::update_response Remove(int32_t partition, const std::string& key);
  idl::check_and_set_response CheckAndSet(int32_t partition,
                                          const idl::check_and_set_request& request,
                                          absl::Time now);
  // `rows_max`: of this page, at most; 0: what the request says.
  idl::scan_response BeginScan(int32_t partition, const idl::get_scanner_request& request,
                               absl::Time now, int32_t rows_max);
  // Forgets the place, and gives the next one another number.
  idl::scan_response GoOnScanning(int32_t partition, int64_t context_id, absl::Time now,
                                  int32_t rows_max);
  // As after a restart, a move of the primary, or some minutes.
  void ForgetScans(int32_t partition);

 private:
  struct Scan {
    int32_t partition = 0;
    idl::get_scanner_request request;
    std::string next_key;
    bool includes_next_key = true;
  };

  const TableStorage::Stored* Find(int32_t partition, const std::string& key, absl::Time now) const;
  idl::update_response Done(int32_t partition);
  idl::scan_response ReadPage(Scan scan, absl::Time now, int32_t rows_max);

  const int32_t app_id_;
  std::vector<Partition> partitions_;
  std::vector<int64_t> decrees_;
  absl::flat_hash_map<int64_t, Scan> scans_;
  int64_t next_context_id_;
};

// A key as it travels, from its parts.
std::string EncodedKey(absl::string_view hash_key, absl::string_view sort_key);

}  // namespace metarec::testing
