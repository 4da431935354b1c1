#include "meta_recovery/old_tree/old_tree_reader.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "base/text/wording.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/election/lock_directory.h"
#include "zk_store/topology/znode_json.h"
#include "zk_store/topology/znode_layout.h"
#include "zk_store/tree/tree_merge.h"

namespace metarec {
namespace {

// "/a" of "/a/b"; "" of "/a".
absl::string_view ParentOf(absl::string_view path) {
  return path.substr(0, std::min(path.rfind('/'), path.size()));
}

absl::string_view LastNameOf(absl::string_view path) {
  return path.substr(std::min(path.rfind('/') + 1, path.size()));
}

bool IsOurs(absl::string_view name) { return name == kJournalName; }

// The ballot of a partition's znode as every stock meta server writes it: "pid" and "ballot" come
// first. nullopt for anything else, which may still be one.
std::optional<int64_t> BallotAtBegin(absl::string_view json, int32_t app_id, int32_t index) {
  if (!absl::ConsumePrefix(&json,
                           absl::StrCat("{\"pid\":\"", app_id, ".", index, "\",\"ballot\":"))) {
    return std::nullopt;
  }
  const size_t end = json.find(',');
  int64_t ballot = 0;
  if (end == absl::string_view::npos || json.back() != '}' ||
      !absl::SimpleAtoi(json.substr(0, end), &ballot)) {
    return std::nullopt;
  }
  return ballot;
}

class Reader {
 public:
  Reader(TreeSource* source, OldTreeReaderOptions options)
      : cursor_(source), options_(std::move(options)) {}

  asio::awaitable<absl::StatusOr<std::vector<OldTree>>> Run() {
    for (;;) {
      METAREC_CO_ASSIGN_OR_RETURN(const TreeNode* const next, co_await cursor_.Peek());
      if (next == nullptr) break;
      METAREC_CO_RETURN_IF_ERROR(Add(cursor_.Take()));
    }
    EndRoot();
    if (trees_.empty()) {
      co_return absl::NotFoundError(absl::StrCat(
          options_.source, " holds no cluster's metadata: no znode of it has a child ", kAppsName,
          " that says ", kAppsUnlocked, " and has tables",
          locked_.empty() ? ""
                          : absl::StrCat("; ", Printable(locked_), " says ", kAppsLocked,
                                         ", so what is below it was never finished")));
    }
    const TreeHead& head = cursor_.head();
    for (OldTree& tree : trees_) {
      tree.zxid = head.zxid;
      tree.time_ms = head.time_ms;
      if (options_.kind != OldTreeKind::kLive) tree.known_until_ms = head.time_ms;
    }
    co_return std::move(trees_);
  }

 private:
  absl::Status Add(TreeNode node) {
    const std::string path = JoinPaths(cursor_.head().root, node.path);
    if (node.kind() == NodeKind::kEphemeral || IsSystemPath("/", path)) return absl::OkStatus();
    const bool is_apps = LastNameOf(path) == kAppsName;
    if (is_apps && MayBeginRoot(path, node)) {
      BeginRoot(path, node);
      return absl::OkStatus();
    }
    if (tree_.has_value() && !IsWithin(path, RootPath())) EndRoot();
    if (!tree_.has_value()) {
      KeepAhead(path, std::move(node.data));
      return absl::OkStatus();
    }
    tree_->known_until_ms = std::max(tree_->known_until_ms, node.stat.mtime_ms);
    if (IsWithin(path, apps_)) return AddBelowApps(path, std::move(node));
    AddBeside(path, std::move(node.data));
    return CheckBound();
  }

  // As paths are compared: "" for "/".
  absl::string_view RootPath() const {
    return tree_->root == "/" ? absl::string_view() : absl::string_view(tree_->root);
  }

  bool MayBeginRoot(absl::string_view path, const TreeNode& node) {
    if (tree_.has_value() && IsWithin(path, apps_)) return false;
    if (node.data == kAppsLocked) {
      locked_ = std::string(path);
      return false;
    }
    // Nothing says that it is one, as of an `apps` of something else, until it has a table. That of
    // a root that was begun is no other's.
    return node.data == kAppsUnlocked || (node.data.empty() && !tree_.has_value());
  }

  void BeginRoot(const std::string& path, const TreeNode& node) {
    EndRoot();
    tree_.emplace();
    tree_->source = options_.source;
    tree_->kind = options_.kind;
    tree_->root = std::string(ParentOf(path));
    if (tree_->root.empty()) tree_->root = "/";
    tree_->apps_czxid = node.stat.czxid;
    tree_->apps_ctime_ms = node.stat.ctime_ms;
    tree_->known_until_ms = node.stat.mtime_ms;
    apps_ = path;
    for (OldZnode& early : ahead_) {
      if (early.path != RootPath() && IsWithin(early.path, RootPath())) {
        AddBeside(early.path, std::move(early.data));
      }
    }
    if (!dropped_.empty() && IsWithin(dropped_, RootPath())) {
      AddProblem(dropped_, "it and others before it were not kept: they are too large");
    }
    ahead_.clear();
    ahead_bytes_ = 0;
  }

  void EndRoot() {
    if (!tree_.has_value()) return;
    std::sort(tree_->tables.begin(), tree_->tables.end(), [](const OldTable& a, const OldTable& b) {
      return a.description.app_id < b.description.app_id;
    });
    if (!tree_->tables.empty()) trees_.push_back(*std::move(tree_));
    tree_.reset();
  }

  void KeepAhead(const std::string& path, std::string data) {
    ahead_bytes_ += path.size() + data.size();
    ahead_.push_back({.path = path, .data = std::move(data)});
    while (ahead_bytes_ > options_.ahead_bytes_max) {
      dropped_ = ahead_.front().path;
      ahead_bytes_ -= ahead_.front().path.size() + ahead_.front().data.size();
      ahead_.pop_front();
    }
  }

  void AddBeside(absl::string_view path, std::string data) {
    std::string relative(path.substr(RootPath().size()));
    if (IsOurs(NameBeside(relative))) return;
    if (IsWithin(path, lock_directory_) && !lock_directory_.empty()) return;
    if (LastNameOf(path) == LastNameOf(LockDirectoryPath(""))) {
      lock_directory_ = std::string(path);
      // So are those that only lead to it.
      absl::string_view parent = ParentOf(relative);
      while (!parent.empty() && !tree_->beside.empty() && tree_->beside.back().path == parent) {
        parent = ParentOf(parent);
        tree_->beside.pop_back();
      }
      return;
    }
    carried_bytes_ += relative.size() + data.size();
    tree_->beside.push_back({.path = std::move(relative), .data = std::move(data)});
  }

  absl::Status AddBelowApps(const std::string& path, TreeNode node) {
    absl::string_view rest = absl::string_view(path).substr(apps_.size() + 1);
    const size_t slash = std::min(rest.find('/'), rest.size());
    const int32_t app_id = ParseChildName(rest.substr(0, slash));
    if (slash == rest.size()) {
      AddTable(path, app_id, node);
      return absl::OkStatus();
    }
    // Of a table that could not be read, nothing else counts.
    if (tree_->tables.empty() || tree_->tables.back().description.app_id != app_id) {
      return absl::OkStatus();
    }
    OldTable& table = tree_->tables.back();
    rest.remove_prefix(slash + 1);
    if (rest.substr(0, rest.find('/')) == kDuplicationName) {
      carried_bytes_ += path.size() + node.data.size();
      table.duplications.push_back(
          {.path = path.substr(RootPath().size()), .data = std::move(node.data)});
      return CheckBound();
    }
    const int32_t index = ParseChildName(rest);
    if (index < 0) {
      AddProblem(path, "it is neither a partition nor a duplication");
    } else {
      AddPartition(path, index, node.data, &table);
    }
    return absl::OkStatus();
  }

  void AddTable(const std::string& path, int32_t app_id, const TreeNode& node) {
    absl::StatusOr<AppZnode> app = DecodeApp(path, node.data);
    if (!app.ok()) return AddProblem("", app.status().message());
    if (app_id < 1 || app->app_id != app_id) return AddProblem(path, "it is of another table");
    const int64_t partitions = int64_t{partitions_} + app->partition_count;
    if (app->partition_count < 1 || partitions > kPartitionsMax) {
      return AddProblem(path, "its partition_count makes no sense");
    }
    partitions_ = partitions;
    OldTable& table = tree_->tables.emplace_back();
    table.description = *std::move(app);
    table.changed_zxid = node.stat.mzxid;
    table.changed_ms = node.stat.mtime_ms;
    table.ballots.assign(static_cast<size_t>(table.description.partition_count), -1);
  }

  void AddPartition(const std::string& path, int32_t index, const std::string& data,
                    OldTable* table) {
    if (index >= table->description.partition_count) {
      return AddProblem(path, "its table has fewer partitions");
    }
    const int32_t app_id = table->description.app_id;
    std::optional<int64_t> ballot = BallotAtBegin(data, app_id, index);
    if (!ballot.has_value()) {
      const absl::StatusOr<PartitionZnode> partition = DecodePartition(path, data);
      if (!partition.ok()) return AddProblem("", partition.status().message());
      if (partition->app_id != app_id || partition->index != index) {
        return AddProblem(path, "it is of another partition");
      }
      ballot = partition->ballot;
    }
    table->ballots[static_cast<size_t>(index)] = *ballot;
  }

  void AddProblem(absl::string_view path, absl::string_view what) {
    ++tree_->problems_count;
    if (tree_->problems.size() >= options_.problems_max) return;
    tree_->problems.push_back(
        Printable(Shortened(absl::StrCat(path, path.empty() ? "" : ": ", what), 300)));
  }

  absl::Status CheckBound() const {
    if (carried_bytes_ <= options_.carried_bytes_max) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(
        options_.source, ": what stands beside ", Printable(apps_), " and the duplications have ",
        "more than ", options_.carried_bytes_max, " bytes; give a tree file without them"));
  }

  TreeCursor cursor_;
  const OldTreeReaderOptions options_;
  std::vector<OldTree> trees_;
  std::optional<OldTree> tree_;  // the one that is being read
  std::string apps_;             // its `/apps`, absolute
  std::string lock_directory_;   // the last one
  std::string locked_;           // an `/apps` that says `lock`
  int64_t partitions_ = 0;
  size_t carried_bytes_ = 0;
  std::deque<OldZnode> ahead_;  // absolute paths
  size_t ahead_bytes_ = 0;
  std::string dropped_;  // the last one that was ahead and not kept
};

}  // namespace

absl::string_view OldTreeKindName(OldTreeKind kind) {
  switch (kind) {
    case OldTreeKind::kFile:
      return "file";
    case OldTreeKind::kLive:
      return "live";
    case OldTreeKind::kDataDirectory:
      return "data_directory";
  }
  return "unknown";
}

absl::string_view NameBeside(absl::string_view path) {
  absl::ConsumePrefix(&path, "/");
  return path.substr(0, path.find('/'));
}

asio::awaitable<absl::StatusOr<std::vector<OldTree>>> ReadOldTrees(TreeSource* source,
                                                                   OldTreeReaderOptions options) {
  Reader reader(source, std::move(options));
  co_return co_await reader.Run();
}

}  // namespace metarec
