#include "zk_store/topology/znode_layout.h"

#include <absl/strings/ascii.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "zk_store/client/root_path.h"

namespace metarec {
namespace {

using ::testing::HasSubstr;

TEST(ZnodeLayoutTest, PathsAreThoseOfPegasus) {
  const ClusterPaths paths("/pegasus/c");
  EXPECT_EQ(paths.apps(), "/pegasus/c/apps");
  EXPECT_EQ(paths.App(12), "/pegasus/c/apps/12");
  EXPECT_EQ(paths.Partition(12, 7), "/pegasus/c/apps/12/7");
  EXPECT_EQ(paths.journal(), "/pegasus/c/metarec_journal");
}

TEST(ZnodeLayoutTest, ARootMustBeAPathOfItsOwn) {
  EXPECT_TRUE(ValidateRootPath("/a").ok());
  EXPECT_TRUE(ValidateRootPath("/pegasus/my cluster/\xc3\xa9").ok());
  const std::pair<std::string, std::string> kBad[] = {
      {"", "is empty"},
      {"pegasus", "is not absolute"},
      {"/", "everything in this ZooKeeper lives under it"},
      {"/pegasus/", "ends in a slash"},
      {"/pegasus//c", "an empty component"},
      {"/pegasus/../c", "a dotted component"},
      {"/./c", "a dotted component"},
      {"/pegasus\n/c", "a control character"},
      {std::string("/peg\0asus", 9), "a control character"},
      {"/zookeeper/quota", "belongs to ZooKeeper itself"},
      {"/a\x7f", "a control character"},
      {"/a\xc2\x85", "a control character"},
      {"/a\xff", "\"/a\\xff\" is not UTF-8"},
      {"a\xc3", "\"a\\xc3\" is not UTF-8"},
      {"/a\xc0\xaf", "is not UTF-8"},
      {"/a\xc2\xad", "\"/a\\xc2\\xad\" has an invisible character"},
      {"a\xe2\x80\xae", "an invisible character"},
      {"/a\xed\xa0\x80", "is not UTF-8"},
      {"/a\xee\x80\x80", "\"/a\\xee\\x80\\x80\" has the character U+E000, which ZooKeeper does"},
      {"/a\xef\xa3\xbf", "the character U+F8FF"},
      {"/a\xef\xbf\xb0", "the character U+FFF0"},
      {"/a\xef\xbf\xbf", "the character U+FFFF"},
      {"/a\xf0\x9f\x98\x80", "the character U+1F600"}};
  for (const auto& [root, why] : kBad) {
    const absl::Status status = ValidateRootPath(root);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << root;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    for (const char c : status.message()) EXPECT_TRUE(absl::ascii_isprint(c)) << status;
  }
}

TEST(ZnodeLayoutTest, TablesComeBeforePartitionsInTheirOrder) {
  const Topology topology = SampleTopology();
  TopologyZnodes znodes(topology, ClusterPaths("/r"));
  std::vector<std::string> order;
  for (size_t i = 0; i < znodes.size(); ++i) order.push_back(znodes.Path(i).substr(8));
  EXPECT_EQ(order, (std::vector<std::string>{"1", "2", "3", "1/0", "1/1", "1/2", "2/0", "3/0",
                                             "3/1", "3/2", "3/3"}));
  EXPECT_EQ(znodes.TableOf(6).app_id, 2);
  EXPECT_THAT(znodes.Data(1), HasSubstr("app_status::AS_DROPPED"));
  EXPECT_THAT(znodes.Data(8), HasSubstr(R"("pid":"3.1","ballot":4)"));
}

TEST(ZnodeLayoutTest, TheSizeIsThatOfPathsAndData) {
  const Topology topology = SampleTopology();
  const TopologySize size = MeasureTopology(topology, ClusterPaths("/r"));
  int64_t bytes = 0;
  for (const auto& [path, data] : AppsTree(topology, "/r")) {
    bytes += static_cast<int64_t>(path.size() + data.size());
  }
  EXPECT_EQ(size.znodes, 11);
  EXPECT_EQ(size.bytes, bytes);
}

TEST(ZnodeLayoutTest, ATopologyThatMakesNoSenseIsAnError) {
  EXPECT_TRUE(CheckTopology(SampleTopology()).ok());
  EXPECT_TRUE(CheckTopology(Topology()).ok());
  const std::pair<void (*)(Topology*), std::string> kBreakages[] = {
      {[](Topology* t) { t->tables[1].app_id = 1; }, "ids must ascend"},
      {[](Topology* t) { t->tables[0].app_id = 0; }, "ids must ascend from 1"},
      {[](Topology* t) { t->tables[0].partition_count = 0; }, "has no partition"},
      {[](Topology* t) { t->tables[0].partition_count = 2; }, "partition 2 of only 2"},
      {[](Topology* t) { t->tables[1].partitions_begin = 2; }, "out of order"},
      {[](Topology* t) { t->tables[2].partitions_count = 5; }, "partitions are missing"},
      {[](Topology* t) { t->tables[2].partitions_count = UINT32_MAX; }, "partitions are missing"},
      {[](Topology* t) { t->tables.pop_back(); }, "belong to no table"},
      {[](Topology* t) { t->partitions[1].index = 0; }, "indices must ascend"},
      {[](Topology* t) { t->partitions[0].index = -1; }, "indices must ascend"},
      {[](Topology* t) { t->partitions[0].primary = 3; }, "unknown primary"},
      {[](Topology* t) { t->last_drops[0] = kNoNode; }, "unknown last drop"},
      {[](Topology* t) { t->partitions[6].last_drops_count = 5; }, "out of range"},
      {[](Topology* t) { t->partitions[0].last_drops_begin = UINT32_MAX; }, "out of range"}};
  for (const auto& [breakage, why] : kBreakages) {
    Topology topology = SampleTopology();
    breakage(&topology);
    const absl::Status status = CheckTopology(topology);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }
}

TEST(ParseChildNameTest, OnlyNumbersAsPegasusWritesThem) {
  EXPECT_EQ(ParseChildName("0"), 0);
  EXPECT_EQ(ParseChildName("2147483647"), 2147483647);
  for (const char* other : {"", "01", "+1", "-1", " 1", "2147483648", "duplication"}) {
    EXPECT_EQ(ParseChildName(other), -1) << other;
  }
}

TEST(TopologyZnodesTest, NoZnodeIsLongerThanIsToldInAdvance) {
  Topology topology = SampleTopology();
  topology.nodes[1].name = std::string(40, '\x01') + ":34801";  // six bytes each in JSON
  for (TopologyPartition& partition : topology.partitions) {
    partition.ballot = partition.last_committed_decree = INT64_MIN;
    partition.partition_flags = INT32_MIN;
  }
  topology.tables[0].max_replica_count = INT32_MIN;
  TopologyZnodes znodes(topology, ClusterPaths("/r"));
  for (size_t i = znodes.table_count(); i < znodes.size(); ++i) {
    EXPECT_LE(znodes.Path(i).size(), znodes.PathBytesMax());
    EXPECT_LE(znodes.Data(i).size(), znodes.PartitionBytesMax(i)) << znodes.Data(i);
    EXPECT_LT(znodes.PartitionBytesMax(i), 2000);
  }
}

}  // namespace
}  // namespace metarec
