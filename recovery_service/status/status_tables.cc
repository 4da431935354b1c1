#include "recovery_service/status/status_tables.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace metarec {
namespace {

// How many replicas are known of the partition at an index of Topology::partitions.
using KnownReplicas = std::function<int64_t(size_t)>;

// A table by its partitions.
struct TableHealth {
  const TopologyTable* table = nullptr;
  int64_t lost = 0;
  int64_t thin = 0;
};

char HeatOf(const TopologyTable& table, int64_t known) {
  if (known == 0) return '0';
  return known >= table.max_replica_count ? '+' : '-';
}

TableHealth HealthOf(const TopologyTable& table, const KnownReplicas& known) {
  TableHealth health;
  health.table = &table;
  for (size_t p = 0; p < table.partitions_count; ++p) {
    const char heat = HeatOf(table, known(table.partitions_begin + p));
    health.lost += heat == '0' ? 1 : 0;
    health.thin += heat == '-' ? 1 : 0;
  }
  return health;
}

TableRow RowOf(const TableHealth& health, const KnownReplicas& known, size_t cells_max) {
  const TopologyTable& table = *health.table;
  TableRow row;
  row.app_id = table.app_id;
  row.name = table.app_name;
  row.partitions = table.partitions_count;
  row.lost = health.lost;
  row.thin = health.thin;
  for (size_t p = 0; p < std::min<size_t>(table.partitions_count, cells_max); ++p) {
    row.heat += HeatOf(table, known(table.partitions_begin + p));
  }
  return row;
}

TableRows RowsOf(std::vector<TableHealth> healths, const KnownReplicas& known, size_t rows_max,
                 size_t cells_max) {
  std::stable_sort(healths.begin(), healths.end(), [](const TableHealth& a, const TableHealth& b) {
    return std::make_pair(a.lost, a.thin) > std::make_pair(b.lost, b.thin);
  });
  TableRows rows;
  rows.tables = healths.size();
  for (const TableHealth& health : healths) {
    rows.partitions += health.table->partitions_count;
    if (rows.rows.size() < rows_max) rows.rows.push_back(RowOf(health, known, cells_max));
  }
  return rows;
}

TableRows PlannedRows(const RecoveryPlan& plan, size_t rows_max, size_t cells_max) {
  const KnownReplicas known = [&plan](size_t at) -> int64_t {
    return at < plan.partitions.size() ? plan.partitions[at].replicas_count : 0;
  };
  std::vector<TableHealth> healths;
  for (size_t i = 0; i < plan.tables.size(); ++i) {
    if (plan.tables[i].placeholder) continue;
    healths.push_back(HealthOf(plan.topology.tables[i], known));
  }
  return RowsOf(std::move(healths), known, rows_max, cells_max);
}

TableRows ServedRows(const RecoveredMetadata& served, size_t rows_max, size_t cells_max) {
  const Topology& topology = served.topology();
  const KnownReplicas known = [&](size_t at) -> int64_t {
    return static_cast<int64_t>(served.KnownReplicas(topology.partitions[at]));
  };
  std::vector<TableHealth> healths;
  for (const TopologyTable& table : topology.tables) {
    if (table.status != TableStatus::kAvailable) continue;
    healths.push_back(HealthOf(table, known));
  }
  return RowsOf(std::move(healths), known, rows_max, cells_max);
}

}  // namespace

TableRows TablesWorstFirst(const RecoveryServiceStatus& status, size_t rows_max, size_t cells_max) {
  const RecoveryPlan* const plan =
      status.result != nullptr && status.result->plan ? &*status.result->plan : nullptr;
  // What was found says more than what was written of it.
  const bool is_plan_served = status.run_state == RecoveryState::kRecovered;
  if (plan != nullptr && (is_plan_served || status.served == nullptr)) {
    return PlannedRows(*plan, rows_max, cells_max);
  }
  if (status.served != nullptr) return ServedRows(*status.served, rows_max, cells_max);
  return TableRows();
}

}  // namespace metarec
