#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "recovery_service/recovery_service.h"

namespace metarec {

// What there is to say of one table.
struct TableRow {
  int32_t app_id = 0;
  std::string name;
  int64_t partitions = 0;
  int64_t lost = 0;  // of these: no replica is known
  int64_t thin = 0;  // of these: fewer replicas are known than wanted
  // A character a partition, '+' all replicas are known, '-' some, '0' none.
  std::string heat;
};

struct TableRows {
  std::vector<TableRow> rows;
  size_t tables = 0;  // rows are cut off
  int64_t partitions = 0;
};

// The tables that are served; as long as nothing is, those of the last plan. The worst first, the
// first `rows_max` of them, each with the heat of the first `cells_max` partitions. `status` must
// be of this moment: made on the service's executor, with no co_await since.
TableRows TablesWorstFirst(const RecoveryServiceStatus& status, size_t rows_max, size_t cells_max);

}  // namespace metarec
