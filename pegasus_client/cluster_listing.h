// What Pegasus's shell prints for `ls`, `app` and `nodes`, from a cluster's metadata as plain
// structs, whether a meta server or a ZooKeeper root said it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include "idl/table_description.h"
#include "pegasus_client/shell_tables.h"

namespace metarec {

// One partition; nodes by the name that is to be shown.
struct PartitionView {
  int32_t index = 0;
  int64_t ballot = 0;
  std::string primary;  // empty: none
  std::vector<std::string> secondaries;
  std::vector<std::string> last_drops;  // the best one last
};

struct TableView : TableDescription {
  // Ascending by index. Those up to partition_count that are missing (children of an unfinished
  // split, say) count as partitions without primary.
  std::vector<PartitionView> partitions;
};

enum class NodeLiveness {
  kAlive,
  kUnalive,
  kUnknown,  // a ZooKeeper root does not say
};

struct NodeView {
  std::string name;
  NodeLiveness liveness = NodeLiveness::kUnknown;
};

// Every node that a partition names, each once, by host name and then by port; liveness unknown.
std::vector<NodeView> NodesNamedBy(absl::Span<const TableView> tables);

struct ListTablesOptions {
  std::string status = "AVAILABLE";  // which tables; empty: all
  bool detailed = false;
  bool with_atomic_idempotent = true;  // a column since Pegasus 2.6
  absl::TimeZone time_zone = absl::LocalTimeZone();
};

// `ls`: the tables in the order given.
ShellTables ListTables(absl::Span<const TableView> tables, const ListTablesOptions& options);

struct ShowTableOptions {
  bool detailed = false;
  std::string out_file;  // shown among the parameters unless empty
};

// `app`.
ShellTables ShowTable(const TableView& table, const ShowTableOptions& options);

struct ListNodesOptions {
  bool detailed = false;
  std::string status;    // "alive" or "unalive": only those, shown among the parameters; empty: all
  std::string out_file;  // as above
};

// `nodes`: in the order given, with what `tables` place on them.
ShellTables ListNodes(absl::Span<const NodeView> nodes, absl::Span<const TableView> tables,
                      const ListNodesOptions& options);

}  // namespace metarec
