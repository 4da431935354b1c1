// What a real cluster's replica servers answered, through the real programs into a real ZooKeeper,
// and what there differs from the tree that the cluster's own recovery wrote from these answers.

#include <algorithm>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include "base/runtime/system_clock.h"
#include "replica_collector/evidence_file.h"
#include "testing/scratch_folder.h"
#include "testing/zookeeper_server.h"
#include "tests/meta_recovery/planner/golden_evidence.h"
#include "tests/tools/metarecd_world.h"
#include "zk_store/client/zookeeper_meta_store.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::tools {
namespace {

constexpr char kRoot[] = "/pegasus/recovered";

// How many znodes differ in each field: "table.app_name", "partition.ballot", ...
using FieldDifferences = std::map<std::string, int>;

void CompareFields(const std::string& kind, const std::string& captured, const std::string& written,
                   FieldDifferences* differences) {
  rapidjson::Document expected;
  rapidjson::Document found;
  ASSERT_FALSE(expected.Parse(captured).HasParseError()) << captured;
  ASSERT_FALSE(found.Parse(written).HasParseError()) << written;
  ASSERT_EQ(expected.MemberCount(), found.MemberCount());
  for (const auto& member : std::as_const(expected).GetObject()) {
    const char* const name = member.name.GetString();
    ASSERT_TRUE(found.HasMember(name)) << name;
    if (!(found[name] == member.value)) ++(*differences)[absl::StrCat(kind, ".", name)];
  }
}

class CapturedClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = testing::ZooKeeperServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void RunMetarec(std::vector<std::string> arguments) {
    SCOPED_TRACE(arguments.front());
    if (arguments.front() == "apply" || arguments.front() == "verify") {
      const std::vector<std::string> store = {"--zk", server_->hosts(), "--root", kRoot};
      arguments.insert(arguments.end(), store.begin(), store.end());
    }
    auto process = StartProgram(arguments, folder_.Path(arguments.front()));
    ASSERT_TRUE(process.ok()) << process.status();
    EXPECT_EQ((*process)->Wait(), 0) << (*process)->Errors();
  }

  // The data of the captured znodes' namesakes. `above`: what is between the root and their paths.
  std::map<std::string, std::string> ReadWritten(const std::map<std::string, GoldenZnode>& captured,
                                                 absl::string_view above = "/apps/") {
    asio::io_context context;
    SystemClock clock;
    std::map<std::string, std::string> written;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
          co_await asio::this_coro::throw_if_cancelled(false);
          ZooKeeperOptions options;
          options.hosts = server_->hosts();
          auto store = co_await ZooKeeperMetaStore::Connect(options, &clock);
          if (!store.ok()) co_return;
          for (const auto& [path, unused] : captured) {
            const std::string full_path = absl::StrCat(kRoot, above, path);
            auto node = co_await (*store)->Get(full_path);
            if (node.ok()) written[path] = node->data;
          }
        },
        [](const std::exception_ptr& thrown) {
          if (thrown) std::rethrow_exception(thrown);
        });
    context.run();
    return written;
  }

  std::unique_ptr<testing::ZooKeeperServer> server_;
  const testing::ScratchFolder folder_;
};

TEST_F(CapturedClusterTest, RecoversToItsOwnTreeApartFromTheListedDifferences) {
  const Evidence evidence =
      LoadGoldenEvidence(".", {"localhost:34801", "localhost:34802", "localhost:34803"});
  const std::string evidence_path = folder_.Path("captured.evidence");
  const std::string plan_path = folder_.Path("captured.plan");
  ASSERT_EQ(WriteEvidenceFile(evidence, evidence_path), absl::OkStatus());
  RunMetarec({"plan", "--evidence", evidence_path, "--plan", plan_path});
  RunMetarec({"apply", "--plan", plan_path});
  RunMetarec({"verify", "--plan", plan_path});

  const std::map<std::string, GoldenZnode> captured =
      LoadGoldenApps("zk_after.jsonl", "/pegasus/recovered");
  ASSERT_EQ(captured.size(), 65u);  // 12 tables, 53 partitions, none changed since
  const std::map<std::string, std::string> written = ReadWritten(captured);
  ASSERT_EQ(written.size(), captured.size());
  FieldDifferences differences;
  int equal = 0;
  for (const auto& [path, znode] : captured) {
    const std::string kind = path.find('/') == std::string::npos ? "table" : "partition";
    if (written.at(path) == znode.data) {
      ++equal;
    } else {
      CompareFields(kind, znode.data, written.at(path), &differences);
    }
  }
  std::cout << equal << " of " << captured.size() << " znodes equal byte for byte; fields that"
            << " differ (docs/differences-from-pegasus.md):\n";
  for (const auto& [field, count] : differences) {
    std::cout << "  " << field << ": " << count << "\n";
  }
  // The placeholder for id 6 (partition_flags, expire_second, one init_partition_count), the tables
  // `stat` and `splitme` (init_partition_count), and the second table called `dupname`. Primaries
  // are spread over equal replicas, and so are those that come next.
  EXPECT_EQ(differences, (FieldDifferences{{"partition.hp_last_drops", 25},
                                           {"partition.hp_primary", 18},
                                           {"partition.last_committed_decree", 45},
                                           {"partition.last_drops", 25},
                                           {"partition.partition_flags", 1},
                                           {"partition.primary", 18},
                                           {"table.app_name", 1},
                                           {"table.expire_second", 1},
                                           {"table.init_partition_count", 3}}));
}

// Everything that the cluster's own ZooKeeper had, by absolute path; without its lock and its own.
std::map<std::string, std::string> LoadWholeTree(const std::string& file) {
  std::map<std::string, std::string> tree;
  std::ifstream lines(absl::StrCat(METAREC_GOLDEN_DIR, "/", file));
  for (std::string line; std::getline(lines, line);) {
    rapidjson::Document node;
    if (node.Parse(line).HasParseError() || node["ephemeral"].GetBool()) continue;
    tree[node["path"].GetString()] = node["data"].GetString();
  }
  return tree;
}

constexpr char kOldRoot[] = "/pegasus/onebox";

// The captured cluster, with an old copy of the tree that it had.
class OldTreeOfCapturedClusterTest : public CapturedClusterTest {
 protected:
  void SetUp() override {
    CapturedClusterTest::SetUp();
    tree_ = LoadWholeTree("zk_before.jsonl");
    ASSERT_EQ(tree_.size(), 82u);
  }

  // Recovers with the old tree, and compares what was written with what the cluster had.
  void RecoverAndCompare(const std::string& old_tree) {
    const Evidence evidence =
        LoadGoldenEvidence(".", {"localhost:34801", "localhost:34802", "localhost:34803"});
    const std::string evidence_path = folder_.Path("captured.evidence");
    const std::string plan_path = folder_.Path("captured.plan");
    ASSERT_EQ(WriteEvidenceFile(evidence, evidence_path), absl::OkStatus());
    RunMetarec({"plan", "--evidence", evidence_path, "--plan", plan_path, "--old_tree", old_tree,
                "--carry", "duplications"});
    RunMetarec({"apply", "--plan", plan_path});
    RunMetarec({"verify", "--plan", plan_path});
    Compare();
  }

  void Compare() {
    std::map<std::string, GoldenZnode> names;  // of which the written ones are read
    for (const auto& [path, data] : tree_) {
      if (path.rfind(kOldRoot, 0) != 0 || path == kOldRoot) continue;
      const std::string below = path.substr(sizeof(kOldRoot) - 1);
      if (below.rfind("/lock", 0) == 0) continue;
      names[below] = {.data = data, .version = 0};
    }
    ASSERT_EQ(names.size(), 74u);
    const std::map<std::string, std::string> written = ReadWritten(names, "");
    FieldDifferences differences;
    int equal = 0;
    for (const auto& [name, znode] : names) {
      ASSERT_TRUE(written.contains(name)) << name << " is not back";
      if (written.at(name) == znode.data) {
        ++equal;
        continue;
      }
      const bool is_partition = std::count(name.begin(), name.end(), '/') == 3;
      ASSERT_TRUE(is_partition) << name << " was " << znode.data << " and is " << written.at(name);
      CompareFields("partition", znode.data, written.at(name), &differences);
    }
    std::cout << equal << " of " << names.size()
              << " znodes equal byte for byte; fields that differ"
              << " from the original:\n";
    for (const auto& [field, count] : differences) {
      std::cout << "  " << field << ": " << count << "\n";
    }
    // Ballots of dropped tables, which no server hears of; and who serves what, until a meta server
    // has made secondaries again. Decrees are what the replicas really have.
    EXPECT_EQ(differences.count("partition.partition_flags"), 0u);
    EXPECT_EQ(differences.count("partition.max_replica_count"), 0u);
    EXPECT_EQ(differences["partition.ballot"], 10);
    for (const auto& [field, count] : differences) {
      const std::string name = field.substr(field.find('.') + 1);
      const bool is_membership = name == "ballot" || name == "last_committed_decree" ||
                                 name.find("primary") != std::string::npos ||
                                 name.find("secondaries") != std::string::npos ||
                                 name.find("last_drops") != std::string::npos;
      EXPECT_TRUE(is_membership) << field;
    }
  }

  std::map<std::string, std::string> tree_;
};

TEST_F(OldTreeOfCapturedClusterTest, ComesBackWithEverythingThatATreeFileHas) {
  TreeHead head;
  head.source = "zk1:2181";
  head.root = kOldRoot;
  head.time_ms = int64_t{1'795'221'100} * 1000;
  const std::string path = folder_.Path("old.jsonl");
  auto writer = TreeFileWriter::Create(path, head);
  ASSERT_TRUE(writer.ok()) << writer.status();
  std::map<std::string, std::string, PathOrder> in_order(tree_.begin(), tree_.end());
  for (const auto& [full_path, data] : in_order) {
    if (full_path.rfind(kOldRoot, 0) != 0) continue;
    TreeNode node;
    node.path = full_path.substr(sizeof(kOldRoot) - 1);
    node.data = data;
    node.acl = OpenAcl();
    node.stat.data_bytes = static_cast<int32_t>(data.size());
    const absl::Status appended = writer->Append(node);
    ASSERT_TRUE(appended.ok()) << appended;
  }
  ASSERT_TRUE(writer->Finish().ok());
  RecoverAndCompare(path);
}

// No server of the old ZooKeeper runs any more.
TEST_F(OldTreeOfCapturedClusterTest, ComesBackFromTheDiskOfAZooKeeperThatWasKilled) {
  const testing::ScratchFolder data;
  testing::ZooKeeperServerOptions options;
  options.folder = data.Path("zookeeper");
  auto old = testing::ZooKeeperServer::Start(options);
  ASSERT_TRUE(old.ok()) << old.status();
  asio::io_context context;
  SystemClock clock;
  absl::Status created;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        ZooKeeperOptions to;
        to.hosts = (*old)->hosts();
        auto store = co_await ZooKeeperMetaStore::Connect(to, &clock);
        created.Update(store.status());
        if (!store.ok()) co_return;
        for (const auto& [path, znode_data] : tree_) {
          if (path == "/" || path.rfind("/zookeeper", 0) == 0) continue;
          created.Update(
              (co_await (*store)->Create(path, znode_data, CreateMode::kPersistent)).status());
        }
      },
      [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
  context.run();
  ASSERT_TRUE(created.ok()) << created;
  (*old)->Kill();
  RecoverAndCompare(data.Path("zookeeper/data"));
}

}  // namespace
}  // namespace metarec::tools
