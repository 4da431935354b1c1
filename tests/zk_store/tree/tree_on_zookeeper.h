// What tests of trees in real ZooKeepers have in common.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/scratch_folder.h"
#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/tree/live_tree.h"
#include "zk_store/tree/tree_diff.h"
#include "zk_store/tree/tree_file.h"

namespace metarec {

class TreeOnZooKeeper : public ::testing::Test {
 protected:
  // `user`: "ann:secret"; empty for no credentials.
  std::unique_ptr<ZooKeeperMetaStore> ConnectTo(const std::string& hosts, const std::string& user) {
    ZooKeeperOptions options;
    options.hosts = hosts;
    if (!user.empty()) options.auth = StoreAuth{"digest", user};
    auto store = RunAlone(&io_, ZooKeeperMetaStore::Connect(options, &clock_));
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  void Put(MetaStore* store, CreateOp op) {
    const std::string path = op.path;
    const auto created = RunAlone(&io_, store->Create(std::move(op)));
    EXPECT_TRUE(created.ok()) << path << ": " << created.status();
  }
  void Put(MetaStore* store, const std::string& path, const std::string& data = "") {
    Put(store, CreateOp{.path = path, .data = data});
  }

  // The tree of `root`, written into the scratch folder.
  absl::StatusOr<TreeSummary> Export(MetaStore* store, const std::string& root,
                                     const std::string& file) {
    LiveTree tree(store, &clock_, root);
    return RunAlone(&io_, WriteTreeFile(&tree, folder_.Path(file), TreeFileOptions()));
  }

  // Each difference is a failure of the test.
  absl::StatusOr<TreeDiffResult> ExpectNoDifference(TreeSource* a, TreeSource* b,
                                                    const TreeDiffOptions& options = {}) {
    const std::function<void(TreeDifference)> on_difference = [](const TreeDifference& difference) {
      ADD_FAILURE() << difference.nodes.path();
    };
    return RunAlone(&io_, DiffTrees(a, b, options, on_difference));
  }

  asio::io_context io_;
  SystemClock clock_;
  testing::ScratchFolder folder_;
};

}  // namespace metarec
