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
#include "zk_store/client/error_mark.h"
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

// A tree file or a data directory as other sides are read: that of "/" without ZooKeeper's own
// znodes. Knows how many znodes there are, if `znodes` is not 0.
class OfflineTree final : public TreeSource {
 public:
  // Counts in `*left_out`, which must outlive it.
  OfflineTree(std::unique_ptr<TreeSource> tree, int64_t znodes, int64_t* left_out)
      : tree_(std::move(tree)), znodes_(znodes), left_out_(left_out) {
    *left_out_ = 0;
  }

  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override {
    std::vector<TreeNode> others;
    while (others.empty()) {
      absl::StatusOr<std::vector<TreeNode>> nodes = co_await tree_->Next();
      head_ = tree_->head();
      if (znodes_ > 0) head_.znodes = znodes_;
      if (!nodes.ok()) co_return nodes.status();
      if (nodes->empty()) break;
      for (TreeNode& node : *nodes) {
        if (IsSystemPath(head_.root, node.path)) {
          ++*left_out_;
        } else {
          others.push_back(std::move(node));
        }
      }
    }
    co_return others;
  }
  const TreeHead& head() const override { return head_; }

 private:
  const std::unique_ptr<TreeSource> tree_;
  const int64_t znodes_;
  int64_t* const left_out_;
  TreeHead head_;
};

std::string ZooKeeperLeftOut(absl::string_view name, int64_t znodes) {
  return absl::StrCat("note: ", name, ": /zookeeper was left out, it is ZooKeeper's own",
                      znodes > 0 ? absl::StrCat(" (", Counted(znodes, "znode"), ")") : "", "\n");
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

TreeFileOptions ReadingTreeFiles() {
  TreeFileOptions options;
  options.interrupt_descriptor = InterruptSignals::descriptor();
  return options;
}

absl::StatusOr<std::unique_ptr<TreeSource>> OpenPart(const OpenedFile& file) {
  METAREC_ASSIGN_OR_RETURN(std::unique_ptr<TreeSource> tree,
                           TreeFileReader::Open(file.path, ReadingTreeFiles()));
  if (!file.below.empty()) tree = std::make_unique<Subtree>(std::move(tree), file.below);
  return tree;
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

// Nobody may take the beginning of a tree's history for the whole.
absl::Status CheckComplete(const DataDirectoryReport& report, const OfflineArguments& arguments) {
  if (report.is_complete) return absl::OkStatus();
  const std::string zxid = ZxidText(report.last_zxid);
  return MarkedError(
      ErrorMark::kRefused,
      absl::StrCat(Printable(report.path), ": the files give the tree only as of zxid ", zxid,
                   ", and they show that the server had a later one: ", WhyIncomplete(report),
                   " metarec zk tree shows what is there. To take that tree, add ",
                   arguments.at_option(), " ", zxid, " or ",
                   arguments.accept_inconsistent_option()));
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
  if (!options.earlier_will_do && !side.data_directory().accept_inconsistent) {
    METAREC_CO_RETURN_IF_ERROR(CheckComplete(data.report(), side.offline()));
  }
  const std::string root = side.path().empty() ? "/" : side.path();
  // Two sides may be one folder at two times.
  std::string name = absl::StrCat(place.ToText(), " at ", Printable(root), " as of zxid ",
                                  ZxidText(data.report().last_zxid));
  co_return std::make_unique<OpenedSide>(std::move(name), std::move(data), root);
}

}  // namespace

OpenedSide::OpenedSide(std::string name, OpenedFile file, std::unique_ptr<TreeSource> tree)
    : name_(std::move(name)), file_(std::move(file)) {
  tree_ = std::make_unique<OfflineTree>(std::move(tree), file_->znodes, &left_out_);
}

OpenedSide::OpenedSide(std::string name, std::unique_ptr<MetaStore> store,
                       std::unique_ptr<LiveTree> live)
    : name_(std::move(name)), store_(std::move(store)), tree_(std::move(live)) {
  live_ = static_cast<const LiveTree*>(tree_.get());
}

OpenedSide::OpenedSide(std::string name, DataDirectoryTree data, const std::string& root)
    : name_(std::move(name)), data_(std::move(data)), data_root_(root) {
  tree_ = std::make_unique<OfflineTree>(data_->Open(data_root_), 0, &left_out_);
}

OpenedSide::~OpenedSide() = default;

absl::Status OpenedSide::CheckUnchanged() const {
  if (data_.has_value()) return data_->CheckUnchanged();
  const std::vector<FileStamp> before = {file_->stamp};
  const std::vector<FileStamp> now = {StampOf(file_->path)};
  return CheckStamps(before, now);
}

absl::Status OpenedSide::Reopen() {
  METAREC_RETURN_IF_ERROR(CheckUnchanged());
  if (data_.has_value()) {
    tree_ = std::make_unique<OfflineTree>(data_->Open(data_root_), 0, &left_out_);
    return absl::OkStatus();
  }
  METAREC_ASSIGN_OR_RETURN(std::unique_ptr<TreeSource> tree, OpenPart(*file_));
  tree_ = std::make_unique<OfflineTree>(std::move(tree), file_->znodes, &left_out_);
  return absl::OkStatus();
}

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
  return left_out_ > 0 ? ZooKeeperLeftOut(name_, left_out_) : "";
}

std::string LeftOutOf(const LiveTree& tree, absl::string_view name) {
  std::string notes = tree.left_zookeeper_out() ? ZooKeeperLeftOut(name, 0) : "";
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
  OpenedFile file;
  file.path = place.file;
  file.below = below;
  if (options.whole_first) METAREC_RETURN_IF_ERROR(CheckIsNoPipe(place));
  file.stamp = StampOf(place.file);
  if (options.whole_first) {
    METAREC_ASSIGN_OR_RETURN(const TreeSummary summary,
                             CheckTreeFile(place.file, ReadingTreeFiles()));
    if (below.empty()) file.znodes = summary.znodes;
  }
  METAREC_ASSIGN_OR_RETURN(std::unique_ptr<TreeSource> tree, OpenPart(file));
  std::string name = place.ToText();
  if (!below.empty()) absl::StrAppend(&name, " at ", Printable(below));
  return std::make_unique<OpenedSide>(std::move(name), std::move(file), std::move(tree));
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
