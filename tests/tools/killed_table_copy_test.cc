// `metarec table copy` and `table diff` as processes of their own between two simulated clusters
// with faults: killed at several moments, and run again. The moments are counted in requests, so
// that a machine of any speed hits them. METAREC_TABLE_RUNS and METAREC_TABLE_FIRST: more runs
// (scripts/campaign-tables).

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_clock.h"
#include "testing/scratch_folder.h"
#include "testing/simulated_tables.h"
#include "tests/tools/metarecd_world.h"

namespace metarec::tools {
namespace {

using ::testing::HasSubstr;
using testing::TableFaults;
using testing::TableStorage;

int FromEnvironment(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

// Two clusters on a thread of their own.
class Clusters {
 public:
  explicit Clusters(uint64_t seed)
      : work_(asio::make_work_guard(io_)),
        from_(io_.get_executor(), &clock_, {.replica_servers = 3, .seed = seed}),
        to_(io_.get_executor(), &clock_, {.replica_servers = 4, .seed = seed + 1}) {
    EXPECT_TRUE(from_.Start().ok());
    EXPECT_TRUE(to_.Start().ok());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Clusters() {
    std::promise<void> stopped;
    asio::co_spawn(io_, Stop(), [&stopped](std::exception_ptr) { stopped.set_value(); });
    stopped.get_future().wait();
    work_.reset();
    thread_.join();
  }

  // Runs `what` where the clusters run.
  template <typename Result>
  Result Ask(const std::function<Result(testing::SimulatedTables& from,
                                        testing::SimulatedTables& to)>& what) {
    std::promise<Result> result;
    asio::post(io_, [&] { result.set_value(what(from_, to_)); });
    return result.get_future().get();
  }
  absl::Time Now() const { return clock_.Now(); }

 private:
  asio::awaitable<void> Stop() {
    co_await from_.Stop();
    co_await to_.Stop();
  }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  SystemClock clock_;
  testing::SimulatedTables from_;
  testing::SimulatedTables to_;
  std::thread thread_;
};

Row RowOf(int i) {
  Row row;
  row.key = *RowKey::Make(i % 9 == 0 ? "" : absl::StrCat("hash", i / 4), absl::StrCat("sort", i));
  row.value = std::string(static_cast<size_t>(i % 300), 'v');
  row.expires_at = i % 2 == 0 ? 0 : 2'000'000'000u + static_cast<ExpirySeconds>(i);
  return row;
}

class KilledTableCopyTest : public ::testing::Test {
 protected:
  std::unique_ptr<MetarecProcess> Start(std::vector<std::string> words) {
    auto process = StartProgram(std::move(words), folder_.Path(absl::StrCat("run", processes_++)));
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }
  Ended Run(std::vector<std::string> words) {
    const auto process = Start(std::move(words));
    Ended ended;
    ended.exit_code = process->Wait();
    ended.out = process->Output();
    ended.err = process->Errors();
    return ended;
  }

  void MakeTables(Clusters* clusters, int rows, int32_t from_partitions, int32_t to_partitions) {
    metas_ = clusters->Ask<std::pair<std::string, std::string>>(
        [&](testing::SimulatedTables& from, testing::SimulatedTables& to) {
          TableStorage& table = from.AddTable("from", from_partitions);
          for (int i = 0; i < rows; ++i) table.Put(RowOf(i));
          to.AddTable("to", to_partitions);
          return std::pair(from.meta(), to.meta());
        });
  }
  std::vector<std::string> Line(const std::string& verb, const std::vector<std::string>& more) {
    std::vector<std::string> line = {
        "table", verb, "from", "--meta", metas_.first,      "-c", metas_.second,
        "-a",    "to", "-t",   "300",    "--retry_seconds", "60"};
    line.insert(line.end(), more.begin(), more.end());
    return line;
  }
  static void SetFaults(Clusters* clusters, TableFaults faults) {
    clusters->Ask<bool>([&](testing::SimulatedTables& from, testing::SimulatedTables& to) {
      from.SetFaults(faults);
      to.SetFaults(faults);
      return true;
    });
  }
  static int64_t Writes(Clusters* clusters) {
    return clusters->Ask<int64_t>(
        [](testing::SimulatedTables&, testing::SimulatedTables& to) { return to.requests(); });
  }
  static bool AreEqual(Clusters* clusters) {
    return clusters->Ask<bool>([&](testing::SimulatedTables& from, testing::SimulatedTables& to) {
      const absl::Time now = clusters->Now();
      return from.table("from").Rows(now) == to.table("to").Rows(now);
    });
  }
  static void ExpectNoAborts(Clusters* clusters) {
    const auto aborts = clusters->Ask<std::vector<std::string>>(
        [](testing::SimulatedTables& from, testing::SimulatedTables& to) {
          std::vector<std::string> all = from.aborts();
          all.insert(all.end(), to.aborts().begin(), to.aborts().end());
          return all;
        });
    EXPECT_TRUE(aborts.empty()) << aborts[0];
  }

  testing::ScratchFolder folder_;
  int processes_ = 0;
  std::pair<std::string, std::string> metas_;
};

TEST_F(KilledTableCopyTest, KilledAtAnyMomentItGoesOnAndTheTablesAreEqual) {
  const int first = FromEnvironment("METAREC_TABLE_FIRST", 0);
  const int runs = FromEnvironment("METAREC_TABLE_RUNS", 4);
  constexpr int kRows = 3000;
  const std::vector<std::string> ways[] = {{}, {"-u", "-b", "20"}, {"-n"}};
  int killed = 0;
  for (int run = first; run < first + runs; ++run) {
    SCOPED_TRACE(absl::StrCat("run ", run));
    std::mt19937 random(static_cast<unsigned>(run));
    Clusters clusters(static_cast<uint64_t>(run) * 2 + 1);
    MakeTables(&clusters, kRows, 1 + static_cast<int32_t>(random() % 5),
               1 + static_cast<int32_t>(random() % 8));
    SetFaults(&clusters, {.busy = 10,
                          .lost_request = 1,
                          .lost_answer = 1,
                          .moved_primary = 10,
                          .lost_scan = 10,
                          .restart = 2,
                          .short_page = 20});
    std::vector<std::string> more = ways[random() % 3];
    // Slowly enough that the state is kept in the middle.
    more.insert(more.end(),
                {"--state", folder_.Path(absl::StrCat("state", run)), "--rate", "1500"});
    for (int kill = 0; kill < 2; ++kill) {
      const auto copy = Start(Line("copy", more));
      const int64_t moment = Writes(&clusters) + static_cast<int64_t>(random() % (kRows * 3 / 4));
      EXPECT_TRUE(Await([&] { return Writes(&clusters) > moment || !copy->Runs(); }));
      copy->Signal(SIGKILL);
      killed += copy->Wait() == 128 + SIGKILL;
    }
    more.resize(more.size() - 2);  // as fast as it can
    const Ended again = Run(Line("copy", more));
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_THAT(again.out, HasSubstr("Copy done, total "));
    EXPECT_FALSE(std::filesystem::exists(folder_.Path(absl::StrCat("state", run))));
    EXPECT_TRUE(AreEqual(&clusters));
    const Ended compared = Run(Line("diff", {}));
    EXPECT_EQ(compared.exit_code, 0) << compared.out << compared.err;
    ExpectNoAborts(&clusters);
  }
  EXPECT_GE(killed, runs) << "most copies ended before they were killed";
}

TEST_F(KilledTableCopyTest, ExitCodesAndWordsTellWhatHappened) {
  Clusters clusters(1);
  MakeTables(&clusters, 200, 4, 8);
  Ended ended = Run(Line("copy", {}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("INFO: split[3]: "));
  EXPECT_THAT(ended.out, HasSubstr("Copy done, total 200 rows.\n"));
  EXPECT_THAT(ended.err, HasSubstr("INFO: processed for 1 seconds, (4/4) splits, total 200 rows, "
                                   "last second 200 rows"));
  EXPECT_THAT(ended.err, HasSubstr("what clients wrote to from while this ran may be missing"));
  ended = Run(Line("copy", {"-n", "--format", "json"}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr(R"({"rows":0,"kept":200,)"));
  ended = Run(Line("diff", {}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("source: 200 rows, target: 200 rows; 200 values compared\n"));
  EXPECT_THAT(ended.out, HasSubstr("equal\n"));
  clusters.Ask<bool>([](testing::SimulatedTables& from, testing::SimulatedTables&) {
    Row row = RowOf(5);
    row.value = "other";
    from.table("from").Put(row);
    row.key = *RowKey::Make("only", "\xff");
    from.table("from").Put(row);
    return true;
  });
  ended = Run(Line("diff", {}));
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr(R"(value "hash1" : "sort5": "other" in the source, "vvvvv")"));
  EXPECT_THAT(ended.out, HasSubstr("missing \"only\" : \"\\xff\"\n"));
  EXPECT_THAT(ended.out, HasSubstr("2 differences: 1 missing (only in the source), 1 value"));
  ended = Run(Line("diff", {"--format", "json", "-h", "prefix", "-x", "on"}));
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr(R"("equal":false,"source_rows":1,"target_rows":0)"));
  EXPECT_THAT(ended.out, HasSubstr(R"("differs":["missing"],"hash_key":"only")"));
  ExpectNoAborts(&clusters);
}

TEST_F(KilledTableCopyTest, WhatCannotBeCopiedIsSaidAndNothingIsWritten) {
  Clusters clusters(1);
  MakeTables(&clusters, 50, 2, 2);
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"-g"}, "-g, --geo_data"},
      {{"-u", "-n"}, "-u and -n exclude each other"},
      {{"-i", "-v", "prefix", "-z", "a"}, "-i and -v exclude each other"},
      {{"-h", "exact", "-x", "a"}, "exact is none of anywhere, prefix, postfix"},
      {{"-h", "prefix"}, "the pattern is missing"},
      {{"-b", "1"}, "--max_batch_count: 1 is not from 2"},
      {{"-t", "abc"}, "abc is not a whole number"},
      {{"-p", "2"}, "there is no partition 2 in from"},
      {{"-p", "-1"}, "--partition: -1 is not from 0"},
      {{"--rate", "fast"}, "is neither rows nor bytes per second"},
  };
  for (const auto& [more, words] : cases) {
    std::vector<std::string> line = {"table", "copy",        "from", "--meta", metas_.first,
                                     "-c",    metas_.second, "-a",   "to"};
    line.insert(line.end(), more.begin(), more.end());
    const Ended ended = Run(line);
    EXPECT_EQ(ended.exit_code, 1) << words;
    EXPECT_THAT(ended.err, HasSubstr(words));
  }
  Ended ended =
      Run({"table", "copy", "from", "--meta", metas_.first, "-c", metas_.first, "-a", "from"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("the source and the target are the same table"));
  ended = Run({"table", "copy", "from", "--meta", metas_.first, "-c", metas_.second, "-a", "none"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("table none does not exist"));
  ended = Run({"table", "copy", "from", "--meta", metas_.first, "-c", "other", "-a", "to"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("-c other is the name of a cluster: give --config"));
  folder_.Write("config.ini", absl::StrCat("[pegasus.clusters]\n  other = ", metas_.second, "\n"));
  ended = Run({"table", "copy", "from", "--meta", metas_.first, "--config",
               folder_.Path("config.ini"), "-c", "another", "-a", "to"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("[pegasus.clusters] has no cluster another; it has other"));
  EXPECT_FALSE(AreEqual(&clusters));
  ended = Run({"table", "copy", "from", "--meta", metas_.first, "--config",
               folder_.Path("config.ini"), "-c", "other", "-a", "to"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_TRUE(AreEqual(&clusters));
  ExpectNoAborts(&clusters);
}

}  // namespace
}  // namespace metarec::tools
