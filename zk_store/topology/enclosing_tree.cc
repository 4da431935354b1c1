#include "zk_store/topology/enclosing_tree.h"

#include <utility>
#include <vector>

#include <absl/algorithm/container.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "base/runtime/status_macros.h"
#include "zk_store/client/store_error.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/election/lock_directory.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

using Found = absl::StatusOr<std::optional<EnclosingTree>>;

class Looking {
 public:
  Looking(StoreReader* reader, std::string path, std::string own_lock_root)
      : reader_(reader), path_(std::move(path)), own_lock_root_(std::move(own_lock_root)) {}

  asio::awaitable<Found> Run();

 private:
  asio::awaitable<absl::Status> LookAt(std::string ancestor);
  asio::awaitable<absl::Status> LookAtJournal(std::string ancestor);
  asio::awaitable<absl::Status> LookAtApps(std::string ancestor);
  asio::awaitable<absl::Status> LookAtLockRoot(std::string ancestor, std::string lock_root);

  // One thing that is found says whose the tree is. After that only what the path lies in tells
  // more: whether its owner alone writes there.
  bool MayTellMore(absl::string_view tree) const {
    if (!found_.has_value()) return true;
    return !found_->is_inside && IsWithin(path_, tree);
  }
  absl::Status Note(const std::string& path, absl::string_view what) {
    found_ = {path, absl::StrCat(path, " ", what), IsWithin(path_, path)};
    return absl::OkStatus();
  }

  StoreReader* const reader_;
  const std::string path_;
  const std::string own_lock_root_;
  std::optional<EnclosingTree> found_;
};

// "/" is the ancestor "".
std::string RootName(absl::string_view ancestor) {
  return ancestor.empty() ? "/" : std::string(ancestor);
}

asio::awaitable<Found> Looking::Run() {
  std::string ancestor;
  const std::vector<std::string> components = absl::StrSplit(path_.substr(1), '/');
  for (const std::string& component : components) {
    METAREC_CO_RETURN_IF_ERROR(co_await LookAt(ancestor));
    absl::StrAppend(&ancestor, "/", component);
  }
  co_return std::move(found_);
}

asio::awaitable<absl::Status> Looking::LookAt(std::string ancestor) {
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtJournal(ancestor));
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtApps(ancestor));
  METAREC_CO_RETURN_IF_ERROR(co_await LookAtLockRoot(ancestor, ancestor));
  co_return co_await LookAtLockRoot(ancestor, ancestor + "/lock");
}

asio::awaitable<absl::Status> Looking::LookAtJournal(std::string ancestor) {
  const std::string journal = ClusterPaths(ancestor).journal();
  if (!MayTellMore(journal)) co_return absl::OkStatus();
  METAREC_CO_ASSIGN_OR_RETURN(const auto found, co_await reader_->Exists(journal));
  if (!found.has_value() && !IsWithin(path_, journal)) co_return absl::OkStatus();
  co_return Note(journal, absl::StrCat("is the journal of a recovery, so ", RootName(ancestor),
                                       " is a cluster's root"));
}

// There are other uses of the name: what makes it a cluster's is what it says, or numbers below it.
asio::awaitable<absl::Status> Looking::LookAtApps(std::string ancestor) {
  const std::string apps = ClusterPaths(ancestor).apps();
  if (!MayTellMore(apps)) co_return absl::OkStatus();
  const std::string what =
      absl::StrCat("lists the tables of a cluster whose root is ", RootName(ancestor));
  const absl::StatusOr<std::optional<NodeData>> node = co_await reader_->Get(apps);
  if (StoreErrorOf(node.status()) == StoreError::kNoAuth) {
    // In a tree that is a cluster's, it is known what it is.
    if (found_.has_value()) co_return Note(apps, what);
    co_return Annotate(node.status(),
                       absl::StrCat(". It may list the tables of a cluster, in whose "
                                    "tree ",
                                    path_, " would lie"));
  }
  METAREC_CO_RETURN_IF_ERROR(node.status());
  if (!node->has_value()) {
    if (!IsWithin(path_, apps)) co_return absl::OkStatus();
    co_return Note(apps, absl::StrCat("does not exist, and a meta server whose root is ",
                                      RootName(ancestor), " would take it for its list of tables"));
  }
  if ((*node)->data == kAppsLocked || (*node)->data == kAppsUnlocked) co_return Note(apps, what);
  METAREC_CO_ASSIGN_OR_RETURN(const std::optional<NodeChildren> children,
                              co_await reader_->Children(apps));
  const bool has_tables =
      children.has_value() && absl::c_any_of(children->names, [](const std::string& name) {
        return ParseChildName(name) >= 0;
      });
  co_return has_tables ? Note(apps, what) : absl::OkStatus();
}

asio::awaitable<absl::Status> Looking::LookAtLockRoot(std::string ancestor, std::string lock_root) {
  const std::string directory = LockDirectoryPath(lock_root);
  if (!MayTellMore(directory)) co_return absl::OkStatus();
  if (IsWithin(path_, directory)) {
    co_return Note(directory, "is where meta servers elect their leader");
  }
  if (lock_root == own_lock_root_) co_return absl::OkStatus();
  METAREC_CO_ASSIGN_OR_RETURN(const auto found, co_await reader_->Exists(directory));
  if (!found.has_value()) co_return absl::OkStatus();
  co_return Note(directory,
                 absl::StrCat("is where meta servers elect their leader, so ", RootName(ancestor),
                              " is some cluster's; if it is this one's own, name ",
                              RootName(lock_root), " as the lock root (--lock_root)"));
}

}  // namespace

asio::awaitable<absl::StatusOr<std::optional<EnclosingTree>>> FindEnclosingTree(
    StoreReader* reader, std::string path, std::string own_lock_root) {
  Looking looking(reader, std::move(path), std::move(own_lock_root));
  co_return co_await looking.Run();
}

absl::Status CheckLockRoot(absl::string_view root, absl::string_view lock_root) {
  const ClusterPaths paths(root);
  for (const std::string& ours : {paths.apps(), paths.journal()}) {
    if (!IsWithin(lock_root, ours)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the lock root ", lock_root, " lies in ", ours,
                     ", where nobody but a recovery may make znodes; give another one, such as ",
                     root, "/lock"));
  }
  return absl::OkStatus();
}

}  // namespace metarec
