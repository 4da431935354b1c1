#include "pegasus_client/cluster_listing.h"

#include <algorithm>
#include <map>
#include <type_traits>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>

namespace metarec {
namespace {

// "rs9:34801" before "rs9:100000", as a pair and not as text.
std::pair<std::string, int64_t> NodeOrder(absl::string_view name) {
  const size_t colon = name.rfind(':');
  int64_t port = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(name.substr(colon + 1), &port)) {
    return {std::string(name), 0};
  }
  return {std::string(name.substr(0, colon)), port};
}

struct ByHostAndPort {
  bool operator()(const std::string& a, const std::string& b) const {
    const auto order_a = NodeOrder(a);
    const auto order_b = NodeOrder(b);
    return order_a == order_b ? a < b : order_a < order_b;
  }
};

absl::string_view Bool(bool value) { return value ? "true" : "false"; }

std::string Time(int64_t unix_second, absl::TimeZone time_zone) {
  if (unix_second <= 0) return "-";
  return absl::FormatTime("%Y-%m-%d_%H:%M:%S", absl::FromUnixSeconds(unix_second), time_zone);
}

bool IsAvailable(const TableView& table) { return table.status == TableStatus::kAvailable; }

// "AVAILABLE".
std::string StatusName(TableStatus status) {
  return std::string(absl::StripPrefix(TableStatusName(status), "AS_"));
}

size_t ReplicaCount(const PartitionView& partition) {
  return (partition.primary.empty() ? 0 : 1) + partition.secondaries.size();
}

// Numbers of partitions; the definitions are in INTEROP.md section 7.2.
struct Health {
  int64_t fully = 0;
  int64_t unhealthy = 0;
  int64_t write_unhealthy = 0;
  int64_t read_unhealthy = 0;
};

Health HealthOf(const TableView& table) {
  Health health;
  for (const PartitionView& partition : table.partitions) {
    const size_t replicas = ReplicaCount(partition);
    const bool has_primary = !partition.primary.empty();
    if (has_primary && replicas >= static_cast<size_t>(std::max(0, table.max_replica_count))) {
      ++health.fully;
      continue;
    }
    ++health.unhealthy;
    if (!has_primary || replicas < 2) ++health.write_unhealthy;
    if (!has_primary) ++health.read_unhealthy;
  }
  const int64_t missing = table.partition_count - static_cast<int64_t>(table.partitions.size());
  if (missing > 0) {
    health.unhealthy += missing;
    health.write_unhealthy += missing;
    health.read_unhealthy += missing;
  }
  return health;
}

template <typename Value>
std::string Cell(const Value& value, const NumberBounds& bounds, absl::TimeZone time_zone) {
  if constexpr (std::is_same_v<Value, TableStatus>) {
    return StatusName(value);
  } else if constexpr (std::is_same_v<Value, bool>) {
    return std::string(Bool(value));
  } else if constexpr (std::is_integral_v<Value>) {
    return IsTime(bounds) ? Time(value, time_zone) : absl::StrCat(value);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    return value;
  } else {
    return absl::StrCat(value.size());
  }
}

// The cells of one table, or the titles of the columns, by place.
using Cells = std::map<int, std::string>;

Cells TitlesOf(const ListTablesOptions& options) {
  Cells titles;
  VisitTableFields([&](auto field) {
    const TableFieldDisplay& display = field.display;
    if (display.ls_column == nullptr) return;
    if (display.ls_when == ListedWhen::kSince26 && !options.with_atomic_idempotent) return;
    titles[display.ls_at] = display.ls_column;
  });
  return titles;
}

Cells CellsOf(const TableDescription& table, const ListTablesOptions& options) {
  const bool was_dropped = table.status == TableStatus::kDropped && table.expire_second > 0;
  Cells cells;
  VisitTableFields([&](auto field) {
    const bool is_shown = field.display.ls_when != ListedWhen::kDropped || was_dropped;
    cells[field.display.ls_at] =
        is_shown ? Cell(field.of(table), field.bounds, options.time_zone) : "-";
  });
  return cells;
}

ColumnTable GeneralInfo(const std::vector<const TableView*>& tables,
                        const ListTablesOptions& options) {
  const Cells titles = TitlesOf(options);
  ColumnTable general{"general_info", {}, {}};
  for (const auto& [place, title] : titles) general.columns.push_back({title, false});
  for (const TableView* table : tables) {
    Cells cells = CellsOf(*table, options);
    std::vector<std::string>& row = general.rows.emplace_back();
    for (const auto& [place, title] : titles) row.push_back(std::move(cells[place]));
  }
  return general;
}

// Adds a row for every table that is alive; returns how many tables have partitions of each kind.
Health AddHealthInfo(const std::vector<const TableView*>& tables, ShellTables* output) {
  ColumnTable info = ColumnTable::LeftAligned(
      "healthy_info", {"app_id", "app_name", "partition_count", "fully_healthy", "unhealthy",
                       "write_unhealthy", "read_unhealthy"});
  Health app_counts;
  for (const TableView* table : tables) {
    if (!IsAvailable(*table)) continue;
    const Health health = HealthOf(*table);
    info.rows.push_back({absl::StrCat(table->app_id), table->app_name,
                         absl::StrCat(table->partition_count), absl::StrCat(health.fully),
                         absl::StrCat(health.unhealthy), absl::StrCat(health.write_unhealthy),
                         absl::StrCat(health.read_unhealthy)});
    app_counts.fully += health.unhealthy == 0;
    app_counts.unhealthy += health.unhealthy > 0;
    app_counts.write_unhealthy += health.write_unhealthy > 0;
    app_counts.read_unhealthy += health.read_unhealthy > 0;
  }
  output->Add(std::move(info));
  return app_counts;
}

struct Load {
  int64_t primaries = 0;
  int64_t secondaries = 0;
};

using LoadByNode = std::map<std::string, Load, ByHostAndPort>;

void AddLoad(const TableView& table, LoadByNode* loads) {
  for (const PartitionView& partition : table.partitions) {
    if (!partition.primary.empty()) ++(*loads)[partition.primary].primaries;
    for (const std::string& secondary : partition.secondaries) ++(*loads)[secondary].secondaries;
  }
}

ColumnTable Replicas(const TableView& table) {
  ColumnTable replicas = ColumnTable::LeftAligned(
      "replicas", {"pidx", "ballot", "replica_count", "primary", "secondaries"});
  for (const PartitionView& partition : table.partitions) {
    replicas.rows.push_back({absl::StrCat(partition.index), absl::StrCat(partition.ballot),
                             absl::StrCat(ReplicaCount(partition), "/", table.max_replica_count),
                             partition.primary.empty() ? "-" : partition.primary,
                             absl::StrCat("[", absl::StrJoin(partition.secondaries, ","), "]")});
  }
  return replicas;
}

ColumnTable NodesOfTable(const TableView& table) {
  LoadByNode loads;
  AddLoad(table, &loads);
  ColumnTable nodes = ColumnTable::LeftAligned("nodes", {"node", "primary", "secondary", "total"});
  Load sum;
  const auto add_row = [&nodes](absl::string_view name, const Load& load) {
    nodes.rows.push_back({std::string(name), absl::StrCat(load.primaries),
                          absl::StrCat(load.secondaries),
                          absl::StrCat(load.primaries + load.secondaries)});
  };
  for (const auto& [name, load] : loads) {
    add_row(name, load);
    sum.primaries += load.primaries;
    sum.secondaries += load.secondaries;
  }
  add_row("", sum);
  return nodes;
}

absl::string_view LivenessName(NodeLiveness liveness) {
  switch (liveness) {
    case NodeLiveness::kAlive:
      return "ALIVE";
    case NodeLiveness::kUnalive:
      return "UNALIVE";
    case NodeLiveness::kUnknown:
      break;
  }
  return "UNKNOWN";
}

}  // namespace

std::vector<NodeView> NodesNamedBy(absl::Span<const TableView> tables) {
  LoadByNode names;
  for (const TableView& table : tables) {
    AddLoad(table, &names);
    for (const PartitionView& partition : table.partitions) {
      for (const std::string& name : partition.last_drops) names[name];
    }
  }
  std::vector<NodeView> nodes;
  for (const auto& [name, load] : names) nodes.push_back({name, NodeLiveness::kUnknown});
  return nodes;
}

ShellTables ListTables(absl::Span<const TableView> tables, const ListTablesOptions& options) {
  std::vector<const TableView*> shown;
  for (const TableView& table : tables) {
    if (options.status.empty() || StatusName(table.status) == options.status)
      shown.push_back(&table);
  }
  ShellTables output;
  output.Add(GeneralInfo(shown, options));
  FieldTable summary{"summary", {}};
  const auto count = std::count_if(shown.begin(), shown.end(),
                                   [](const TableView* table) { return IsAvailable(*table); });
  summary.fields.emplace_back("total_app_count", absl::StrCat(count));
  if (options.detailed) {
    const Health apps = AddHealthInfo(shown, &output);
    summary.fields.emplace_back("fully_healthy_app_count", absl::StrCat(apps.fully));
    summary.fields.emplace_back("unhealthy_app_count", absl::StrCat(apps.unhealthy));
    summary.fields.emplace_back("write_unhealthy_app_count", absl::StrCat(apps.write_unhealthy));
    summary.fields.emplace_back("read_unhealthy_app_count", absl::StrCat(apps.read_unhealthy));
  }
  output.Add(std::move(summary));
  return output;
}

ShellTables ShowTable(const TableView& table, const ShowTableOptions& options) {
  ShellTables output;
  FieldTable parameters{"parameters", {{"app_name", table.app_name}}};
  if (!options.out_file.empty()) parameters.fields.emplace_back("out_file", options.out_file);
  parameters.fields.emplace_back("detailed", Bool(options.detailed));
  output.Add(std::move(parameters));
  output.Add(FieldTable{"general",
                        {{"app_name", table.app_name},
                         {"app_id", absl::StrCat(table.app_id)},
                         {"partition_count", absl::StrCat(table.partition_count)},
                         {"max_replica_count", absl::StrCat(table.max_replica_count)}}});
  if (!options.detailed) return output;
  output.Add(Replicas(table));
  output.Add(NodesOfTable(table));
  const Health health = HealthOf(table);
  output.Add(FieldTable{"healthy",
                        {{"fully_healthy_partition_count", absl::StrCat(health.fully)},
                         {"unhealthy_partition_count", absl::StrCat(health.unhealthy)},
                         {"write_unhealthy_partition_count", absl::StrCat(health.write_unhealthy)},
                         {"read_unhealthy_partition_count", absl::StrCat(health.read_unhealthy)}}});
  return output;
}

namespace {

// Whether it is as after a recovery: there are primaries, and no secondary where some should be.
bool AreSecondariesMissing(absl::Span<const TableView> tables) {
  bool should_be_some = false;
  for (const TableView& table : tables) {
    for (const PartitionView& partition : table.partitions) {
      if (!partition.secondaries.empty()) return false;
      should_be_some |= !partition.primary.empty() && table.max_replica_count > 1;
    }
  }
  return should_be_some;
}

}  // namespace

ShellTables ListNodes(absl::Span<const NodeView> nodes, absl::Span<const TableView> tables,
                      const ListNodesOptions& options) {
  LoadByNode loads;
  for (const TableView& table : tables) AddLoad(table, &loads);

  ColumnTable details = ColumnTable::LeftAligned("details", {"address", "status"});
  if (options.detailed) {
    for (const char* title : {"replica_count", "primary_count", "secondary_count"}) {
      details.columns.push_back({title, /*right_aligned=*/true});
    }
  }
  int64_t counts[3] = {0, 0, 0};  // by NodeLiveness
  for (const NodeView& node : nodes) {
    if (options.status == "alive" && node.liveness != NodeLiveness::kAlive) continue;
    if (options.status == "unalive" && node.liveness != NodeLiveness::kUnalive) continue;
    ++counts[static_cast<size_t>(node.liveness)];
    std::vector<std::string> row = {node.name, std::string(LivenessName(node.liveness))};
    if (options.detailed) {
      const auto found = loads.find(node.name);
      const Load load = found == loads.end() ? Load() : found->second;
      row.push_back(absl::StrCat(load.primaries + load.secondaries));
      row.push_back(absl::StrCat(load.primaries));
      row.push_back(absl::StrCat(load.secondaries));
    }
    details.rows.push_back(std::move(row));
  }

  ShellTables output;
  FieldTable parameters{"parameters", {}};
  if (!options.status.empty()) parameters.fields.emplace_back("status", options.status);
  if (!options.out_file.empty()) parameters.fields.emplace_back("out_file", options.out_file);
  if (!parameters.fields.empty()) output.Add(std::move(parameters));
  FieldTable summary{"summary",
                     {{"total_node_count", absl::StrCat(details.rows.size())},
                      {"alive_node_count", absl::StrCat(counts[0])},
                      {"unalive_node_count", absl::StrCat(counts[1])}}};
  if (counts[2] > 0) summary.fields.emplace_back("unknown_node_count", absl::StrCat(counts[2]));
  output.Add(std::move(details));
  output.Add(std::move(summary));
  if (options.detailed && AreSecondariesMissing(tables)) {
    output.set_note(
        "no partition has a secondary, as after a recovery: the counts are what was written, the "
        "primaries alone. A stock meta server adds the secondaries; compare the counts with former "
        "ones after that");
  }
  return output;
}

}  // namespace metarec
