// What tests of moves with the real programs have in common.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/migration/zookeeper/move_world_for_test.h"

namespace metarec {

class ZooKeeperMoveTest : public ::testing::Test {
 protected:
  void SetUp() override { MakeCluster({}); }

  void MakeCluster(MovingClusterOptions options) {
    auto cluster = MovingCluster::Make(std::move(options));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    before_ = cluster_->OldTree();
    said_ = WhatTheClusterSays();
  }

  // Tables, and the members and ballots of each partition.
  std::string WhatTheClusterSays() {
    std::string said = cluster_->Ask({"ls", "-d"}).out;
    for (const char* table : {"table_1", "table_2", "table_3"}) {
      said += cluster_->Ask({"app", table, "-d"}).out;
    }
    return said;
  }

  // The old tree has not been touched, transaction ids included.
  void ExpectOldTreeUntouched() {
    EXPECT_TRUE(cluster_->OldTree() == before_) << "the old tree was changed";
  }
  void ExpectServes(const std::string& hosts) {
    const tools::Ended info = cluster_->Ask({"cluster_info"});
    EXPECT_EQ(info.exit_code, 0) << info.err;
    EXPECT_THAT(info.out, ::testing::HasSubstr(absl::StrCat(": ", hosts)));
    EXPECT_THAT(info.out, ::testing::HasSubstr(": steady"));
    EXPECT_EQ(WhatTheClusterSays(), said_);
    EXPECT_THAT(cluster_->ConfiguredHosts(), ::testing::Each(hosts));
  }

  std::unique_ptr<MovingCluster> cluster_;
  tools::ZnodeRecords before_;
  std::string said_;
};

// The journal has the times of a run.
inline std::map<std::string, std::string> WithoutJournal(const tools::ZnodeRecords& records) {
  auto contents = MovingCluster::Contents(records);
  contents.erase("/metarec_journal");
  return contents;
}

}  // namespace metarec
