#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace metarec {

// One table as one node described it (INTEROP.md section 3.1, app_info). Never authoritative: what
// a node holds may be as old as the replica it comes from (section 10.1).
struct TableRecord {
  int32_t status = 0;  // app_status as on the wire; 1 is AS_AVAILABLE
  std::string app_type;
  std::string app_name;
  int32_t app_id = 0;
  int32_t partition_count = 0;
  std::map<std::string, std::string> envs;
  bool is_stateful = false;
  int32_t max_replica_count = 0;
  int64_t expire_second = 0;  // Unix seconds, as are the next two
  int64_t create_second = 0;
  int64_t drop_second = 0;
  bool duplicating = false;
  int32_t init_partition_count = -1;
  bool is_bulk_loading = false;
  bool atomic_idempotent = false;

  friend bool operator==(const TableRecord&, const TableRecord&) = default;
};

}  // namespace metarec
