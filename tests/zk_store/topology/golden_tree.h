// Reads the captured ZooKeeper trees of tests/golden.

#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <rapidjson/document.h>

namespace metarec {

// Path to data.
using GoldenTree = std::map<std::string, std::string>;

inline GoldenTree ReadGoldenTree(const std::filesystem::path& file) {
  GoldenTree tree;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    rapidjson::Document znode;
    znode.Parse(line.data(), line.size());
    if (!znode.IsObject() || !znode.HasMember("data")) continue;
    tree[znode["path"].GetString()] =
        std::string(znode["data"].GetString(), znode["data"].GetStringLength());
  }
  return tree;
}

// All captured trees.
inline std::vector<std::filesystem::path> GoldenTreeFiles() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(METAREC_GOLDEN_DIR)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("zk_", 0) == 0 && entry.path().extension() == ".jsonl") {
      files.push_back(entry.path());
    }
  }
  return files;
}

}  // namespace metarec
