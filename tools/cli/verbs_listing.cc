// The verbs that list what a cluster has: ls, nodes, app, cluster_info. They print what Pegasus's
// shell prints, either as a meta server tells it or, cluster_info apart, straight from a ZooKeeper
// root.

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>

#include "base/runtime/clock.h"
#include "base/runtime/progress.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "pegasus_client/cluster_listing.h"
#include "pegasus_client/meta_admin.h"
#include "pegasus_client/meta_client.h"
#include "pegasus_client/shell_failure.h"
#include "pegasus_client/shell_tables.h"
#include "tools/cli/command_loop.h"
#include "tools/cli/meta_arguments.h"
#include "tools/cli/output_arguments.h"
#include "tools/cli/progress_printer.h"
#include "tools/cli/store_arguments.h"
#include "tools/cli/verbs.h"
#include "tools/process/exit_code.h"
#include "zk_store/topology/topology_reader.h"
#include "zk_store/topology/znode_layout.h"

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

// Reads what a root holds. What makes no sense in it is named on stderr. `wants_partitions`: see
// TopologyReaderOptions.
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
  if (!contents.apps_state.has_value()) {
    co_return absl::NotFoundError(absl::StrCat("root ", arguments.root(),
                                               " holds no cluster: there is no ",
                                               ClusterPaths(arguments.root()).apps()));
  }
  PrintProblems(contents);
  std::vector<TableView> tables;
  for (const TableZnodes& znodes : contents.tables) tables.push_back(ViewOf(znodes));
  co_return tables;
}

// What these verbs have in common: META or STORE, OUTPUT, -d and -j, and how they run.
class Listing {
 public:
  enum class Sources { kMetaOrStore, kMetaOnly };

  // What a verb makes of what it asks.
  using ListByMeta = std::function<asio::awaitable<absl::StatusOr<ShellTables>>(MetaClient*)>;
  struct ListOfRoot {
    std::function<bool(const AppZnode&)> wants_partitions;  // see TopologyReaderOptions
    std::function<absl::StatusOr<ShellTables>(const std::vector<TableView>&)> list;
  };

  // `details`: what -d adds; nullptr: there is no -d.
  Listing(Command& verb, const char* details, Sources sources = Sources::kMetaOrStore)
      : verb_(verb.name()), sources_(sources) {
    if (details != nullptr) verb.AddFlag("-d,--detailed", &detailed_, details);
    output_.AddShortFlagTo(verb);
    const bool only_meta = sources == Sources::kMetaOnly;
    meta_.AddTo(verb,
                only_meta ? MetaArguments::Need::kAlways : MetaArguments::Need::kInsteadOfStore);
    if (!only_meta) store_.AddTo(verb, StoreArguments::Need::kInsteadOfMeta);
    output_.AddTo(verb);
  }
  // CLI11 knows where its members are.
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;

  const std::string& verb() const { return verb_; }
  const StoreArguments& store() const { return store_; }
  // --meta, and not a root.
  bool by_meta() const { return meta_.given(); }
  bool detailed() const { return detailed_; }
  // The file to print to; "" for stdout.
  const std::string& out_file() const { return output_.file(); }

  // Prints what one of the two makes of it. Failures of meta servers are in the words of Pegasus's
  // shell.
  ExitCode Run(const ListByMeta& by_meta, const ListOfRoot& of_root) const {
    const absl::Status source =
        sources_ == Sources::kMetaOnly ? meta_.CheckGiven() : meta_.CheckInsteadOf(store_);
    if (!source.ok()) return Fail(verb_, source);
    CommandLoop loop;
    return loop.Run(
        verb_, "nothing was changed; run the same command again",
        [&](ProgressPrinter* progress) { return List(by_meta, of_root, &loop.clock(), progress); },
        ProgressPrinter::StyleOfStderr(output_.json()));
  }

 private:
  asio::awaitable<absl::StatusOr<ExitCode>> List(const ListByMeta& by_meta,
                                                 const ListOfRoot& of_root, Clock* clock,
                                                 ProgressPrinter* progress) const {
    absl::StatusOr<ShellTables> listing = absl::InternalError("not listed");
    if (meta_.given()) {
      listing = co_await Ask(by_meta, clock);
    } else {
      listing = co_await Read(of_root, clock, progress);
    }
    if (!ShellTextOf(listing.status()).empty()) {
      co_return PrintShellFailure(verb_, listing.status(), output_.json());
    }
    METAREC_CO_RETURN_IF_ERROR(listing.status());
    METAREC_CO_RETURN_IF_ERROR(
        output_.Print(output_.json() ? listing->ToJson() : listing->ToText()));
    if (!listing->note().empty()) std::cerr << "note: " << listing->note() << std::endl;
    co_return ExitCode::kDone;
  }

  asio::awaitable<absl::StatusOr<ShellTables>> Ask(const ListByMeta& list, Clock* clock) const {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaClient> client,
                                meta_.Open(executor, clock));
    co_return co_await list(client.get());
  }

  asio::awaitable<absl::StatusOr<ShellTables>> Read(const ListOfRoot& list, Clock* clock,
                                                    ProgressPrinter* progress) const {
    METAREC_CO_ASSIGN_OR_RETURN(
        const std::vector<TableView> tables,
        co_await ReadTables(store_, list.wants_partitions, clock, progress));
    progress->Clear();
    co_return list.list(tables);
  }

  const std::string verb_;
  const Sources sources_;
  MetaArguments meta_;
  StoreArguments store_{StoreArguments::Access::kRead};
  OutputArguments output_;
  bool detailed_ = false;
};

struct LsArguments {
  bool all = false;
  std::string status;
};

ExitCode Ls(const Listing& listing, const LsArguments& arguments) {
  ListTablesOptions options;
  options.detailed = listing.detailed();
  if (arguments.all || arguments.status == "all") {
    options.status.clear();
  } else if (!arguments.status.empty()) {
    options.status = absl::AsciiStrToUpper(arguments.status);
  }
  return listing.Run(
      [&](MetaClient* client) { return ListTablesByMeta(client, options); },
      {.wants_partitions = [&](const AppZnode&) { return options.detailed; },
       .list = [&](const std::vector<TableView>& tables) { return ListTables(tables, options); }});
}

// `status`: only nodes of this; "" for all.
ExitCode Nodes(const Listing& listing, const std::string& status) {
  if (!status.empty() && !listing.by_meta()) {
    return Fail(listing.verb(),
                absl::InvalidArgumentError("--status needs --meta: a ZooKeeper root does not say "
                                           "which nodes are alive"));
  }
  ListNodesOptions options;
  options.detailed = listing.detailed();
  options.status = status;
  options.out_file = listing.out_file();
  return listing.Run(
      [&](MetaClient* client) { return ListNodesByMeta(client, options); },
      {.wants_partitions = nullptr, .list = [&](const std::vector<TableView>& tables) {
         return ListNodes(NodesNamedBy(tables), tables, options);
       }});
}

absl::StatusOr<ShellTables> ShowTableOfRoot(const Listing& listing, const std::string& name,
                                            const std::vector<TableView>& tables,
                                            const ShowTableOptions& options) {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const TableView& table) {
    return table.app_name == name && table.status == TableStatus::kAvailable;
  });
  if (found != tables.end()) return ShowTable(*found, options);
  return absl::NotFoundError(absl::StrCat("query app ", name,
                                          " failed, error=ERR_OBJECT_NOT_FOUND: no available "
                                          "table of this name in ",
                                          listing.store().root(), " (metarec ls -a lists all)"));
}

ExitCode ShowApp(const Listing& listing, const std::string& name) {
  ShowTableOptions options;
  options.detailed = listing.detailed();
  options.out_file = listing.out_file();
  return listing.Run([&](MetaClient* client) { return ShowTableByMeta(client, name, options); },
                     {.wants_partitions =
                          [&](const AppZnode& app) {
                            return app.app_name == name && app.status == TableStatus::kAvailable;
                          },
                      .list =
                          [&](const std::vector<TableView>& tables) {
                            return ShowTableOfRoot(listing, name, tables, options);
                          }});
}

}  // namespace

RunVerb MakeLsVerb(Command& verb) {
  verb.Paragraph(
      "What Pegasus's shell prints for ls, as the meta servers (or metarecd) tell it or straight "
      "from a ZooKeeper root.");
  verb.Example("metarec ls -d --meta meta1:34601,meta2:34601");
  verb.Example("metarec ls --zk zk1:2181 --root /pegasus/recovered");
  verb.Example("metarec ls -a -d --zk zk1:2181 --root /pegasus/recovered");
  const auto arguments = std::make_shared<LsArguments>();
  verb.AddFlag("-a,--all", &arguments->all, "dropped tables too");
  verb.Add("-s,--status", &arguments->status, "only tables of this status")
      .TypeName("all|available|dropped")
      .OneOf({"all", "available", "creating", "dropping", "dropped"});
  const auto listing = std::make_shared<Listing>(verb, "with the health of their partitions");
  return [=] { return Ls(*listing, *arguments); };
}

RunVerb MakeNodesVerb(Command& verb) {
  verb.Paragraph(
      "What Pegasus's shell prints for nodes, as the meta servers (or metarecd) tell it or "
      "straight "
      "from a ZooKeeper root: every node that a partition names. Whether it is alive, only a meta "
      "server knows.");
  verb.Example("metarec nodes -d -o nodes.list --meta meta1:34601,meta2:34601");
  verb.Example("grep ' ALIVE' nodes.list | awk '{print $1}' > recover_node_list");
  verb.Example("metarec nodes -d --zk zk1:2181 --root /pegasus/recovered");
  const auto status = std::make_shared<std::string>();
  verb.Add("-s,--status", status.get(), "only nodes of this status (with --meta)")
      .TypeName("all|alive|unalive")
      .OneOf({"all", "alive", "unalive"});
  const auto listing = std::make_shared<Listing>(verb, "with the numbers of their replicas");
  return [=] { return Nodes(*listing, *status); };
}

RunVerb MakeAppVerb(Command& verb) {
  verb.Paragraph(
      "What Pegasus's shell prints for app, as the meta servers (or metarecd) tell it or straight "
      "from a ZooKeeper root.");
  verb.Example("metarec app temp -d --meta meta1:34601,meta2:34601");
  verb.Example("metarec app temp -d --zk zk1:2181 --root /pegasus/recovered");
  const auto name = std::make_shared<std::string>();
  verb.Add("name", name.get(), "the table").Required();
  const auto listing = std::make_shared<Listing>(verb, "with every partition");
  return [=] { return ShowApp(*listing, *name); };
}

RunVerb MakeClusterInfoVerb(Command& verb) {
  verb.Paragraph(
      "What Pegasus's shell prints for cluster_info, as the meta servers (or metarecd) tell it.");
  verb.Example("metarec cluster_info --meta meta1:34601,meta2:34601");
  const auto listing = std::make_shared<Listing>(verb, nullptr, Listing::Sources::kMetaOnly);
  return [=] { return listing->Run(ShowClusterByMeta, Listing::ListOfRoot()); };
}

}  // namespace metarec::tools
