// How long the data directory of a large ZooKeeper takes to be read, and in how much memory.
//
//   data_directory_benchmark            makes a folder below TMPDIR, reads it, removes it
//
// docs/performance.md has the figures.

#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>

#include <CLI/CLI.hpp>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <glog/logging.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/data_directory_writer.h"
#include "testing/scratch_folder.h"
#include "zk_store/tree/data_directory/data_directory.h"

namespace metarec {
namespace {

using testing::DataDirectoryWriter;

struct Size {
  int64_t znodes = 1'000'000;
  int64_t transactions = 1'000'000;
  int data_bytes = 100;
};

std::string PathOf(int64_t znode) { return absl::StrCat("/bench/", znode / 1000, "/n", znode); }

void WriteLogFile(const testing::ScratchFolder& folder, DataDirectoryWriter* writer) {
  int64_t first_zxid = 0;
  const std::string log = writer->TakeLog(&first_zxid);
  folder.Write(absl::StrCat("log.", absl::Hex(static_cast<uint64_t>(first_zxid))), log);
}

// A snapshot of `znodes`, and logs in which half of the transactions set data; the others create
// and delete in turn.
void Make(const Size& size, const testing::ScratchFolder& folder) {
  DataDirectoryWriter writer;
  const std::string data(static_cast<size_t>(size.data_bytes), 'x');
  int64_t unused = 0;
  writer.Create("/bench", "");
  for (int64_t i = 0; i < size.znodes; ++i) {
    if (i % 1000 == 0) writer.Create(absl::StrCat("/bench/", i / 1000), "");
    writer.Create(PathOf(i), data);
    if (i % 100'000 == 0) writer.TakeLog(&unused);
  }
  writer.TakeLog(&unused);
  folder.Write(absl::StrCat("snapshot.", absl::Hex(static_cast<uint64_t>(writer.zxid()))),
               writer.Snapshot());
  std::mt19937 random(1);
  constexpr int64_t kTransactionsOfALog = 100'000;
  for (int64_t i = 1; i <= size.transactions; ++i) {
    const int64_t znode = random() % static_cast<uint64_t>(size.znodes);
    if (i % 4 == 1) {
      writer.Create(absl::StrCat("/bench/0/new", i), data);
    } else if (i % 4 == 3) {
      writer.Delete(absl::StrCat("/bench/0/new", i - 2));
    } else {
      writer.Set(PathOf(znode), data);
    }
    if (i % kTransactionsOfALog == 0 || i == size.transactions) WriteLogFile(folder, &writer);
  }
}

// Not getrusage's, which would count what this process had been before it became this program.
double PeakMiB() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

asio::awaitable<void> Walk(TreeSource* source, int64_t* znodes) {
  while (true) {
    auto next = co_await source->Next();
    CHECK(next.ok()) << next.status();
    if (next->empty()) co_return;
    *znodes += static_cast<int64_t>(next->size());
  }
}

void Read(const std::string& folder) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto tree = DataDirectory::Read(folder);
  CHECK(tree.ok()) << tree.status();
  const std::chrono::duration<double> reading = Clock::now() - begin;
  const double peak_mib = PeakMiB();
  const DataDirectoryReport& report = tree->report();
  CHECK(report.proof == DataProof::kProved) << DataDirectoryReportText(report);
  const std::unique_ptr<TreeSource> source = tree->Open("/");
  int64_t znodes = 0;
  asio::io_context context;
  asio::co_spawn(context, Walk(source.get(), &znodes), [](std::exception_ptr) {});
  context.run();
  const std::chrono::duration<double> all = Clock::now() - begin;
  CHECK_EQ(znodes, report.znodes);
  std::cout << absl::StreamFormat(
      "%d znodes, %d transactions, %d digests compared: read in %.1f s, %.0f MiB; walked in %.1f "
      "s, "
      "%.0f MiB\n",
      report.znodes, report.transactions, report.digests_compared, reading.count(), peak_mib,
      (all - reading).count(), PeakMiB());
}

}  // namespace
}  // namespace metarec

int main(int argc, char** argv) {
  CLI::App app("Reads the data directory of a large ZooKeeper.");
  metarec::Size size;
  std::string read;
  app.add_option("--znodes", size.znodes);
  app.add_option("--transactions", size.transactions);
  app.add_option("--data_bytes", size.data_bytes);
  app.add_option("--read", read, "Only read this folder");
  CLI11_PARSE(app, argc, argv);
  if (!read.empty()) {
    metarec::Read(read);
    return 0;
  }
  const metarec::testing::ScratchFolder folder;
  metarec::Make(size, folder);
  // In a process of its own, whose memory is that of the reading alone.
  std::cout.flush();
  const std::string path = folder.path();
  const pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", argv[0], "--read", path.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
