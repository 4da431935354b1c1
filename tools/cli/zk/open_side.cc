#include "tools/cli/zk/open_side.h"

#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include "base/runtime/blocking_call.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/output_arguments.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/subtree.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::tools {
namespace {

asio::awaitable<absl::StatusOr<std::unique_ptr<OpenedSide>>> OpenLive(const SideArguments& side,
                                                                      OpenSideOptions options,
                                                                      Clock* clock) {
  METAREC_CO_ASSIGN_OR_RETURN(std::unique_ptr<MetaStore> store, co_await side.Open(clock));
  const SidePlace place = side.place();
  const std::string root = JoinPaths(place.path, side.path());
  LiveTreeOptions live;
  live.source = ZooKeeperAddresses{.hosts = place.hosts, .chroot = ""}.HostsText();
  live.read_acls = options.acls;
  live.depth_max = options.depth_max;
  std::string name = absl::StrCat(live.source, root);
  auto tree = std::make_unique<LiveTree>(store.get(), clock, root, std::move(live));
  co_return std::make_unique<OpenedSide>(std::move(name), std::move(store), std::move(tree));
}

// The tree of "/" without ZooKeeper's own znodes, as a running one is read.
class WithoutSystemNodes final : public TreeSource {
 public:
  // `*found` is set once there is one.
  WithoutSystemNodes(std::unique_ptr<TreeSource> tree, bool* found)
      : tree_(std::move(tree)), found_(found) {}

  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override {
    std::vector<TreeNode> others;
    while (others.empty()) {
      METAREC_CO_ASSIGN_OR_RETURN(std::vector<TreeNode> nodes, co_await tree_->Next());
      if (nodes.empty()) break;
      for (TreeNode& node : nodes) {
        if (!IsWithin(node.path, "/zookeeper")) {
          others.push_back(std::move(node));
        } else {
          *found_ = true;
        }
      }
    }
    co_return others;
  }
  const TreeHead& head() const override { return tree_->head(); }

 private:
  const std::unique_ptr<TreeSource> tree_;
  bool* const found_;
};

std::string ZooKeeperLeftOut(absl::string_view name) {
  return absl::StrCat("note: ", name, ": /zookeeper was left out, it is ZooKeeper's own\n");
}

// A tree file that is read more than once.
absl::Status CheckIsNoPipe(const SidePlace& place) {
  std::error_code ignored;  // what is wrong with it is said by whoever opens it
  const std::filesystem::file_status status = std::filesystem::status(place.file, ignored);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status) ||
      std::filesystem::is_directory(status)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(place.ToText(),
                   " is no regular file: it is read more than once, which a pipe or a device does "
                   "not allow; save it as a file first"));
}

using ReadDirectory = absl::StatusOr<DataDirectoryTree>;

// Meanwhile the command can be interrupted.
asio::awaitable<ReadDirectory> ReadWithoutBlocking(std::string path, DataDirectoryOptions options,
                                                   Clock* clock) {
  const auto read = std::make_shared<ReadDirectory>(absl::UnknownError("not read"));
  const std::function<void()> call = [read, path = std::move(path), options = std::move(options)] {
    *read = DataDirectory::Read(path, options);
  };
  METAREC_CO_RETURN_IF_ERROR(co_await AwaitBlockingCall(clock, absl::InfiniteFuture(), call));
  co_return std::move(*read);
}

// What a file or a folder of this machine holds.
asio::awaitable<absl::StatusOr<std::unique_ptr<OpenedSide>>> OpenOffline(const SideArguments& side,
                                                                         OpenSideOptions options,
                                                                         Clock* clock) {
  const SidePlace place = side.place();
  std::error_code error;  // what is wrong with it is said by whoever opens it
  const bool is_folder = std::filesystem::is_directory(place.file, error);
  if (!is_folder && !DataDirectory::LooksLikeOne(place.file)) {
    co_return OpenTreeFile(place, side.path(), options);
  }
  METAREC_CO_ASSIGN_OR_RETURN(
      DataDirectoryTree data,
      co_await ReadWithoutBlocking(place.file, side.data_directory(), clock));
  const std::string root = side.path().empty() ? "/" : side.path();
  // Two sides may be one folder at two times.
  std::string name = absl::StrCat(place.ToText(), " at ", Printable(root), " as of zxid ",
                                  ZxidText(data.report().last_zxid));
  co_return std::make_unique<OpenedSide>(std::move(name), std::move(data), root);
}

}  // namespace

OpenedSide::OpenedSide(std::string name, std::unique_ptr<TreeSource> tree)
    : name_(std::move(name)), tree_(std::move(tree)) {}

OpenedSide::OpenedSide(std::string name, std::unique_ptr<MetaStore> store,
                       std::unique_ptr<LiveTree> live)
    : name_(std::move(name)), store_(std::move(store)), tree_(std::move(live)) {
  live_ = static_cast<const LiveTree*>(tree_.get());
}

OpenedSide::OpenedSide(std::string name, DataDirectoryTree data, const std::string& root)
    : name_(std::move(name)), data_(std::move(data)), tree_(data_->Open(root)) {
  if (root != "/") return;
  tree_ = std::make_unique<WithoutSystemNodes>(std::move(tree_), &left_zookeeper_out_);
}

OpenedSide::~OpenedSide() = default;

std::string OpenedSide::Report() const {
  return data_.has_value() ? DataDirectoryReportText(data_->report()) : "";
}

std::string OpenedSide::DataDirectoryJson() const {
  if (!data_.has_value()) return "null";
  const DataDirectoryReport& report = data_->report();
  return JsonObject()
      .Set("snapshot", report.snapshot)
      .Set("zxid", ZxidText(report.last_zxid))
      .Set("complete", report.is_complete)
      .Set("proof", DataProofName(report.proof))
      .ToText();
}

std::string OpenedSide::LeftOut() const {
  if (live_ != nullptr) return LeftOutOf(*live_, name_);
  return left_zookeeper_out_ ? ZooKeeperLeftOut(name_) : "";
}

std::string LeftOutOf(const LiveTree& tree, absl::string_view name) {
  std::string notes = tree.left_zookeeper_out() ? ZooKeeperLeftOut(name) : "";
  if (tree.vanished() > 0) {
    absl::StrAppend(&notes, "note: ", name, ": ", Counted(tree.vanished(), "znode"),
                    " vanished while the tree was read\n");
  }
  return notes;
}

absl::Status OpenedSide::NothingThere() const {
  return absl::NotFoundError(absl::StrCat("there is no znode at ", name_, "; check the path"));
}

absl::StatusOr<std::unique_ptr<OpenedSide>> OpenTreeFile(const SidePlace& place,
                                                         const std::string& below,
                                                         OpenSideOptions options) {
  TreeFileOptions file;
  file.interrupt_descriptor = InterruptSignals::descriptor();
  if (options.whole_first) {
    METAREC_RETURN_IF_ERROR(CheckIsNoPipe(place));
    METAREC_RETURN_IF_ERROR(CheckTreeFile(place.file, file).status());
  }
  METAREC_ASSIGN_OR_RETURN(std::unique_ptr<TreeSource> tree,
                           TreeFileReader::Open(place.file, file));
  std::string name = place.ToText();
  if (!below.empty()) {
    tree = std::make_unique<Subtree>(std::move(tree), below);
    absl::StrAppend(&name, " at ", Printable(below));
  }
  return std::make_unique<OpenedSide>(std::move(name), std::move(tree));
}

asio::awaitable<absl::Status> ReadToEnd(const OpenedSide& side, ProgressListener* progress,
                                        std::function<void(TreeNode)> on_node) {
  Progress shown;
  shown.phase = Phase::kRead;
  for (;;) {
    METAREC_CO_ASSIGN_OR_RETURN(std::vector<TreeNode> nodes, co_await side.tree()->Next());
    if (nodes.empty()) break;
    shown.done += static_cast<int64_t>(nodes.size());
    progress->OnProgress(shown);
    for (TreeNode& node : nodes) on_node(std::move(node));
  }
  co_return shown.done == 0 ? side.NothingThere() : absl::OkStatus();
}

void PrintNotes(const OpenedSide& side) { std::cerr << side.Notes() << std::flush; }

asio::awaitable<absl::StatusOr<std::unique_ptr<OpenedSide>>> OpenSide(const SideArguments& side,
                                                                      OpenSideOptions options,
                                                                      Clock* clock) {
  const SidePlace place = side.place();
  if (place.is_file()) co_return co_await OpenOffline(side, options, clock);
  co_return co_await OpenLive(side, options, clock);
}

}  // namespace metarec::tools
