// Tree files, as metarec zk writes them.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <glog/logging.h>

#include "base/json/json_writer.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/memory_file.h"
#include "zk_store/client/znode_path.h"
#include "zk_store/tree/tree_file.h"

namespace metarec::fuzz {
namespace {

// What was read up to the end or to the first error.
struct ReadTree {
  TreeHead head;
  std::vector<TreeNode> nodes;
  bool is_whole = false;
  TreeSummary summary;  // if it is whole
};

std::string TextOfNode(const TreeNode& node) {
  std::string text;
  JsonWriter out(&text, {.text = JsonText::kHex});
  out.StartObject();
  WriteTreeNode(node, {}, &out);
  out.EndObject();
  return text;
}

std::string TextOfTree(const ReadTree& tree) {
  std::string text = absl::StrCat(tree.head.source, "\n", tree.head.root, "\n", tree.head.time_ms,
                                  " ", tree.head.zxid, "\n");
  for (const TreeNode& node : tree.nodes) absl::StrAppend(&text, TextOfNode(node), "\n");
  return text;
}

// They come as those of a tree do.
void CheckOrder(const std::vector<TreeNode>& nodes) {
  std::vector<std::string> ancestors;
  for (const TreeNode& node : nodes) {
    CHECK_EQ(ancestors.empty(), node.path.empty());
    if (!ancestors.empty()) CHECK_LT(ComparePaths(ancestors.back(), node.path), 0);
    while (!ancestors.empty() && !IsWithin(node.path, ancestors.back())) ancestors.pop_back();
    const std::string parent = node.path.substr(0, node.path.rfind('/'));
    CHECK(ancestors.empty() || ancestors.back() == parent) << node.path;
    ancestors.push_back(node.path);
    CHECK_EQ(static_cast<size_t>(node.stat.data_bytes), node.data.size());
    CHECK(!node.null_data || node.data.empty());
  }
}

// False if it does not begin as a tree file does.
bool ReadAsFarAsItGoes(const std::string& path, ReadTree* tree) {
  const auto file = TreeFileReader::Open(path);
  if (!file.ok()) return false;
  tree->head = (*file)->head();
  for (;;) {
    auto nodes = (*file)->ReadSome();
    if (!nodes.ok()) {
      CHECK((*file)->ReadSome().status() == nodes.status());
      return true;
    }
    if (nodes->empty()) break;
    tree->nodes.insert(tree->nodes.end(), nodes->begin(), nodes->end());
  }
  tree->is_whole = true;
  tree->summary = (*file)->summary();
  return true;
}

std::string WriteTree(const ReadTree& tree, absl::string_view name, TreeSummary* summary) {
  const std::string path = absl::StrCat(ScratchFolder(), "/", name);
  TreeFileOptions options;
  options.overwrite = true;
  auto file = TreeFileWriter::Create(path, tree.head, options);
  CHECK(file.ok()) << file.status();
  for (const TreeNode& node : tree.nodes) {
    const absl::Status appended = file->Append(node);
    CHECK(appended.ok()) << appended;
  }
  auto finished = file->Finish();
  CHECK(finished.ok()) << finished.status();
  *summary = *std::move(finished);
  return path;
}

}  // namespace

// What was read of it, also before a digest that is wrong, is a tree that can be written, plain or
// compressed, and reads equal.
void FuzzTreeFile(absl::string_view input) {
  const MemoryFile file(input);
  ReadTree tree;
  if (!ReadAsFarAsItGoes(file.path(), &tree)) return;
  CHECK_EQ(CheckTreeFile(file.path()).ok(), tree.is_whole);
  CheckOrder(tree.nodes);
  const std::string text = TextOfTree(tree);
  for (const char* name : {"tree", "tree.zst"}) {
    TreeSummary written;
    const std::string path = WriteTree(tree, name, &written);
    if (tree.is_whole) CHECK_EQ(written.digest, tree.summary.digest);
    CHECK_EQ(written.znodes, static_cast<int64_t>(tree.nodes.size()));
    ReadTree again;
    CHECK(ReadAsFarAsItGoes(path, &again));
    CHECK(again.is_whole);
    CHECK_EQ(again.summary.digest, written.digest);
    CHECK_EQ(TextOfTree(again), text);
  }
}

}  // namespace metarec::fuzz
