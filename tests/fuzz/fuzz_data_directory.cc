// The data directory of a dead ZooKeeper server.

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <glog/logging.h>

#include "base/text/printable.h"
#include "testing/data_directory_writer.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/memory_file.h"
#include "zk_store/tree/data_directory/data_directory.h"

namespace metarec::fuzz {
namespace {

using testing::DataDirectoryWriter;

uint32_t IntAt(absl::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

// The log with right checksums, so that what a fuzzer changed is looked at.
std::string WithRightChecksums(absl::string_view log) {
  constexpr size_t kHeaderBytes = 16;
  constexpr size_t kRecordHeaderBytes = 12;
  if (log.size() < kHeaderBytes) return std::string(log);
  std::string result(log.substr(0, kHeaderBytes));
  size_t at = kHeaderBytes;
  while (log.size() - at > kRecordHeaderBytes) {
    const size_t length = IntAt(log, at + 8);
    if (length == 0 || length >= log.size() - at - kRecordHeaderBytes) break;
    result += DataDirectoryWriter::SealedRecord(log.substr(at + kRecordHeaderBytes, length));
    at += kRecordHeaderBytes + length + 1;
  }
  absl::StrAppend(&result, log.substr(at));
  return result;
}

void WriteWhole(const std::string& path, absl::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

asio::awaitable<void> WalkAll(TreeSource* source, std::vector<TreeNode>* nodes) {
  while (true) {
    auto next = co_await source->Next();
    CHECK(next.ok()) << next.status();
    if (next->empty()) co_return;
    nodes->insert(nodes->end(), next->begin(), next->end());
  }
}

std::string CheckTree(const DataDirectoryTree& tree) {
  const DataDirectoryReport& report = tree.report();
  const std::string text = DataDirectoryReportText(report);
  CHECK_EQ(PrintableLines(text), text);
  const std::unique_ptr<TreeSource> source = tree.Open("/");
  std::vector<TreeNode> nodes;
  asio::io_context context;
  asio::co_spawn(context, WalkAll(source.get(), &nodes), [](std::exception_ptr) {});
  context.run();
  CHECK_EQ(static_cast<int64_t>(nodes.size()), report.znodes);
  int64_t ephemerals = 0;
  std::string all;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (i > 0) CHECK_LT(ComparePaths(nodes[i - 1].path, nodes[i].path), 0);
    if (nodes[i].kind() == NodeKind::kEphemeral) ++ephemerals;
    absl::StrAppend(&all, nodes[i].path, "=", nodes[i].data, ";", nodes[i].stat.mzxid, ";",
                    nodes[i].stat.pzxid, ";", nodes[i].acl.size(), "\n");
  }
  CHECK_EQ(ephemerals, report.ephemerals_count);
  return all;
}

}  // namespace

// The first byte: whether checksums are made right, and how many of the bytes, in sixteenths, are
// the snapshot; the rest is the log.
void FuzzDataDirectory(absl::string_view input) {
  const std::string folder = absl::StrCat(ScratchFolder(), "/data_directory");
  std::filesystem::create_directories(folder);
  const auto choice = static_cast<unsigned char>(input.empty() ? 0 : input[0]);
  if (!input.empty()) input.remove_prefix(1);
  const size_t snapshot_bytes = input.size() * (choice & 15) / 16;
  const absl::string_view snapshot = input.substr(0, snapshot_bytes);
  const absl::string_view log = input.substr(snapshot_bytes);
  const bool is_right = (choice & 16) != 0;
  for (const char* name : {"snapshot.0", "snapshot.0.gz", "snapshot.0.snappy"}) {
    std::filesystem::remove(absl::StrCat(folder, "/", name));
  }
  if (!snapshot.empty()) {
    const char* end = (choice & 32) == 0 ? "" : (choice & 64) == 0 ? ".gz" : ".snappy";
    WriteWhole(absl::StrCat(folder, "/snapshot.0", end),
               is_right ? absl::StrCat(snapshot, DataDirectoryWriter::Seal(snapshot)) : snapshot);
  }
  WriteWhole(absl::StrCat(folder, "/log.1"), is_right ? WithRightChecksums(log) : log);
  DataDirectoryOptions options;
  options.decompressed_bytes_max = 1 << 24;
  const auto tree = DataDirectory::Read(folder, options);
  if (!tree.ok()) return;
  const std::string all = CheckTree(*tree);
  // What was reached can be asked for, and is the same.
  options.at_zxid = tree->report().last_zxid;
  const auto again = DataDirectory::Read(folder, options);
  CHECK(again.ok()) << again.status();
  CHECK_EQ(CheckTree(*again), all);
}

}  // namespace metarec::fuzz
