#include "tools/cli/root_contents.h"

#include <iostream>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"

namespace metarec::tools {
namespace {

constexpr size_t kProblemsShown = 10;

void PrintProblems(const RootContents& contents) {
  size_t shown = 0;
  for (const ReadProblem& problem : contents.problems) {
    if (++shown > kProblemsShown) break;
    std::cerr << "warning: " << Printable(problem.message) << "\n";
  }
  const int64_t more = contents.problems_count - static_cast<int64_t>(kProblemsShown);
  if (more > 0) std::cerr << "warning: " << more << " more such problems\n";
  std::cerr << std::flush;
}

TableView ViewOf(const TableZnodes& znodes) {
  TableView table{znodes.app, {}};
  for (const PartitionZnode& znode : znodes.partitions) {
    const bool named = znode.has_host_ports;
    PartitionView& partition = table.partitions.emplace_back();
    partition.index = znode.index;
    partition.ballot = znode.ballot;
    partition.primary = named ? znode.hp_primary : znode.primary;
    partition.secondaries = named ? znode.hp_secondaries : znode.secondaries;
    partition.last_drops = named ? znode.hp_last_drops : znode.last_drops;
  }
  return table;
}

}  // namespace

asio::awaitable<absl::StatusOr<std::vector<TableView>>> ReadTables(
    const StoreArguments& arguments, std::function<bool(const AppZnode&)> wants_partitions,
    Clock* clock, ProgressListener* progress) {
  METAREC_CO_RETURN_IF_ERROR(arguments.Check());
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaStore> store,
                              co_await arguments.Open(clock));
  RetryBudget budget(clock);
  StoreReader reader(store.get(), &budget);
  TopologyReaderOptions options;
  options.wants_partitions = std::move(wants_partitions);
  METAREC_CO_ASSIGN_OR_RETURN(
      const RootContents contents,
      co_await ReadTopology(&reader, arguments.root(), std::move(options), progress));
  PrintProblems(contents);
  std::vector<TableView> tables;
  for (const TableZnodes& znodes : contents.tables) tables.push_back(ViewOf(znodes));
  co_return tables;
}

}  // namespace metarec::tools
