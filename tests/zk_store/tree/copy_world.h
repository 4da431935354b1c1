// Two ZooKeepers in memory, a tree with something of everything, and copies between them.

#pragma once

#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/in_memory_meta_store.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/error_mark.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_copy.h"
#include "zk_store/tree/tree_diff.h"
#include "zk_store/tree/tree_removal.h"

namespace metarec {

inline constexpr char kFrom[] = "/source";
inline constexpr char kInto[] = "/way/target";

class KeptTree final : public TreeSource {
 public:
  explicit KeptTree(std::vector<TreeNode> nodes) : nodes_(std::move(nodes)) {
    head_.source = "folder";
    head_.root = kFrom;
  }
  asio::awaitable<absl::StatusOr<std::vector<TreeNode>>> Next() override {
    co_return std::exchange(nodes_, {});
  }
  const TreeHead& head() const override { return head_; }

 private:
  std::vector<TreeNode> nodes_;
  TreeHead head_;
};

class CopyWorld : public ::testing::Test {
 protected:
  using Server = std::shared_ptr<testing::InMemoryZooKeeper>;
  using Store = std::unique_ptr<testing::InMemoryMetaStore>;
  struct Session {
    testing::FaultInjector injector = nullptr;
    std::string user = "admin:secret";  // "": no credentials
    size_t server_request_bytes_max = SIZE_MAX;
  };

  CopyWorld() { StartTargetAfresh(); }

  void StartTargetAfresh() {
    into_ = std::make_shared<testing::InMemoryZooKeeper>(&clock_);
    into_->EnableExtendedTypes();
  }

  Store Open(const Server& server, Session session) {
    testing::InMemoryMetaStoreOptions options;
    options.injector = std::move(session.injector);
    options.server_request_bytes_max = session.server_request_bytes_max;
    if (!session.user.empty()) options.auth = StoreAuth{"digest", session.user};
    return std::make_unique<testing::InMemoryMetaStore>(server, std::move(options));
  }
  Store Open(const Server& server) { return Open(server, Session()); }

  // Fails the test if it is not done. This and the next ones may be called while a copy runs.
  void Put(MetaStore* store, CreateOp op) {
    const std::string path = op.path;
    asio::io_context io;
    const auto created = RunAlone(&io, store->Create(std::move(op)));
    EXPECT_TRUE(created.ok()) << path << ": " << created.status();
  }
  void Put(const Server& server, const std::string& path, const std::string& data = "") {
    const Store store = Open(server);
    Put(store.get(), CreateOp{path, data});
  }
  void Set(const Server& server, const std::string& path, const std::string& data) {
    const Store store = Open(server);
    asio::io_context io;
    const auto set = RunAlone(&io, store->Set(path, data));
    EXPECT_TRUE(set.ok()) << set.status();
  }
  void Delete(const Server& server, const std::string& path) {
    const Store store = Open(server);
    asio::io_context io;
    const absl::Status status = RunAlone(&io, store->Delete(path));
    EXPECT_TRUE(status.ok()) << status;
  }
  std::string DataAt(const Server& server, const std::string& path) {
    for (const auto& node : server->Dump()) {
      if (node.path == path) return node.data;
    }
    return "(absent)";
  }

  static Acl AdminOnly() {
    return {AclEntry{"digest", testing::DigestIdentity("admin:secret"), 31}};
  }
  // The copier may read and administer, and write nothing.
  static Acl Narrow() {
    return {AclEntry{"digest", testing::DigestIdentity("admin:secret"), 1 | 16},
            AclEntry{"digest", "carol:hash", 31}};
  }

  // Of every kind something; 16 znodes without the ephemeral one.
  void FillSource() {
    from_->EnableExtendedTypes();
    const Store store = Open(from_);
    owner_ = Open(from_);
    Put(store.get(), CreateOp{kFrom, "root"});
    for (const char* path : {"/a", "/a/1", "/a/2", "/a/2/x", "/a-b", "/with blank", "/\xc3\xa4"}) {
      Put(store.get(), CreateOp{absl::StrCat(kFrom, path), absl::StrCat("data of ", path)});
    }
    CreateOp null{absl::StrCat(kFrom, "/null"), ""};
    null.null_data = true;
    Put(store.get(), null);
    Put(store.get(), CreateOp{absl::StrCat(kFrom, "/box"), "b", CreateMode::kContainer});
    Put(store.get(), CreateOp{absl::StrCat(kFrom, "/box/in"), "i"});
    CreateOp ttl{absl::StrCat(kFrom, "/ttl"), "t", CreateMode::kTtl};
    ttl.ttl_ms = 60'000;
    Put(store.get(), ttl);
    CreateOp closed{absl::StrCat(kFrom, "/closed"), "c"};
    closed.acl = AdminOnly();
    Put(store.get(), closed);
    Put(store.get(), CreateOp{absl::StrCat(kFrom, "/narrow"), "n"});
    Put(store.get(), CreateOp{absl::StrCat(kFrom, "/narrow/in"), "i"});
    Put(store.get(), CreateOp{absl::StrCat(kFrom, "/narrow/in/in"), "i"});
    for (const char* path : {"/narrow/in", "/narrow"}) {
      const absl::Status set =
          RunAlone(&io_, store->SetAcl(absl::StrCat(kFrom, path), Narrow(), kAnyVersion));
      EXPECT_TRUE(set.ok()) << set;
    }
    Put(owner_.get(), CreateOp{absl::StrCat(kFrom, "/a/e"), "e", CreateMode::kEphemeral});
  }

  static TreeCopyOptions SmallSteps() {
    TreeCopyOptions options;
    options.writer.ops_max = 3;
    options.writer.in_flight_max = 3;
    return options;
  }

  static asio::awaitable<absl::StatusOr<std::unique_ptr<TreeSource>>> Give(
      std::unique_ptr<TreeSource> tree) {
    co_return tree;
  }

  // What a live source does not show, and a data directory does.
  CopyFrom OfflineSource() {
    const Store store = Open(from_);
    LiveTree live(store.get(), &clock_, kFrom);
    std::vector<TreeNode> nodes;
    for (;;) {
      auto batch = RunAlone(&io_, live.Next());
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok() || batch->empty()) break;
      std::move(batch->begin(), batch->end(), std::back_inserter(nodes));
    }
    std::map<std::string, int64_t> owners;
    for (const auto& dumped : from_->Dump(kFrom)) owners[dumped.path] = dumped.owner;
    for (TreeNode& node : nodes) {
      node.stat.ephemeral_owner = owners.at(absl::StrCat(kFrom, node.path));
    }
    CopyFrom from;
    from.name = "folder";
    from.open = [nodes](bool) { return Give(std::make_unique<KeptTree>(nodes)); };
    return from;
  }

  CopyFrom From(MetaStore* store, const std::string& root = kFrom) {
    CopyFrom from;
    from.store = store;
    from.root = root;
    from.name = absl::StrCat("source:1", root);
    from.open = [this, store, root](bool acls) {
      LiveTreeOptions options;
      options.source = "source:1";
      options.read_acls = acls;
      return Give(std::make_unique<LiveTree>(store, &clock_, root, options));
    };
    return from;
  }

  absl::StatusOr<TreeCopyResult> Copy(MetaStore* from, MetaStore* into,
                                      const TreeCopyOptions& options = SmallSteps(),
                                      const std::string& target = kInto) {
    steps_.clear();
    CopyEvents events;
    events.on_step = [this](const CopyStep& step) {
      steps_.push_back(absl::StrCat(CopyStepName(step.kind), " ", step.path));
    };
    events.on_ephemeral = [this](const std::string& path, int64_t session) {
      ephemerals_[path] = session;
    };
    const CopyInto place{into, target, absl::StrCat("target:1", target)};
    return RunAlone(&io_, CopyTree(From(from), place, options, events, &clock_));
  }
  absl::StatusOr<TreeCopyResult> Copy(const TreeCopyOptions& options = SmallSteps()) {
    const Store from = Open(from_);
    const Store into = Open(into_);
    return Copy(from.get(), into.get(), options);
  }

  // "" if the target is what the source is, ACLs and kinds included, and has no journal any more.
  std::string Differences(const std::string& target = kInto) {
    const Store from = Open(from_);
    const Store into = Open(into_);
    LiveTree a(from.get(), &clock_, kFrom);
    LiveTree b(into.get(), &clock_, target);
    std::string text;
    const std::function<void(TreeDifference)> on_difference = [&](TreeDifference difference) {
      absl::StrAppend(&text, difference.nodes.path(), difference.missing() ? " missing" : "",
                      difference.extra() ? " extra" : "", difference.data ? " data" : "",
                      difference.acl ? " acl" : "", difference.kind ? " kind" : "", "; ");
    };
    const auto result =
        RunAlone(&io_, DiffTrees(&a, &b, TreeDiffOptions(), on_difference, nullptr));
    return result.ok() ? text : result.status().ToString();
  }

  void ExpectRefused(const absl::StatusOr<TreeCopyResult>& result, const std::string& why) {
    EXPECT_TRUE(HasMark(result.status(), ErrorMark::kRefused)) << result.status();
    EXPECT_THAT(std::string(result.status().message()), ::testing::HasSubstr(why));
  }
  // Does `what` once all is copied, and before it is checked: when the store is read next.
  testing::FaultInjector OnceCopied(std::function<void()> what) {
    return [this, what = std::move(what), done = false](
               const testing::StoreCall& call) mutable -> std::optional<testing::StoreFault> {
      if (done || call.kind != "get" || DataAt(into_, In(kInto, "/\xc3\xa4")) == "(absent)") {
        return std::nullopt;
      }
      done = true;
      what();
      return std::nullopt;
    };
  }
  static std::string In(const char* root, const char* path) { return absl::StrCat(root, path); }

  asio::io_context io_;
  ImmediateClock clock_;
  Server from_ = std::make_shared<testing::InMemoryZooKeeper>(&clock_);
  Server into_;
  Store owner_;  // of the ephemeral znode
  std::vector<std::string> steps_;
  std::map<std::string, int64_t> ephemerals_;
};

}  // namespace metarec
