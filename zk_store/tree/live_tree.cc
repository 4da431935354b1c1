// How the walk stays in path order, fast, and within its bounds.
//
// Two maps, both in path order, hold all that the walk knows and has not given yet: `listings_`,
// the children of znodes that were listed, of which nobody has begun to read the rest; and
// `nodes_`, the znodes that are being read or are read. The first path of both is what comes next.
//
// Always the first path of `listings_` is begun next. So the walk reads ahead along the order in
// which it gives, at whatever depth: as soon as a znode's children are known, they come before
// everything behind it. What was begun behind it meanwhile waits in `nodes_`, and counts towards
// what may be read ahead. Once that is used up, only what comes next is begun, which frees
// something again: the walk gets slower there, and neither stops nor grows.
//
// A lane reads one znode after the other, with one request at a time: data, then the ACL, then, if
// there are any, the children. ZooKeeper answers a session in order, so each answer is at least as
// new as the ones before, and the NodeStat of the first is the oldest of all.

#include "zk_store/tree/live_tree.h"

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>
#include <asio/this_coro.hpp>

#include "base/runtime/cancellation.h"
#include "base/runtime/event.h"
#include "base/runtime/status_macros.h"
#include "base/text/printable.h"
#include "zk_store/client/store_reader.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/acl_text.h"

namespace metarec {
namespace {

// How many znodes are read at once in the beginning: one more after each, since nobody knows yet
// how long they are.
constexpr size_t kFirstWindow = 16;
constexpr size_t kAssumedNodeBytes = 1 << 10;

// A znode that is deleted and made again while it is read is read again, that often.
constexpr int kTriesMax = 10;

bool IsGone(const absl::Status& status) { return StoreErrorOf(status) == StoreError::kNoNode; }

}  // namespace

class LiveTree::Walk {
 public:
  Walk(MetaStore* store, Clock* clock, std::string root, LiveTreeOptions options)
      : root_(std::move(root)),
        options_(std::move(options)),
        clock_(clock),
        store_(store),
        budget_(clock, options_.retry) {
    head_.source = options_.source;
    head_.root = root_;
    head_.has_acls = options_.read_acls;
    head_.has_kinds = false;
  }

  static asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next(std::shared_ptr<Walk> walk);
  void Close();

  const TreeHead& head() const { return head_; }
  int64_t vanished() const { return vanished_; }
  bool left_zookeeper_out() const { return left_zookeeper_out_; }

 private:
  struct Node {
    bool is_read = false;
    TreeNode node;
    std::vector<std::string> children;  // until they are in a listing
    size_t bytes = 0;                   // of all that this is
  };
  using Nodes = std::map<std::string, Node, PathOrder>;  // by path
  struct Listing {
    std::string parent;
    std::vector<std::string> names;  // sorted
    size_t next = 0;                 // the first of these that nobody has begun to read
  };

  asio::awaitable<absl::Status> Begin(std::shared_ptr<Walk> self);
  void Pump(const std::shared_ptr<Walk>& self);
  void StartLane(const std::shared_ptr<Walk>& self, Nodes::iterator place);
  static asio::awaitable<void> RunLane(std::shared_ptr<Walk> walk, Nodes::iterator place);
  asio::awaitable<absl::StatusOr<bool>> Read(const std::string& path, Node* node);
  asio::awaitable<absl::StatusOr<bool>> ReadOnce(const std::string& path, Node* node,
                                                 bool* is_another);
  void OnRead(Nodes::iterator place, const absl::StatusOr<bool>& read);
  void LeaveSystemNodeOut(const std::string& path, std::vector<std::string>* names);

  // What is begun next, if anything may be; nullopt if not.
  std::optional<Nodes::iterator> TakeNext();
  bool MayBegin() const;
  bool FrontIsRead() const;
  bool AtEnd() const { return nodes_.empty() && listings_.empty(); }
  std::vector<TreeNode> TakeRead();

  std::string AbsolutePath(const std::string& path) const { return JoinPaths(root_, path); }

  const std::string root_;
  const LiveTreeOptions options_;
  Clock* const clock_;
  MetaStore* const store_;
  RetryBudget budget_;
  TreeHead head_;

  bool began_ = false;
  bool closed_ = false;
  absl::Status status_;
  Nodes nodes_;
  std::map<std::string, Listing, PathOrder> listings_;  // by the path of the next child
  size_t in_flight_ = 0;
  size_t window_ = kFirstWindow;
  size_t ahead_bytes_ = 0;                     // of those of nodes_ that are read
  size_t bytes_per_node_ = kAssumedNodeBytes;  // of late
  asio::any_io_executor executor_;
  std::list<CancellableTask> lanes_;
  std::shared_ptr<Event> wake_;  // while Next waits
  int64_t vanished_ = 0;
  bool left_zookeeper_out_ = false;
};

asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> LiveTree::Walk::Next(
    std::shared_ptr<Walk> walk) {
  if (!walk->began_) walk->status_.Update(co_await walk->Begin(walk));
  for (;;) {
    if (!walk->status_.ok()) co_return walk->status_;
    std::vector<TreeNode> nodes = walk->TakeRead();
    if (!nodes.empty()) {
      walk->Pump(walk);
      co_return nodes;
    }
    if (walk->AtEnd()) co_return nodes;
    walk->wake_ = std::make_shared<Event>(walk->executor_);
    const std::shared_ptr<Event> wake = walk->wake_;
    const absl::Status waited = co_await wake->Wait();
    walk->wake_ = nullptr;
    if (waited.ok()) continue;
    walk->status_.Update(absl::CancelledError("reading was cancelled"));
    walk->Close();
  }
}

asio::awaitable<absl::Status> LiveTree::Walk::Begin(std::shared_ptr<Walk> self) {
  began_ = true;
  executor_ = co_await asio::this_coro::executor;
  head_.time_ms = absl::ToUnixMillis(clock_->Now());
  // The server behind the connection may be behind what others have been told already.
  StoreReader reader(store_, &budget_);
  METAREC_CO_RETURN_IF_ERROR(co_await reader.Sync(root_));
  ++in_flight_;
  StartLane(self, nodes_.try_emplace("").first);
  co_return absl::OkStatus();
}

void LiveTree::Walk::Close() {
  closed_ = true;
  // A lane that ends at once takes itself out of the list.
  for (auto lane = lanes_.begin(); lane != lanes_.end();) (lane++)->Cancel();
}

void LiveTree::Walk::Pump(const std::shared_ptr<Walk>& self) {
  while (const std::optional<Nodes::iterator> place = TakeNext()) StartLane(self, *place);
}

void LiveTree::Walk::StartLane(const std::shared_ptr<Walk>& self, Nodes::iterator place) {
  const auto lane = lanes_.emplace(lanes_.end());
  lane->Start(executor_, RunLane(self, place), [self, lane] { self->lanes_.erase(lane); });
}

asio::awaitable<void> LiveTree::Walk::RunLane(std::shared_ptr<Walk> walk, Nodes::iterator place) {
  for (;;) {
    const absl::StatusOr<bool> read = co_await walk->Read(place->first, &place->second);
    walk->OnRead(place, read);
    const std::optional<Nodes::iterator> next = walk->TakeNext();
    if (!next.has_value()) co_return;
    place = *next;
    // There may be room for more than one that follows.
    walk->Pump(walk);
  }
}

bool LiveTree::Walk::MayBegin() const {
  if (closed_ || !status_.ok() || listings_.empty() || in_flight_ >= window_) return false;
  const bool comes_next =
      nodes_.empty() || ComparePaths(listings_.begin()->first, nodes_.begin()->first) < 0;
  if (comes_next) return true;
  return nodes_.size() < options_.ahead_max &&
         ahead_bytes_ + in_flight_ * bytes_per_node_ < options_.ahead_bytes_max;
}

std::optional<LiveTree::Walk::Nodes::iterator> LiveTree::Walk::TakeNext() {
  if (!MayBegin()) return std::nullopt;
  auto listing = listings_.extract(listings_.begin());
  const auto place = nodes_.try_emplace(std::move(listing.key())).first;
  Listing& rest = listing.mapped();
  if (++rest.next < rest.names.size()) {
    listing.key() = absl::StrCat(rest.parent, "/", rest.names[rest.next]);
    listings_.insert(std::move(listing));
  }
  ++in_flight_;
  return place;
}

// False if there is no such node.
asio::awaitable<absl::StatusOr<bool>> LiveTree::Walk::Read(const std::string& path, Node* node) {
  for (int tries = 0; tries < kTriesMax; ++tries) {
    bool is_another = false;
    absl::StatusOr<bool> read = co_await ReadOnce(path, node, &is_another);
    if (!is_another) co_return read;
  }
  co_return absl::AbortedError(absl::StrCat(Printable(AbsolutePath(path)),
                                            " is deleted and created again all the time; read it "
                                            "when it is still"));
}

// `*is_another`: it was deleted and created again meanwhile, so that the answers do not belong
// together.
asio::awaitable<absl::StatusOr<bool>> LiveTree::Walk::ReadOnce(const std::string& path, Node* node,
                                                               bool* is_another) {
  const std::string absolute = AbsolutePath(path);
  absl::StatusOr<NodeData> data =
      co_await Retry(&budget_, [this, &absolute] { return store_->Get(absolute); });
  if (IsGone(data.status())) co_return false;
  if (!data.ok()) co_return data.status();
  node->node.path = path;
  node->node.data = std::move(data->data);
  node->node.null_data = data->null_data;
  node->node.stat = data->stat;
  node->bytes = sizeof(Node) + path.size() + node->node.data.size();
  if (closed_) co_return false;
  if (options_.read_acls) {
    absl::StatusOr<NodeAcl> acl =
        co_await Retry(&budget_, [this, &absolute] { return store_->GetAcl(absolute); });
    if (IsGone(acl.status())) co_return false;
    if (!acl.ok()) co_return acl.status();
    *is_another = acl->stat.czxid != data->stat.czxid;
    if (*is_another) co_return false;
    if (HidesPassword(acl->acl)) {
      co_return absl::PermissionDeniedError(absl::StrCat(
          "ZooKeeper hides the ACL of ", Printable(absolute),
          " (its passwords are shown as x) from who may not change it: present credentials with "
          "the permission to administer it, or read the tree without ACLs"));
    }
    node->node.acl = std::move(acl->acl);
    if (closed_) co_return false;
  }
  node->children.clear();
  const auto depth = static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
  if (data->stat.num_children == 0 || depth >= options_.depth_max) co_return true;
  absl::StatusOr<NodeChildren> children =
      co_await Retry(&budget_, [this, &absolute] { return store_->Children(absolute); });
  if (IsGone(children.status())) co_return false;
  if (!children.ok()) co_return children.status();
  *is_another = children->stat.czxid != data->stat.czxid;
  if (*is_another) co_return false;
  LeaveSystemNodeOut(absolute, &children->names);
  std::sort(children->names.begin(), children->names.end());
  node->children = std::move(children->names);
  for (const std::string& name : node->children) node->bytes += sizeof(std::string) + name.size();
  co_return true;
}

void LiveTree::Walk::LeaveSystemNodeOut(const std::string& path, std::vector<std::string>* names) {
  if (options_.include_zookeeper || path != "/") return;
  const auto system = std::find(names->begin(), names->end(), kSystemPath.substr(1));
  if (system == names->end()) return;
  names->erase(system);
  left_zookeeper_out_ = true;
}

void LiveTree::Walk::OnRead(Nodes::iterator place, const absl::StatusOr<bool>& read) {
  --in_flight_;
  if (closed_) return;
  window_ = std::min(window_ + 1, std::max<size_t>(options_.in_flight_max, 1));
  if (!read.ok()) {
    status_.Update(read.status());
  } else if (!*read) {
    if (!place->first.empty()) ++vanished_;
    nodes_.erase(place);
  } else {
    Node& node = place->second;
    node.is_read = true;
    ahead_bytes_ += node.bytes;
    bytes_per_node_ = (7 * bytes_per_node_ + node.bytes) / 8;
    if (place->first.empty()) {
      const NodeStat& stat = node.node.stat;
      head_.zxid = std::max({stat.czxid, stat.mzxid, stat.pzxid});
    }
    if (!node.children.empty()) {
      Listing listing{place->first, std::move(node.children), 0};
      std::string first = absl::StrCat(listing.parent, "/", listing.names.front());
      listings_.emplace(std::move(first), std::move(listing));
    }
  }
  if (wake_ != nullptr && (!status_.ok() || FrontIsRead() || AtEnd())) wake_->Set();
}

bool LiveTree::Walk::FrontIsRead() const {
  if (nodes_.empty() || !nodes_.begin()->second.is_read) return false;
  return listings_.empty() || ComparePaths(nodes_.begin()->first, listings_.begin()->first) < 0;
}

std::vector<TreeNode> LiveTree::Walk::TakeRead() {
  std::vector<TreeNode> taken;
  size_t bytes = 0;
  while (taken.size() < kTreeBatchNodes && bytes < kTreeBatchBytes && FrontIsRead()) {
    Node& node = nodes_.begin()->second;
    bytes += node.node.data.size();
    ahead_bytes_ -= node.bytes;
    taken.push_back(std::move(node.node));
    nodes_.erase(nodes_.begin());
  }
  return taken;
}

LiveTree::LiveTree(MetaStore* store, Clock* clock, std::string root, LiveTreeOptions options)
    : walk_(std::make_shared<Walk>(store, clock, std::move(root), std::move(options))) {}

LiveTree::~LiveTree() { walk_->Close(); }

asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> LiveTree::Next() {
  return Walk::Next(walk_);
}

const TreeHead& LiveTree::head() const { return walk_->head(); }
int64_t LiveTree::vanished() const { return walk_->vanished(); }
bool LiveTree::left_zookeeper_out() const { return walk_->left_zookeeper_out(); }

}  // namespace metarec
