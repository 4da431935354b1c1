// `metarec table split` beside bare loops that only read RocksDB's rows and write them to files, in
// the same run: docs/performance.md, "Offline split". `scripts/bench --split` builds and runs it.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <rocksdb/sst_file_writer.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migration/split/split_writers.h"
#include "migration/split/table_split.h"
#include "pegasus_client/key_hash.h"
#include "replica_collector/disk/pegasus_database.h"
#include "testing/pegasus_disk.h"
#include "testing/scratch_folder.h"

namespace metarec::benchmarks {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFileBytes = 64 << 20;

struct SplitArguments {
  int64_t rows = 2'000'000;
  size_t value_bytes = 400;
  int32_t from = 4;
  int32_t to = 8;
  int32_t jobs = 2;
  int repetitions = 3;
};

// What a process that did the work took.
struct Measured {
  double seconds = 0;
  int64_t rss_mib = 0;  // at most
};

// Ends this process for an error of the benchmark itself.
void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "split_benchmark: " << status << "\n";
  std::exit(1);
}

// In a process of its own, so that its memory is its own.
Measured InChild(const std::function<absl::Status()>& work) {
  const absl::Time began = absl::Now();
  const pid_t child = fork();
  if (child == 0) {
    const absl::Status done = work();
    if (!done.ok()) std::cerr << done << "\n";
    _exit(done.ok() ? 0 : 1);
  }
  int status = 0;
  rusage usage;
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) {
    Must(absl::InternalError("the work failed"));
  }
  return {.seconds = absl::ToDoubleSeconds(absl::Now() - began), .rss_mib = usage.ru_maxrss / 1024};
}

Measured Best(int repetitions, const std::function<void()>& before,
              const std::function<absl::Status()>& work) {
  Measured best;
  for (int i = 0; i < repetitions; ++i) {
    before();
    const Measured measured = InChild(work);
    if (i == 0 || measured.seconds < best.seconds) best = measured;
  }
  return best;
}

// Keys and values as tables have them: text that compresses by about a half.
absl::Status WriteTable(const SplitArguments& arguments, int64_t rows, const std::string& folder) {
  std::vector<std::unique_ptr<testing::PegasusRows>> partitions;
  std::vector<testing::PegasusRows*> borrowed;
  for (int32_t i = 0; i < arguments.from; ++i) {
    auto opened = testing::PegasusRows::Open(absl::StrCat(folder, "/rdb", i));
    if (!opened.ok()) return opened.status();
    partitions.push_back(*std::move(opened));
    borrowed.push_back(partitions.back().get());
  }
  std::minstd_rand random(7);
  std::string data(arguments.value_bytes, '\0');
  for (int64_t i = 0; i < rows; ++i) {
    for (char& c : data) c = static_cast<char>('a' + random() % 16);
    const std::string hash_key = absl::StrFormat("user%010d", i * 2'654'435'761 % 10'000'000'019);
    const std::string sort_key = absl::StrCat("order", random() % 1000);
    const int32_t partition = PartitionOf(HashOfKey(hash_key, sort_key), arguments.from);
    const absl::Status put = partitions[partition]->Put(testing::PegasusKey(hash_key, sort_key),
                                                        testing::PegasusValue(0, 7, data));
    if (!put.ok()) return put;
  }
  for (const auto& partition : partitions) {
    if (const absl::Status done = partition->Flush(1); !done.ok()) return done;
    if (const absl::Status done = partition->Compact(); !done.ok()) return done;
  }
  TableRecord table;
  table.app_type = "pegasus";
  table.app_name = "src";
  table.app_id = 8;
  table.partition_count = arguments.from;
  return testing::WriteBackup(folder, table, borrowed);
}

// All rows of one partition of the backup into files, and nothing else.
absl::Status BareLoop(const std::string& checkpoint, const std::string& out) {
  auto database = PegasusDatabase::Open(checkpoint);
  if (!database.ok()) return database.status();
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.readahead_size = 1 << 20;
  const std::unique_ptr<rocksdb::Iterator> row((*database)->rows()->NewIterator(read));
  std::unique_ptr<rocksdb::SstFileWriter> writer;
  const rocksdb::Options options = SstOptions();
  int files = 0;
  rocksdb::Status status;
  for (row->SeekToFirst(); row->Valid() && status.ok(); row->Next()) {
    if (writer == nullptr) {
      writer = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), options);
      status = writer->Open(absl::StrCat(out, "_", files++, ".sst"));
    }
    if (status.ok()) status = writer->Put(row->key(), row->value());
    if (writer->FileSize() < kFileBytes) continue;
    if (status.ok()) status = writer->Finish();
    writer.reset();
  }
  if (status.ok()) status = row->status();
  if (status.ok() && writer != nullptr) status = writer->Finish();
  return FromRocksDb(status, "the bare loop");
}

absl::Status BareLoops(const BackupFolder& backup, const std::string& out, int32_t threads_max) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto run = [&] {
    for (size_t i = next++; i < backup.partitions.size(); i = next++) {
      const std::string to = absl::StrCat(out, "/", i);
      if (!BareLoop(backup.partitions[i].checkpoint, to).ok()) failed = true;
    }
  };
  std::vector<std::thread> threads;
  for (int32_t i = 1; i < threads_max; ++i) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
  return failed ? absl::InternalError("a bare loop failed") : absl::OkStatus();
}

void Print(absl::string_view what, const Measured& measured, int64_t rows, double best_seconds) {
  std::cout << absl::StrFormat("  %-34s %7.2f s  %9.0f rows/s  %5.2f  %4d MiB\n", what,
                               measured.seconds, static_cast<double>(rows) / measured.seconds,
                               best_seconds / measured.seconds, measured.rss_mib)
            << std::flush;
}

void MeasureSize(const SplitArguments& arguments, int64_t rows) {
  const testing::ScratchFolder scratch;
  // Made by a child, too: its memory is not that of what is measured.
  InChild([&] { return WriteTable(arguments, rows, scratch.path()); });
  const auto backup = OpenBackupFolder(scratch.path() + "/src_8", "");
  Must(backup.status());
  std::cout << rows << " rows, " << backup->total_bytes / (1 << 20) << " MiB of files, "
            << arguments.from << " to " << arguments.to << " partitions\n";
  const std::string out = scratch.path() + "/out";
  const auto clear = [&] {
    fs::remove_all(out);
    fs::create_directories(out);
  };
  const Measured one =
      Best(arguments.repetitions, clear, [&] { return BareLoops(*backup, out, 1); });
  Print("bare loop, one thread", one, rows, one.seconds);
  const Measured several =
      Best(arguments.repetitions, clear, [&] { return BareLoops(*backup, out, arguments.jobs); });
  Print(absl::StrCat("bare loops, ", arguments.jobs, " threads"), several, rows, one.seconds);
  TableSplitOptions options;
  options.backup = backup->path;
  options.root = out;
  options.cluster = "onebox2";
  options.app_name = "dst";
  options.app_id = 12;
  options.partition_count = arguments.to;
  options.now = absl::Now();
  for (const int32_t jobs : {1, arguments.jobs}) {
    options.jobs = jobs;
    const Measured split = Best(arguments.repetitions, clear, [&] {
      TableSplitProgress progress;
      return SplitTable(options, &progress).status();
    });
    Print(absl::StrCat("split, MD5 and read back, ", jobs, jobs == 1 ? " job" : " jobs"), split,
          rows, jobs == 1 ? one.seconds : several.seconds);
  }
}

int Run(int argc, char** argv) {
  SplitArguments arguments;
  CLI::App app("Measures metarec table split beside bare loops over RocksDB.");
  bool curve = false;
  app.add_option("--rows", arguments.rows, "of the table")->capture_default_str();
  app.add_option("--value_bytes", arguments.value_bytes)->capture_default_str();
  app.add_option("--from", arguments.from, "partitions of the backup")->capture_default_str();
  app.add_option("--to", arguments.to, "partitions of the new table")->capture_default_str();
  app.add_option("--jobs", arguments.jobs)->capture_default_str();
  app.add_option("--repetitions", arguments.repetitions)->capture_default_str();
  app.add_flag("--curve", curve, "also an eighth, a quarter and a half of the rows");
  CLI11_PARSE(app, argc, argv);
  std::cout << "                                                            of bare  memory\n";
  for (const int64_t part : {8, 4, 2}) {
    if (curve) MeasureSize(arguments, arguments.rows / part);
  }
  MeasureSize(arguments, arguments.rows);
  return 0;
}

}  // namespace
}  // namespace metarec::benchmarks

int main(int argc, char** argv) { return metarec::benchmarks::Run(argc, argv); }
