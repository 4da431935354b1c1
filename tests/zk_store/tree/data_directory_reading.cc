#include "data_directory_reading.h"

#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>

namespace metarec {
namespace {

using testing::DataDirectoryWriter;

std::string HexName(const std::string& prefix, int64_t zxid) {
  return absl::StrCat(prefix, absl::Hex(static_cast<uint64_t>(zxid)));
}

asio::awaitable<absl::Status> ReadAll(TreeSource* source, std::vector<TreeNode>* nodes) {
  while (true) {
    absl::StatusOr<std::vector<TreeNode>> next = co_await source->Next();
    if (!next.ok()) co_return next.status();
    if (next->empty()) co_return absl::OkStatus();
    for (TreeNode& node : *next) nodes->push_back(std::move(node));
  }
}

}  // namespace

void DataFolder::WriteFile(const std::string& name, const std::string& bytes) const {
  folder_.Write(name, bytes);
}

void DataFolder::WriteSnapshot(int64_t zxid, const std::string& bytes,
                               const std::string& end) const {
  WriteFile(HexName("snapshot.", zxid) + end, bytes);
}

void DataFolder::WriteSnapshot(const DataDirectoryWriter& writer,
                               testing::SnapshotTail tail) const {
  WriteSnapshot(writer.zxid(), writer.Snapshot(tail));
}

void DataFolder::WriteLog(int64_t first_zxid, const std::string& bytes) const {
  WriteFile(HexName("log.", first_zxid), bytes);
}

std::string DataFolder::WriteLog(DataDirectoryWriter* writer, size_t zeros) const {
  int64_t first_zxid = 0;
  const std::string bytes = writer->TakeLog(&first_zxid);
  WriteLog(first_zxid, bytes + std::string(zeros, '\0'));
  return HexName("log.", first_zxid);
}

std::string DataFolder::ReadFile(const std::string& name) const {
  std::ifstream file(folder_.Path(name), std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

absl::StatusOr<DataDirectoryTree> Read(const DataFolder& folder, DataDirectoryOptions options) {
  return DataDirectory::Read(folder.path(), std::move(options));
}

void WriteEverything(DataDirectoryWriter* writer) {
  writer->CreateSession(kSession, 30000);
  writer->Create("/a", "1");
  writer->Create("/a/b", "22");
  writer->CreateWithAcl("/a/ours", "x", kOurs);
  writer->Create("/a/lock", "me", kSession);
  writer->Fail();
  writer->CreateContainer("/container");
  writer->CreateTtl("/ttl", 5000);
  writer->Set("/a", "333");
  writer->SetAcl("/a/b", kOurs);
  writer->Multi({{"/m", "1"}, {"/m/n", ""}, {"/a/b", std::nullopt}});
  writer->Create("/a-b", "sorts after what is below /a");
  writer->Create("/a/\xc3\xa9\xe2\x82\xac", "not ASCII");
  writer->Delete("/m/n");
  writer->Create("/gone", "", 0x2000);
  writer->CloseSession(0x2000);
  writer->Create("/gone", "", 0x2001);
  writer->CloseSession(0x2001, false);
}

absl::StatusOr<std::map<std::string, TreeNode>> ReadNodes(const DataDirectoryTree& tree,
                                                          absl::string_view root) {
  const std::unique_ptr<TreeSource> source = tree.Open(root);
  std::vector<TreeNode> nodes;
  absl::Status status;
  asio::io_context context;
  asio::co_spawn(context, ReadAll(source.get(), &nodes),
                 [&status](std::exception_ptr, absl::Status result) { status = result; });
  context.run();
  if (!status.ok()) return status;
  std::map<std::string, TreeNode> by_path;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (i > 0 && ComparePaths(nodes[i - 1].path, nodes[i].path) >= 0) {
      return absl::InternalError(
          absl::StrCat(nodes[i].path, " does not come after ", nodes[i - 1].path));
    }
    const std::string path = root == "/" ? nodes[i].path : absl::StrCat(root, nodes[i].path);
    by_path[path.empty() ? "/" : path] = std::move(nodes[i]);
  }
  return by_path;
}

std::string NodeText(const TreeNode& node) {
  const NodeStat& stat = node.stat;
  std::string text = absl::StrCat(
      node.null_data ? "null" : absl::CHexEscape(node.data), " cz ", stat.czxid, " mz ", stat.mzxid,
      " pz ", stat.pzxid, " ct ", stat.ctime_ms, " mt ", stat.mtime_ms, " v ", stat.version, " cv ",
      stat.child_version, " av ", stat.acl_version, " o ", stat.ephemeral_owner, " b ",
      stat.data_bytes, " n ", stat.num_children, " acl");
  for (const AclEntry& entry : node.acl) {
    absl::StrAppend(&text, " ", entry.permissions, ":", entry.scheme, ":", entry.id);
  }
  return text;
}

std::string TreeText(const DataDirectoryTree& tree) {
  const absl::StatusOr<std::map<std::string, TreeNode>> nodes = ReadNodes(tree);
  if (!nodes.ok()) return nodes.status().ToString();
  std::string text;
  for (const auto& [path, node] : *nodes) {
    absl::StrAppend(&text, absl::CHexEscape(path), " ", NodeText(node), "\n");
  }
  return text;
}

std::string TreeText(const DataDirectoryWriter& writer) {
  std::map<std::string, int32_t> children;
  for (const auto& [path, node] : writer.tree()) {
    if (!path.empty()) ++children[path.substr(0, path.rfind('/'))];
  }
  std::string text;
  for (const auto& [path, znode] : writer.tree()) {
    TreeNode node;
    node.data = znode.data;
    node.acl = znode.acl;
    node.stat.czxid = znode.czxid;
    node.stat.mzxid = znode.mzxid;
    node.stat.pzxid = znode.pzxid;
    node.stat.ctime_ms = znode.ctime_ms;
    node.stat.mtime_ms = znode.mtime_ms;
    node.stat.version = znode.version;
    node.stat.child_version = 2 * znode.child_version - children[path];
    node.stat.acl_version = znode.acl_version;
    node.stat.ephemeral_owner = znode.owner;
    node.stat.data_bytes = static_cast<int32_t>(znode.data.size());
    node.stat.num_children = children[path];
    absl::StrAppend(&text, absl::CHexEscape(path.empty() ? "/" : path), " ", NodeText(node), "\n");
  }
  return text;
}

std::string FindingsText(const DataDirectoryReport& report) {
  std::string text;
  for (const DataFinding& finding : report.findings) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", DataFindingKindName(finding.kind), " ",
                    ZxidText(finding.zxid));
  }
  return text;
}

}  // namespace metarec
