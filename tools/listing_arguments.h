#pragma once

#include <functional>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "tools/cluster_listing.h"
#include "tools/exit_code.h"
#include "tools/output_arguments.h"
#include "tools/shell_tables.h"
#include "tools/store_arguments.h"
#include "zk_store/topology_reader.h"

namespace metarec::tools {

// What ls, nodes and app have in common: STORE, OUTPUT, -d and -j, and how they run.
class ListingArguments {
 public:
  // `details`: what -d adds.
  void AddTo(CLI::App& verb, const char* details);

  const StoreArguments& store() const { return store_; }
  bool detailed() const { return detailed_; }
  // The file to print to; "" for stdout.
  const std::string& out_file() const { return output_.file(); }

  // Reads the root's tables and prints what `list` makes of them. `wants_partitions`: see
  // TopologyReaderOptions.
  ExitCode Run(
      absl::string_view verb, std::function<bool(const AppZnode&)> wants_partitions,
      std::function<absl::StatusOr<ShellTables>(const std::vector<TableView>&)> list) const;

 private:
  StoreArguments store_{StoreArguments::Access::kRead};
  OutputArguments output_;
  bool detailed_ = false;
  bool json_ = false;
};

}  // namespace metarec::tools
