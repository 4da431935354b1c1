#pragma once

#include <functional>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>

#include "pegasus_client/cluster_listing.h"
#include "pegasus_client/meta_client.h"
#include "pegasus_client/shell_tables.h"
#include "tools/cli/meta_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/progress_printer.h"
#include "tools/cli/store_arguments.h"
#include "tools/process/exit_code.h"
#include "zk_store/topology/topology_reader.h"

namespace metarec::tools {

// What the verbs that list things have in common: META or STORE, OUTPUT, -d and -j, and how they
// run.
class ListingArguments {
 public:
  enum class Sources { kMetaOrStore, kMetaOnly };

  // What a verb does with what it asks.
  using ListByMeta = std::function<asio::awaitable<absl::StatusOr<ShellTables>>(MetaClient*)>;
  struct ListOfRoot {
    std::function<bool(const AppZnode&)> wants_partitions;  // see TopologyReaderOptions
    std::function<absl::StatusOr<ShellTables>(const std::vector<TableView>&)> list;
  };

  // `details`: what -d adds; null: there is no -d.
  void AddTo(CLI::App& verb, const char* details, Sources sources = Sources::kMetaOrStore);

  const StoreArguments& store() const { return store_; }
  // --meta, and not a root.
  bool by_meta() const { return meta_.given(); }
  bool detailed() const { return detailed_; }
  // The file to print to; "" for stdout.
  const std::string& out_file() const { return output_.file(); }

  // Prints what one of both makes of it; meta servers' failures in the words of Pegasus's shell.
  ExitCode Run(absl::string_view verb, const ListByMeta& by_meta, const ListOfRoot& of_root) const;

 private:
  asio::awaitable<absl::StatusOr<ShellTables>> Ask(const ListByMeta& list, Clock* clock) const;
  asio::awaitable<absl::StatusOr<ShellTables>> Read(const ListOfRoot& list, Clock* clock,
                                                    ProgressPrinter* progress) const;
  absl::Status CheckSource() const;

  Sources sources_ = Sources::kMetaOrStore;
  const CLI::App* app_ = nullptr;
  MetaArguments meta_;
  StoreArguments store_{StoreArguments::Access::kRead};
  OutputArguments output_;
  bool detailed_ = false;
  bool json_ = false;
};

}  // namespace metarec::tools
