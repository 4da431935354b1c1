#include "tools/cli/old_tree_arguments.h"

#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>

#include "base/runtime/blocking_call.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "meta_recovery/old_tree/old_tree_ensembles.h"
#include "meta_recovery/old_tree/old_tree_reader.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/side_arguments.h"
#include "tools/cli/store_arguments.h"
#include "zk_store/client/store_error.h"
#include "zk_store/tree/data_directory/data_directory.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::tools {
namespace {

constexpr char kOldTreesGroup[] = "OLD TREES";
constexpr absl::string_view kCarriedDuplications = "duplications";
constexpr char kDynamicConfig[] = "/zookeeper/config";

using OldDirectory = absl::StatusOr<DataDirectoryTree>;

asio::awaitable<absl::StatusOr<std::vector<ReadOldTree>>> ReadOldSide(TreeSource* tree,
                                                                      OldTreeKind kind,
                                                                      std::string source,
                                                                      int32_t voters) {
  OldTreeReaderOptions options;
  options.kind = kind;
  options.source = std::move(source);
  METAREC_CO_ASSIGN_OR_RETURN(std::vector<OldTree> read,
                              co_await ReadOldTrees(tree, std::move(options)));
  std::vector<ReadOldTree> trees;
  for (OldTree& old : read) trees.push_back({.tree = std::move(old), .voters = voters});
  co_return trees;
}

asio::awaitable<absl::StatusOr<std::vector<ReadOldTree>>> ReadOldLive(SidePlace place,
                                                                      OldTreeAccess access,
                                                                      Clock* clock) {
  ZooKeeperOptions options;
  options.hosts = ZooKeeperAddresses{.hosts = place.hosts, .chroot = ""}.HostsText();
  options.connect_timeout = access.timeout;
  options.accept_read_only = true;
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<MetaStore> store,
                              co_await OpenZooKeeper(std::move(options), access.auth_file, clock));
  LiveTreeOptions live;
  live.source = place.ToText();
  live.read_acls = false;
  LiveTree tree(store.get(), clock, place.path, std::move(live));
  co_return co_await ReadOldSide(&tree, OldTreeKind::kLive, place.ToText(), 0);
}

// What the files say of who votes; 0 if they do not.
asio::awaitable<absl::StatusOr<int32_t>> ReadVoters(const DataDirectoryTree& directory) {
  const std::unique_ptr<TreeSource> config = directory.Open(kDynamicConfig);
  METAREC_CO_ASSIGN_OR_RETURN(const std::vector<TreeNode> nodes, co_await config->Next());
  co_return nodes.empty() ? 0 : VotersOf(nodes.front().data);
}

asio::awaitable<absl::StatusOr<std::vector<ReadOldTree>>> ReadOldDirectory(SidePlace place,
                                                                           Clock* clock) {
  const auto read = std::make_shared<OldDirectory>(absl::UnknownError("not read"));
  const std::function<void()> call = [read, path = place.file] {
    *read = DataDirectory::Read(path);
  };
  METAREC_CO_RETURN_IF_ERROR(co_await AwaitBlockingCall(clock, absl::InfiniteFuture(), call));
  METAREC_CO_RETURN_IF_ERROR(read->status());
  METAREC_CO_ASSIGN_OR_RETURN(const int32_t voters, co_await ReadVoters(**read));
  const std::unique_ptr<TreeSource> tree = (*read)->Open("/");
  co_return co_await ReadOldSide(tree.get(), OldTreeKind::kDataDirectory, place.ToText(), voters);
}

asio::awaitable<absl::StatusOr<std::vector<ReadOldTree>>> ReadOldFile(SidePlace place) {
  TreeFileOptions options;
  options.interrupt_descriptor = InterruptSignals::descriptor();
  METAREC_CO_ASSIGN_OR_RETURN(const std::unique_ptr<TreeFileReader> tree,
                              TreeFileReader::Open(place.file, options));
  co_return co_await ReadOldSide(tree.get(), OldTreeKind::kFile, place.ToText(), 0);
}

asio::awaitable<absl::StatusOr<std::vector<ReadOldTree>>> ReadOldAny(SidePlace place,
                                                                     OldTreeAccess access,
                                                                     Clock* clock) {
  if (!place.is_file()) co_return co_await ReadOldLive(std::move(place), std::move(access), clock);
  std::error_code error;  // what is wrong with it is said by whoever opens it
  const bool is_directory =
      std::filesystem::is_directory(place.file, error) || DataDirectory::LooksLikeOne(place.file);
  if (is_directory) co_return co_await ReadOldDirectory(std::move(place), clock);
  co_return co_await ReadOldFile(std::move(place));
}

}  // namespace

absl::Status CheckOldTrees(absl::Span<const std::string> sides) {
  for (const std::string& side : sides) {
    const absl::Status status = ParseSide(side).status();
    if (status.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat("--old_tree: ", status.message()));
  }
  return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<std::vector<OldTree>>> ReadOldTreesOf(std::vector<std::string> sides,
                                                                     OldTreeAccess access,
                                                                     Clock* clock) {
  std::vector<ReadOldTree> all;
  for (const std::string& side : sides) {
    METAREC_CO_ASSIGN_OR_RETURN(SidePlace place, ParseSide(side));
    absl::StatusOr<std::vector<ReadOldTree>> trees =
        co_await ReadOldAny(std::move(place), access, clock);
    if (!trees.ok()) {
      co_return Annotate(trees.status(),
                         absl::StrCat(" (while reading --old_tree ", Printable(side), ")"));
    }
    std::move(trees->begin(), trees->end(), std::back_inserter(all));
  }
  co_return MergeEnsembles(std::move(all));
}

absl::Status AddCarried(absl::Span<const std::string> names, PlanOptions* options) {
  for (const std::string& name : names) {
    if (name != kCarriedDuplications) {
      return absl::InvalidArgumentError(
          absl::StrCat("--carry ", Printable(name),
                       ": all but duplications is carried over in any "
                       "case; write --carry duplications"));
    }
    options->carry_duplications = true;
  }
  return absl::OkStatus();
}

void OldTreeArguments::AddTo(Command& verb) {
  verb.Add(
          "--old_tree", &sides_,
          "an old copy of ZooKeeper's tree, which adds what replica servers do not know (envs, "
          "drops, names, backup policies): a SIDE, as of metarec zk: a tree file, a data directory "
          "of a ZooKeeper server that does not run any more (give those of all servers of its "
          "ensemble), or HOST:PORT,.../PATH of a root that is still served")
      .TypeName("SIDE")
      .Repeatable()
      .MayBeFile()
      .Group(kOldTreesGroup);
  verb.Add("--carry", &carry_,
           "what else to take over from an old tree: duplications. One that is only half known "
           "sends old data")
      .TypeName("duplications")
      .Repeatable()
      .Group("DECISIONS");
  verb.Add("--old_tree_auth_file", &auth_file_, kAuthFileHelp)
      .TypeName("FILE")
      .Group(kOldTreesGroup);
  verb.Add("--old_tree_timeout", &timeout_seconds_, kZkTimeoutHelp)
      .TypeName("SECONDS")
      .ShowDefault()
      .Group(kOldTreesGroup);
}

absl::Status OldTreeArguments::Check() const {
  METAREC_RETURN_IF_ERROR(CheckOldTrees(sides_));
  METAREC_RETURN_IF_ERROR(ZkTimeout("--old_tree_timeout", timeout_seconds_).status());
  PlanOptions ignored;
  METAREC_RETURN_IF_ERROR(AddCarried(carry_, &ignored));
  if (!carry_.empty() && sides_.empty()) {
    return absl::InvalidArgumentError(
        "--carry takes over from an old tree: name it with --old_tree");
  }
  return absl::OkStatus();
}

}  // namespace metarec::tools
