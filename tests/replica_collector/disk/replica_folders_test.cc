#include "replica_collector/disk/replica_folders.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "replica_collector/evidence_file.h"
#include "testing/pegasus_disk.h"
#include "testing/scratch_folder.h"

namespace metarec {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string GoldenFolder() { return std::string(METAREC_GOLDEN_DIR) + "/disk/replica_folder"; }

TableRecord Table(int32_t app_id, int32_t partition_count = 4) {
  TableRecord table;
  table.app_type = "pegasus";
  table.app_name = absl::StrCat("t", app_id);
  table.app_id = app_id;
  table.partition_count = partition_count;
  table.init_partition_count = partition_count;
  return table;
}

ReplicaRecord OnDisk(int32_t app_id, int32_t index, int64_t ballot, int64_t flushed) {
  return {.app_id = app_id,
          .partition_index = index,
          .ballot = ballot,
          .last_committed_decree = flushed,
          .last_prepared_decree = flushed,
          .last_durable_decree = flushed,
          .status = ReplicaStatus::kInactive};
}

std::string ReadWhole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteWhole(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Every name with its content.
std::map<std::string, std::string> Everything(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    files[entry.path()] = entry.is_regular_file() ? ReadWhole(entry.path()) : "";
  }
  return files;
}

class ReplicaFolders : public ::testing::Test {
 protected:
  std::string Folder(const std::string& name) {
    fs::create_directories(scratch_.path() + "/" + name);
    return scratch_.path() + "/" + name;
  }
  std::string CopyOfGolden(const std::string& name) {
    fs::copy(GoldenFolder(), Folder(name), fs::copy_options::recursive);
    return Folder(name);
  }
  static ReplicasOnDisk Read(const std::vector<std::string>& data_dirs) {
    absl::StatusOr<ReplicasOnDisk> found = ReadReplicaFolders(data_dirs);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *std::move(found) : ReplicasOnDisk();
  }

  testing::ScratchFolder scratch_;
};

// What 34803 said of the same two replicas once it ran again, with its log replayed.
TEST_F(ReplicaFolders, OfACapturedServerAreWhatItSaidLater) {
  const ReplicasOnDisk found = Read({GoldenFolder()});
  const absl::StatusOr<Evidence> said =
      ReadEvidenceFile(GoldenFolder() + "/evidence_after_restart.jsonl");
  ASSERT_TRUE(said.ok()) << said.status();
  const NodeEvidence& node = said->nodes.back();
  ASSERT_EQ(node.name, "localhost:34803");
  ASSERT_THAT(found.tables, SizeIs(1));
  int compared = 0;
  for (const SharedTableRecord& table : node.tables) {
    if (table->app_id != 8) continue;
    EXPECT_EQ(found.tables[0], table);
    ++compared;
  }
  ASSERT_THAT(found.replicas, SizeIs(2));
  for (const ReplicaRecord& replica : node.replicas) {
    if (replica.app_id != 8 || replica.partition_index < 2) continue;
    const ReplicaRecord& on_disk = found.replicas[replica.partition_index - 2];
    EXPECT_EQ(on_disk.partition_index, replica.partition_index);
    EXPECT_EQ(on_disk.ballot, replica.ballot);
    EXPECT_EQ(on_disk.status, replica.status);
    EXPECT_LE(on_disk.last_committed_decree, replica.last_committed_decree);
    EXPECT_GT(on_disk.last_committed_decree, 0);
    EXPECT_EQ(on_disk.last_prepared_decree, on_disk.last_committed_decree);
    ++compared;
  }
  EXPECT_EQ(compared, 3);
  EXPECT_THAT(found.folders.unusable, IsEmpty());
  // `.init-info` says 532 and 693: those are the decrees of the start.
  EXPECT_GE(found.replicas[0].last_committed_decree, 532);
  EXPECT_GE(found.replicas[1].last_committed_decree, 693);
}

TEST_F(ReplicaFolders, StayAsTheyWere) {
  const std::string folder = CopyOfGolden("data");
  const auto before = Everything(folder);
  ASSERT_THAT(Read({folder}).replicas, SizeIs(2));
  EXPECT_EQ(Everything(folder), before);
}

TEST_F(ReplicaFolders, AreFoundInReps) {
  const std::string data_dir = Folder("ssd1/replica");
  ASSERT_TRUE(testing::WriteReplicaFolder(data_dir + "/reps", Table(3), OnDisk(3, 1, 5, 9)).ok());
  const ReplicasOnDisk found = Read({data_dir + "/"});
  EXPECT_THAT(found.replicas, ElementsAre(OnDisk(3, 1, 5, 9)));
  ASSERT_THAT(found.data_dirs, SizeIs(1));
  EXPECT_EQ(found.data_dirs[0].path, data_dir + "/reps");
  EXPECT_EQ(found.data_dirs[0].replicas, 1);
}

TEST_F(ReplicaFolders, OfSeveralDisksComeInTheOrderOfPartitions) {
  const std::string one = Folder("one");
  const std::string two = Folder("two");
  ASSERT_TRUE(testing::WriteReplicaFolder(one, Table(3), OnDisk(3, 1, 5, 9)).ok());
  ASSERT_TRUE(testing::WriteReplicaFolder(two, Table(3), OnDisk(3, 0, 4, 7)).ok());
  ASSERT_TRUE(testing::WriteReplicaFolder(two, Table(2), OnDisk(2, 3, 1, 0)).ok());
  const ReplicasOnDisk found = Read({one, two});
  EXPECT_THAT(found.replicas,
              ElementsAre(OnDisk(2, 3, 1, 0), OnDisk(3, 0, 4, 7), OnDisk(3, 1, 5, 9)));
  ASSERT_THAT(found.tables, SizeIs(2));
  EXPECT_EQ(*found.tables[0], Table(2));
}

// A replica that missed a split or a rename has an older record.
TEST_F(ReplicaFolders, ThatDisagreeGiveTheRecordOfMostOfThem) {
  const std::string folder = Folder("data");
  TableRecord renamed = Table(3);
  renamed.app_name = "renamed";
  ASSERT_TRUE(testing::WriteReplicaFolder(folder, Table(3), OnDisk(3, 0, 4, 7)).ok());
  ASSERT_TRUE(testing::WriteReplicaFolder(folder, renamed, OnDisk(3, 1, 4, 7)).ok());
  ASSERT_TRUE(testing::WriteReplicaFolder(folder, renamed, OnDisk(3, 2, 4, 7)).ok());
  EXPECT_EQ(*Read({folder}).tables[0], renamed);
  ASSERT_TRUE(testing::WriteReplicaFolder(folder, Table(3, 8), OnDisk(3, 3, 4, 7)).ok());
  EXPECT_EQ(*Read({folder}).tables[0], Table(3, 8));
}

TEST_F(ReplicaFolders, ThatTheServerSetAsideAreListedAndNotUsed) {
  const std::string folder = Folder("data");
  ASSERT_TRUE(testing::WriteReplicaFolder(folder, Table(3), OnDisk(3, 0, 4, 7)).ok());
  std::vector<std::string> names;
  for (const char* end : {"bak", "err", "gar", "ori", "tmp"}) {
    names.push_back(absl::StrCat(folder, "/3.1.pegasus.1795963283123456.", end));
    fs::copy(folder + "/3.0.pegasus", names.back(), fs::copy_options::recursive);
  }
  fs::create_directory(folder + "/lost+found");
  const ReplicasOnDisk found = Read({folder});
  EXPECT_THAT(found.replicas, ElementsAre(OnDisk(3, 0, 4, 7)));
  EXPECT_EQ(found.folders.set_aside, names);
  EXPECT_THAT(found.folders.unusable, IsEmpty());
}

TEST_F(ReplicaFolders, OfOneReplicaOnTwoDisksAreNotUsed) {
  const std::string one = Folder("one");
  const std::string two = Folder("two");
  ASSERT_TRUE(testing::WriteReplicaFolder(one, Table(3), OnDisk(3, 1, 5, 9)).ok());
  ASSERT_TRUE(testing::WriteReplicaFolder(two, Table(3), OnDisk(3, 1, 4, 7)).ok());
  const ReplicasOnDisk found = Read({one, two});
  EXPECT_THAT(found.replicas, IsEmpty());
  EXPECT_THAT(found.folders.unusable,
              ElementsAre(HasSubstr(absl::StrCat("is in ", two, "/3.1.pegasus")),
                          HasSubstr(absl::StrCat("is in ", one, "/3.1.pegasus"))));
}

struct Damage {
  const char* file;  // of 8.2.pegasus
  enum { kGone, kEmpty, kHalf, kAnotherTable } how;
  const char* says;
};

std::string DamageName(const ::testing::TestParamInfo<Damage>& test) {
  static constexpr const char* kHow[] = {"Gone", "Empty", "Half", "AnotherTable"};
  std::string name = absl::StrCat(test.param.file, kHow[test.param.how]);
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

class DamagedFolder : public ReplicaFolders, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedFolder, IsListedWithTheReasonAndTheOthersAreUsed) {
  const std::string folder = CopyOfGolden("data");
  const fs::path file = absl::StrCat(folder, "/8.2.pegasus/", GetParam().file);
  const std::string whole = fs::is_regular_file(file) ? ReadWhole(file) : "";
  switch (GetParam().how) {
    case Damage::kGone:
      fs::remove_all(file);
      break;
    case Damage::kEmpty:
      WriteWhole(file, "");
      break;
    case Damage::kHalf:
      WriteWhole(file, whole.substr(0, whole.size() / 2));
      break;
    case Damage::kAnotherTable:
      WriteWhole(file, testing::AppInfoFile(Table(9)));
      break;
  }
  const ReplicasOnDisk found = Read({folder});
  ASSERT_THAT(found.replicas, SizeIs(1));
  EXPECT_EQ(found.replicas[0].partition_index, 3);
  EXPECT_THAT(found.folders.unusable, ElementsAre(::testing::AllOf(HasSubstr("/8.2.pegasus: "),
                                                                   HasSubstr(GetParam().says))));
  EXPECT_EQ(found.data_dirs[0].unusable, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DamagedFolder,
    ::testing::Values(Damage{".app-info", Damage::kGone, ".app-info is missing"},
                      Damage{".app-info", Damage::kEmpty, ".app-info is empty"},
                      Damage{".app-info", Damage::kHalf, "is no JSON"},
                      Damage{".app-info", Damage::kAnotherTable, "is of table 9"},
                      Damage{".init-info", Damage::kGone, ".init-info is missing"},
                      Damage{".init-info", Damage::kHalf, ".init-info is no JSON"},
                      Damage{"data", Damage::kGone, "cannot open the data"},
                      Damage{"data/rdb/CURRENT", Damage::kGone, "cannot open the data"},
                      Damage{"data/rdb/CURRENT", Damage::kEmpty, "cannot open the data"},
                      Damage{"data/rdb/MANIFEST-000045", Damage::kGone, "cannot open the data"},
                      Damage{"data/rdb/MANIFEST-000045", Damage::kHalf, "cannot open the data"},
                      Damage{"data/rdb/000033.sst", Damage::kGone, "cannot open the data"},
                      Damage{"data/rdb/000033.sst", Damage::kHalf, "cannot open the data"},
                      Damage{"data/rdb/000049.sst", Damage::kHalf, "cannot open the data"}),
    DamageName);

TEST_F(ReplicaFolders, WithoutAFlushedDecreeAreNotUsed) {
  const std::string folder = Folder("data");
  ASSERT_TRUE(testing::WriteReplicaFolder(folder, Table(3), OnDisk(3, 0, 4, 7)).ok());
  fs::remove_all(folder + "/3.0.pegasus/data/rdb");
  { ASSERT_TRUE(testing::PegasusRows::Open(folder + "/3.0.pegasus/data/rdb").ok()); }
  const ReplicasOnDisk found = Read({folder});
  EXPECT_THAT(found.replicas, IsEmpty());
  EXPECT_THAT(found.folders.unusable, ElementsAre(HasSubstr("pegasus_last_flushed_decree")));
}

TEST_F(ReplicaFolders, AreMissingWithAClearError) {
  const absl::StatusOr<ReplicasOnDisk> nowhere =
      ReadReplicaFolders(std::vector<std::string>{"/no/such/dir"});
  EXPECT_EQ(nowhere.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(nowhere.status().message()), HasSubstr("no directory /no/such/dir"));
  const absl::StatusOr<ReplicasOnDisk> empty =
      ReadReplicaFolders(std::vector<std::string>{Folder("empty")});
  EXPECT_EQ(empty.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(empty.status().message()), HasSubstr("data_dirs"));
  const std::string folder = Folder("twice");
  EXPECT_EQ(ReadReplicaFolders(std::vector<std::string>{folder, folder + "/"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// The server flushes a hundred times a second and compacts, and files come and go.
TEST_F(ReplicaFolders, OfAServerThatRunsCanBeRead) {
  const std::string folder = Folder("data");
  ASSERT_TRUE(testing::WriteReplicaFolder(folder, Table(3), OnDisk(3, 0, 4, 1)).ok());
  const auto rows = testing::PegasusRows::Open(folder + "/3.0.pegasus/data/rdb");
  ASSERT_TRUE(rows.ok()) << rows.status();
  std::atomic<bool> stop = false;
  std::atomic<int64_t> flushed = 1;
  std::thread server([&] {
    for (int64_t decree = 2; !stop; ++decree) {
      const std::string key = testing::PegasusKey(absl::StrCat("k", decree % 50), "");
      ASSERT_TRUE((*rows)->Put(key, testing::PegasusValue(0, 0, "v")).ok());
      ASSERT_TRUE((*rows)->Flush(decree).ok());
      flushed = decree;
      absl::SleepFor(absl::Milliseconds(10));
    }
  });
  int64_t last = 0;
  int unusable = 0;
  for (int i = 0; i < 50; ++i) {
    const int64_t before = flushed;
    const ReplicasOnDisk found = Read({folder});
    if (found.replicas.empty()) {
      ADD_FAILURE() << found.folders.unusable.front();
      ++unusable;
      continue;
    }
    const int64_t decree = found.replicas[0].last_committed_decree;
    EXPECT_GE(decree, before);
    EXPECT_GE(decree, last);
    EXPECT_LE(decree, flushed + 1);
    last = decree;
  }
  stop = true;
  server.join();
  EXPECT_EQ(unusable, 0);
}

// What is on the disk while a server runs is what a kill leaves: writes that were not flushed are
// gone, and nothing was closed.
TEST_F(ReplicaFolders, OfAServerThatWasKilledCanBeRead) {
  const std::string folder = Folder("data");
  ASSERT_TRUE(testing::WriteReplicaFolder(folder, Table(3), OnDisk(3, 0, 4, 1)).ok());
  const auto rows = testing::PegasusRows::Open(folder + "/3.0.pegasus/data/rdb");
  ASSERT_TRUE(rows.ok()) << rows.status();
  for (int64_t decree = 2; decree <= 3; ++decree) {
    ASSERT_TRUE((*rows)->Put(absl::StrCat("key ", decree), "value").ok());
    ASSERT_TRUE((*rows)->Flush(decree).ok());
  }
  ASSERT_TRUE((*rows)->Put("not flushed", "value").ok());
  const std::string left = Folder("left");
  fs::copy(folder, left, fs::copy_options::recursive);
  EXPECT_THAT(Read({left}).replicas, ElementsAre(OnDisk(3, 0, 4, 3)));
}

}  // namespace
}  // namespace metarec
