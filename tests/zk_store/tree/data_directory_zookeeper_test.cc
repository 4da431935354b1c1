// Folders that a real server wrote and left when it was killed: what is read from them is what the
// server serves when it is started again.
//
// METAREC_OFFLINE_RUNS (scripts/campaign-offline) sets how many servers are killed,
// METAREC_OFFLINE_SEED repeats the draws, METAREC_OFFLINE_DAMAGE=all damages at every place.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include "data_directory_reading.h"
#include "random_writer.h"
#include "testing/scratch_folder.h"
#include "testing/zookeeper_server.h"
#include "zk_store/tree/data_directory/data_directory.h"
#include "zk_store/tree/data_directory/log_reader.h"
#include "zk_store/tree/data_directory/transaction.h"

namespace metarec {
namespace {

using testing::ScratchFolder;
using testing::ZooKeeperServer;
using testing::ZooKeeperServerOptions;

int64_t Setting(const char* name, int64_t otherwise) {
  int64_t value = otherwise;
  if (const char* text = std::getenv(name); text != nullptr) {
    EXPECT_TRUE(absl::SimpleAtoi(text, &value)) << name;
  }
  return value;
}

// A server whose folder outlives it.
class MortalServer {
 public:
  // `properties` are those of a server that is written to.
  explicit MortalServer(std::vector<std::string> properties) : properties_(std::move(properties)) {}

  // `is_written_to`: expired znodes go at once; otherwise nothing goes by itself.
  absl::Status Start(bool is_written_to) {
    ZooKeeperServerOptions options;
    options.folder = folder_.path();
    options.session_timeout_max = absl::Hours(24);
    options.properties = properties_;
    options.properties.push_back("zookeeper.extendedTypesEnabled=true");
    options.properties.push_back(
        absl::StrCat("znode.container.checkIntervalMs=", is_written_to ? 100 : 1000000000));
    auto started = ZooKeeperServer::Start(options);
    if (started.ok()) server_ = *std::move(started);
    return started.status();
  }
  ZooKeeperServer& server() { return *server_; }
  void Kill() { server_->Kill(); }
  std::string data_folder() const { return folder_.Path("data"); }

 private:
  const ScratchFolder folder_;
  const std::vector<std::string> properties_;
  std::unique_ptr<ZooKeeperServer> server_;
};

// As a server tells it: it hides the mark of a TTL znode, and 3.8 shows that of a container.
TreeNode AsServed(TreeNode ours, const TreeNode& theirs) {
  const bool is_marked = ours.kind() == NodeKind::kTtl || ours.kind() == NodeKind::kContainer;
  if (is_marked && theirs.stat.ephemeral_owner == 0) ours.stat.ephemeral_owner = 0;
  return ours;
}

// The first difference between two trees; "" if there is none.
std::string Difference(const std::map<std::string, TreeNode>& ours,
                       const std::map<std::string, TreeNode>& theirs) {
  for (const auto& [path, node] : theirs) {
    const auto found = ours.find(path);
    if (found == ours.end()) return absl::StrCat("missing: ", path, " ", NodeText(node));
    if (NodeText(AsServed(found->second, node)) != NodeText(node)) {
      return absl::StrCat(path, "\n  read:   ", NodeText(found->second),
                          "\n  served: ", NodeText(node));
    }
  }
  for (const auto& [path, node] : ours) {
    if (!theirs.contains(path)) return absl::StrCat("not served: ", path, " ", NodeText(node));
  }
  return "";
}

// A server that was killed while it began a log refuses to start from that (ZOOKEEPER-2332). Then
// there is nothing to compare with.
bool RefusesItsFiles(const absl::Status& status) {
  return absl::StrContains(status.message(), "EOFException");
}

// Writes to a server, kills it at a random moment, reads, starts it again and compares. Sets
// `*is_usable` to false if the server does not start from its files any more.
void KillAndCompare(MortalServer* mortal, uint32_t seed, DataProof proof, bool* is_usable) {
  std::mt19937 random(seed);
  *is_usable = true;
  const absl::Status began = mortal->Start(true);
  ASSERT_TRUE(began.ok()) << began;
  {
    RandomWriter writer(mortal->server().hosts(), seed);
    writer.Send(200 + static_cast<int>(random() % 3000));
    mortal->Kill();
  }
  const auto tree = DataDirectory::Read(mortal->data_folder());
  ASSERT_TRUE(tree.ok()) << tree.status();
  const DataDirectoryReport& report = tree->report();
  EXPECT_EQ(report.proof, proof) << DataDirectoryReportText(report);
  EXPECT_TRUE(report.is_complete) << DataDirectoryReportText(report);
  const auto read = ReadNodes(*tree);
  ASSERT_TRUE(read.ok()) << read.status();
  const absl::Status again = mortal->Start(false);
  *is_usable = !RefusesItsFiles(again);
  if (!*is_usable) return;
  ASSERT_TRUE(again.ok()) << again;
  const auto served = ReadServedTree(mortal->server().hosts());
  ASSERT_TRUE(served.ok()) << served.status();
  EXPECT_EQ(Difference(*read, *served), "") << DataDirectoryReportText(report);
  mortal->Kill();
}

void KillManyTimes(const std::vector<std::string>& properties, DataProof proof, int64_t runs) {
  const auto first_seed = static_cast<uint32_t>(Setting("METAREC_OFFLINE_SEED", 1));
  // A new folder now and then, so that it does not grow with the runs.
  constexpr int64_t kRunsOfAFolder = 10;
  std::unique_ptr<MortalServer> mortal;
  bool is_usable = true;
  int64_t compared = 0;
  for (int64_t run = 0; run < runs; ++run) {
    if (run % kRunsOfAFolder == 0 || !is_usable)
      mortal = std::make_unique<MortalServer>(properties);
    SCOPED_TRACE(absl::StrCat("seed ", first_seed + run));
    KillAndCompare(mortal.get(), first_seed + static_cast<uint32_t>(run), proof, &is_usable);
    if (::testing::Test::HasFailure()) return;
    compared += is_usable ? 1 : 0;
    if (run % 20 == 19) std::cout << run + 1 << " servers killed\n" << std::flush;
  }
  EXPECT_GT(compared, 0) << "no server started again";
}

TEST(DataDirectoryOfAKilledServer, IsTheTreeThatItServesAfterwards) {
  KillManyTimes({"zookeeper.snapCount=150"}, DataProof::kProved,
                Setting("METAREC_OFFLINE_RUNS", 4));
}

TEST(DataDirectoryOfAKilledServer, WithGzip) {
  KillManyTimes({"zookeeper.snapCount=150", "zookeeper.snapshot.compression.method=gz"},
                DataProof::kProved, 2);
}

TEST(DataDirectoryOfAKilledServer, WithSnappy) {
  KillManyTimes({"zookeeper.snapCount=150", "zookeeper.snapshot.compression.method=snappy"},
                DataProof::kProved, 2);
}

TEST(DataDirectoryOfAKilledServer, WithoutDigests) {
  KillManyTimes({"zookeeper.snapCount=150", "zookeeper.digest.enabled=false"},
                DataProof::kNoDigests, 2);
}

TEST(DataDirectoryOfAKilledServer, WithoutDigestsAndPathsOfClosedSessions) {
  KillManyTimes({"zookeeper.snapCount=150", "zookeeper.digest.enabled=false",
                 "zookeeper.closeSessionTxn.enabled=false"},
                DataProof::kNoDigests, 2);
}

// Without snapshots: all of it is replayed.
class LoggedTransactions : public ::testing::Test {
 protected:
  void Write(int transactions) {
    const absl::Status began = mortal_.Start(true);
    ASSERT_TRUE(began.ok()) << began;
    if (HasFatalFailure()) return;
    RandomWriter writer(mortal_.server().hosts(), 7);
    writer.Send(transactions);
    writer.AwaitAnswers();
    mortal_.Kill();
  }

  MortalServer mortal_{{"zookeeper.snapCount=10000000"}};
};

TEST_F(LoggedTransactions, AHundredThousandOfThemHaveOurDigests) {
  constexpr int kOperations = 190000;
  Write(kOperations);
  const auto tree = DataDirectory::Read(mortal_.data_folder());
  ASSERT_TRUE(tree.ok()) << tree.status();
  const DataDirectoryReport& report = tree->report();
  std::cout << DataDirectoryReportText(report);
  EXPECT_EQ(report.proof, DataProof::kProved);
  EXPECT_TRUE(report.is_complete);
  EXPECT_GE(report.digests_compared, 100000);  // requests that failed have none
}

// Where each record of a log begins and ends, and the zxid.
struct RecordPlace {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t zxid = 0;
};

class DamagedLogs : public LoggedTransactions {
 protected:
  static constexpr size_t kRecordHeaderBytes = 12;

  void SetUp() override {
    Write(1500);
    if (HasFatalFailure()) return;
    for (const auto& entry :
         std::filesystem::directory_iterator(mortal_.data_folder() + "/version-2")) {
      const std::string name = entry.path().filename();
      std::filesystem::copy(entry.path(), folder_.path() + "/" + name);
      if (name.rfind("log.", 0) == 0) log_name_ = name;
    }
    log_ = folder_.ReadFile(log_name_);
    const auto file = OpenDataFile(folder_.path() + "/" + log_name_);
    ASSERT_TRUE(file.ok()) << file.status();
    LogReader reader(file->get());
    LogRecord record;
    while (reader.Next(&record)) {
      const int64_t begin = record.bytes_offset - static_cast<int64_t>(kRecordHeaderBytes);
      const int64_t end = record.bytes_offset + static_cast<int64_t>(record.bytes.size()) + 1;
      records_.push_back({begin, end, ZxidOfRecord(record.bytes)});
    }
    ASSERT_GT(records_.size(), 1000u);
    ASSERT_GT(records_.back().end, 1 << 16);
    for (int64_t zxid = 0; zxid <= records_.back().zxid; ++zxid) {
      DataDirectoryOptions options;
      options.at_zxid = zxid;
      const auto tree = DataDirectory::Read(folder_.path(), options);
      ASSERT_TRUE(tree.ok()) << tree.status();
      ASSERT_EQ(tree->report().last_zxid, zxid);
      trees_.push_back(std::hash<std::string>()(TreeText(*tree)));
    }
  }

  // The last record that ends at or before `offset`.
  int64_t ZxidBefore(int64_t offset) const {
    int64_t zxid = 0;
    for (const RecordPlace& record : records_) {
      if (record.end <= offset) zxid = record.zxid;
    }
    return zxid;
  }

  void ExpectPrefix(const std::string& log, int64_t zxid) {
    folder_.WriteFile(log_name_, log);
    const auto tree = DataDirectory::Read(folder_.path());
    ASSERT_TRUE(tree.ok()) << tree.status();
    ASSERT_EQ(tree->report().last_zxid, zxid) << DataDirectoryReportText(tree->report());
    ASSERT_EQ(std::hash<std::string>()(TreeText(*tree)), trees_[zxid]);
  }

  static bool EveryPlace() {
    const char* damage = std::getenv("METAREC_OFFLINE_DAMAGE");
    return damage != nullptr && std::string(damage) == "all";
  }

  DataFolder folder_;
  std::string log_name_;
  std::string log_;
  std::vector<RecordPlace> records_;
  std::vector<size_t> trees_;  // hashes, by zxid
};

TEST_F(DamagedLogs, ALogThatIsCutAnywhereGivesItsLongestPrefix) {
  const int64_t end = records_.back().end;
  const int64_t step = EveryPlace() ? 1 : 131;
  int64_t cuts = 0;
  for (int64_t size = end; size >= end - (1 << 16); size -= step) {
    SCOPED_TRACE(absl::StrCat("cut at ", size));
    ExpectPrefix(log_.substr(0, static_cast<size_t>(size)), ZxidBefore(size));
    if (HasFatalFailure()) return;
    ++cuts;
  }
  std::cout << cuts << " cuts\n";
}

TEST_F(DamagedLogs, AFlippedBitAnywhereGivesTheLongestPrefix) {
  const int flips = EveryPlace() ? 10000 : 500;
  std::mt19937 random(static_cast<uint32_t>(Setting("METAREC_OFFLINE_SEED", 1)));
  const auto used = static_cast<size_t>(records_.back().end);
  for (int i = 0; i < flips; ++i) {
    // Most of them in the records, some in the zeros behind them.
    const size_t at = random() % (i % 20 == 0 ? log_.size() : used);
    std::string log = log_;
    log[at] = static_cast<char>(log[at] ^ (1 << random() % 8));
    // Nobody reads the database's id.
    const bool is_unused = at >= 8 && at < 16;
    SCOPED_TRACE(absl::StrCat("flip at ", at));
    ExpectPrefix(log, is_unused ? records_.back().zxid : ZxidBefore(static_cast<int64_t>(at)));
    if (HasFatalFailure()) return;
  }
  std::cout << flips << " flips\n";
}

}  // namespace
}  // namespace metarec
