// Where znodes are, and what they say.

#include <algorithm>
#include <string>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/zk_store/client/store_world.h"
#include "tests/zk_store/topology/golden_tree.h"
#include "zk_store/topology/znode_json.h"
#include "zk_store/topology/znode_layout.h"

namespace metarec {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(ZnodeLayoutTest, WhatIsBelowARootIsPegasussOrOnTheWayToALockOrAStrangers) {
  const auto kind = [](const char* lock_root, const char* name) {
    return KindOfRootChild("/pegasus/demo", lock_root, name);
  };
  for (const char* name :
       {"apps", "backup", "bulk_load", "ranger_policy_meta_root", "metarec_journal"}) {
    EXPECT_EQ(kind("", name), RootChild::kMetadata) << name;
  }
  EXPECT_EQ(kind("", "lock"), RootChild::kLock);
  EXPECT_EQ(kind("", "dsn.meta.server.leader"), RootChild::kLock);
  EXPECT_EQ(kind("/pegasus/demo/way/to/it", "way"), RootChild::kLock);
  EXPECT_EQ(kind("/locks/apps2", "locks"), RootChild::kStranger);
  EXPECT_EQ(kind("/pegasus/demo/way", "wa"), RootChild::kStranger);
}

TEST(ZnodeLayoutTest, PathsAreThoseOfPegasus) {
  const ClusterPaths paths("/pegasus/c");
  EXPECT_EQ(paths.apps(), "/pegasus/c/apps");
  EXPECT_EQ(paths.App(12), "/pegasus/c/apps/12");
  EXPECT_EQ(paths.Partition(12, 7), "/pegasus/c/apps/12/7");
  EXPECT_EQ(paths.journal(), "/pegasus/c/metarec_journal");
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
      {[](Topology* t) { t->members[0] = kNoNode; }, "unknown last drop"},
      {[](Topology* t) {
         --t->partitions[0].last_drops_count;
         t->partitions[0].secondaries_count = 1;
         t->members[1] = kNoNode;
       },
       "unknown secondary"},
      {[](Topology* t) { t->partitions[6].secondaries_count = 5; }, "out of range"},
      {[](Topology* t) { t->partitions[6].last_drops_count = 5; }, "out of range"},
      {[](Topology* t) { t->partitions[0].members_begin = UINT32_MAX; }, "out of range"}};
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

constexpr char kApp[] =
    R"({"status":"app_status::AS_AVAILABLE","app_type":"pegasus","app_name":"temp","app_id":2,)"
    R"("partition_count":8,"envs":{"a":"1","b":"2"},"is_stateful":1,"max_replica_count":3,)"
    R"("expire_second":0,"create_second":1488341786,"drop_second":0,"duplicating":0,)"
    R"("init_partition_count":8,"is_bulk_loading":0,"atomic_idempotent":0})";
constexpr char kPartition[] =
    R"({"pid":"2.0","ballot":3,"max_replica_count":3,"primary":"10.0.0.1:34801","secondaries":[],)"
    R"("last_drops":["10.0.0.3:34801","10.0.0.2:34801"],"last_committed_decree":0,)"
    R"("partition_flags":0,"hp_primary":"rs1:34801","hp_secondaries":[],)"
    R"("hp_last_drops":["rs3:34801","rs2:34801"]})";

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string AppError(const std::string& json) {
  const auto app = DecodeApp("/r/apps/2", json);
  EXPECT_EQ(app.status().code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(app.status().message());
}

std::string PartitionError(const std::string& json) {
  const auto partition = DecodePartition("/r/apps/2/0", json);
  EXPECT_EQ(partition.status().code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(partition.status().message());
}

// How many numbers follow "/apps" in the path: 1 for a table, 2 for a partition; 0 for all else.
int NumbersBelowApps(const std::string& path) {
  const size_t apps = path.rfind("/apps/");
  if (apps == std::string::npos) return 0;
  const std::vector<std::string> names = absl::StrSplit(path.substr(apps + 6), '/');
  const bool numbers = std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
  });
  return numbers ? static_cast<int>(names.size()) : 0;
}

TEST(ZnodeJsonTest, EveryCapturedZnodeIsWrittenBackToTheSameBytes) {
  int apps = 0;
  int partitions = 0;
  for (const auto& file : GoldenTreeFiles()) {
    for (const auto& [path, data] : ReadGoldenTree(file)) {
      std::string bytes;
      if (NumbersBelowApps(path) == 1) {
        ++apps;
        const auto app = DecodeApp(path, data);
        ASSERT_TRUE(app.ok()) << file << ": " << app.status();
        EncodeApp(*app, &bytes);
      } else if (NumbersBelowApps(path) == 2) {
        ++partitions;
        const auto partition = DecodePartition(path, data);
        ASSERT_TRUE(partition.ok()) << file << ": " << partition.status();
        EXPECT_TRUE(partition->has_host_ports);
        EncodePartition(*partition, &bytes);
      } else {
        continue;
      }
      ASSERT_EQ(bytes, data) << file << ": " << path;
    }
  }
  EXPECT_EQ(apps, 395);
  EXPECT_EQ(partitions, 1668);
}

TEST(ZnodeJsonTest, APartitionOfATopologyIsWrittenAsAStockMetaWritesIt) {
  Topology topology;
  topology.nodes = {{{0x0a000001, 34801}, "rs1:34801"},
                    {{0x0a000002, 34801}, "rs2:34801"},
                    {{0x0a000003, 34801}, "rs3:34801"}};
  topology.members = {2, 1};
  TopologyTable table;
  table.app_id = 2;
  TopologyPartition partition{.ballot = 3, .primary = 0, .last_drops_count = 2};
  PartitionEncoder encoder(topology);
  std::string bytes;
  encoder.Encode(table, partition, &bytes);
  EXPECT_EQ(bytes, kPartition);

  bytes.clear();
  partition = {.secondaries_count = 1, .ballot = 4, .primary = 0, .last_drops_count = 1};
  encoder.Encode(table, partition, &bytes);
  EXPECT_EQ(bytes, R"({"pid":"2.0","ballot":4,"max_replica_count":3,"primary":"10.0.0.1:34801",)"
                   R"("secondaries":["10.0.0.2:34801"],"last_drops":["10.0.0.3:34801"],)"
                   R"("last_committed_decree":0,"partition_flags":0,"hp_primary":"rs1:34801",)"
                   R"("hp_secondaries":["rs2:34801"],"hp_last_drops":["rs3:34801"]})");

  bytes.clear();
  partition = {.index = 7, .partition_flags = 1};
  encoder.Encode(table, partition, &bytes);
  EXPECT_EQ(bytes,
            R"({"pid":"2.7","ballot":0,"max_replica_count":3,"primary":"invalid address",)"
            R"("secondaries":[],"last_drops":[],"last_committed_decree":0,"partition_flags":1,)"
            R"("hp_primary":"invalid host_port","hp_secondaries":[],"hp_last_drops":[]})");
}

TEST(ZnodeJsonTest, ReadsAllFieldsOfAnApp) {
  const auto app = DecodeApp("/r/apps/2", kApp);
  ASSERT_TRUE(app.ok()) << app.status();
  EXPECT_EQ(app->status, TableStatus::kAvailable);
  EXPECT_EQ(app->app_name, "temp");
  EXPECT_EQ(app->envs, (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(app->create_second, 1488341786);
  EXPECT_TRUE(app->is_stateful);
  EXPECT_FALSE(app->duplicating);
}

TEST(ZnodeJsonTest, TextIsEscapedAsRapidJsonDoesAndComesBack) {
  AppZnode app;
  app.app_name = "quote\" back\\ slash/ tab\t bell\x07 \xc3\xa9";
  app.app_name += '\0';
  std::string bytes;
  EncodeApp(app, &bytes);
  EXPECT_THAT(bytes, HasSubstr("quote\\\" back\\\\ slash/ tab\\t bell\\u0007 \xc3\xa9\\u0000"));
  const auto read = DecodeApp("/r/apps/0", bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, app);
}

TEST(ZnodeJsonTest, BoolsMayBeNumbersOrLiterals) {
  const auto app = DecodeApp("/r/apps/2", Replaced(Replaced(kApp, "\"is_stateful\":1",  //
                                                            "\"is_stateful\":false"),
                                                   "\"duplicating\":0", "\"duplicating\":true"));
  ASSERT_TRUE(app.ok()) << app.status();
  EXPECT_FALSE(app->is_stateful);
  EXPECT_TRUE(app->duplicating);
  EXPECT_THAT(AppError(Replaced(kApp, "\"duplicating\":0", "\"duplicating\":2")),
              HasSubstr("field \"duplicating\" must be 0, 1 or bool, found the number 2"));
}

TEST(ZnodeJsonTest, OlderVersionsLackFieldsAndNewerOnesHaveMore) {
  const auto older = DecodeApp("/r/apps/2", Replaced(kApp, ",\"atomic_idempotent\":0", ""));
  ASSERT_TRUE(older.ok()) << older.status();
  const auto newer = DecodeApp(
      "/r/apps/2", Replaced(kApp, "{\"status\"", R"({"new":[{"x":[1.5,null,true]}],"status")"));
  ASSERT_TRUE(newer.ok()) << newer.status();
  EXPECT_EQ(newer->app_id, 2);
  EXPECT_THAT(AppError(Replaced(kApp, "\"app_type\"", "\"app_tipe\"")),
              AllOf(StartsWith("/r/apps/2: byte "), HasSubstr("\"app_type\" is missing"),
                    HasSubstr("\"app_tipe\"")));
}

TEST(ZnodeJsonTest, PartitionsBefore26HaveNoNames) {
  std::string json = kPartition;
  json = json.substr(0, json.find(",\"hp_primary\"")) + "}";
  const auto partition = DecodePartition("/r/apps/2/0", json);
  ASSERT_TRUE(partition.ok()) << partition.status();
  EXPECT_FALSE(partition->has_host_ports);
  EXPECT_THAT(partition->last_drops, ElementsAre("10.0.0.3:34801", "10.0.0.2:34801"));
  EXPECT_THAT(partition->hp_last_drops, IsEmpty());
  std::string bytes;
  EncodePartition(*partition, &bytes);
  EXPECT_EQ(bytes, json);
}

TEST(ZnodeJsonTest, NoPrimaryIsRead) {
  const auto partition =
      DecodePartition("/r/apps/2/0", Replaced(Replaced(kPartition, "10.0.0.1:34801",  //
                                                       "invalid address"),
                                              "rs1:34801", "invalid host_port"));
  ASSERT_TRUE(partition.ok()) << partition.status();
  EXPECT_EQ(partition->primary, "");
  EXPECT_EQ(partition->hp_primary, "");
}

TEST(ZnodeJsonTest, EveryTruncationIsAnErrorThatNamesPathAndByte) {
  for (const std::string json : {kApp, kPartition}) {
    for (size_t size = 0; size < json.size(); ++size) {
      const std::string cut = json.substr(0, size);
      EXPECT_THAT(AppError(cut), StartsWith("/r/apps/2: byte "));
      EXPECT_THAT(PartitionError(cut), StartsWith("/r/apps/2/0: byte "));
    }
  }
}

TEST(ZnodeJsonTest, NoFlippedByteCrashesTheReader) {
  int accepted = 0;
  for (size_t at = 0; at < sizeof(kPartition) - 1; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string json = kPartition;
      json[at] = static_cast<char>(json[at] ^ (1 << bit));
      accepted += DecodePartition("/r/apps/2/0", json).ok();
      EXPECT_FALSE(DecodeApp("/r/apps/2/0", json).ok());
    }
  }
  EXPECT_GT(accepted, 0);  // in the middle of a number or a name
}

TEST(ZnodeJsonTest, WrongTypesAreNamed) {
  EXPECT_THAT(AppError(Replaced(kApp, "\"app_id\":2", "\"app_id\":\"2\"")),
              HasSubstr("field \"app_id\" must be a 32-bit integer, found the string \"2\""));
  EXPECT_THAT(AppError(Replaced(kApp, "\"app_id\":2", "\"app_id\":2147483648")),
              HasSubstr("found the number 2147483648"));
  EXPECT_THAT(AppError(Replaced(kApp, "\"app_id\":2", "\"app_id\":2.0")),
              HasSubstr("found a number with a fraction"));
  EXPECT_THAT(AppError(Replaced(kApp, "\"app_id\":2", "\"app_id\":null")), HasSubstr("found null"));
  EXPECT_THAT(AppError(Replaced(kApp, "\"drop_second\":0", "\"drop_second\":18446744073709551615")),
              HasSubstr("an integer beyond 64 bits"));
  EXPECT_THAT(AppError(Replaced(kApp, "\"a\":\"1\"", "\"a\":1")),
              HasSubstr("field \"envs\" must be an object of strings"));
  EXPECT_THAT(AppError(Replaced(kApp, "{\"a\":\"1\",\"b\":\"2\"}", "[]")),
              HasSubstr("field \"envs\" must be an object of strings, found an array"));
  EXPECT_THAT(PartitionError(Replaced(kPartition, "\"secondaries\":[]", "\"secondaries\":[[]]")),
              HasSubstr("field \"secondaries\" must be an array of strings, found an array"));
  EXPECT_THAT(PartitionError(Replaced(kPartition, "\"secondaries\":[]", "\"secondaries\":{}")),
              HasSubstr("found an object"));
  EXPECT_THAT(PartitionError(Replaced(kPartition, "\"10.0.0.1:34801\"", "[]")),
              HasSubstr("field \"primary\" must be a string, found an array"));
}

TEST(ZnodeJsonTest, OnlyOneObjectIsAccepted) {
  EXPECT_THAT(AppError(""), HasSubstr("byte 0: expected a JSON object, found no data"));
  EXPECT_THAT(AppError("[]"), HasSubstr("expected an object, found an array"));
  EXPECT_THAT(AppError("7"), HasSubstr("expected an object, found the number 7"));
  EXPECT_THAT(AppError(std::string(kApp) + "{}"),
              HasSubstr(absl::StrCat("byte ", sizeof(kApp) - 1)));
  EXPECT_THAT(AppError(std::string(kApp) + '\0'), HasSubstr("data after the object"));
  EXPECT_THAT(AppError(std::string(kApp) + '\0' + kApp), HasSubstr("data after the object"));
  EXPECT_THAT(AppError(Replaced(kApp, "\"app_id\":2", "\"app_id\":2,\"app_id\":3")),
              HasSubstr("field \"app_id\" comes twice"));
  EXPECT_THAT(AppError("{\"x\":" + std::string(100'000, '[')), HasSubstr("nested more than"));
}

TEST(ZnodeJsonTest, AStatusThatNoMetaServerStartsFromIsAnError) {
  EXPECT_THAT(AppError(Replaced(kApp, "AS_AVAILABLE", "AS_CREATING")),
              AllOf(StartsWith("/r/apps/2: byte 1: field \"status\" must be"),
                    HasSubstr("found \"app_status::AS_CREATING\"")));
  EXPECT_THAT(AppError("{}"), HasSubstr("found none"));
}

TEST(ZnodeJsonTest, APidMustBeAGpid) {
  for (const char* pid : {"", "2", "2.", ".0", "2.0.0", "2.-0", " 2.0", "02.0", "2.+1", "x.y"}) {
    EXPECT_THAT(PartitionError(Replaced(kPartition, "2.0", pid)), HasSubstr("field \"pid\" must"));
  }
}

}  // namespace
}  // namespace metarec
