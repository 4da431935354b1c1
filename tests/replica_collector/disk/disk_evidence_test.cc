#include "replica_collector/disk/disk_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace metarec {
namespace {

using ::testing::ElementsAre;

constexpr Ipv4Endpoint kAddress = {.ip = 0x0a000004, .port = 34801};

NodeEvidence OnDisk() {
  ReplicasOnDisk found;
  found.replicas = {{.app_id = 1, .ballot = 3, .last_committed_decree = 7}};
  found.folders.set_aside = {"/d/1.1.pegasus.17.err"};
  return NodeOnDisk({kAddress, "rs4:34801", NodeNameSource::kReverseLookup}, "rs4:34801",
                    std::move(found));
}

NodeEvidence Asked(const std::string& error) {
  NodeEvidence node;
  node.listed_as = {"10.0.0.4:34801"};
  node.address = kAddress;
  node.name = "rs4:34801";
  node.error = error;
  return node;
}

TEST(DiskEvidence, OfANewServerIsOneMoreNode) {
  Evidence evidence;
  const absl::StatusOr<bool> counts = AddNodeOnDisk(OnDisk(), &evidence);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_TRUE(*counts);
  ASSERT_EQ(evidence.nodes.size(), 1);
  EXPECT_TRUE(evidence.nodes[0].complete());
  EXPECT_EQ(evidence.nodes[0].name, "rs4:34801");
  EXPECT_EQ(evidence.nodes[0].attempts, 0);
  ASSERT_TRUE(evidence.nodes[0].disk.has_value());
  EXPECT_THAT(evidence.nodes[0].disk->set_aside, ElementsAre("/d/1.1.pegasus.17.err"));
  EXPECT_TRUE(CheckIdentity(evidence.nodes[0]).ok());
}

TEST(DiskEvidence, TakesThePlaceOfAServerThatDidNotAnswer) {
  Evidence evidence;
  evidence.nodes = {Asked("ERR_TIMEOUT")};
  const absl::StatusOr<bool> counts = AddNodeOnDisk(OnDisk(), &evidence);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_TRUE(*counts);
  ASSERT_EQ(evidence.nodes.size(), 1);
  EXPECT_TRUE(evidence.nodes[0].disk.has_value());
  EXPECT_THAT(evidence.nodes[0].listed_as, ElementsAre("rs4:34801", "10.0.0.4:34801"));
}

TEST(DiskEvidence, OfAServerThatAnsweredDoesNotCount) {
  Evidence evidence;
  evidence.nodes = {Asked("ERR_OK")};
  const absl::StatusOr<bool> counts = AddNodeOnDisk(OnDisk(), &evidence);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_FALSE(*counts);
  EXPECT_EQ(evidence.nodes, std::vector<NodeEvidence>{Asked("ERR_OK")});
}

TEST(DiskEvidence, OfOneServerTwiceIsRefused) {
  Evidence evidence;
  ASSERT_TRUE(AddNodeOnDisk(OnDisk(), &evidence).ok());
  EXPECT_EQ(AddNodeOnDisk(OnDisk(), &evidence).status().code(), absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace metarec
